"""Finding applications by their source: what each idiom is taken for, by name and kind."""

import pytest
from modelproxy.hosts import applications

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
PLAIN = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'']\n"
ASGI_FUNCTION = "async def app(scope, receive, send):\n    pass\n"
IMPORTED = "from app import app\n"


def write(folder, files):
    for name, text in files.items():
        path = folder.joinpath(*name.split("/"))
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        path.write_text(text)
    return str(folder)


def found_in(folder, **files):
    return applications.found_in(write(folder, {name + ".py": text for name, text in files.items()}))


def kinds(folder, text):
    found = found_in(folder, app=text)
    assert {target for _, target in found} <= {"app:app"}
    return [kind for kind, _ in found]


@pytest.mark.parametrize(
    "text",
    [
        FLASK,
        "import flask\napp = flask.Flask(__name__)\n",
        "import flask as f\napp: f.Flask = f.Flask(__name__)\n",
        "from flask import Flask as F\napplication = app = F(__name__)\n",
        "from flask import *\napp = Flask(__name__)\n",
        "import flask\nFlask = flask.Flask\napp = Flask(__name__)\n",
        "from bottle import Bottle\napp = Bottle()\n",
        "import bottle\napp = bottle.default_app()\n",
        "import falcon\napp = falcon.App()\n",
        "import falcon\napp = application = falcon.API()\n",
        "from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()\n",
        "from pyramid.config import Configurator\nconfig = Configurator()\napp = config.make_wsgi_app()\n",
        "from werkzeug.wrappers import Request, Response\n"
        "@Request.application\ndef app(request):\n    return Response('')\n",
        "from webob.dec import wsgify\n@wsgify\ndef app(req):\n    return 'x'\n",
        "import web\napp = web.application(urls, globals()).wsgifunc()\n",
        "from flask import Flask\nfrom werkzeug.middleware.proxy_fix import ProxyFix\n"
        "app = ProxyFix(Flask(__name__))\n",
        "from flask import Flask\nfrom whitenoise import WhiteNoise\n"
        "app = Flask('a')\napp = WhiteNoise(app, root='s')\n",
        "from a2wsgi import ASGIMiddleware\n"
        "from starlette.applications import Starlette\napp = ASGIMiddleware(Starlette())\n",
        "import flask\nimport factory\ndef make() -> flask.Flask:\n    return factory.load()['app']\napp = make()\n",
        PLAIN,
        "def app(environ, start_response, more=None):\n    return []\n",
        "app = lambda environ, start_response: []\n",
        "class Model:\n    def __call__(self, environ, start_response):\n        return []\n\n\napp = Model()\n",
        "from functools import wraps\nfrom nowhere_installed import logged\n@logged\n@wraps(3)\n" + PLAIN,
        "import os\nfrom nowhere_installed import *\nfrom os.path import *\n" + PLAIN + "app.name = os.name\n",
        "class app:\n    def __init__(self, environ, start):\n"
        "        pass\n    def __iter__(self):\n        yield b''\n",
        "from flask import Flask\nclass Server(Flask):\n    pass\nclass More(Server):\n    pass\napp = More('x')\n",
        "from flask import Flask\nclass Flask(Flask):\n    pass\napp = Flask('x')\n",
        # A WSGI file that imports what ASGI applications are made of, and the other way about below.
        "import starlette.status\nimport flask\napp = flask.Flask('x')\n",
        "def create_app(name='x'):\n    import flask\n"
        "    made = flask.Flask(name)\n    return made\napp = create_app()\n",
        "import flask\ndef make():\n    def application(environ, start_response):\n"
        "        return []\n    return application\napp = make()\n",
        "try:\n    import uwsgi\nexcept ImportError:\n    uwsgi = None\nelse:\n"
        "    pass\nfinally:\n    import flask\n    app = flask.Flask('x')\n",
        "import flask, os\nif os.environ.get('A'):\n    app = flask.Flask('a')\nelse:\n    app = flask.Flask('b')\n",
        "import flask\nwith open('x'):\n    app = flask.Flask('a')\n",
        "import flask\napp = None\napp = flask.Flask('a') if flask else None\n",
        "import flask\ntry:\n    app = flask.Flask('a')\nexcept Exception:\n    app = None\n",
        "import flask\nif __name__ != '__main__':\n    app = flask.Flask('a')\n",
        "import flask\nif __name__ == '__main__':\n    app = 3\nelse:\n    app = flask.Flask('a')\n",
        "import flask\napp, api = flask.Flask('a'), 3\n",
        "from wsgiref.simple_server import demo_app as app\n",
        "import flask, os\nserver = flask.Flask('x')\napp = os.environ and server or server.wsgi_app\n",
        "app = flask_or_other(1)\nfrom flask import Flask\napp = Flask('x')\n",
        "import flask\nmain = 3\ndef main():\n    app.run()\napp = flask.Flask('x')\n",
    ],
)
def test_wsgi(tmp_path, text):
    assert kinds(tmp_path, text) == ["wsgi"]


@pytest.mark.parametrize(
    "text",
    [
        FASTAPI,
        "import fastapi\napp = fastapi.FastAPI(title='x')\n",
        "from starlette.applications import Starlette\napp = Starlette(routes=[])\n",
        "from quart import Quart\napp = Quart(__name__)\n",
        "from litestar import Litestar\napp = Litestar([])\n",
        "from blacksheep import Application\napp = Application()\n",
        "import falcon.asgi\napp = falcon.asgi.App()\n",
        "from falcon.asgi import App\napp = App()\n",
        "from django.core.asgi import get_asgi_application\napp = get_asgi_application()\n",
        "from datasette.app import Datasette\napp = Datasette(['x.db']).app()\n",
        "from asgiref.wsgi import WsgiToAsgi\nfrom flask import Flask\napp = Flask('x')\napp = WsgiToAsgi(app)\n",
        "from a2wsgi import WSGIMiddleware\nfrom flask import Flask\napp = WSGIMiddleware(Flask('x'))\n",
        "import gradio as gr\nfrom fastapi import FastAPI\n"
        "app = FastAPI()\napp = gr.mount_gradio_app(app, x, path='/')\n",
        "import socketio\napp = socketio.ASGIApp(socketio.AsyncServer())\n",
        "import unheard_of\nfrom fastapi import FastAPI\napp = unheard_of.Middleware(app=FastAPI())\n",
        "from fasthtml.common import fast_app\napp, rt = fast_app()\n",
        ASGI_FUNCTION,
        "def app(scope, receive, send):\n    return answer(scope, receive, send)\n",
        "class App:\n    async def __call__(self, scope, receive, send):\n        pass\n\n\napp = App()\n",
        "from fastapi import FastAPI\nfrom werkzeug.utils import secure_filename\nimport flask\napp = FastAPI()\n",
    ],
)
def test_asgi(tmp_path, text):
    assert kinds(tmp_path, text) == ["asgi"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app = 'x'\n",
        "app = {}\n",
        "app = dict(a=1)\n",
        "app: 'Flask'\n",
        "app = not_there\n",
        "import app\n",
        "import typer\napp = typer.Typer()\n",
        "from tornado.web import Application\napp = Application([])\n",
        "from celery import Celery\napp = Celery('x')\n",
        "import argparse\napp = argparse.ArgumentParser()\n",
        "import sys\napp = sys.exit\n",
        "from flask import current_app as app\n",
        "from flask import Blueprint\napp = Blueprint('x', __name__)\n",
        "import flask\nif __name__ == '__main__':\n    app = flask.Flask('x')\n",
        "import flask\nif '__main__' == __name__ and True:\n    app = flask.Flask('x')\n",
        "import flask\ndef f():\n    app = flask.Flask('x')\n",
        "class App:\n    pass\n\n\napp = App()\n",
        "class app:\n    pass\n",
        "def app(args):\n    return {}\n",
        "async def app(a, b):\n    pass\n",
        "async def make():\n    pass\napp = make()\n",
        "app = [1] + []\n",
        "class A(A):\n    pass\napp = A()\n",
        "def make():\n    print()\napp = make()\n",
        "def create_app(config):\n    return Flask(config)\n",
    ],
)
def test_no_application(tmp_path, text):
    assert kinds(tmp_path, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "from nowhere_installed import App\napp = App()\n",
        "from nowhere_installed import app\n",
        "from nowhere_installed import Base\nclass App(Base):\n    pass\napp = App()\n",
        "import nowhere_installed\napp = nowhere_installed.made['x']\n",
        "from nowhere_installed import make\napp = make()()\n",
        "import nowhere_installed\napp = nowhere_installed.a().b()\n",
        "def app(*args):\n    return []\n",
        "def make(app):\n    return app\napp = make(3)\n",
        "def make():\n    return make()\napp = make()\n",
        "from app import app\n",
        "from . import app\n",
        "from .. import app\n",
    ],
)
def test_what_cannot_be_told_may_be_either(tmp_path, text):
    assert kinds(tmp_path, text) == ["wsgi", "asgi"]


def test_names_in_their_order(tmp_path):
    both = "from flask import Flask\napplication = Flask('x')\napp = Flask('y')\n"
    assert found_in(tmp_path, app=both) == [("wsgi", "app:app")]
    assert found_in(tmp_path, app="import x\napp = x.y()\n" + both.replace("app =", "other =")) == [
        ("wsgi", "app:application")
    ]
    typer = "import typer, fastapi\napp = typer.Typer()\napplication = fastapi.FastAPI()\n"
    assert found_in(tmp_path, app=typer) == [("asgi", "app:application")]
    imported = "from server import app\nfrom auth import Auth\napplication = Auth(app)\n"
    assert found_in(tmp_path, app=imported, server=PLAIN) == [("wsgi", "app:application")]


@pytest.mark.parametrize("name", ["app", "main", "server", "wsgi", "asgi"])
def test_each_file(tmp_path, name):
    assert found_in(tmp_path, **{name: FASTAPI}) == [("asgi", name + ":app")]


def test_other_files_are_not_looked_at(tmp_path):
    assert found_in(tmp_path, predictor=FLASK, test_app=FLASK) == []


def test_dash_is_served_by_its_flask(tmp_path):
    dash = "from dash import Dash\napp = Dash(__name__)\n"
    server = dash.replace("app =", "x =") + "application = x.server\n"
    assert found_in(tmp_path, app=dash) == [("wsgi", "app:app.server")]
    assert found_in(tmp_path, app=server) == [("wsgi", "app:application")]


# --- several files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app": FLASK, "wsgi": IMPORTED}, [("wsgi", "app:app")]),
        ({"app": FLASK, "wsgi": "from app import app as application\n"}, [("wsgi", "app:app")]),
        ({"app": FLASK, "wsgi": "import app as a\napplication = a.app\n"}, [("wsgi", "app:app")]),
        ({"main": FASTAPI, "asgi": "import main\napp = main.app\n"}, [("asgi", "main:app")]),
        ({"server": FASTAPI, "main": "from server import app\nimport uvicorn\n"}, [("asgi", "server:app")]),
        ({"app": FLASK, "main": IMPORTED, "wsgi": "from main import app\n"}, [("wsgi", "app:app")]),
        ({"app": FLASK, "wsgi": IMPORTED + "from auth import Auth\napp = Auth(app)\n"}, [("wsgi", "wsgi:app")]),
        (
            {"app": FLASK, "asgi": IMPORTED + "from asgiref.wsgi import WsgiToAsgi\napp = WsgiToAsgi(app)\n"},
            [("asgi", "asgi:app")],
        ),
        ({"app": FLASK, "server": FASTAPI}, [("wsgi", "app:app"), ("asgi", "server:app")]),
        ({"app": FLASK, "server": FLASK}, [("wsgi", "app:app"), ("wsgi", "server:app")]),
        (
            {"main": "from web import app\n", "wsgi": "from web import app as application\n", "web": FLASK},
            [("wsgi", "main:app")],
        ),
        # The factory that both call makes the same application.
        (
            {
                "app": "import flask\ndef create_app():\n    return flask.Flask('x')\napp = create_app()\n",
                "wsgi": "from app import create_app\napp = create_app()\n",
            },
            [("wsgi", "app:app")],
        ),
        (
            {
                "app": "import flask\ndef create_app(name=''):\n    return flask.Flask('x')\napp = create_app('dev')\n",
                "wsgi": "from app import create_app\napp = create_app('prod')\n",
            },
            [("wsgi", "app:app"), ("wsgi", "wsgi:app")],
        ),
        ({"app": "import flask\ndef create_app():\n    return flask.Flask('x')\n"}, [("wsgi", "app:create_app()")]),
        (
            {"main": "from fastapi import FastAPI\ndef make_app(a=1, *, b=2):\n    return FastAPI()\n"},
            [("asgi", "main:make_app()")],
        ),
        ({"server": "import flask\ndef app():\n    return flask.Flask('x')\n"}, [("wsgi", "server:app()")]),
        (
            {
                "app": "import flask\ndef create_app():\n    return flask.Flask('x')\n",
                "wsgi": "from app import create_app\n",
            },
            [("wsgi", "app:create_app()")],
        ),
        (
            {
                "app": "import flask\ndef create_app():\n    return flask.Flask('x')\n",
                "wsgi": "from app import create_app\napplication = create_app()\n",
            },
            [("wsgi", "wsgi:application")],
        ),
        ({"app": "def create_app(*, needed):\n    return 3\n", "main": "async def create_app():\n    pass\n"}, []),
        ({"app": "create_app = 3\n", "main": "from nowhere_installed import create_app\n"}, []),
    ],
)
def test_several_files(tmp_path, files, expected):
    assert found_in(tmp_path, **files) == expected


def test_an_application_made_in_a_package(tmp_path):
    files = {
        "wsgi.py": "from package.web import app\n",
        "package/__init__.py": "",
        "package/web.py": "from . import base\nfrom .base import make\nfrom .. import nothing\napp = make()\n",
        "package/base.py": "from flask import Flask\ndef make():\n    return Flask('x')\n",
    }
    assert applications.found_in(write(tmp_path, files)) == [("wsgi", "wsgi:app")]


@pytest.mark.parametrize(
    "init",
    [
        "from .core import app\n",
        "from .core import *\n",
        "from . import core\nfrom package.core import app\n",
        "from fastapi import FastAPI\napp = FastAPI()\n",
        "try:\n    from .core import app\nexcept ImportError:\n    from .nothing import app\n",
    ],
)
def test_what_a_package_binds_comes_before_its_submodule(tmp_path, init):
    files = {
        "main.py": "from package import app\n",
        "package/__init__.py": init,
        "package/core.py": FASTAPI,
        "package/app.py": "",
    }
    assert applications.found_in(write(tmp_path, files)) == [("asgi", "main:app")]


def test_a_function_named_as_its_module(tmp_path):
    files = {
        "package/__init__.py": "from .make import make\n",
        "package/make.py": "from flask import Flask\ndef make():\n    return Flask('x')\n",
    }
    for text in ("from package import make\n", "from package.make import make\n"):
        files["main.py"] = text + "app = make()\n"
        assert applications.found_in(write(tmp_path, files)) == [("wsgi", "main:app")]


def test_imports_in_a_circle_whose_names_grow(tmp_path):
    files = {
        "main.py": "from package.a import b\napp = b()\n",
        "package/__init__.py": "from .a import b\nfrom .b import a\n",
        "package/a.py": "from package.b import a as b\n",
        "package/b.py": "from package.a import b as a\n",
    }
    assert applications.found_in(write(tmp_path, files)) == [("wsgi", "main:app"), ("asgi", "main:app")]


def test_a_star_import(tmp_path):
    files = {"main.py": "from other import *\n", "other.py": FASTAPI}
    assert applications.found_in(write(tmp_path, files)) == [("asgi", "main:app")]
    files = {"main.py": "from other import *\n", "other.py": "x = 1\n"}
    assert applications.found_in(write(tmp_path, files)) == []


def test_stars_in_a_circle(tmp_path):
    files = {
        "main.py": "from one import *\napp = make()\n",
        "one.py": "from two import *\nfrom nowhere_installed import *\n",
        "two.py": "from one import *\n",
    }
    assert applications.found_in(write(tmp_path, files)) == []
    made = "def make():\n    return FastAPI()\ntry:\n    from nowhere_installed import make\nfinally:\n    pass\n"
    files["two.py"] += "from fastapi import FastAPI\n" + made
    assert applications.found_in(write(tmp_path, files)) == [("asgi", "main:app")]
    files["main.py"] = "from two import make as create_app\n"
    assert applications.found_in(write(tmp_path, files)) == [("asgi", "main:create_app()")]


def test_modules_that_import_each_other(tmp_path):
    files = {"main": "from server import app\n", "server": "from main import app\n"}
    assert found_in(tmp_path, **files) == [
        ("wsgi", "main:app"),
        ("asgi", "main:app"),
        ("wsgi", "server:app"),
        ("asgi", "server:app"),
    ]
    assert found_in(tmp_path, main="a = b\nb = a\napp = a\n", server="import main\napp = main.app.x.y\n") != []
    classes = {
        "main": "import server\nclass A(server.B):\n    pass\napp = A()\n",
        "server": "import main\nclass B(main.A):\n    pass\n",
    }
    assert found_in(tmp_path, **classes) == [("wsgi", "main:app"), ("asgi", "main:app")]


def test_a_package_of_the_name_app(tmp_path):
    files = {"app/__init__.py": "", "app/main.py": FASTAPI, "app/routes.py": ""}
    assert applications.found_in(write(tmp_path, files)) == [("asgi", "app.main:app")]
    assert applications.found_in(write(tmp_path, {"app/__init__.py": FLASK, "app/main.py": ""})) == [
        ("wsgi", "app:app")
    ]
    assert applications.found_in(write(tmp_path, {"wsgi.py": "from app import app\n"})) == [("wsgi", "wsgi:app")]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["site/wsgi.py", "site/asgi.py"], [("wsgi", "site.wsgi:application")]),
        (["site/asgi.py"], [("asgi", "site.asgi:application")]),
        (["a/wsgi.py", "b/wsgi.py"], [("wsgi", "a.wsgi:application"), ("wsgi", "b.wsgi:application")]),
        (["a/urls.py"], []),
    ],
)
def test_django(tmp_path, files, expected):
    texts = {
        "wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "application = get_wsgi_application()\n",
        "asgi.py": "import os\nfrom django.core.asgi import get_asgi_application\n"
        "application = get_asgi_application()\n",
        "urls.py": "",
    }
    folder = write(tmp_path, {name: texts[name.partition("/")[2]] for name in files})
    assert applications.found_in(folder) == []
    assert applications.found_in(write(tmp_path, {"manage.py": ""})) == expected


@pytest.mark.parametrize("text", ["a b\n", "print 'x'\n", "x = '\0'\n", "\xff = (\n"])
def test_a_file_that_is_not_python(tmp_path, text):
    assert found_in(tmp_path, app=text, wsgi=IMPORTED) in ([], [("wsgi", "wsgi:app"), ("asgi", "wsgi:app")])
    assert applications.broken_in(str(tmp_path)) == "app.py"
    assert found_in(tmp_path, wsgi="", server=FASTAPI) == [("asgi", "server:app")]


def test_nothing_broken(tmp_path):
    assert applications.broken_in(write(tmp_path, {"app.py": FLASK})) is None


# --- single questions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("server:app", "asgi"),
        ("server:make", "wsgi"),
        ("server:make()", "wsgi"),
        ("server:make('a', b=1)", "wsgi"),
        ("server:dashed.server", "wsgi"),
        ("server:needs()", None),
        ("server:nothing", None),
        ("server:unknown", None),
        ("server:number", None),
        ("elsewhere:app", None),
        ("package.module:app", "wsgi"),
        ("server", None),
        ("wsgiref.simple_server:demo_app", "wsgi"),
    ],
)
def test_the_kind_of_a_target(tmp_path, target, expected):
    server = (
        FASTAPI
        + "import flask, dash, nowhere_installed\ndef make(a='', b=0):\n    return flask.Flask('x')\n"
        + "def needs(a):\n    return flask.Flask(a)\ndashed = dash.Dash()\nunknown = nowhere_installed.x()\n"
        + "number = 3\n"
    )
    folder = write(tmp_path, {"server.py": server, "package/module.py": PLAIN})
    assert applications.kind_of(folder, target) == expected


def test_applications_of_one_file(tmp_path):
    folder = write(tmp_path, {"a/serve.py": FLASK, "x.py": "import y\napp = y.z()\n", "b.py": "a b\n"})
    assert applications.found_in_file(folder, "a/serve.py") == [("wsgi", "a.serve:app")]
    assert applications.found_in_file(folder, "x.py") == []
    assert applications.found_in_file(folder, "b.py") == []
    assert applications.found_in_file(folder, "none.py") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def main(params):\n    return {}\n", True),
        ("def main(params, context=None):\n    return {}\n", True),
        ("def main(*all):\n    return {}\n", True),
        ("main = lambda params: {}\n", True),
        ("if True:\n    def main(params):\n        return {}\n", True),
        ("from handler import main\n", True),
        ("from handler import handle as main\n", True),
        ("import handler\nmain = handler\n", False),
        ("def main():\n    app.run()\n", False),
        ("def main(a, b):\n    return {}\n", False),
        ("def main(a, *, b):\n    return {}\n", False),
        ("async def main(params):\n    return {}\n", False),
        ("def f():\n    def main(params):\n        return {}\n", False),
        ("from nowhere_installed import main\n", False),
        ("import main\n", False),
        ("main = 3\n", False),
        ("a b\n", False),
        ("", False),
    ],
)
def test_a_function(tmp_path, text, expected):
    folder = write(
        tmp_path,
        {"main.py": text, "handler.py": "def main(params):\n    return {}\nhandle = main\ndef handle(a):\n    pass\n"},
    )
    assert applications.defines(folder, "main.py", "main") is expected


def test_a_name(tmp_path):
    folder = write(
        tmp_path, {"a.py": "class Predictor:\n    pass\n", "b.py": "a b\n", "c.py": "from x import *\n", "d.py": ""}
    )
    assert [applications.binds(folder, name + ".py", "Predictor") for name in "abcd"] == [True, True, True, False]
