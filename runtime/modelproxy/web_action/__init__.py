"""A web activation's ``value`` → HTTP request; HTTP response → the result that the platform turns back into it.

Pure functions. The rules are OpenWhisk's WebActions.scala and pekko-http's; the recorded cases are tests/vectors.
"""

from .request import RESERVED, decode, is_method, is_web, public_path
from .result import MOST_LEVELS, Outcome, accepts, encode, escaped_mark, is_too_deep

__all__ = [
    "MOST_LEVELS",
    "RESERVED",
    "Outcome",
    "accepts",
    "decode",
    "encode",
    "escaped_mark",
    "is_method",
    "is_too_deep",
    "is_web",
    "public_path",
]
