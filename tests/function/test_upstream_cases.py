"""The cases of upstream's own tests of runtimes, each in a real container of an image that takes code.

From apache/openwhisk (BasicActionRunnerTests), openwhisk-runtime-docker (ActionProxyContainerTests,
DockerExampleContainerTests) and openwhisk-runtime-python (PythonBasicTests, PythonAdvancedTests, Python3Tests). That
streams are empty is said of what the function writes: the proxy has a line of its own for each activation.

Not here, with the reason:

- "run sample without init", "'null' init", "init that does nothing" with the skeleton's stub: there is no stub, an
  image with a function of its own takes its place (DockerExampleContainerTests below).
- "bad run argument" (404): a scalar as value is answered 200 with an error, as by all hosts (design, fixed points).
- "fail to run a bad script", "zip exec", "cwd is the action location": of shell scripts and binaries. Their Python
  variants are here: a result that is none, a zip without `main` in the message, the zip's folder as working directory.
- badaction "init exits", "run exits" (500, empty body): a function that calls os._exit ends this process, which is a
  child of upstream's. Those that raise SystemExit are here (PythonAdvancedTests).
- badproxy: tests the harness's own client.
"""

from __future__ import annotations

import socket
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bed import Containers
from upstream_harness import ActionContainer, zipped, zipped_folder

pytestmark = pytest.mark.docker

Start = Callable[..., ActionContainer]

ECHO = "def main(args):\n    return args\n"
HELLO = """
from __future__ import print_function
import sys
def main(args):
    print('hello stdout')
    print('hello stderr', file=sys.stderr)
    return args
"""
UNICODE = """
# encoding: utf-8
def main(args):
    sep = args['delimiter']
    str = sep + u" ☃ " + sep
    print(str)
    return {"winter" : str }
""".strip()
CANNOT_START = "Cannot start action. Check logs for details."
EVERYWHERE = pytest.mark.parametrize("base", ["python:3.6", "python:3.7", "python:3.11"])


# --- BasicActionRunnerTests ---------------------------------------------------------------------------------------


def test_initialization_with_no_code_and_with_no_content(container: Start) -> None:
    one = container()
    assert one.init("", main="")[0] == 403
    assert one.post("/init", {}) == (403, {"error": "Missing main/no code to execute."})


def test_function_not_returning_a_json_object(container: Start) -> None:
    one = container()
    assert one.init('def main(args):\n    return "not a json object"')[0] == 200
    assert one.post("/run", {}) == (502, {"error": "The action did not return a dictionary or array."})
    assert one.streams(1) == ("", "")


def test_init_a_second_time(container: Start) -> None:
    one = container()
    assert one.init(ECHO)[0] == 200
    assert one.init(ECHO) == (403, {"error": "Cannot initialize the action more than once."})
    end = time.monotonic() + 10
    while "Cannot initialize the action more than once." not in one.running.logs():  # the engine's log lags behind
        assert time.monotonic() < end
        time.sleep(0.05)


def test_non_standard_entry_point(container: Start) -> None:
    one = container()
    assert one.init("def niam(args):\n  return args", main="niam")[0] == 200
    assert one.run({"string": "hello"}) == (200, {"string": "hello"})
    assert one.streams(1) == ("", "")


@EVERYWHERE
def test_echo_and_unicode(base: str, container: Start) -> None:
    one = container(base)
    assert one.init(HELLO)[0] == 200
    values: list[Any] = [{"string": "hello"}, {"string": "❄ ☃ ❄"}, {"numbers": [42, 1]}, {"object": {"a": "A"}}]
    for value in values:
        assert one.run(value) == (200, value)
    out, err = one.streams(4)
    assert out.count("hello stdout") == err.count("hello stderr") == 4
    another = container(base, environment={"LC_ALL": "POSIX"})
    assert another.init(UNICODE)[0] == 200
    assert another.run({"delimiter": "❄"}) == (200, {"winter": "❄ ☃ ❄"})
    assert another.streams(1) == ("❄ ☃ ❄", "")


def test_env_before_init(container: Start) -> None:
    one = container()
    code = """
import os
somevar = os.environ['SOME_VAR']
another = os.environ['ANOTHER_VAR']

def main(dict):
    return {"SOME_VAR": somevar, "ANOTHER_VAR": another}
"""
    assert one.init(code, env={"SOME_VAR": "xyz", "ANOTHER_VAR": ""})[0] == 200
    assert one.run({}) == (200, {"SOME_VAR": "xyz", "ANOTHER_VAR": ""})


def test_expected_env_variables(container: Start) -> None:
    one = container(environment={"__OW_API_HOST": "xyz"})
    props = {
        "api_key": "abc",
        "namespace": "zzz",
        "action_name": "xxx",
        "action_version": "0.0.1",
        "activation_id": "iii",
        "deadline": "123",
    }
    names = ["api_host", *props]
    code = f"import os\ndef main(dict):\n    return {{n: os.environ['__OW_' + n.upper()] for n in {names}}}"
    assert one.init(code)[0] == 200
    assert one.run({}, **props) == (200, {"api_host": "xyz", **props})


def test_large_input(container: Start) -> None:
    one = container()
    assert one.init(ECHO)[0] == 200
    value = {"arg": "a" * 1048561}
    assert one.run(value) == (200, value)


# --- ActionProxyContainerTests ------------------------------------------------------------------------------------


def test_zip_without_main_in_the_message_and_cwd_is_the_action_location(container: Start) -> None:
    one = container(read_only=True, tmpfs={"/tmp": ""}, user="65534")
    code = "import os\nhere = os.path.dirname(__file__)\nprint('an example log message')\n"
    code += "def main(args):\n    return {'msg': 'hello zip', 'there': os.getcwd() == here, 'named': __file__}"
    status, _ = one.post("/init", {"value": {"code": zipped({"__main__.py": code}), "binary": True}})
    assert status == 200
    status, result = one.run({})
    assert (status, result.pop("named").startswith("/tmp/"), result) == (200, True, {"msg": "hello zip", "there": True})
    assert one.streams(1) == ("an example log message", "")


# --- DockerExampleContainerTests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("accepts", [False, True], ids=["refuses code", "accepts code"])
def test_an_image_with_a_function_of_its_own(
    accepts: bool, own_image: Callable[[bool], str], containers: Containers
) -> None:
    """run without init; init that does nothing; run with argument."""
    without_init, one = [ActionContainer(containers.run(own_image(accepts)).wait(8080)) for _ in range(2)]
    greeting = {"msg": "Hello from an own function!", "args": {}}
    assert without_init.post("/run", {}) == (200, greeting)
    out, err = without_init.streams(1)
    assert (out.splitlines(), err) == (["loaded", "This is an example log message from an own function"], "")
    if not accepts:
        status, answer = one.init(ECHO)
        assert status == 400
        assert "takes no code" in answer["error"]
    assert one.post("/init", {})[0] == 200
    for value in ({"a": "A"}, {"i": 1}):
        assert one.run(value) == (200, {**greeting, "args": value})
    one.streams(2 + (not accepts))


def test_another_function_in_place_of_the_image_s_own(own_image: Callable[[bool], str], containers: Containers) -> None:
    one = ActionContainer(containers.run(own_image(True)).wait(8080))
    assert one.init(ECHO)[0] == 200
    assert one.run({"a": "A"}) == (200, {"a": "A"})
    assert one.streams(1) == ("", "")


def test_badaction_sleeps(container: Start) -> None:
    at_init, at_run = container(), container()
    code = "import time\ndef sleep():\n    print('sleeping', flush=True)\n    time.sleep(60)\n"
    with pytest.raises(socket.timeout):
        at_init.post("/init", {"value": {"code": code + "sleep()", "main": "main"}}, timeout=1)
    assert at_init.streams(0, "sleeping") == ("sleeping", "")
    assert at_run.init(code + "def main(args):\n    sleep()")[0] == 200
    with pytest.raises(socket.timeout):
        at_run.post("/run", {"value": {"sleep": True}}, timeout=1)
    assert at_run.streams(0, "sleeping") == ("sleeping", "")


# --- PythonBasicTests ---------------------------------------------------------------------------------------------


@EVERYWHERE
def test_zip_encoded_action_using_non_default_entry_points(base: str, container: Start) -> None:
    one = container(base)
    files = {
        "__main__.py": "\nfrom echo import echo\ndef niam(args):\n    return echo(args)\n",
        "echo.py": '\ndef echo(args):\n  return { "echo": args }\n',
    }
    assert one.init(zipped(files), main="niam")[0] == 200
    assert one.run({"msg": "it works"}) == (200, {"echo": {"msg": "it works"}})
    assert one.streams(1) == ("", "")


def test_zip_encoded_action_which_can_read_from_relative_paths(container: Start) -> None:
    one = container()
    code = "\ndef main(args):\n    with open('workfile', 'r') as f:\n      return { 'file': f.read() }\n"
    assert one.init(zipped({"__main__.py": code, "workfile": "this is a test string"}))[0] == 200
    assert one.run({}) == (200, {"file": "this is a test string"})
    assert one.streams(1) == ("", "")


def test_zip_encoded_action_does_not_include_required_file(container: Start) -> None:
    one = container()
    assert one.init(zipped({"echo.py": 'def echo(args):\n  return { "echo": args }'}), main="echo")[0] == 502
    out, err = one.streams(1)
    assert out == ""
    assert "Zip file does not include" in err


def test_action_error_when_action_fails(container: Start) -> None:
    one = container()
    code = 'def div(x, y):\n    return x/y\n\ndef main(dict):\n    return {"divBy0": div(5,0)}'
    assert one.init(code)[0] == 200
    assert one.run({}) == (200, {"error": "division by zero"})
    out, err = one.streams(1)
    assert out == ""
    assert "Traceback" in err


def test_log_compilation_errors_and_errors_when_importing_a_not_supported_package(container: Start) -> None:
    one = container()
    assert one.init('\n 10 PRINT "Hello!"\n 20 GOTO 10\n')[0] == 502
    another = container()
    code = 'import iamnotsupported\ndef main(args):\n    return { "error": "not reaching here" }'
    assert another.init(code)[0] == 502
    for streams in (one.streams(1), another.streams(1)):
        assert streams[0] == ""
        assert "Traceback" in streams[1]


def test_application_errors_are_passed_on(container: Start) -> None:
    one = container()
    assert one.init('def main(args):\n    return { "error": "sorry" }')[0] == 200
    assert one.run({}) == (200, {"error": "sorry"})
    assert one.streams(1) == ("", "")


def test_valid_sys_executable(container: Start) -> None:
    one = container()
    assert one.init('import sys\ndef main(args):\n    return { "sys": sys.executable }')[0] == 200
    assert "python" in one.run({})[1]["sys"]


def test_array_result_and_array_as_input_param(container: Start) -> None:
    one = container()
    assert one.init("def main(args):\n    return args if args else ['a', 'b']")[0] == 200
    assert one.run({}) == (200, ["a", "b"])
    assert one.run(["c", "d"]) == (200, ["c", "d"])


# --- PythonAdvancedTests ------------------------------------------------------------------------------------------


def test_termination_at_run(container: Start) -> None:
    one = container()
    assert one.init("import sys\ndef main(args):\n  sys.exit(1)")[0] == 200
    status, result = one.run({})
    assert status == 400
    assert "command exited" in result["error"]
    assert one.streams(1) == ("", "")


def test_termination_at_init(container: Start) -> None:
    one = container()
    status, answer = one.init("import sys\nsys.exit(1)\ndef main(args):\n   pass")
    assert status == 502
    assert "Cannot start action" in answer["error"]
    out, err = one.streams(1)
    assert out == ""
    assert "Command exited abruptly during initialization." in err


def test_read_an_environment_variable(container: Start) -> None:
    one = container()
    code = 'import os\nX = os.getenv(\'X\')\nprint(X)\ndef main(args):\n   return { "body": "ok" }'
    assert one.init(code, env={"X": "xyz"})[0] == 200
    assert one.run({}) == (200, {"body": "ok"})
    assert one.streams(1) == ("xyz", "")


# --- Python3Tests -------------------------------------------------------------------------------------------------

# What virtualenv writes since its version 20, but for comments (virtualenv/activation/python/activate_this.py).
ACTIVATE_THIS = """
import os
import site
import sys

abs_file = os.path.abspath(__file__)
bin_dir = os.path.dirname(abs_file)
base = bin_dir[: -len("bin") - 1]
os.environ["PATH"] = os.pathsep.join([bin_dir] + os.environ.get("PATH", "").split(os.pathsep))
os.environ["VIRTUAL_ENV"] = base
prev_length = len(sys.path)
for lib in "../lib/{version}/site-packages".split(os.pathsep):
    site.addsitedir(os.path.realpath(os.path.join(bin_dir, lib)))
sys.path[:] = sys.path[prev_length:] + sys.path[0:prev_length]
sys.real_prefix = sys.prefix
sys.prefix = base
"""
AGENT = """
from random_user_agent.user_agent import UserAgent

def main(args):
    return {"agent": UserAgent(limit=100).get_random_user_agent()}

def naim(args):
    return main(args)
"""


@pytest.fixture
def with_virtualenv(tmp_path: Path) -> Path:
    """A folder as upstream's `-compile` makes it, with a virtualenv of this machine's Python, links and all."""
    folder = tmp_path / "action"
    venv.create(folder / "virtualenv", symlinks=True)
    packages = next((folder / "virtualenv").glob("lib/python*/site-packages"))
    package = packages / "random_user_agent"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "user_agent.py").write_text(
        "class UserAgent:\n    def __init__(self, limit): pass\n    def get_random_user_agent(self): return 'Mozilla'\n"
    )
    script = ACTIVATE_THIS.replace("{version}", packages.parent.name)
    (folder / "virtualenv" / "bin" / "activate_this.py").write_text(script)
    (folder / "main__.py").write_text(AGENT)
    (folder / "exec").write_text("#!/bin/bash\n")
    return folder


@pytest.mark.parametrize("main", ["main", "naim"])
def test_virtual_environment(main: str, with_virtualenv: Path, container: Start) -> None:
    one = container()
    assert one.init(zipped_folder(with_virtualenv), main=main)[0] == 200
    assert one.run({}) == (200, {"agent": "Mozilla"})
    assert one.streams(1) == ("", "")


@EVERYWHERE
def test_virtual_environment_without_a_script(base: str, with_virtualenv: Path, container: Start) -> None:
    """`python -m venv` writes none."""
    one = container(base)
    code = zipped_folder(with_virtualenv, without="virtualenv/bin/activate_this.py")
    assert one.init(code)[0] == 200
    assert one.run({}) == (200, {"agent": "Mozilla"})


def test_wrong_main_module_name(with_virtualenv: Path, container: Start) -> None:
    one = container()
    status, answer = one.init(zipped_folder(with_virtualenv, without="main__.py"))
    assert status == 502
    assert CANNOT_START in answer["error"]
    assert "Zip file does not include" in one.streams(1)[1]


def test_invalid_virtualenv_directory(container: Start) -> None:
    one = container()
    status, answer = one.init(zipped({"__main__.py": ECHO, "virtualenv/invalidvirtualenv.md": ""}))
    assert status == 502
    assert "Invalid virtualenv" in answer["error"]
    assert "Zip file does not include /virtualenv/bin/" in one.streams(1)[1]


# --- what upstream doesn't test -----------------------------------------------------------------------------------


def test_zips_that_are_refused_leave_nothing_and_the_next_may_come(container: Start) -> None:
    one = container()
    for files in ({"../evil.py": "1", "__main__.py": ECHO}, {"__main__.py": ECHO, "zeros": "0" * (1 << 25)}):
        status, answer = one.init(zipped(files))
        assert status == 502
        assert answer["error"].startswith(f"{CANNOT_START} The zip is refused, ")
    cut = zipped({"__main__.py": ECHO})[:-5]
    status, answer = one.post("/init", {"value": {"code": cut, "binary": True}})
    assert status == 400
    assert "cut off" in answer["error"]
    found = one.running.container.exec_run(["ls", "/tmp"])
    assert found.output == b""
    assert one.init(zipped({"__main__.py": ECHO}))[0] == 200
    began = time.monotonic()
    one.running.container.kill("SIGTERM")
    assert one.running.container.wait(timeout=20)["StatusCode"] == 0
    assert time.monotonic() - began < 5
