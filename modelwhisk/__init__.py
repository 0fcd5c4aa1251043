"""Modelwhisk: packaged Python models as OpenWhisk web actions; this package is the tool on the user's own machine."""

__version__ = "0.1.0"
