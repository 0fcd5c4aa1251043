"""Base64 by the standard library, and by pybase64 where the image has it."""

import binascii
import importlib
import os
import sys

import pytest
from modelproxy import base64_codec, web_action
from modelproxy.messages import BadValue, Request, Response

# pybase64 as far as it is used; the real one is compared in tests/benchmarks.
PACKAGE = """
import binascii, re
{compiled}
calls = []

def b64decode(text, altchars, validate):
    calls.append("decode")
    if validate and not re.match("[A-Za-z0-9+/]*={{0,2}}$", text):
        raise binascii.Error("Non-base64 digit found")
    return binascii.a2b_base64(text)

def b64encode(data):
    calls.append("encode")
    return binascii.b2a_base64(data, newline=False)
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts a pybase64 into the place where an image has its packages: with its compiled part or without."""

    def installed(compiled):
        package = tmp_path / "pybase64"
        package.mkdir()
        (package / "_pybase64.py").write_text("")
        text = PACKAGE.format(compiled="from . import _pybase64" if compiled else "")
        (package / "__init__.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()

    for name in [name for name in sys.modules if name.partition(".")[0] == "pybase64"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(base64_codec, "decode", base64_codec.decode)
    monkeypatch.setattr(base64_codec, "encode", base64_codec.encode)
    yield installed
    for name in [name for name in sys.modules if name.partition(".")[0] == "pybase64"]:
        del sys.modules[name]


def round_trip(data):
    """What a raw web action's body and its answer become."""
    value = {"__ow_method": "post", "__ow_headers": {"content-type": "image/png"}, "__ow_query": "", "__ow_path": ""}
    request = web_action.decode(dict(value, __ow_body=binascii.b2a_base64(data, newline=False).decode("ascii")))
    outcome = web_action.encode(Response(200, [("Content-Type", "image/png")], data), Request("POST", "/"))
    return request.body, outcome.result


def test_what_the_image_has_is_used_and_says_the_same(installed):
    data = os.urandom(1000)
    before = round_trip(data)
    installed(compiled=True)
    base64_codec.quicken()
    assert round_trip(data) == before
    assert sys.modules["pybase64"].calls == ["decode", "encode"]


def test_what_it_refuses_is_judged_as_before(installed):
    installed(compiled=True)
    base64_codec.quicken()
    for text in ("QU I=", "QU-_"):
        with pytest.raises(ValueError, match="Non-base64 digit"):
            base64_codec.decode(text)
    value = {"__ow_method": "post", "__ow_headers": {"content-type": "image/png"}, "__ow_query": "", "__ow_path": ""}
    assert web_action.decode(dict(value, __ow_body="QUI")).body == b"AB"
    with pytest.raises(BadValue, match="isn't base64"):
        web_action.decode(dict(value, __ow_body="QU I="))


def test_without_its_compiled_part_it_has_nothing_to_give(installed):
    installed(compiled=False)
    known = base64_codec.decode, base64_codec.encode
    base64_codec.quicken()
    assert (base64_codec.decode, base64_codec.encode) == known


def test_most_images_have_none(installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "pybase64", None)
    known = base64_codec.decode, base64_codec.encode
    base64_codec.quicken()
    assert (base64_codec.decode, base64_codec.encode) == known


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("made for another processor")])
def test_what_cannot_be_imported_costs_no_process(installed, monkeypatch, error):
    """200 idle connections, with 64 descriptors, took the last one just when it was imported."""

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "pybase64":
                raise error

    monkeypatch.setattr(sys, "meta_path", [Finder] + sys.meta_path)
    monkeypatch.delitem(sys.modules, "pybase64", raising=False)
    known = base64_codec.decode, base64_codec.encode
    base64_codec.quicken()
    assert (base64_codec.decode, base64_codec.encode) == known
