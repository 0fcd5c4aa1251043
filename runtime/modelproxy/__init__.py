"""Modelwhisk's proxy: a packaged model behind OpenWhisk's /init and /run, or behind plain HTTP.

Runs inside the model's image, so: Python 3.6 syntax, the standard library only, and as little of that as possible.
"""

__version__ = "0.1.0"
