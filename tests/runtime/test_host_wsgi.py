"""The WSGI host on applications of each kind, in this process; and as a process."""

import json
import sys
import threading

import pytest
from modelproxy import hosts
from modelproxy.hosts.wsgi import Host
from modelproxy.messages import Request
from modelproxy.settings import Settings

from proxy_process import MARKER, Proxy

PLAIN = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(environ["PATH_INFO"] + str(environ["wsgi.multithread"])).encode("latin-1")]
"""

FLASK = """
import sys

from flask import Flask, jsonify, request

app = Flask(__name__)
LOADED = []


@app.route("/")
def health():
    return jsonify(status="ok")


@app.route("/inference", methods=["POST"])
def inference():
    if "image" not in request.files:
        return jsonify(error="no image"), 400
    if request.args.get("do") == "exit":
        sys.exit(3)
    return jsonify(size=len(request.files["image"].read()), note=request.form.get("note"), root=request.script_root)
"""

# What of bottle counts here, under its name.
BOTTLE = """
class Route:
    def __init__(self, rule, method):
        self.rule, self.method = rule, method

class Bottle:
    def __init__(self):
        self.routes = []
    def route(self, rule, method="GET"):
        self.routes.append(Route(rule, method))
    def __call__(self, environ, start_response):
        start_response("200 OK", [])
        return [b"bottle"]
    def run(self, **kwargs):
        run(self, **kwargs)

_default = Bottle()

def default_app():
    return _default

def run(app=None, **kwargs):
    raise AssertionError("it would serve for ever")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    before = dict(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - set(before):
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def loaded(folder, target="", files=None, **environ):
    for name, text in (files or {}).items():
        path = folder.joinpath(*name.split("/"))
        if not path.parent.is_dir():
            path.parent.mkdir()
        path.write_text(text)
    settings = Settings(environ)
    settings.target = target
    host = Host(settings)
    host.load()
    return host


def body_of(host, **request):
    return host.handle(Request(**dict(dict(method="GET", path="/x"), **request))).body


# --- targets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("held:app", PLAIN),
        ("held", PLAIN),
        ("held.py", PLAIN),
        ("held.py:app", PLAIN),
        ("held", PLAIN.replace("def app", "def application")),
        ("held:box.app", PLAIN + "class box:\n    app = staticmethod(app)\n"),
        ("held:create_app()", PLAIN + "def create_app():\n    return app\n"),
        ("held:create_app", PLAIN + "def create_app():\n    return app\n"),
        ("held:create_app", PLAIN + "def create_app(config=None, debug=False):\n    return app\n"),
        ("held:create_app('prod', debug=True)", PLAIN + "def create_app(name, debug):\n    return app\n"),
        ("held", PLAIN.replace("def app", "def _app") + "def create_app():\n    return _app\n"),
        ("held:App", PLAIN + "class App:\n    def __call__(self, *both):\n        return app(*both)\n"),
        ("held:box", PLAIN + "class Box:\n    server = staticmethod(app)\nbox = Box()\n"),
        ("held:both", PLAIN + "def both(*both):\n    return app(*both)\n"),
        ("held:wrapped", PLAIN + "import functools\ndef one(request):\n    pass\n"
         "@functools.wraps(one)\ndef wrapped(*both):\n    return app(*both)\n"),
        ("held:app", PLAIN + "if __name__ == '__main__':\n    raise SystemExit\n"),
        ("", PLAIN + "x = 1\n"),
    ],
)  # fmt: skip
def test_what_a_target_names(folder, target, text):
    host = loaded(folder, target, {"held.py" if target else "app.py": text})
    assert body_of(host) == b"/xFalse"
    host.close()


def test_a_class_that_is_an_application(folder):
    text = (
        "class App:\n    def __init__(self, environ, start_response):\n        start_response('200 OK', [])\n"
        "    def __iter__(self):\n        yield b'of a class'\n"
    )
    assert body_of(loaded(folder, "held:App", {"held.py": text})) == b"of a class"


@pytest.mark.parametrize(
    ("target", "text", "problem"),
    [
        ("held:application", PLAIN, "the module held has no application; it has app"),
        ("helt:app", PLAIN, "there is no module helt in "),
        ("held:number", "number = 3\n", "gives a int, which is no application"),
        ("held:make()", "def make():\n    return None\n", "gives a NoneType, which is no application"),
        ("held:make", "def make():\n    return {}\n", "gives a dict, which is no application"),
        ("held:one", "def one(request):\n    pass\n", "doesn't take two arguments"),
        ("held:four", "def four(a, b, c, d):\n    pass\n", "doesn't take two arguments"),
        (
            "held:app",
            "async def app(scope, receive, send):\n    pass\n",
            "an ASGI application: set MODELPROXY_HOST to asgi",
        ),
        (
            "held:app",
            "class A:\n    async def __call__(self, scope, receive, send):\n        pass\napp = A()\n",
            "ASGI",
        ),
        ("held:app", "def app():\n    async def asgi(scope, receive, send):\n        pass\n    return asgi\n", "ASGI"),
        (
            "held:LocalProxy.x",
            "class LocalProxy:\n    pass\ng = LocalProxy()\n",
            "has no LocalProxy.x; it has LocalProxy$",
        ),
        (
            "",
            PLAIN,
            "isn't clear .none was found in app.py, main.py, server.py, wsgi.py, asgi.py.: set MODELPROXY_TARGET",
        ),
    ],
)
def test_what_cannot_be_loaded(folder, target, text, problem):
    with pytest.raises(hosts.Unloadable, match=problem):
        loaded(folder, target, {"held.py": text})


def test_flask_s_proxies_are_not_woken(folder):
    text = "from flask import Flask, request, g, current_app, jsonify\nserver = Flask('x')\n"
    with pytest.raises(hosts.Unloadable, match=r"has no app; it has server$"):
        loaded(folder, "held:app", {"held.py": text})


def test_several_threads(folder):
    assert body_of(loaded(folder, "held:app", {"held.py": PLAIN}, MODELPROXY_CONCURRENCY="2")) == b"/xTrue"


# --- modules that serve when they are imported --------------------------------------------------------------------

SERVING = "served = []\ntry:\n    %s\nexcept Exception:\n    pass\nserved.append(1)\n"


@pytest.mark.parametrize(
    "starts",
    [
        "app.run(host='0.0.0.0', port=80)",
        "from werkzeug.serving import run_simple; run_simple('0.0.0.0', 80, app)",
        "from werkzeug.serving import run_simple; run_simple(hostname='', port=80, application=app)",
        "from wsgiref.simple_server import make_server; make_server('127.0.0.1', 0, app).serve_forever()",
        "import waitress; waitress.serve(app, port=80)",
        "from waitress import serve; serve(listen='*:80', app=app)",
        "from gevent.pywsgi import WSGIServer; WSGIServer(('', 80), app).serve_forever()",
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_module_that_serves(folder, starts):
    files = {
        "held.py": FLASK + SERVING % starts,
        "waitress.py": "def serve(app, **options):\n    raise AssertionError('it would serve')\n",
        "gevent/__init__.py": "",
        "gevent/pywsgi.py": "class WSGIServer:\n    def __init__(self, address, application):\n"
        "        self.application = application\n    def serve_forever(self):\n        raise AssertionError\n",
    }
    host = loaded(folder, "held:app", files)
    assert json.loads(body_of(host, path="/").decode("utf-8")) == {"status": "ok"}
    assert host.default_path == "/inference"
    module = sys.modules["held"]
    assert (module.served, module.__name__) == ([], "held")
    assert not [finder for finder in sys.meta_path if "wsgi" in type(finder).__module__]


def test_servers_are_as_they_were_afterwards(folder):
    from flask import Flask
    from werkzeug import serving

    before = Flask.run, serving.run_simple
    loaded(folder, "held:app", {"held.py": FLASK + "app.run()\n"})
    assert (Flask.run, serving.run_simple) == before
    with pytest.raises(ZeroDivisionError):
        loaded(folder, "other:app", {"other.py": "1 / 0\n"})
    assert (Flask.run, serving.run_simple) == before


@pytest.mark.parametrize("starts", ["app.run()", "bottle.run(app)", "bottle.run(app=app)", "bottle.run(port=80)"])
def test_bottle(folder, starts):
    text = (
        "import bottle\napp = bottle.default_app()\napp.route('/a', 'POST')\napp.route('/b/<x>', 'POST')\n%s\n" % starts
    )
    host = loaded(folder, "held:app", {"held.py": text, "bottle.py": BOTTLE})
    assert (body_of(host), host.default_path) == (b"bottle", "/a")


def test_a_served_application_that_the_target_does_not_reach(folder):
    files = {"wsgi.py": "from held import app\n", "held.py": FLASK + "app.run()\n"}
    assert b"ok" in body_of(loaded(folder, "wsgi:app", files), path="/")
    host = loaded(folder, "package.web:create()", {"package/__init__.py": "", "package/web.py": (
        FLASK + "def create():\n    app.run()\n"
    )})  # fmt: skip
    assert b"ok" in body_of(host, path="/")


def test_a_server_in_another_thread_is_left_alone(folder):
    text = (
        PLAIN + "import threading\nfrom wsgiref.simple_server import WSGIServer\nasked = []\n"
        "class Server(WSGIServer):\n    def __init__(self):\n        pass\n    def service_actions(self):\n"
        "        asked.append(1)\n"
        "class Fake:\n    pass\n"
        "def metrics():\n    try:\n        WSGIServer.serve_forever(Fake())\n    except AttributeError:\n"
        "        asked.append('original')\n"
        "thread = threading.Thread(target=metrics)\nthread.start()\nthread.join()\n"
    )
    host = loaded(folder, "held:app", {"held.py": text})
    assert sys.modules["held"].asked == ["original"]
    assert body_of(host) == b"/xFalse"


def test_a_server_that_was_imported_by_name_works_again_afterwards(folder):
    text = PLAIN + "from waitress import serve\n"
    loaded(folder, "held:app", {"held.py": text, "waitress.py": "def serve(app):\n    return 'serves'\n"})
    assert sys.modules["held"].serve(None) == "serves"


def test_a_server_s_module_that_is_another(folder):
    # One of that name without the function, and one that no finder finds.
    text = PLAIN + "import waitress\ntry:\n    import gevent.pywsgi\nexcept ImportError:\n    pass\n"
    files = {"held.py": text, "waitress.py": "", "gevent/__init__.py": ""}
    assert body_of(loaded(folder, "held:app", files)) == b"/xFalse"


def test_a_server_s_module_of_another_loader(folder, monkeypatch):
    class Loader:
        __slots__ = ()

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            module.serve = len

    class Finder:
        def find_spec(self, name, path=None, target=None):
            from importlib.machinery import ModuleSpec

            return ModuleSpec(name, Loader()) if name == "waitress" else None

    monkeypatch.setattr(sys, "meta_path", [Finder()] + sys.meta_path)
    try:
        loaded(folder, "held:app", {"held.py": PLAIN + "import waitress\n"})
        assert sys.modules["held"].waitress.serve is len
    finally:
        sys.modules.pop("waitress", None)


# --- paths --------------------------------------------------------------------------------------------------------


def routed(*rules, **options):
    made = "from flask import Flask\napp = Flask('x')\ndef view(**all):\n    return 'seen'\n"
    for number, (rule, methods) in enumerate(rules):
        made += "app.add_url_rule(%r, 'v%d', view, methods=%r)\n" % (rule, number, methods)
    return made + options.get("then", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (routed(("/inference", ["POST"]), ("/predict", ["POST"])), "/inference"),
        (routed(("/predict", ["POST"]), ("/a", ["POST"])), "/predict"),
        (routed(("/predict/", ["POST", "GET"]), ("/a", ["POST"])), "/predict/"),
        (routed(("/inference", ["GET"]), ("/predict", ["POST"])), "/predict"),
        (routed(("/api/v1/classify", ["POST"]), ("/x/<name>", ["POST"]), ("/", ["GET"])), "/api/v1/classify"),
        (routed(("/a", ["POST"]), ("/b", ["POST"])), "/"),
        (routed(("/a", ["POST"]), ("/_dash-update-component", ["POST"])), "/a"),
        (routed(("/a", ["GET"])), "/"),
        (routed(("/predict", ["POST"]), then="class M:\n    def __init__(s, app):\n        s.app = app\n    "
                "def __call__(s, e, r):\n        return s.app(e, r)\napp = M(app)\n"), "/predict"),
        (PLAIN, "/"),
    ],
)  # fmt: skip
def test_the_default_path(folder, text, expected):
    host = loaded(folder, "held:app", {"held.py": text})
    assert host.default_path == expected


def test_the_default_path_of_werkzeug_s_own_maps(folder):
    text = (
        "from werkzeug.routing import Map, Rule\nclass App:\n    def __init__(self):\n"
        "        self.url_map = Map([Rule('/any'), Rule('/x', methods=['GET'])])\n"
        "    def __call__(self, environ, start_response):\n        pass\napp = App()\n"
    )
    assert loaded(folder, "held:app", {"held.py": text}).default_path == "/any"


FALCON = """
class App:
    __slots__ = ()
    def add_route(self, path, resource):
        pass
    def __call__(self, environ, start_response):
        pass

class Info:
    def __init__(self, **all):
        self.__dict__.update(all)
"""
INSPECT = """
from falcon import Info

def inspect_routes(app):
    post = [Info(method="POST", internal=False), Info(method="GET", internal=True)]
    return [Info(path="/items", methods=post), Info(path="/items/{name}", methods=post)]
"""


def test_falcon(folder):
    text = "import falcon\nclass Own(falcon.App):\n    pass\napp = Own()\n"
    host = loaded(folder, "held:app", {"held.py": text, "falcon/__init__.py": FALCON, "falcon/inspect.py": INSPECT})
    assert host.default_path == "/items"


def test_falcon_before_it_told_its_routes(folder):
    host = loaded(folder, "held:app", {"held.py": "import falcon\napp = falcon.App()\n", "falcon/__init__.py": FALCON})
    assert host.default_path == "/"


def test_bottle_s_any(folder):
    text = "import bottle\napp = bottle.Bottle()\napp.route('/any', 'ANY')\napp.route('/x/:name', 'POST')\n"
    assert loaded(folder, "held:app", {"held.py": text, "bottle.py": BOTTLE}).default_path == "/any"


def at(path, accept="text/html,*/*;q=0.8", default=True, method="GET"):
    return Request(method, path, headers=[("accept", accept)], mount="/m", activation={}, default=default)


def test_a_browser_at_the_bare_url_is_sent_to_the_page_where_there_is_one(folder):
    host = loaded(folder, "held:app", {"held.py": FLASK})
    response = host.handle(at("/inference"))
    assert (response.status, response.headers) == (302, [("Location", "/m/")])
    assert host.handle(at("/inference", accept="*/*")).status == 405
    assert host.handle(at("/inference", default=False)).status == 405
    assert host.handle(at("/", default=True)).status == 200
    without = loaded(folder, "other:app", {"other.py": routed(("/predict", ["POST"]))})
    assert without.handle(at("/predict")).status == 405


# --- what it takes ------------------------------------------------------------------------------------------------

SWAGGER = """
@app.route("/swagger.json")
def swagger():
    if app.config.get("BROKEN"):
        return "no", 500
    fields = [{"name": "image", "in": "formData", "type": "file"}]
    return jsonify(swagger="2.0", paths={"/inference": {"post": {"parameters": fields}}})
"""


def test_its_inputs_where_it_tells_them(folder):
    host = loaded(folder, "held:app", {"held.py": FLASK + SWAGGER})
    inputs = host.describe("/m", "/inference")
    assert (inputs.method, inputs.form, sorted(inputs.files)) == ("POST", "multipart", ["image"])
    assert host.describe("/m", "/other") is None
    sys.modules["held"].app.config["BROKEN"] = True
    assert host.describe("/m", "/inference") is None
    assert loaded(folder, "other:app", {"other.py": FLASK}).describe("/m", "/inference") is None


def test_what_the_application_raises_passes(folder):
    host = loaded(folder, "held:app", {"held.py": "def app(environ, start_response):\n    raise SystemExit(3)\n"})
    with pytest.raises(SystemExit):
        body_of(host)


def test_several_threads_at_one_time(folder):
    host = loaded(folder, "held:app", {"held.py": FLASK}, MODELPROXY_CONCURRENCY="4")
    found = []
    threads = [threading.Thread(target=lambda: found.append(host.handle(Request("GET", "/")).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 8


# --- the whole proxy ----------------------------------------------------------------------------------------------


@pytest.fixture
def proxy_in():
    """Starts proxies and ends them."""
    running = []

    def started(folder):
        running.append(Proxy(folder))
        return running[-1]

    yield started
    for proxy in running:
        proxy.stop()
        proxy.close()


def test_as_an_action(proxy_in, tmp_path):
    tmp_path.joinpath("app.py").write_text(FLASK + "app.run(host='0.0.0.0', port=80)\n")
    proxy = proxy_in(tmp_path)
    assert proxy.init() == (200, {"ok": True})
    assert "found app:app" in proxy.out
    form = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc\r\n--B--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=B"}
    status, _, body = proxy.web("POST", body=form, headers=headers, action_name="/guest/test")
    assert status == 200
    assert json.loads(body.decode("utf-8")) == {"size": 3, "note": None, "root": "/api/v1/web/guest/default/test"}
    assert proxy.web("POST")[0] == 400
    assert proxy.web("POST", query="do=exit", body=form, headers=headers)[0] == 500
    assert proxy.run({"image": "data:;base64,YWJj", "note": "x"})[1] == {"size": 3, "note": "x", "root": ""}
    assert json.loads(proxy.web(path="/")[2].decode("utf-8")) == {"status": "ok"}
    assert proxy.out.count(MARKER) == proxy.err.count(MARKER)
    assert proxy.stop() == 0


def test_a_file_that_is_not_python(proxy_in, tmp_path):
    tmp_path.joinpath("app.py").write_text("from flask import Flask\n\napp = Flask(\n")
    status, answer = proxy_in(tmp_path).init()
    assert status == 502
    assert "SyntaxError" in answer["error"]
    assert "app.py, line " in answer["error"]
