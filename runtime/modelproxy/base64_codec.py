"""Base64 both ways: the standard library's, or that of pybase64 where the image has it, some twenty times as fast."""

import binascii
import sys

decode = binascii.a2b_base64


def encode(data):
    return binascii.b2a_base64(data, newline=False)


def quicken():
    """Takes pybase64's functions if it is installed, with its compiled part: without that it is the standard library
    again. It is asked to refuse what isn't base64, which ``binascii`` skips; callers look at the length."""
    global decode, encode
    try:
        import pybase64
    except Exception:  # there is none; or it is broken, or no descriptor is left to read it with: then it isn't used
        return
    if "pybase64._pybase64" in sys.modules:
        decode, encode = _strict(pybase64.b64decode), pybase64.b64encode


def _strict(decode_any):
    return lambda text: decode_any(text, None, True)
