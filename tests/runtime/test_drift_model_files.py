import hashlib
import os

import pytest
from modelproxy.drift import model_files


def write(folder, **files):
    for name, text in files.items():
        path = folder.joinpath(*name.split("__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_counts(tmp_path):
    write(
        tmp_path,
        a="1",
        code__b="2",
        code__x="3",
        venv__c="4",
        node_modules__d="5",
    )
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    for name in ("m.pyc", ".hidden", "key.pem", "old~", ".DS_Store"):
        (tmp_path / name).write_text("")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("")
    for name in ("ID_RSA", "server.PEM", "Pip.conf", "thumbs.DB"):
        (tmp_path / name).write_text("in no image")
    os.symlink("a", str(tmp_path / "link"))
    os.symlink("nowhere", str(tmp_path / "dangling"))
    assert model_files.digests_of(tmp_path) == {
        "a": sha("1"),
        "link": sha("1"),
        "code/b": sha("2"),
        "code/x": sha("3"),
    }


def test_every_name_of_the_build_is_left_out():
    path = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "build", "exclude")
    with open(path) as file:
        rules = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    assert all(rule.startswith(".") or rule in model_files.LEFT_OUT for rule in rules)
    assert set(model_files.LEFT_OUT) <= set(rules)


def test_the_digest_depends_on_names_and_contents_and_on_nothing_else():
    files = {"b": sha("2"), "a/b": sha("1"), "ä": sha("3")}
    known = hashlib.sha256()
    for path in sorted(files, key=str.encode):
        known.update(("%s\0%s\n" % (path, files[path])).encode())
    assert model_files.digest_of(files) == "sha256:" + known.hexdigest()
    assert model_files.digest_of(dict(reversed(list(files.items())))) == model_files.digest_of(files)
    assert model_files.digest_of({}) != model_files.digest_of({"a": sha("")})


def test_what_differs_is_named(tmp_path):
    write(tmp_path, a="1", b="2", c="3")
    files = model_files.digests_of(tmp_path)
    assert model_files.differing(files, files) == []
    (tmp_path / "a").write_text("changed")
    (tmp_path / "b").unlink()
    write(tmp_path, new__d="4")
    others = model_files.differing(files, model_files.digests_of(tmp_path))
    assert others == [("a", "differs"), ("new/d", "isn't in the reference's list")]
    assert model_files.differing(files, {"reference": "7", "a": "8"}, "7") == [("a", "differs")]
    sentence = model_files.other_model(others)
    assert "another model: a differs, new/d isn't in the reference's list. Make it anew" in sentence
    assert model_files.other_model(others * 6).count("differs") == 5
    assert "and 2 more. Make" in model_files.other_model(others * 6)


def test_no_folder(tmp_path):
    with pytest.raises(OSError, match="nothing"):
        model_files.digests_of(tmp_path / "nothing")
