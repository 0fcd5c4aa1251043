"""Which host serves a folder: every rule, and what the settings say against it."""

import json

import pytest
from modelproxy.hosts import Unloadable
from modelproxy.hosts.choice import choose
from modelproxy.settings import Settings

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
MAX = "from maxfw.core import MAXApp\nMAXApp('a', 'b', 'c').run()\n"
MAIN = "def main(params):\n    return {}\n"
PREDICTOR = "class Predictor:\n    pass\n"
DEPLOYMENT = "class Deployment:\n    pass\n"
BROKEN = "def (\n"


def write(folder, files):
    for name, text in files.items():
        path = folder.joinpath(*name.rstrip("/").split("/"))
        if name.endswith("/"):
            path.mkdir()
            continue
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        path.write_text(text)
    return str(folder)


def chosen(folder, files, command=None, **settings):
    environ = {"MODELPROXY_" + name.upper(): value for name, value in settings.items()}
    if command is not None:
        environ["MODELPROXY_BASE_CMD"] = json.dumps(command)
    choice = choose(Settings(environ), write(folder, files))
    return choice.name, choice.target


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # max
        ({"app.py": MAX, "api/": ""}, ("max", "app.py")),
        ({"app.py": "", "api/": ""}, ("max", "app.py")),
        ({"app.py": BROKEN, "api/": ""}, ("max", "app.py")),
        ({"app.py": MAX, "api/": "", "start.sh": "", "predictor.py": PREDICTOR, "main.py": MAIN}, ("max", "app.py")),
        ({"app.py": FLASK, "api/": "", "core/": ""}, ("max", "app.py")),
        ({"app.py": FLASK, "api/": "", "config.py": ""}, ("max", "app.py")),
        ({"app.py": "from fastapi import x\n" + MAX, "api/": ""}, ("max", "app.py")),
        # an api/ that isn't MAX's
        ({"app.py": FASTAPI, "api/": ""}, ("asgi", "app:app")),
        ({"app.py": FASTAPI, "api/": "", "core/": "", "config.py": ""}, ("asgi", "app:app")),
        ({"app.py": FLASK, "api/": ""}, ("wsgi", "app:app")),
        ({"app.py": FLASK, "api": ""}, ("wsgi", "app:app")),
        # command
        ({"start.sh": "", "app.py": FLASK, "predictor.py": PREDICTOR}, ("command", "start.sh")),
        # the one that there is
        ({"predictor.py": PREDICTOR}, ("predictor", "predictor.py")),
        ({"predictor.py": "from model import *\n"}, ("predictor", "predictor.py")),
        ({"predictor.py": "def helper():\n    pass\n", "app.py": FLASK}, ("wsgi", "app:app")),
        ({"predictor.py": FLASK, "wsgi.py": "import predictor\napp = predictor.app\n"}, ("wsgi", "wsgi:app")),
        ({"deployment.py": DEPLOYMENT}, ("deployment", "deployment.py")),
        (
            {"deployment_package/deployment.py": DEPLOYMENT, "main.py": ""},
            ("deployment", "deployment_package/deployment.py"),
        ),
        (
            {"deployment.py": DEPLOYMENT, "deployment_package/deployment.py": DEPLOYMENT},
            ("deployment", "deployment.py"),
        ),
        ({"deployment.py": "", "main.py": MAIN}, ("function", "main.py")),
        ({"server.py": FASTAPI}, ("asgi", "server:app")),
        ({"app.py": FLASK, "wsgi.py": "from app import app\n"}, ("wsgi", "app:app")),
        ({"manage.py": "", "site/wsgi.py": FLASK}, ("wsgi", "site.wsgi:app")),
        ({"__main__.py": MAIN}, ("function", "__main__.py")),
        ({"main.py": MAIN}, ("function", "main.py")),
        ({"main.py": MAIN, "__main__.py": MAIN}, ("function", "__main__.py")),
        ({"main.py": MAIN + FASTAPI}, ("asgi", "main:app")),
        ({"main.py": "def main():\n    serve()\n", "server.py": FASTAPI}, ("asgi", "server:app")),
        ({"server.py": BROKEN, "app.py": FLASK}, ("wsgi", "app:app")),
        # what is there, and can't be served: the host says why
        ({"predictor.py": "import model\n"}, ("predictor", "predictor.py")),
        ({"predictor.py": BROKEN}, ("predictor", "predictor.py")),
        ({"deployment.py": ""}, ("deployment", "deployment.py")),
        ({"app.py": BROKEN}, ("wsgi", "app:app")),
        ({"main.py": BROKEN}, ("wsgi", "main:app")),
        ({"__main__.py": BROKEN}, ("function", "__main__.py")),
        # onnx
        ({"model.onnx": "", "README.md": ""}, ("onnx", "model.onnx")),
        ({"model.onnx": "", "app.py": FLASK}, ("wsgi", "app:app")),
    ],
)
def test_rules(tmp_path, files, expected):
    assert chosen(tmp_path, files) == expected


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (
            {"predictor.py": PREDICTOR, "deployment.py": DEPLOYMENT},
            ["predictor (found predictor.py)", "deployment (found deployment.py)"],
        ),
        ({"predictor.py": PREDICTOR, "app.py": FLASK}, ["predictor", "wsgi (found app:app)"]),
        ({"app.py": FLASK, "server.py": FASTAPI}, ["wsgi (found app:app)", "asgi (found server:app)"]),
        ({"app.py": FLASK, "main.py": MAIN}, ["wsgi", "function (found main() in main.py)"]),
        ({"app.py": "from x import y\napp = y()\n"}, ["wsgi (found app:app)", "asgi (found app:app)"]),
        ({"a.onnx": "", "b.onnx": ""}, ["onnx (found a.onnx", "onnx (found b.onnx"]),
        ({"manage.py": "", "a/wsgi.py": FLASK, "b/wsgi.py": FLASK}, ["a.wsgi:app", "b.wsgi:app"]),
    ],
)
def test_what_is_ambiguous_is_listed(tmp_path, files, names):
    with pytest.raises(Unloadable, match="in more than one way") as caught:
        chosen(tmp_path, files)
    for name in [*names, "Set MODELPROXY_HOST to one of the names"]:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    "files", [{}, {"app.py": ""}, {"a.onnx": "", "train.py": ""}, {"main.py": "def main():\n    pass\n"}]
)
def test_nothing_found(tmp_path, files):
    with pytest.raises(Unloadable, match="found no model in "):
        chosen(tmp_path, files)


# --- the image's command ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["gunicorn", "x:y"],
        ["python", "serve.py"],
        ["python3", "-m", "http.server"],
        ["/bin/sh", "-c", "exec ./server"],
        ["tini", "--", "uvicorn", "a:b"],
        ["nginx"],
        ["python-server"],
    ],
)
def test_a_command_that_serves(tmp_path, command):
    assert chosen(tmp_path, {"README.md": ""}, command) == ("command", "")
    assert chosen(tmp_path, {"app.py": FLASK}, command) == ("wsgi", "app:app")


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["python3"],
        ["/usr/local/bin/python3.11"],
        ["bash"],
        ["/bin/sh", "-c", "bash"],
        ["/bin/bash", "-c", "  "],
        ["/bin/sh", "-c"],
        ["tini", "--", "/bin/bash"],
        ["/opt/nvidia/nvidia_entrypoint.sh", "/bin/bash"],
        ["ipython"],
    ],
)
def test_a_command_that_serves_nothing(tmp_path, command):
    with pytest.raises(Unloadable, match="found no model"):
        chosen(tmp_path, {}, command)


# --- what the settings say ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "files", "target"),
    [
        ("max", {"app.py": MAX, "api/": ""}, ""),
        ("wsgi", {"app.py": FLASK, "server.py": FASTAPI}, "app:app"),
        ("asgi", {"app.py": FLASK, "server.py": FASTAPI}, "server:app"),
        ("wsgi", {"app.py": FLASK, "api/": "", "core/": "", "start.sh": ""}, "app:app"),
        ("wsgi", {"app.py": "from x import y\napp = y()\n"}, "app:app"),
        ("asgi", {"app.py": FLASK}, "app:app"),
        ("wsgi", {"app.py": BROKEN}, "app:app"),
        ("wsgi", {}, ""),
        ("function", {"main.py": MAIN + FLASK}, "main.py"),
        ("function", {}, ""),
        ("predictor", {"predictor.py": PREDICTOR, "app.py": FLASK}, "predictor.py"),
        ("deployment", {"deployment_package/deployment.py": DEPLOYMENT}, "deployment_package/deployment.py"),
        ("command", {"start.sh": ""}, "start.sh"),
        ("command", {"app.py": FLASK}, ""),
        ("onnx", {"a.onnx": "", "b.onnx": ""}, ""),
    ],
)
def test_a_host_that_is_named(tmp_path, host, files, target):
    assert chosen(tmp_path, files, host=host) == (host, target)


def test_a_named_host_with_several_applications(tmp_path):
    with pytest.raises(Unloadable, match="wsgi \\(found app:app\\); wsgi \\(found server:app\\)"):
        chosen(tmp_path, {"app.py": FLASK, "server.py": FLASK}, host="wsgi")
    assert chosen(tmp_path, {}, host="wsgi", target="server:app") == ("wsgi", "server:app")


def test_a_host_that_does_not_exist(tmp_path):
    with pytest.raises(Unloadable, match="MODELPROXY_HOST is 'cobol'; this proxy has: max, wsgi"):
        chosen(tmp_path, {}, host="cobol")


@pytest.mark.parametrize(
    ("target", "files", "expected"),
    [
        ("nets/model.onnx", {"app.py": FLASK}, ("onnx", "nets/model.onnx")),
        ("run.sh", {"app.py": FLASK}, ("command", "run.sh")),
        ("gunicorn app:app", {"app.py": FLASK}, ("command", "gunicorn app:app")),
        ("src/predictor.py", {}, ("predictor", "src/predictor.py")),
        ("src/deployment.py", {}, ("deployment", "src/deployment.py")),
        ("action.zip", {}, ("function", "action.zip")),
        ("server:app", {"server.py": FASTAPI, "app.py": FLASK}, ("asgi", "server:app")),
        ("package.web:app", {"package/web.py": FLASK}, ("wsgi", "package.web:app")),
        ("server:make()", {"server.py": FLASK + "def make():\n    return app\n"}, ("wsgi", "server:make()")),
        (
            "server:make('a b', size=2)",
            {"server.py": FLASK + "def make(name, size):\n    return app\n"},
            ("wsgi", "server:make('a b', size=2)"),
        ),
        ("serve.py", {"serve.py": FLASK}, ("wsgi", "serve:app")),
        ("src/serve.py", {"src/serve.py": FASTAPI}, ("asgi", "src.serve:app")),
        ("serve.py:app", {"serve.py": FASTAPI}, ("asgi", "serve.py:app")),
        ("action.py", {"action.py": MAIN}, ("function", "action.py")),
        ("action.py:handle", {"action.py": MAIN.replace("main", "handle")}, ("function", "action.py:handle")),
        ("serve.py", {"serve.py": MAX, "app.py": MAX, "api/": ""}, ("max", "serve.py")),
    ],
)
def test_a_target_without_a_host(tmp_path, target, files, expected):
    assert chosen(tmp_path, files, target=target) == expected


@pytest.mark.parametrize(
    "target", ["nothing:app", "app", "app:nothing", "app.py", "app.py:nothing", "none.py", "weights"]
)
def test_a_target_that_does_not_tell_the_host(tmp_path, target):
    with pytest.raises(Unloadable, match="doesn't tell how to serve it: set MODELPROXY_HOST too"):
        chosen(tmp_path, {"app.py": "x = 1\n"}, target=target)


def test_an_image_that_takes_code(tmp_path):
    assert chosen(tmp_path, {"app.py": FLASK}, init_code="accept") == ("function", "")
    assert chosen(tmp_path, {"main.py": MAIN}, init_code="accept") == ("function", "main.py")
    assert chosen(tmp_path, {}, init_code="accept", target="x.py") == ("function", "x.py")


def test_the_reason_is_for_the_log(tmp_path):
    choice = choose(Settings({}), write(tmp_path, {"app.py": FLASK}))
    assert str(choice) == "wsgi (found app:app)"
