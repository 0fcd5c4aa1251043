"""The function host: ``main(params)`` from a folder or from /init, as OpenWhisk's own Python runtime runs it."""

import base64
import io
import json
import os
import sys
import tracemalloc
import zipfile

import pytest
from modelproxy import hosts
from modelproxy.action import ONLY_ONCE, Action
from modelproxy.hosts.function import EXITED, NO_CODE, NOT_A_RESULT, Host
from modelproxy.http1 import parse_head
from modelproxy.jobs import Job
from modelproxy.messages import Request
from modelproxy.settings import Settings

from proxy_process import MARKER, Proxy

ECHO = "def main(args):\n    return args\n"
READ = "__import__('pathlib').Path('data').read_text()"
SENTENCE = "Cannot start action. Check logs for details. "


@pytest.fixture(autouse=True)
def _process_as_before(monkeypatch, tmp_path):
    """What a function's load leaves: working directory, path, modules, and the environment of activations."""
    folder = tmp_path / "model"
    folder.mkdir()
    before = os.getcwd(), list(sys.path), dict(sys.modules), dict(os.environ)
    os.chdir(str(folder))
    yield
    os.chdir(before[0])
    sys.path[:] = before[1]
    for name in set(sys.modules) - set(before[2]):
        if name in ("main__", "helper", "packaged", "echo"):
            del sys.modules[name]
    sys.modules["__main__"] = before[2]["__main__"]
    os.environ.clear()
    os.environ.update(before[3])


def write(**files):
    for name, text in files.items():
        with open(name.replace("__py", ".py"), "w", encoding="utf-8") as file:
            file.write(text)


def zip_of(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def b64(content):
    return base64.b64encode(content).decode("ascii")


class Container:
    """An image's function host behind the container contract."""

    def __init__(self, target="", **environ):
        settings = Settings(dict({"MODELPROXY_HOST": "function", "MODELPROXY_TARGET": target}, **environ))
        self.host, self.choice = hosts.make(settings, os.getcwd())
        self.action = Action(settings, self.host)
        self.action._settled = True  # a collection of all garbage for each container here would take most of the time
        self.replies = []

    def reply(self, connection, head, reply):
        self.replies.append(reply)

    def post(self, path, message):
        body = json.dumps(message).encode("utf-8")
        job = Job(self, None, parse_head(b"POST %s HTTP/1.1\r\nHost: x" % path), bytearray(body))
        self.action.admit(job)
        self.action.perform(job)
        reply = self.replies.pop()
        assert self.replies == []
        return reply.status, json.loads(reply.body.decode("utf-8"))

    def init(self, code=None, **value):
        return self.post(b"/init", {"value": dict({"code": code, "main": "main", "binary": False}, **value)})

    def zip(self, files, **value):
        return self.init(b64(zip_of(files)), binary=True, **value)

    def run(self, value, **message):
        return self.post(b"/run", dict(message, value=value))


def taking(**environ):
    """A container of an image that takes code."""
    return Container(MODELPROXY_INIT_CODE="accept", **environ)


def error_of(answer):
    status, body = answer
    assert (status, list(body)) == (502, ["error"])
    assert body["error"].startswith(SENTENCE)
    return body["error"][len(SENTENCE) :]


OK = (200, {"ok": True})


# --- from the image -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["__main__.py", "main.py"])
def test_a_file_of_the_folder(file):
    write(**{file: ECHO})
    container = Container()
    assert container.init() == OK
    assert container.run({"a": [1]}) == (200, {"a": [1]})


def test_the_file_is_found_where_none_is_named():
    write(**{"main.py": ECHO})
    _, choice = hosts.make(Settings({}), os.getcwd())
    assert choice == "host function of main.py, since found main() in main.py"
    _, choice = hosts.make(Settings({"MODELPROXY_INIT_CODE": "accept"}), os.getcwd())
    assert choice == "host function of main.py, since MODELPROXY_INIT_CODE is accept"


def test_a_file_whose_main_comes_from_elsewhere():
    """No rule that reads the source finds it."""
    write(**{"main.py": "from helper import *\n", "helper.py": ECHO})
    container = Container()
    assert container.init() == OK
    assert container.run({"a": 1}) == (200, {"a": 1})


def test_a_named_file_and_function_with_a_module_beside_it():
    os.mkdir("actions")
    write(
        **{"actions/hello.py": "from helper import f as hi\n", "actions/helper.py": "f = lambda args: {'hi': args}\n"}
    )
    container = Container("actions/hello.py:hi")
    assert container.init() == OK
    assert container.run({}) == (200, {"hi": {}})


@pytest.mark.parametrize("file", ["__main__.py", "main.py"])
def test_a_named_folder_becomes_the_working_directory(file):
    os.mkdir("actions")
    write(
        **{
            "actions/" + file: "def main(args):\n    return {'file': %s}" % READ,
            "actions/data": "here",
        }
    )
    container = Container("actions")
    assert container.init() == OK
    assert container.run({}) == (200, {"file": "here"})


@pytest.mark.parametrize("target", ["", "action.zip", "action.zip:main"])
def test_a_zip_in_the_folder(target):
    with open("action.zip", "wb") as file:
        file.write(zip_of({"__main__.py": ECHO}))
    container = Container(target)
    assert container.init() == OK
    assert container.run({"a": 1}) == (200, {"a": 1})
    assert __file__ != sys.modules["main__"].__file__
    unpacked = os.getcwd()
    container.host.close()
    assert not os.path.exists(unpacked)


@pytest.mark.parametrize(
    ("target", "files", "reason"),
    [
        ("", {}, "there is no __main__.py, main.py or zip in "),
        ("", {"a.zip": "", "b.zip": ""}, "there are a.zip, b.zip in "),
        ("x.py", {}, "there is no x.py in "),
        ("x.zip", {}, "there is no x.zip in "),
        ("main.py:handler", {"main.py": ECHO}, "main.py has no function handler"),
        ("main.py", {"main.py": "main = 1"}, "main.py has no function main"),
        ("main.py", {"main.py": "def main(:"}, "SyntaxError: "),
        ("a.zip", {"a.zip": "PK"}, "The zip is refused, the zip can't be unpacked: "),
        (".", {}, "Zip file does not include __main__.py"),
    ],
)
def test_what_is_no_function(target, files, reason):
    write(**files)
    assert reason in error_of(Container(target).init())


def test_what_is_missing_in_an_image_is_told_at_the_first_run_too():
    status, result = Container("x.py").run({})
    assert (status, result["error"]["statusCode"]) == (200, 500)
    assert SENTENCE + "there is no x.py" in result["error"]["body"]


def test_an_image_that_takes_no_code_runs_its_own_whatever_main_says():
    write(**{"main.py": ECHO + "def other(args):\n    return {}"})
    container = Container()
    status, answer = container.init(ECHO)
    assert status == 400
    assert answer["error"].startswith("This image runs the model that was built into it and takes no code")
    assert container.init(main="other") == OK
    assert container.run({"a": 1}) == (200, {"a": 1})


# --- from /init ---------------------------------------------------------------------------------------------------


def test_text():
    container = taking()
    assert container.init("import os\n" + ECHO) == OK
    assert container.run({"a": 1}) == (200, {"a": 1})
    assert container.init(ECHO) == (403, {"error": ONLY_ONCE})


@pytest.mark.parametrize("value", [{}, {"code": None}, {"code": ""}, {"code": " \n", "main": ""}])
def test_no_code_where_the_image_has_none(value):
    assert taking().post(b"/init", {"value": value}) == (403, {"error": NO_CODE})
    assert taking().post(b"/init", {}) == (403, {"error": NO_CODE})
    assert NO_CODE in taking().run({})[1]["error"]["body"]


def test_no_code_where_the_image_has_a_function_of_its_own():
    write(**{"main.py": ECHO + "def other(args):\n    return {'other': args}\n"})
    container = taking()
    assert container.init() == OK
    assert container.run({}) == (200, {})
    container = taking()
    assert container.init(main="other") == OK
    assert container.run({}) == (200, {"other": {}})
    container = taking(MODELPROXY_TARGET="main.py:other")
    assert container.init() == OK
    assert container.run({}) == (200, {"other": {}})


def test_code_in_place_of_the_image_s_own_function():
    write(**{"main.py": ECHO, "data": "of the image"})
    container = taking()
    assert container.init("def main(args):\n    return {'file': %s}" % READ) == OK
    assert container.run({}) == (200, {"file": "of the image"})


def test_no_code_once_the_image_s_own_has_run():
    write(**{"main.py": ECHO})
    container = taking()
    assert container.run({"a": 1}) == (200, {"a": 1})
    assert container.init("def main(args): return {}") == (403, {"error": ONLY_ONCE})
    assert container.init() == OK


def test_another_function_than_main():
    container = taking()
    assert container.init("def niam(args):\n    return args", main="niam") == OK
    assert container.run({"string": "hello"}) == (200, {"string": "hello"})
    assert "main__.py has no function niam" in error_of(taking().init(ECHO, main="niam"))
    assert "main__.py has no function x.y" in error_of(taking().init(ECHO, main="x.y"))


@pytest.mark.parametrize("value", [{"code": 5}, {"code": ["a"]}, {"code": ECHO, "main": 5}])
def test_values_of_init_that_are_no_strings(value):
    status, answer = taking().post(b"/init", {"value": value})
    assert status == 400
    assert "must be a string" in answer["error"]


def test_variables_are_set_before_the_code_runs_and_stay_as_they_are():
    code = "import os\nA, B = os.environ['A_VAR'], os.environ['EMPTY']\ndef main(args):\n    return {'a': A, 'b': B}"
    container = taking()
    assert container.init(code, env={"A_VAR": "xyz", "EMPTY": ""}) == OK
    assert container.run({}) == (200, {"a": "xyz", "b": ""})


def test_the_module_is_main_but_not_a_script():
    """Pickles of a training script's own classes are of __main__; what follows its guard mustn't run."""
    code = (
        "import pickle\nclass Own: pass\nif __name__ == '__main__':\n    raise SystemExit(3)\n"
        "def main(args):\n    return {'name': __name__, 'of a script': pickle.loads(b'c__main__\\nOwn\\n.') is Own,"
        " 'own': type(pickle.loads(pickle.dumps(Own()))) is Own}"
    )
    container = taking()
    assert container.init(code) == OK
    assert container.run({}) == (200, {"name": "main__", "of a script": True, "own": True})


def test_a_byte_order_mark_and_windows_lines():
    container = taking()
    assert container.init("\ufeff# coding: utf-8\r\ndef main(args):\r\n    return {'a': '\u2603'}\r\n") == OK
    assert container.run({}) == (200, {"a": "\u2603"})


def test_a_declared_encoding_of_a_file():
    with open("main.py", "wb") as file:
        file.write(b"# coding: latin-1\ndef main(args):\n    return {'a': '\xe9'}\n")
    assert Container().run({}) == (200, {"a": "\u00e9"})


def test_a_file_as_base64_is_no_zip_but_text():
    """The platform says binary of any code that looks like base64."""
    container = taking()
    assert container.init(b64(ECHO.encode("utf-8")), binary=True) == OK
    assert container.run({"a": 1}) == (200, {"a": 1})


@pytest.mark.parametrize("code", ["abc", "ab=c", "a b c", "\u96ea", "abcd====", "abc==", "abcde===", "not base64!"])
def test_base64_that_is_none(code):
    status, answer = taking().init(code, binary=True)
    assert status == 400
    assert "isn't base64, or was cut off" in answer["error"]


@pytest.mark.parametrize("over", [0, 1, 2])
def test_whether_it_is_base64_takes_no_memory_of_its_own(over):
    """It took 29 times its length."""
    host = Host(Settings({"MODELPROXY_INIT_CODE": "accept"}))
    code = b64(b"PK" + bytes(750001 + over))
    host.take({"code": code, "binary": True})
    tracemalloc.start()
    try:
        with pytest.raises(hosts.Unloadable, match="The zip is refused"):
            host.load()
        assert tracemalloc.get_traced_memory()[1] < 6 * len(code)
    finally:
        tracemalloc.stop()


def test_base64_in_lines():
    code = base64.encodebytes(zip_of({"__main__.py": ECHO})).decode("ascii")
    assert taking().init(code, binary=True) == OK


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (' 10 PRINT "Hello!"\n 20 GOTO 10', "IndentationError"),
        ("import iamnotsupported\n" + ECHO, "No module named 'iamnotsupported'"),
        ("raise ValueError('mine')", "ValueError: mine"),
        ("x = '\0'", "null byte"),
        ("x = 1", "main__.py has no function main"),
    ],
)
def test_code_that_fails(code, reason, capfd):
    container = taking()
    assert reason in error_of(container.init(code))
    assert ("Traceback" in capfd.readouterr()[1]) == ("no function" not in reason)
    assert container.init(ECHO) == OK  # nothing of it is left
    assert container.run({"a": 1}) == (200, {"a": 1})


def test_code_that_exits(capfd):
    assert error_of(taking().init("import sys\nsys.exit(1)\n" + ECHO)).startswith("SystemExit: 1")
    assert "Command exited abruptly during initialization." in capfd.readouterr()[1]


def test_tracebacks_show_the_text(capfd):
    container = taking()
    assert container.init("def div(x, y):\n    return x / y\n\ndef main(args):\n    return {'a': div(5, 0)}") == OK
    assert container.run({}) == (200, {"error": "division by zero"})
    said = capfd.readouterr()[1]
    assert "Traceback" in said
    assert "return x / y" in said


# --- zips ---------------------------------------------------------------------------------------------------------


def test_a_zip_with_modules_and_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write(data="of the image")
    files = {
        "__main__.py": "from echo import echo\ndef niam(args):\n    return dict(echo(args), file=%s)" % READ,
        "echo.py": "def echo(args):\n    return {'echo': args}",
        "data": "of the zip",
    }
    container = taking()
    assert container.zip(files, main="niam") == OK
    assert container.run({"msg": 1}) == (200, {"echo": {"msg": 1}, "file": "of the zip"})
    assert os.stat(os.getcwd()).st_mode & 0o077 == 0
    container.host.close()
    assert os.listdir(str(tmp_path)) == ["model"]


def test_a_zip_that_upstream_compiled():
    files = {"exec": "#!/bin/bash\n", "exec__.py": "raise SystemExit", "main__.py": ECHO}
    container = taking()
    assert container.zip(files) == OK
    assert container.run({"a": 1}) == (200, {"a": 1})


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"echo.py": ECHO}, "Zip file does not include __main__.py"),
        ({"a/__main__.py": ECHO}, "at its top, but in a: zip what is in the folder, not the folder"),
        ({"../__main__.py": ECHO, "__main__.py": ECHO}, "The zip is refused, the name '../__main__.py' in the zip"),
        ({"__main__.py": "import nothing_of_the_kind"}, "No module named 'nothing_of_the_kind'"),
        (
            {"__main__.py": ECHO, "virtualenv/a.md": ""},
            "Invalid virtualenv. Zip file does not include /virtualenv/bin/",
        ),
    ],
)
def test_zips_that_fail_leave_nothing(files, reason, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before, path = os.getcwd(), list(sys.path)
    container = taking()
    assert reason in error_of(container.zip(files))
    assert os.listdir(str(tmp_path)) == ["model"]
    assert (os.getcwd(), sys.path) == (before, path)
    if "Zip file does not include" in reason:
        assert "Zip file does not include" in capfd.readouterr()[1]
    assert container.zip({"__main__.py": ECHO}) == OK


def test_no_place_for_a_zip(monkeypatch):
    def nowhere(**_):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.mkdtemp", nowhere)
    assert "No usable temporary directory" in error_of(taking().zip({"__main__.py": ECHO}))


PACKAGED = {"__main__.py": "import packaged\ndef main(args):\n    return {'agent': packaged.NAME}"}


@pytest.mark.parametrize("place", ["bin", "Scripts"])
def test_a_virtualenv_is_activated_as_it_says_itself(place):
    """As virtualenv writes it: the packages come before all else."""
    script = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))\nimport packaged"
    write(**{"packaged.py": "NAME = 'of the image'"})
    container = taking()
    files = {"virtualenv/%s/activate_this.py" % place: script, "virtualenv/lib/packaged.py": "NAME = 'own'"}
    assert container.zip(dict(PACKAGED, **files)) == OK
    assert container.run({}) == (200, {"agent": "own"})


@pytest.mark.parametrize("version", ["%d.%d" % sys.version_info[:2], "3.2"])
def test_a_virtualenv_that_doesn_t_say(version, capfd):
    """As ``python -m venv`` makes it, with a .pth file that names a folder."""
    packages = "virtualenv/lib/python%s/site-packages/" % version
    files = {packages + "more.pth": "more\n", packages + "more/packaged.py": "NAME = 'own'"}
    write(**{"packaged.py": "NAME = 'of the image'"})
    container = taking()
    assert container.zip(dict(PACKAGED, **files)) == OK
    assert container.run({}) == (200, {"agent": "own"})
    assert ("is of another Python" in capfd.readouterr()[0]) == (version == "3.2")


def test_links_of_a_virtualenv(capfd):
    link = zipfile.ZipInfo("virtualenv/bin/python")
    link.external_attr = 0o120777 << 16
    file = io.BytesIO(zip_of(dict(PACKAGED, **{"virtualenv/lib/python3.2/site-packages/packaged.py": "NAME = 1"})))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(link, "/usr/bin/python3")
    assert taking().init(b64(file.getvalue()), binary=True) == OK
    assert "left out 1 links of the virtualenv" in capfd.readouterr()[0]


def test_requirements_without_a_virtualenv(capfd):
    assert taking().zip({"__main__.py": ECHO, "requirements.txt": "x"}) == OK
    assert "requirements.txt isn't installed here" in capfd.readouterr()[0]


# --- values and results -------------------------------------------------------------------------------------------


def serving(code, **environ):
    container = taking(**environ)
    assert container.init(code) == OK
    return container


def returning(expression, **environ):
    return serving("import json\ndef main(args):\n    return %s" % expression, **environ)


WEB = {"__ow_method": "post", "__ow_headers": {"a": "b"}, "__ow_path": "/x", "__ow_body": "YWJj", "a": 1}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"string": "\u2744 \u2603 \u2744"},
        {"numbers": [42, 1, 1.5, True, None]},
        {"deep": {"a": {"b": "\ud800"}}},
        {"error": "sorry", "more": 1},
        WEB,
        [],
        ["a", {"b": 1}],
    ],
)
def test_values_and_results_pass_as_they_are(value):
    assert returning("args").run(value) == (200, value)


def test_no_value_is_an_empty_object():
    container = returning("{'got': args}")
    assert container.post(b"/run", {}) == container.run(None) == (200, {"got": {}})


@pytest.mark.parametrize("value", ["A", 1, True])
def test_values_that_are_no_parameters(value):
    status, result = returning("args").run(value)
    assert status == 200
    assert "must be an object or an array" in result["error"]


def test_an_activation_s_variables():
    container = returning("{k: v for k, v in __import__('os').environ.items() if k.startswith('__OW_')}")
    message = {"api_key": "abc", "namespace": "zzz", "activation_id": "iii", "deadline": "123"}
    assert container.run({}, **message)[1] == {"__OW_" + name.upper(): text for name, text in message.items()}
    assert container.run({}) == (200, {})


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("('a', 1)", ["a", 1]),
        ("{1: 2, None: 3}", {"1": 2, "null": 3}),
        ("{'a': '\\uffff'}", {"a": "\uffff"}),
        ("__import__('collections').OrderedDict(a=1)", {"a": 1}),
        ("{'a': 'f' + '0' * 200, 'b': 10 ** 99}", {"a": "f" + "0" * 200, "b": 10**99}),
    ],
)
def test_what_json_makes_of_results(expression, result):
    assert returning(expression).run({}) == (200, result)


@pytest.mark.parametrize("expression", ["None", "'text'", "5", "True", "json.dumps({})"])
def test_results_that_are_none(expression):
    assert returning(expression).run({}) == (502, {"error": NOT_A_RESULT})


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("{'a': {1}}", "not JSON serializable"),
        ("{'a': b'bytes'}", "not JSON serializable"),
        ("{'a': float('nan')}", "not JSON compliant"),
        ("{'a': 10 ** 100}", "a number has 101 digits, and the platform takes 100"),
        ("{(1, 2): 3}", "keys must be"),
        ("(lambda d: d.update(d=d) or d)({})", "Circular reference"),
    ],
)
def test_results_that_no_json_can_say(expression, reason):
    status, result = returning(expression).run({})
    assert status == 502
    assert result["error"].startswith("The action's result can't be written as JSON: ")
    assert reason in result["error"]


@pytest.mark.parametrize(("expression", "error"), [("None", NOT_A_RESULT), ("exit(1)", EXITED)])
def test_a_function_of_the_image_keeps_its_container(expression, error):
    """Its model may have taken minutes to load; upstream's statuses cost the container."""
    write(**{"main.py": "def main(args):\n    return %s" % expression})
    container = Container()
    assert container.init() == OK
    assert container.run({}) == container.run(WEB) == (200, {"error": error})


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("raise ValueError('mine \\u2603')", "mine \u2603"),
        ("raise KeyError('a')", "'a'"),
        ("raise ValueError", "ValueError"),
        ("raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()", "Odd"),
        ("return main(args)", "maximum recursion depth exceeded"),
    ],
)
def test_exceptions(statement, error, capfd):
    container = serving("def main(args):\n    if args.get('well'): return {}\n    " + statement)
    for value in ({}, WEB):
        status, result = container.run(value)
        assert (status, list(result)) == (200, ["error"])
        assert result["error"].startswith(error)
        assert "Traceback" in capfd.readouterr()[1]
    assert container.run({"well": 1}) == (200, {})


@pytest.mark.parametrize("statement", ["exit(1)", "raise KeyboardInterrupt"])
def test_the_end_of_the_process(statement):
    container = serving("import sys\ndef main(args):\n    if args.get('well'): return {}\n    " + statement)
    assert container.run({}) == (400, {"error": EXITED})
    assert container.run({"well": 1}) == (200, {})


def test_results_that_are_too_large():
    container = returning("{'a': args['n'] * 'a'}", MODELPROXY_RESULT_LIMIT="1000")
    assert container.run({"n": 992}) == (200, {"a": 992 * "a"})
    sentence = "The function's result has 1001 bytes of JSON; OpenWhisk passes on 1000."
    assert container.run({"n": 993}) == (200, {"error": sentence})
    status, result = container.run(dict(WEB, n=993))
    assert (status, result["error"]["statusCode"]) == (200, 500)
    assert result["error"]["body"] == {"error": sentence, "size": 1001, "limit": 1000}


def test_an_exception_s_text_that_is_too_large():
    raising = "def main(args):\n    raise ValueError(args['n'] * '\u00e9')"
    container = serving(raising, MODELPROXY_RESULT_LIMIT="1000")
    assert container.run({"n": 494}) == (200, {"error": 494 * "\u00e9"})
    sentence = "The function's result has 1002 bytes of JSON; OpenWhisk passes on 1000."
    assert container.run({"n": 495}) == (200, {"error": sentence})
    assert container.run(dict(WEB, n=495))[1]["error"]["body"]["size"] == 1002


def test_an_exception_s_text_is_no_json():
    """What it says counts for nothing: brackets, digits, halves of surrogate pairs."""
    text = 2000 * "[" + 200 * "1" + "\ud800"
    container = serving("def main(args):\n    raise ValueError(args['text'])")
    assert container.run({"text": text}) == (200, {"error": text})


def test_a_result_has_no_more_levels_than_the_platform_reads():
    container = returning(
        "{'a': __import__('functools').reduce(lambda inner, _: [inner], range(args['levels'] - 2), [1000 * '['])}"
    )
    assert "error" not in container.run({"levels": 500})[1]
    too_deep = "The action's result can't be written as JSON: "
    if sys.version_info >= (3, 12):  # older ones write no more than some 980
        assert "error" not in container.run({"levels": 990})[1]
        too_deep += "it is nested too deeply, in more than 990 levels"
    assert container.run({"levels": 991})[1]["error"].startswith(too_deep)


@pytest.mark.parametrize(
    ("result", "web", "plain"),
    [
        ({}, 204, 200),
        ({"body": "x"}, 200, 200),
        ({"statusCode": 201}, 201, 200),
        ({"statusCode": "404", "body": "x"}, 404, 200),
        ({"statusCode": "x"}, 400, 200),
        ({"statusCode": "2" * 5000}, 400, 200),
        ({"error": "sorry"}, 400, 502),
        ({"error": {"statusCode": 422, "body": "x"}}, 422, 502),
        (["a"], 500, 200),
    ],
)
def test_the_log_says_what_the_caller_gets(result, web, plain, capfd):
    container = returning(repr(result))
    capfd.readouterr()
    container.run(WEB)
    container.run({})
    container.run(dict(WEB, __ow_method=5, __ow_path=None, __ow_body=[1]))
    lines = [line for line in capfd.readouterr()[0].splitlines() if " ms=" in line]
    size = len(json.dumps(result, separators=(",", ":")))
    assert lines[0].startswith("modelproxy: POST /x %d in=4 out=%d " % (web, size))
    assert lines[1].startswith("modelproxy: plain - %d in=0 out=%d " % (plain, size))
    assert lines[2].startswith("modelproxy: 5 / %d in=0 " % web)


@pytest.mark.parametrize(
    ("method", "path", "beginning"),
    [
        ("get", "/x 200 in=0 drift=9", "GET /x%20200%20in=0%20drift=9"),
        ("get", "/a%20b\u2003\u202e", "GET /a%20b%E2%80%83%E2%80%AE"),
        ("get", "/" + 700 * "\x7f", "GET /" + 666 * "%7F" + "%[and_101_characters_more]"),
        ("get /x 200 in=0 drift=9", "/y", "- /y"),
        (41 * "x", "", "- /"),
        ("purge", 0, "PURGE /"),
    ],
)
def test_no_caller_s_word_forges_what_the_log_says(method, path, beginning, capfd):
    container = returning("args")
    capfd.readouterr()
    value = dict(WEB, __ow_method=method, __ow_path=path)
    assert container.run(value) == (200, value)
    assert capfd.readouterr()[0].splitlines()[-2].startswith("modelproxy: %s 204 in=4 out=" % beginning)


# --- over plain HTTP ----------------------------------------------------------------------------------------------


def hosted(code):
    host = Host(Settings({"MODELPROXY_INIT_CODE": "accept"}))
    host.take({"code": code})
    host.load()
    return host


def test_plain_http_is_a_web_action():
    host = hosted("def main(args):\n    return {'statusCode': 201, 'headers': {'X-A': '1'}, 'body': args}")
    headers = [("content-type", "application/json"), ("content-length", "7"), ("x-b", "2")]
    response = host.handle(Request("POST", "/a", "q=1", headers, b'{"a":1}'))
    assert (response.status, response.headers) == (201, [("X-A", "1"), ("Content-Type", "application/json")])
    assert json.loads(response.body.decode("utf-8")) == {
        "__ow_method": "post",
        "__ow_path": "/a",
        "__ow_headers": {"content-type": "application/json", "x-b": "2"},
        "a": 1,
        "q": "1",
    }
    assert host.describe("", "/") is None


def test_plain_http_that_goes_wrong():
    host = hosted("def main(args):\n    return eval(args['r'])")
    assert host.handle(Request("GET", "/", "__ow_body=1")).status == 400
    for expression in ("None", "{'a':{1}}"):
        response = host.handle(Request("GET", "/", "r=" + expression))
        assert (response.status, list(json.loads(response.body.decode("utf-8")))) == (502, ["error"])
    assert host.handle(Request("GET", "/", "r=['a']")).status == 500
    with pytest.raises(ZeroDivisionError):
        host.handle(Request("GET", "/", "r=1/0"))


# --- as a process -------------------------------------------------------------------------------------------------


def test_what_is_printed_is_utf_8_in_any_locale_and_a_zip_s_folder_goes_at_the_end(tmp_path):
    code = "import sys\ndef main(args):\n    print(args['a'])\n    print(args['a'], file=sys.stderr)\n    return args"
    environ = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    environ.update(MODELPROXY_HOST="function", MODELPROXY_INIT_CODE="accept", TMPDIR=str(unpacked))
    proxy = Proxy(os.getcwd(), **environ)
    try:
        files = {"__main__.py": code, "\u2603.txt": "snow"}
        assert proxy.init(code=b64(zip_of(files)), binary=True) == OK
        assert proxy.run({"a": "\u2744"}) == (200, {"a": "\u2744"})
        assert len(os.listdir(str(unpacked))) == 1
        assert proxy.stop() == 0
        assert os.listdir(str(unpacked)) == []
        assert "\u2744\nmodelproxy: plain - 200" in proxy.out
        assert proxy.err == "\u2744\n" + MARKER
    finally:
        proxy.stop()
        proxy.close()
