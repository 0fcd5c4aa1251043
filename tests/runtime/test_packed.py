import bz2
import importlib
import lzma
import marshal
import sys
import zlib

import pytest
from modelproxy import packed


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("modelproxy.server", "core"),
        ("modelproxy.web_action.request", "core"),
        ("modelproxy.hosts", "core"),
        ("modelproxy.hosts.max", "core"),
        ("modelproxy.hosts.choice", "core"),
        ("modelproxy.hosts.asgi", "hosts"),
        ("modelproxy.hosts.asgi_gateway", "hosts"),
        ("modelproxy.hosts.deployment.inputs", "hosts"),
        ("modelproxy.hosts.loading", "hosts"),
        ("modelproxy.formats", "hosts"),
        ("modelproxy.formats.multipart", "hosts"),
        ("modelproxy.drift", "drift"),
        ("modelproxy.drift.search", "drift"),
    ],
)
def test_where_a_module_is(name, group):
    assert packed.group_of(name) == group


def archive(modules):
    coded = [(name, package, marshal.dumps(compile(source, name, "exec"))) for name, package, source in modules]
    return marshal.dumps(coded)


@pytest.mark.parametrize(
    ("how", "compress"),
    [(b"z", zlib.compress), (b"x", lzma.compress), (b"b", bz2.compress), (b"-", lambda content: content)],
)
def test_modules_and_packages_are_imported(tmp_path, monkeypatch, how, compress):
    modules = [
        ("modelproxy.of_ours", True, "from .inner import VALUE"),
        ("modelproxy.of_ours.inner", False, "VALUE = 7"),
    ]
    tmp_path.joinpath("core").write_bytes(how + compress(archive(modules)))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, packed.Archives(str(tmp_path))])
    try:
        assert importlib.import_module("modelproxy.of_ours").VALUE == 7
        with pytest.raises(ImportError):
            importlib.import_module("modelproxy.of_nobody")
        with pytest.raises(ImportError):
            importlib.import_module("modelproxy.formats.of_nobody")
        with pytest.raises(ImportError):
            importlib.import_module("of_nobody")
    finally:
        for name, _, _ in modules:
            sys.modules.pop(name, None)


def test_a_checkout_has_no_archives(tmp_path, monkeypatch):
    before = list(sys.meta_path)
    packed.install()
    assert sys.meta_path == before
    monkeypatch.setattr(packed, "FOLDER", str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", before[:])
    packed.install()
    assert isinstance(sys.meta_path[-1], packed.Archives)
