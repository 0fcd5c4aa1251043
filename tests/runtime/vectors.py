"""The platform's records (tests/vectors), as the tests of the proxy want them."""

import base64
import json
import os

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")


def rows(name):
    with open(os.path.join(FOLDER, name), "rb") as lines:
        return [json.loads(line.decode("utf-8")) for line in lines]


def decoded(text):
    return b"" if text is None else base64.b64decode(text)
