"""What all hosts share: how one is made, and what loading a target says."""

import sys
import traceback

import pytest
from modelproxy import hosts
from modelproxy.hosts import loading
from modelproxy.messages import Request
from modelproxy.settings import Settings


def test_a_host_is_made_and_the_choice_told(tmp_path):
    tmp_path.joinpath("app.py").write_text("def app(environ, start_response):\n    return []\n")
    settings = Settings({})
    host, told = hosts.make(settings, str(tmp_path))
    assert type(host).__module__ == "modelproxy.hosts.wsgi"
    assert settings.target == "app:app"
    assert told == "host wsgi of app:app, since found app:app"
    assert (
        hosts.make(Settings({"MODELPROXY_HOST": "max"}), str(tmp_path))[1] == "host max, since MODELPROXY_HOST says so"
    )


def test_a_missing_model_says_so_when_it_is_loaded():
    reason = hosts.Unloadable("nothing here")
    missing = hosts.Missing(reason)
    depths = []
    for _ in range(2):
        with pytest.raises(hosts.Unloadable, match="nothing here"):
            missing.load()
        depths.append(len(list(traceback.walk_tb(reason.__traceback__))))
    assert depths[0] == depths[1]  # each call's frames have its message
    missing.close()


@pytest.mark.parametrize(
    ("method", "accept", "expected"),
    [
        ("GET", "text/html,*/*;q=0.8", True),
        ("HEAD", "text/html", True),
        ("POST", "text/html", False),
        ("GET", "*/*", False),
        ("GET", "text/html;q=0", False),
        ("GET", "", False),
    ],
)
def test_who_is_a_browser(method, accept, expected):
    assert hosts.is_browser(Request(method, "/", headers=[("accept", accept)])) is expected


# --- loading ------------------------------------------------------------------------------------------------------


class Ended(BaseException):
    pass


MODULE = """
import collections
from os.path import join

class Own:
    inner = 5

class Callable:
    def __call__(self):
        return 3

thing = Callable()
number = 3
_hidden = Callable()

def make(a="x", b=0):
    return (a, b)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that is first on the path, whose modules are forgotten afterwards."""
    before = dict(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - set(before):
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(folder, files):
    for name, text in files.items():
        path = folder.joinpath(*name.split("/"))
        if not path.parent.is_dir():
            path.parent.mkdir()
        path.write_text(text)


@pytest.mark.parametrize("ends", [(), (Ended,)])
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("held_module:number", 3),
        ("held_module:Own.inner", 5),
        ("held_module:make()", ("x", 0)),
        ("held_module:make('a', b=2)", ("a", 2)),
        ("held_module.py:number", 3),
        ("./held_module.py:number", 3),
        ("held_package.inner:number", 4),
        ("held_package/inner.py:number", 4),
        ("held_module", 3),
    ],
)
def test_targets(folder, target, expected, ends):
    write(folder, {"held_module.py": MODULE, "held_package/__init__.py": "", "held_package/inner.py": "number = 4\n"})
    assert loading.attribute_of(target, ("nothing", "number"), ends) == expected


@pytest.mark.parametrize("ends", [(), (Ended,)])
@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("nowhere:app", "there is no module nowhere in "),
        ("held_module.inner:app", "there is no module held_module.inner in"),
        ("nowhere.inner:app", "there is no module nowhere.inner in"),
        (
            "held_module:app",
            "the module held_module has no app; it has Own, Callable, make, thing|it has Callable, Own",
        ),
        ("held_module:Own.nothing", "has no Own.nothing"),
        ("held_empty:app", "it has nothing that can be called"),
        ("held_module:make(x)", "has arguments that are no literals"),
        ("held_module:make(*[1])", "has arguments that are no literals"),
        ("held_module:make(**{'a': 1})", "has arguments that are no literals"),
        ("held_module:make(", "isn't written|is not written"),
        ("held_module:make)(", "is not written"),
        ("held_module:make(()", "no literals"),
        ("held_module:make())", "no literals"),
        ("held_module:make()()", "no literals"),
        ("held_module:number()", "calls what can't be called, int"),
        ("held module", "is not written as module:attribute"),
        ("", "is not written as module:attribute"),
        ("held_module", "the module held_module has none of app, application; it has"),
    ],
)
def test_targets_that_do_not_exist(folder, target, problem, ends):
    write(folder, {"held_module.py": MODULE, "held_empty.py": ""})
    with pytest.raises(hosts.Unloadable, match=problem):
        loading.attribute_of(target, ("app", "application"), ends)


@pytest.mark.parametrize("ends", [(), (Ended,)])
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import nowhere_at_all\n", ModuleNotFoundError),
        ("from os import nothing\n", ImportError),
        ("1 / 0\n", ZeroDivisionError),
        ("a b\n", SyntaxError),
        ("import sys; sys.exit(2)\n", SystemExit),
    ],
)
def test_what_a_module_raises_passes(folder, text, error, ends):
    write(folder, {"held_module.py": text})
    with pytest.raises(error):
        loading.attribute_of("held_module:app", (), ends)
    assert "held_module" not in sys.modules


def test_without_names_a_module_alone_is_no_target(folder):
    write(folder, {"held_module.py": MODULE})
    with pytest.raises(hosts.Unloadable, match="is not written as"):
        loading.attribute_of("held_module")


def test_a_module_that_is_ended_stays_what_it_was(folder):
    ending = "import builtins\napp = 1\nraise builtins.Ended\napp = 2\n"
    write(folder, {"held_package/__init__.py": "", "held_package/inner.py": ending})
    __import__("builtins").Ended = Ended
    try:
        assert loading.attribute_of("held_package.inner:app", (), (Ended,)) == 1
    finally:
        del __import__("builtins").Ended
    assert sys.modules["held_package"].inner.app == 1
    assert loading.attribute_of("held_package.inner:app", (), (Ended,)) == 1


def test_a_module_without_a_spec(folder, monkeypatch):
    module = type(sys)("held_module")
    module.__spec__ = None
    module.app = 7
    monkeypatch.setitem(sys.modules, "held_module", module)
    assert loading.attribute_of("held_module:app", (), (Ended,)) == 7
    folder.joinpath("held_namespace").mkdir()
    with pytest.raises(hosts.Unloadable, match="the module held_namespace has no app"):
        loading.attribute_of("held_namespace:app", (), (Ended,))


def test_a_module_from_a_file(folder):
    write(folder, {"src/model.py": "import beside\nnumber = beside.number\n", "src/beside.py": "number = 9\n"})
    before = list(sys.path)
    try:
        assert loading.module_in("src/model.py", "held_model").number == 9
        assert sys.path[0] == str(folder.joinpath("src"))
        assert loading.module_in("src/model.py", "held_model").number == 9
    finally:
        sys.path[:] = before
    with pytest.raises(hosts.Unloadable, match=r"there is no file .*none\.py"):
        loading.module_in("none.py", "none")
    write(folder, {"bad.py": "1 / 0\n"})
    with pytest.raises(ZeroDivisionError):
        loading.module_in("bad.py", "held_bad")
    sys.path[:] = before
    assert "held_bad" not in sys.modules


def test_what_an_application_holds():
    def wanted(thing):
        return thing is inner

    def inner():
        pass

    def around(app):
        def wrapper():
            return app() if app else unset

        return wrapper
        unset = 3

    class Middleware:
        def __init__(self, app):
            self.routes = {"/": app}
            self.again = self

        def __call__(self):
            pass

    assert loading.held_by(Middleware(around(inner)), wanted) is inner
    assert loading.held_by(Middleware(inner).__call__, wanted) is inner
    assert loading.held_by(Middleware(None), wanted) is None

    many = Middleware(None)
    many.many = {number: around(number) for number in range(200)}
    assert loading.held_by(many, wanted) is None
