"""A little platform for each test, and no trace of the user's own."""

from little_openwhisk import no_properties, platform

__all__ = ["no_properties", "platform"]
