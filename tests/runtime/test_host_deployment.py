import base64
import contextlib
import encodings
import errno
import gc
import json
import os
import sys
import threading

import pytest
from modelproxy.formats import data_url, multipart
from modelproxy.hosts import Unloadable, deployment, make
from modelproxy.hosts.deployment import host as host_module
from modelproxy.hosts.deployment import inputs, outputs, workspace
from modelproxy.hosts.deployment.inputs import safe_name
from modelproxy.hosts.deployment.outputs import disposition, media_type_of, preferred
from modelproxy.messages import BadValue, Request
from modelproxy.settings import Settings

from proxy_process import Proxy

PNG = b"\x89PNG\r\n\x1a\nnot much"
HEAD = """
class Deployment:
    def __init__(self, base_directory, context):
        self.base, self.context = base_directory, context

"""
SPECIFIED = HEAD + "    def request(self, data):\n        return "


@pytest.fixture(autouse=True)
def _back_home(monkeypatch, tmp_path_factory):
    """What a package changes in the process: the working directory, the path, the module called deployment."""
    before = os.getcwd()
    temporary = tmp_path_factory.mktemp("tmp")
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    modules = set(sys.modules)
    yield temporary
    os.chdir(before)
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and "/test_" in sys.modules[name].__file__:
            del sys.modules[name]
    sys.modules.pop("deployment", None)
    assert os.listdir(str(temporary)) == []  # no request left anything


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes a host of a package with this code, of specification files by name."""

    hosts = []

    def make_one(code, folder="", settings=(), **files):
        where = tmp_path / folder if folder else tmp_path
        where.mkdir(exist_ok=True)
        where.joinpath("deployment.py").write_text(code)
        for name, content in files.items():
            where.joinpath(name + ".json").write_text(json.dumps(content))
        monkeypatch.chdir(tmp_path)
        host = make(Settings(dict(settings)), str(tmp_path))[0]
        hosts.append(host)
        host.load()
        return host

    yield make_one
    for host in hosts:
        host.close()


def field(name, data_type, **more):
    return dict({"name": name, "data_type": data_type}, **more)


def ask(host, value=None, accept="", body=None, kind="application/json", method="POST", path="/", **more):
    headers = [("content-type", kind)] if kind else []
    headers += [("accept", accept)] if accept else []
    body = json.dumps(value).encode("utf-8") if body is None else body
    return host.handle(Request(method, path, "", headers, body, **more))


def ask_form(host, *parts, **options):
    boundary, body = multipart.write([multipart.Part(*part) for part in parts])
    return ask(host, body=body, kind="multipart/form-data; boundary=" + boundary, **options)


def value_of(response, status=200):
    assert response.status == status, response.body
    assert response.header("content-type") == "application/json"
    return json.loads(response.body.decode("utf-8"))


# --- the class ------------------------------------------------------------------------------------------------------


def test_a_deployment_gets_its_folder_and_its_context(package, tmp_path, monkeypatch):
    monkeypatch.setenv("__OW_ACTION_NAME", "/guest/digits/v7")
    monkeypatch.setenv("__OW_API_KEY", "secret")
    monkeypatch.setenv("LEVEL", "3")
    host = package(SPECIFIED + "{'base': self.base, 'context': self.context}", input_fields=[field("a", "int")])
    seen = value_of(ask(host, {"a": 1}))
    context = seen["context"]
    assert seen["base"] == str(tmp_path)
    variables = context.pop("environment_variables")
    assert variables["LEVEL"] == "3" and "__OW_API_KEY" not in variables
    assert context == {
        "deployment": "v7",
        "version": "v1",
        "input_type": "structured",
        "output_type": "structured",
        "input_fields": ["a"],
        "output_fields": [],
        "language": "python%d.%d" % sys.version_info[:2],
    }


def test_a_package_in_its_usual_folder_and_its_private_libraries(package, tmp_path):
    inner = tmp_path / "deployment_package"
    for folder in ("libraries/private", "own"):
        inner.joinpath(folder).mkdir(parents=True)
        inner.joinpath(folder, "__init__.py").write_text("NAME = __name__\n")
    inner.joinpath("libraries", "json5tool.py").write_text("NAME = __name__\n")
    inner.joinpath("weights.txt").write_text("0.5")
    code = (
        "import pathlib\nimport json5tool\nimport libraries.private\nimport own\nfrom private import NAME\n"
        "WEIGHTS = float(pathlib.Path('weights.txt').read_text())\n"  # as it lies beside the file
        + SPECIFIED
        + "[json5tool.NAME, libraries.private.NAME, own.NAME, NAME, WEIGHTS, self.base] and "
        "{'names': [json5tool.NAME, libraries.private.NAME, own.NAME, NAME], 'base': self.base}"
    )
    seen = value_of(ask(package(code, "deployment_package"), {}))
    assert seen["names"] == ["json5tool", "libraries.private", "own", "private"]
    assert seen["base"] == str(inner)


# As ubiops.utils.run_local tells constructors apart.
@pytest.mark.parametrize(
    ("parameters", "got"),
    [
        ("base_directory, context", "['b', 'c']"),
        ("context, base_directory", "['b', 'c']"),
        ("base, ctx", "['b', 'c']"),
        ("context", "['c']"),
        ("base_directory", "['b']"),
        ("**kwargs", "['b', 'c']"),
        ("", "[]"),
        ("model='x'", "[]"),
    ],
)
def test_constructors_take_what_they_name(package, parameters, got):
    code = (
        "class Deployment:\n    def __init__(self, %s):\n"
        "        seen = dict(locals())\n        seen.update(seen.pop('kwargs', {}))\n"
        "        self.got = sorted('b' if isinstance(v, str) and v.startswith('/') else 'c' for v in seen.values()"
        " if isinstance(v, dict) or v != 'x' and isinstance(v, str))\n"
        "    def request(self, data):\n        return {'got': self.got}\n" % parameters
    )
    assert str(value_of(ask(package(code), {}))["got"]) == got


def test_a_request_that_wants_its_context_gets_it(package):
    code = (
        "class Deployment:\n    def request(self, data, request_context):\n"
        "        request_context['streaming_update']('so far')\n"
        "        return {k: request_context[k] for k in ('id', 'request_mode', 'user_id')}\n"
    )
    host = package(code)
    seen = value_of(ask(host, {}, activation={"activation_id": "abc", "namespace": "guest"}))
    assert seen == {"id": "abc", "request_mode": "express", "user_id": "guest"}
    assert len(value_of(ask(host, {}))["id"]) == 32


@pytest.mark.parametrize("signature", ["data, context", "data, extra=1", "data, context=None", "*data"])
def test_other_signatures_of_request(package, signature):
    seen = value_of(
        ask(
            package(
                "class Deployment:\n    def request(self, %s):\n        return {'seen': str(locals())}\n" % signature
            ),
            {},
        )
    )
    assert ("request_mode" in seen["seen"]) == ("context" in signature)


def test_a_request_may_be_async_on_one_loop(package):
    code = (
        "import asyncio\nclass Deployment:\n    def __init__(self):\n        self.loops = set()\n"
        "    async def request(self, data):\n        await asyncio.sleep(0)\n"
        "        self.loops.add(asyncio.get_event_loop())\n        return {'loops': len(self.loops)}\n"
    )
    host = package(code)
    assert [value_of(ask(host, {}))["loops"] for _ in range(2)] == [1, 1]


def test_what_a_failed_request_held_is_free_without_a_collection(package):
    code = "import weakref\nclass Held:\n    pass\n" + HEAD
    code += "    async def request(self, data):\n        held = Held()\n        self.held = weakref.ref(held)\n"
    code += "        raise KeyError\n"
    host = package(code)
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(KeyError):
            ask(host, {})
        assert host._deployment.held() is None
    finally:
        gc.enable()


def test_a_list_is_several_requests(package):
    one = package(
        SPECIFIED + "{'b': data['a'] + 1}", input_fields=[field("a", "int")], output_fields=[field("b", "int")]
    )
    assert value_of(ask(one, [{"a": 1}, {"a": 2}])) == [{"b": 2}, {"b": 3}]
    assert value_of(ask(one, [{"a": 1}, {"a": "x"}]), 400)["field"] == "a"
    assert value_of(ask(one, [])) == []


def test_the_requests_of_a_list_have_each_a_directory_of_their_own(package):
    code = "import pathlib\n" + SPECIFIED + "{'out': 'a.txt', 'n': pathlib.Path('a.txt').write_text(data['t'])}"
    host = package(code, output_fields=[field("out", "file"), field("n", "int")])
    assert value_of(ask(host, [{"t": "x"}, {"t": "yz"}])) == [
        {"out": "data:text/plain;base64,eA==", "n": 1},
        {"out": "data:text/plain;base64,eXo=", "n": 2},
    ]


@pytest.mark.parametrize("fields", [{"deployment": {"input_type": "plain"}}, {}])
def test_a_list_of_too_many_requests_is_refused_before_the_first_is_made(package, monkeypatch, fields):
    monkeypatch.setattr(host_module, "MOST_REQUESTS", 3)
    made = []
    enter = workspace.Workspace.__enter__
    monkeypatch.setattr(workspace.Workspace, "__enter__", lambda self: made.append(self) or enter(self))
    host = package(SPECIFIED + "{'n': len(data)}\n    def embed(self, data):\n        return [1.0]\n", **fields)
    one = "" if fields else {}
    assert "The list has 4 requests, more than 3" in value_of(ask(host, [one] * 4), 400)["error"]
    assert not made
    with pytest.raises(BadValue, match="in several calls"):
        host.embedder("embed")(
            Request("POST", "/", "", [("content-type", "application/json")], json.dumps([one] * 4).encode("ascii")), 0
        )
    assert value_of(ask(host, [one] * 3)) == [{"n": 0}] * 3
    assert len(made) == 3


def test_a_list_that_requests_takes_at_once_may_be_of_any_length(package, monkeypatch):
    monkeypatch.setattr(host_module, "MOST_REQUESTS", 3)
    host = package(HEAD + "    def requests(self, data):\n        return {'n': len(data)}\n")
    assert value_of(ask(host, [{}] * 4)) == {"n": 4}


@pytest.mark.parametrize(("until", "embedded"), [(float("inf"), [[1.0]] * 3), (0, [[1.0]])])
def test_of_a_list_no_more_is_embedded_than_is_waited_for(package, monkeypatch, until, embedded):
    """240 kB of {} took two gigabytes, and the CPU until all had their vectors."""
    monkeypatch.setattr(host_module, "MOST_REQUESTS", 3)
    methods = "    def requests(self, data):\n        return {}\n    def embed(self, data):\n        return [1.0]\n"
    embed = package(HEAD + methods).embedder("embed")
    assert embed(Request("POST", "/", "", [("content-type", "application/json")], b"[{},{},{},{}]"), until) == embedded


@pytest.mark.parametrize("method", ["request", "requests"])
def test_a_list_leaves_out_only_so_many_fields(package, monkeypatch, method):
    monkeypatch.setattr(inputs, "_MOST_DEFAULTS", 8)
    fields = [field("a", "int", default=1), field("b", "array_int", default=[2]), field("c", "int", required=False)]
    host = package(HEAD + "    def %s(self, data):\n        return data\n" % method, input_fields=fields)
    filled, whole = {"a": 1, "b": [2], "c": None}, {"a": 3, "b": [4], "c": 5}
    for sent, answered in (([{}] * 2, [filled] * 2), ([{"a": 3, "b": [4]}] * 6, None), ([whole] * 9, [whole] * 9)):
        assert value_of(ask(host, sent)) == (answered or [dict(item, c=None) for item in sent])
    for sent in ([{}] * 3, [{}, {}, {"a": 1, "b": [2]}], [{"a": 3, "b": [4], "c": None}] * 9):
        assert "leaves out more than 8 input fields" in value_of(ask(host, sent), 400)["error"]


def drawing(method, made):
    """The code of a deployment that answers by a picture of 300 bytes, or the text that it got, and notes in the file
    ``made`` which requests it got."""
    return """
class Deployment:
    def request(self, data):
        with open(%r, "a") as log:
            log.write("%%s " %% data["n"])
        with open("picture%%s.png" %% data["n"], "wb") as file:
            file.write(b"x" * 300)
        return {"out": data.get("text") or "picture%%s.png" %% data["n"]}

    def %s(self, data):
        return [self.request(item) for item in data]
""" % (str(made), method)


@pytest.mark.parametrize("text", [None, "x" * 400], ids=["files", "texts"])
@pytest.mark.parametrize("method", ["requests", "other"])
@pytest.mark.parametrize("mode", ["action", "web"])
def test_a_list_s_answers_end_beyond_what_can_be_passed_on(package, tmp_path, monkeypatch, mode, method, text):
    """3 kB of ``{}`` made a thousand pictures, all of which were kept, several times over."""
    monkeypatch.setattr(outputs, "_MOST_LISTED", 2000)
    made = tmp_path / "made"
    settings = {"MODELPROXY_MODE": mode, "MODELPROXY_RESULT_LIMIT": "500" if mode == "action" else "1"}
    host = package(drawing(method, made), settings=settings)
    sent = [{"n": n, "text": text} for n in range(9)]
    shown = text or "data:image/png;base64," + base64.b64encode(b"x" * 300).decode("ascii")
    assert value_of(ask(host, sent[:4])) == [{"out": shown}] * 4
    made.write_text("")
    told = value_of(ask(host, sent), 500)["error"]
    assert "The list's answers have more than 2000 bytes; send it in several calls." in told
    assert made.read_text().split() == (list("012345678") if method == "requests" else list("01234"))  # nothing after
    assert value_of(ask(host, {"n": 9, "text": "y" * 3000})) == {"out": "y" * 3000}  # one answer is no list's


def test_a_request_that_ends_by_stop_iteration_cuts_no_list_short(package):
    host = package(SPECIFIED + "{'n': next(iter(data['a']))}")
    assert value_of(ask(host, [{"a": [1]}, {"a": [2]}])) == [{"n": 1}, {"n": 2}]
    with pytest.raises(StopIteration):
        ask(host, [{"a": [1]}, {"a": []}])


def test_requests_takes_the_list_at_once(package):
    code = HEAD + "    def requests(self, data):\n        return [{'n': len(data), 'a': d['a']} for d in data]\n"
    host = package(code)
    assert value_of(ask(host, [{"a": 1}, {"a": 2}])) == [{"n": 2, "a": 1}, {"n": 2, "a": 2}]
    assert value_of(ask(host, {"a": 3})) == {"n": 1, "a": 3}


def test_requests_may_make_one_answer_of_many(package):
    host = package(HEAD + "    def requests(self, data):\n        return {'sum': sum(d['a'] for d in data)}\n")
    assert value_of(ask(host, [{"a": 1}, {"a": 2}])) == {"sum": 3}
    assert value_of(ask(host, {"a": 3})) == {"sum": 3}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("", "no class Deployment"),
        ("class Deployment:\n    pass\n", "no method request"),
    ],
)
def test_what_can_not_be_loaded_says_why(package, code, why):
    with pytest.raises(Unloadable, match=why):
        package(code)


def test_a_missing_file_and_an_error_of_the_package_s_own(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    host = deployment.Host(Settings({}))
    with pytest.raises(Unloadable, match="there is no deployment"):
        host.load()
    host.close()
    with pytest.raises(ZeroDivisionError):
        package("1 / 0")


# --- routes ---------------------------------------------------------------------------------------------------------


def test_the_specifications_and_other_paths(package):
    host = package(
        SPECIFIED + "{}",
        deployment={
            "deployment_name": "digits",
            "version_name": "v2",
            "input_type": "structured",
            "input_fields": [
                field("img", {"value": "file"}, id="0000"),
                field("n", "int", default=3, description="how many"),
            ],
            "output_type": "plain",
        },
    )
    assert value_of(ask(host, method="GET")) == {
        "deployment": "digits",
        "version": "v2",
        "input_type": "structured",
        "input_fields": [
            {"name": "img", "id": "0000", "data_type": "file"},
            {"name": "n", "data_type": "int", "description": "how many", "default": 3, "required": False},
        ],
        "output_type": "plain",
        "output_fields": None,
    }
    assert value_of(ask(host, method="HEAD"))["deployment"] == "digits"
    assert "nothing at /model/predict" in value_of(ask(host, {}, path="/model/predict"), 404)["error"]
    for method, path, allowed in (("PUT", "/", "GET, HEAD, POST"), ("POST", "/openapi.json", "GET, HEAD")):
        refused = ask(host, {}, method=method, path=path)
        assert value_of(refused, 405) and refused.header("allow") == allowed
    inputs = host.describe("", "/")
    assert (inputs.method, inputs.path, inputs.form) == ("POST", "/", "json")


def test_clients_learn_the_interface_from_openapi(package):
    host = package(
        SPECIFIED + "{}",
        input_fields=[
            field("img", "file"),
            field("more", "array_file", required=False),
            field("n", "array_int", default=[1], description="which"),
            field("any", "any"),
        ],
        output_fields=[field("out", "file")],
    )
    document = value_of(ask(host, method="GET", path="/openapi.json", mount="/api/v1/web/guest/default/digits"))
    assert document == value_of(ask(host, method="GET", path="/swagger.json", mount="/api/v1/web/guest/default/digits"))
    assert document["servers"] == [{"url": "/api/v1/web/guest/default/digits"}]
    operation = document["paths"]["/"]["post"]
    binary = {"type": "string", "format": "binary"}
    assert operation["requestBody"]["content"]["multipart/form-data"]["schema"] == {
        "type": "object",
        "required": ["img", "any"],
        "properties": {
            "img": binary,
            "more": {"type": "array", "items": binary},
            "n": {"type": "array", "items": {"type": "integer"}, "description": "which", "default": [1]},
            "any": {},
        },
    }
    assert "application/json" in operation["requestBody"]["content"]
    assert list(operation["responses"]["200"]["content"]) == ["*/*"]


def test_openapi_of_plain_and_of_unknown_fields(package):
    plain = package(SPECIFIED + "data", deployment={"input_type": "plain", "output_type": "plain"})
    operation = value_of(ask(plain, method="GET", path="/openapi.json"))["paths"]["/"]["post"]
    assert list(operation["requestBody"]["content"]) == ["application/json", "text/plain"]
    assert list(operation["responses"]["200"]["content"]) == ["text/plain"]
    unknown = package(SPECIFIED + "data", deployment={"name": "x"})
    operation = value_of(ask(unknown, method="GET", path="/openapi.json"))["paths"]["/"]["post"]
    assert operation["requestBody"]["content"] == {"application/json": {"schema": {"type": "object"}}}


# --- specification files --------------------------------------------------------------------------------------------


def test_later_files_have_the_last_word(package, tmp_path):
    host = package(
        SPECIFIED + "{'out': 1}",
        deployment={"name": "a", "version": 3, "inputs": [field("x", "int")], "output_type": "plain"},
        specification={"name": "b"},
        input_specification=[{"name": "y", "id": 7, "data_type": {"value": "int"}}],
        output_specs={"fields": [field("out", "int")]},
    )
    shown = value_of(ask(host, method="GET"))
    assert (shown["deployment"], shown["version"], shown["output_type"]) == ("b", "3", "structured")
    assert shown["input_fields"] == [{"name": "y", "id": "7", "data_type": "int"}]
    assert value_of(ask(host, {"7": 1})) == {"out": 1}


def test_files_beside_the_package_s_folder_are_read_too(package, tmp_path):
    about = {"deployment_name": "digits", "version_name": "v1", "input": [field("a", "int")]}
    tmp_path.joinpath("deployment.json").write_text(json.dumps(about))
    host = package(SPECIFIED + "data", "deployment_package", specification={"version_name": "v2"})
    shown = value_of(ask(host, method="GET"))
    assert (shown["deployment"], shown["version"], len(shown["input_fields"])) == ("digits", "v2", 1)


def test_yaml_is_read_where_the_image_can(package, tmp_path, monkeypatch, capfd):
    tmp_path.joinpath("deployment.yaml").write_text("input_fields:\n- name: a\n  data_type: int\n")
    tmp_path.joinpath("output_fields.yml").write_text("- name: data_type\n")

    class Yaml:
        @staticmethod
        def safe_load(file):
            assert "data_type" in file.read()
            return {"input_fields": [field("a", "int")]} if file.name.endswith("yaml") else []

    monkeypatch.setitem(sys.modules, "yaml", None)
    assert value_of(ask(package(SPECIFIED + "data"), {"b": 1})) == {"b": 1}
    assert "deployment.yaml isn't read, since this image has no PyYAML" in capfd.readouterr().out
    monkeypatch.setitem(sys.modules, "yaml", Yaml)
    assert value_of(ask(package(SPECIFIED + "data"), {"b": 1}), 400)["field"] == "b"


def test_a_file_of_a_known_name_with_something_else_in_it(package):
    host = package(SPECIFIED + "data", deployment=["nothing", "of ours"], specification={"inputs": None})
    assert value_of(ask(host, {"b": 1})) == {"b": 1}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"input_type": "both"}, "input_type is 'both'; there are structured and plain"),
        ({"input_fields": {"a": "int"}}, "the fields are no list"),
        ({"input_fields": ["a"]}, 'a field has no name: "a"'),
        ({"input_fields": [{"name": "a", "data_type": "integer"}]}, "a has the unknown data type 'integer'"),
        ({"input_fields": [{"name": "a", "data_type": {"value": ["int"]}}]}, "a has the unknown data type"),
        ({"input_fields": [field("a", "int"), field("a", "int")]}, "two fields have the name 'a'"),
        ({"input_fields": [field("a", "int", id=1), field("b", "int", id=1)]}, "two fields have the id '1'"),
    ],
)
def test_a_specification_that_is_wrong_says_where(package, content, why):
    with pytest.raises(Unloadable) as told:
        package(SPECIFIED + "data", deployment=content)
    assert "deployment.json" in str(told.value) and why in str(told.value)


def test_a_specification_that_is_no_json(package, tmp_path):
    tmp_path.joinpath("input_fields.json").write_text("[")
    with pytest.raises(Unloadable, match="can't be read: Expecting value"):
        package(SPECIFIED + "data")


# --- inputs ---------------------------------------------------------------------------------------------------------

TYPES = [field(name, name) for name in ("int", "double", "string", "bool", "dict", "any")]
TYPES += [field("array_" + name, "array_" + name) for name in ("int", "double", "string", "bool", "dict")]
GOOD = {
    "int": 3,
    "double": 2,
    "string": "ü",
    "bool": False,
    "dict": {"a": [None]},
    "any": [1],
    "array_int": [1, 2],
    "array_double": [1, 2.5],
    "array_string": ["a"],
    "array_bool": [True],
    "array_dict": [{}],
}


@pytest.fixture
def typed(package):
    optional = [dict(item, required=False) for item in TYPES]
    return package(
        SPECIFIED + "{'repr': repr(data), 'types': {k: type(v).__name__ for k, v in data.items()}}",
        input_fields=optional,
    )


def test_each_type_in_json(typed):
    seen = value_of(ask(typed, GOOD))
    assert seen["types"] == dict(
        dict.fromkeys(GOOD, "list"), int="int", double="float", string="str", bool="bool", dict="dict"
    )
    assert "'array_double': [1.0, 2.5]" in seen["repr"]


@pytest.mark.parametrize(
    ("name", "values", "got"),
    [
        ("int", [1.0, "1", True, [1], {}], ["double", "string", "bool", "array", "dict"]),
        ("double", ["1", True], ["string", "bool"]),
        ("string", [1, False, ["a"]], ["int", "bool", "array"]),
        ("bool", [0, "true"], ["int", "string"]),
        ("dict", [[], "{}"], ["array", "string"]),
        ("array_int", [1, "1", [1, "x"], [None], [[1]]], ["int", "string", "string", "null", "array"]),
        ("array_double", [{}, [True]], ["dict", "bool"]),
    ],
)
def test_a_value_of_another_type_is_named(typed, name, values, got):
    for value, kind in zip(values, got):
        told = value_of(ask(typed, {name: value}), 400)
        assert (told["field"], told["wanted"], told["got"]) == (name, name, kind)
        assert "The input field %s" % name in told["error"] and "must be" in told["error"]


def test_numbers_that_json_can_not_hold(typed):
    assert "isn't JSON" in value_of(ask(typed, body=b'{"double": NaN}'), 400)["error"]
    assert value_of(ask(typed, body=b'{"double": 1e999}'), 400)["field"] == "double"
    assert value_of(ask(typed, body=b'{"double": 1' + b"0" * 400 + b"}"), 400)["field"] == "double"


def test_each_type_in_a_form(typed):
    texts = {
        "int": " -3",
        "double": "1e3",
        "string": "3",
        "bool": "Yes",
        "dict": '{"a": 1}',
        "any": "[1]",
        "array_int": "[1, 2]",
        "array_string": "[not json",
    }
    seen = value_of(ask_form(typed, *[(name, text.encode("utf-8")) for name, text in texts.items()]))
    for part in (
        "'int': -3",
        "'double': 1000.0",
        "'string': '3'",
        "'bool': True",
        "'dict': {'a': 1}",
        "'any': [1]",
        "'array_int': [1, 2]",
        "'array_string': ['[not json']",
    ):
        assert part in seen["repr"]
    latin = ask_form(typed, ("string", b"\xfc", None, "text/plain; charset=latin-1"))
    assert "'string': '\u00fc'" in value_of(latin)["repr"]
    body = b"array_double=1&array_double=2.5&string=a+b%26&any=text&&double=x"[:-9] + b"&double=.5"
    seen = value_of(ask(typed, body=body, kind="application/x-www-form-urlencoded"))
    for part in ("'array_double': [1.0, 2.5]", "'string': 'a b&'", "'any': 'text'", "'double': 0.5"):
        assert part in seen["repr"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("int", "1_000"),
        ("int", "1.5"),
        ("int", "9" * 4301),
        ("int", "\u0663"),
        ("double", "nan"),
        ("double", ""),
        ("double", "."),
        ("double", "1" * 4301),
        ("bool", "maybe"),
        ("dict", "{"),
        ("dict", "[" * 100000),
        ("array_int", "[1,"),
        ("array_int", "[NaN]"),
    ],
)
def test_a_form_s_text_that_stands_for_no_such_value(typed, name, text):
    assert value_of(ask_form(typed, (name, text.encode("utf-8"))), 400)["field"] == name


def test_no_text_for_a_number_takes_long(typed):
    """In an expression that can part digits in two ways, either of these took hours or minutes."""
    assert value_of(ask_form(typed, ("double", b"1" * 1000000 + b"x")), 400)["field"] == "double"
    near = [("array_double", text + b"x") for text in (b"1" * 4299, b"1" * 2000 + b"." + b"1" * 2000)]
    assert value_of(ask_form(typed, *near * 500), 400)["field"] == "array_double"


def test_fields_that_are_missing_unknown_or_given_twice(package):
    fields = [field("a", "int", id="0000"), field("b", "int", required=False), field("c", "int", default=5)]
    host = package(SPECIFIED + "data", input_fields=fields)
    assert value_of(ask(host, {"0000": 1})) == {"a": 1, "b": None, "c": 5}
    assert value_of(ask(host, {"a": 1, "b": 2, "c": None})) == {"a": 1, "b": 2, "c": 5}
    for value, name, why in (
        ({}, "a", "is missing"),
        ({"a": None}, "a", "is missing"),
        ({"a": 1, "d": 1}, "d", "those that there are: a (int), b (int), c (int)"),
        ({"a": 1, "0000": 1}, "a", "by its name and by its id"),
    ):
        told = value_of(ask(host, value), 400)
        assert told["field"] == name and why in told["error"]
    assert "2 times" in value_of(ask_form(host, ("a", b"1"), ("a", b"2")), 400)["error"]
    none = package(SPECIFIED + "{}", input_fields=[])
    assert value_of(ask(none, {})) == {}
    assert "those that there are: none" in value_of(ask(none, {"a": 1}), 400)["error"]


def test_what_a_deployment_puts_into_a_default_is_in_no_other_call(package):
    fields = [field("who", "string"), field("seen", "dict", default={"by": []})]
    host = package(SPECIFIED + "[data['seen']['by'].append(data['who']), data['seen']][1]", input_fields=fields)
    for who in ("alice", "bob"):
        assert value_of(ask(host, {"who": who})) == {"by": [who]}


@pytest.mark.parametrize(
    ("body", "kind", "status", "why"),
    [
        (b"{", "application/json", 400, "isn't JSON"),
        (b"\xff", "application/json", 400, "isn't JSON"),
        (b"[" * 100000, "application/json", 400, "isn't JSON"),
        (b'{"dict": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, "application/json", 400, ""),
        (b"3", "application/json", 400, "takes an object with a value for each input field: int (int)"),
        (b'"text"', "application/vnd.x+json", 400, "takes an object"),
        (b"{}", "text/plain", 415, "has the type text/plain; send JSON"),
        (PNG, "image/png", 415, "has the type image/png"),
        (b"--x", "multipart/form-data", 400, "boundary"),
        (b"--x", "multipart/form-data; boundary=x", 400, "cut off"),
        (b"a=%ff", "application/x-www-form-urlencoded", 400, "charset utf-8"),
        (b"a&" * 1001, "application/x-www-form-urlencoded", 400, "more than 1000 fields"),
    ],
)
def test_bodies_that_can_not_be_read(typed, body, kind, status, why):
    assert why in value_of(ask(typed, body=body, kind=kind), status)["error"]
    assert ask(typed, GOOD).status == 200


def test_an_empty_body_is_no_field_at_all(typed):
    assert "'int': None" in value_of(ask(typed, body=b"", kind=""))["repr"]


# --- files in -------------------------------------------------------------------------------------------------------

READ = (
    "{'names': [[os.path.basename(p), pathlib.Path(p).read_bytes().decode('latin-1'), os.path.isabs(p), "
    "p.startswith(os.getcwd() + os.sep)] for v in data.values() for p in ([v] if isinstance(v, str) else v or [])]}"
)


@pytest.fixture
def filed(package):
    code = "import os, pathlib\n" + SPECIFIED + READ
    return package(
        code, input_fields=[field("img", "file", required=False), field("more", "array_file", required=False)]
    )


def stored(response):
    seen = value_of(response)["names"]
    assert all(absolute and inside for _, _, absolute, inside in seen)
    return [(name, content.encode("latin-1")) for name, content, _, _ in seen]


def test_a_file_comes_as_a_path_in_the_request_s_directory(filed):
    encoded = base64.b64encode(PNG).decode("ascii")
    assert stored(ask_form(filed, ("img", PNG, "a b.png", "image/png"))) == [("a b.png", PNG)]
    assert stored(ask(filed, {"img": encoded})) == [("img.png", PNG)]
    assert stored(ask_form(filed, ("img", encoded.encode("ascii")))) == [("img.png", PNG)]
    assert stored(ask(filed, {"img": "AAEC"})) == [("img", b"\0\1\2")]
    assert stored(ask(filed, {"img": "data:text/csv,a%2cb"})) == [("img.csv", b"a,b")]
    assert stored(ask(filed, {"img": "data:image/png;name=x/y.png;base64," + encoded})) == [("y.png", PNG)]
    assert stored(ask(filed, {"img": "data:x/y;filename=..;base64,"})) == [("file", b"")]
    both = ask_form(filed, ("more", b"1", "a.txt"), ("more", b"2", "a.txt"), ("more", b"data:text/plain,3"))
    assert stored(both) == [("a.txt", b"1"), ("a.txt", b"2"), ("more.txt", b"3")]
    assert stored(ask_form(filed, ("more", json.dumps([encoded, encoded]).encode("ascii")))) == [("more.png", PNG)] * 2


def test_a_file_field_without_a_file(filed):
    assert stored(ask_form(filed, ("img", b"", ""), ("more", b"", ""))) == []
    for value, why in (
        ("no*base64*!!", "base64 hasn't"),
        ("", "it is empty"),
        ("data:image/png;base64", "comma"),
        ("ubiops-file://default/a.png", "buckets"),
    ):
        told = value_of(ask(filed, {"img": value}), 400)
        assert (told["field"], told["wanted"]) == ("img", "file") and why in told["error"]
    assert value_of(ask(filed, {"img": 3}), 400)["got"] == "int"
    assert value_of(ask(filed, {"more": [None]}), 400)["got"] == "null"


def test_a_file_where_there_is_no_file_field(typed):
    told = value_of(ask_form(typed, ("int", b"3", "three.txt")), 400)
    assert (told["field"], told["got"]) == ("int", "file")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\dir\\a.png", "a.png"),
        ("/", ""),
        ("..", ""),
        (".", ""),
        (" . ", ""),
        ("a\0\nb.png", "ab.png"),
        (".hidden", ".hidden"),
        ("\u00fc" * 200 + ".png", "\u00fc" * 98 + ".png"),
        ("\ud800.png", ".png"),
    ],
)
def test_file_names_are_made_safe(name, safe):
    assert safe_name(name) == safe
    assert len(safe.encode("utf-8")) <= 200


def test_a_name_that_the_locale_can_not_write(filed, monkeypatch):
    def ascii_only(name):
        return name.encode("ascii")

    monkeypatch.setattr(workspace.os, "fsencode", ascii_only)
    assert stored(ask_form(filed, ("img", PNG, "\u00fc.png"))) == [("_.png", PNG)]


def test_a_form_s_part_without_a_usable_name(filed):
    assert stored(ask_form(filed, ("img", PNG, "..")))[0][0] == "img"


def test_fields_that_nothing_specifies_are_not_checked(package):
    code = (
        "import os, pathlib\n"
        + SPECIFIED
        + "{k: pathlib.Path(v).read_text() if str(v).startswith(os.getcwd()) else v for k, v in data.items()}"
    )
    host = package(code)
    assert value_of(ask(host, {"a": 1, "b": [None], "f": "data:,x"})) == {"a": 1, "b": [None], "f": "x"}
    form = ask_form(host, ("a", b"1"), ("b", b"1"), ("b", b"2"), ("f", b"y", "f.txt"), ("none", b"", ""))
    assert value_of(form) == {"a": "1", "b": ["1", "2"], "f": "y", "none": None}
    assert "data: URL" in value_of(ask(host, {"f": "data:x"}), 400)["error"]
    assert "takes an object" in value_of(ask(host, 3), 400)["error"]


@pytest.mark.parametrize("is_specified", [True, False])
def test_too_many_files_are_refused_before_the_first_is_stored(package, monkeypatch, is_specified):
    at_once = []
    store = workspace.Workspace.store
    monkeypatch.setattr(workspace.Workspace, "store", lambda self, file: at_once.append(file) or store(self, file))
    monkeypatch.setattr(multipart, "MAX_PARTS", 3)
    fields = {"input_fields": [field("more", "array_file")]} if is_specified else {}
    host = package(SPECIFIED + "{'n': len(data.get('more', data))}", **fields)

    def files(count):
        return {"more": ["AAEC"] * count} if is_specified else {str(at): "data:," for at in range(count)}

    for given in (files(4), [files(2), files(2)]):
        assert "more than 3 files" in value_of(ask(host, given), 400)["error"]
    if is_specified:
        form = ask_form(host, ("more", json.dumps(["AAEC"] * 4).encode()))
        assert "more than 3 files" in value_of(form, 400)["error"]
    assert not at_once
    assert value_of(ask(host, [files(1), files(2)])) == [{"n": 1}, {"n": 2}]
    assert len(at_once) == 3


# --- plain ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain(package):
    return package(SPECIFIED + "data.upper()", deployment={"input_type": "plain", "output_type": "plain"})


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("grün".encode(), "text/plain"),
        ("grün".encode(), ""),
        ("grün".encode("latin-1"), 'text/plain; charset="latin-1"'),
        ("grün".encode(), "application/octet-stream"),
        (b'"gr\\u00fcn"', "application/json"),
        (b'{"data": "gr\\u00fcn"}', "application/json"),  # a plain call, which can't be a bare text
        (b"data=gr%C3%BCn", "application/x-www-form-urlencoded"),
    ],
)
def test_plain_text_in_and_out(plain, body, kind):
    answer = ask(plain, body=body, kind=kind)
    assert (answer.status, answer.header("content-type")) == (200, "text/plain; charset=utf-8")
    assert answer.body.decode("utf-8") == "GRÜN"


def test_more_of_plain(plain, package):
    assert value_of(ask(plain, body=b"a", kind="text/plain", accept="application/json")) == "A"
    assert value_of(ask(plain, ["a", "b"])) == ["A", "B"]
    assert ask_form(plain, ("data", b"a", "a.txt")).body == b"A"
    for value in ({"text": "a"}, 3, None, {"data": 3}):
        assert "takes plain text" in value_of(ask(plain, value), 400)["error"]
    assert "charset utf-8" in value_of(ask(plain, body=b"\xff", kind="text/plain"), 400)["error"]
    for charset in ("x", "punycode", "IDNA"):  # the last two are Python's, but of names, and take hours for 64 MB
        told = value_of(ask(plain, body=b"a", kind="text/plain; charset=" + charset), 400)
        assert "charset " + charset in told["error"]
    bad = package(SPECIFIED + "{'a': 1}", deployment={"input_type": "plain", "output_type": "plain"})
    told = value_of(ask(bad, "a"), 500)
    assert "must return a str, since its output type is plain" in told["error"] and told["got"] == "dict"


def test_no_charset_is_remembered_that_a_caller_makes_up(plain):
    """As codecs.lookup does for ever, of any length."""
    for charset in ("made-up", "made.up", "made" * 10000):
        told = value_of(ask(plain, body=b"a", kind="text/plain; charset=" + charset), 400)
        assert "charset " + charset[:20] in told["error"]
    assert ask(plain, body=b"\xe9", kind="text/plain; charset=latin-----1").body == b"\xc3\x89"
    assert not [name for name in encodings._cache if name.startswith(("made", "latin--"))]


def test_text_goes_both_ways_where_nothing_is_specified(package):
    host = package(SPECIFIED + "data")
    assert ask(host, body=b"a", kind="text/plain").body == b"a"
    assert ask(host, "a").body == b"a"


# --- outputs --------------------------------------------------------------------------------------------------------


def test_output_fields_by_name_or_id_in_the_specification_s_order(package):
    fields = [field("a", "int", id="0000"), field("b", "array_double", id="0001"), field("c", "int", required=False)]
    host = package(SPECIFIED + "{'0001': (1, 2.5), 'a': 1}", output_fields=fields)
    assert ask(host, {}).body == b'{"a": 1, "b": [1.0, 2.5], "c": null}'


@pytest.mark.parametrize(
    ("returned", "name", "why"),
    [
        ("{'a': 'x', 'd': {}}", "a", "must be int (a whole number); got string 'x'"),
        ("{'a': True, 'd': {}}", "a", "got bool True"),
        ("{'a': None, 'd': {}}", "a", "got null"),
        ("{'a': decimal.Decimal(3), 'd': {}}", "a", "got Decimal"),
        ("{'d': {}}", "a", "didn't return the output field a (int)"),
        ("{'a': 1, 'd': {'x': [1, {2}]}}", "d", "d.x[1] is of the type set"),
        ("{'a': 1, 'd': {'x': float('nan')}}", "d", "d.x is nan"),
        ("{'a': 1, 'd': {3: 1}}", "d", "d has a key that is no text: 3."),
        ("{'a': 1, 'd': loop()}", "d", "nested too deeply, or holds itself"),
        ("{'a': 1, 'd': {}, 'e': 1}", "e", "the output field e, which its specification hasn't"),
        ("{'a': 1, 'd': {}, 4: 1}", "4", "the output field 4"),
        ("[1]", None, "must return a dict, since its output type is structured; it returned a value of the type list"),
        ("None", None, "of the type NoneType"),
        ("'text'", None, "of the type str"),
    ],
)
def test_an_output_of_another_type_is_the_deployment_s_fault(package, capfd, returned, name, why):
    code = "import decimal\ndef loop():\n    d = {}\n    d['d'] = d\n    return d\n" + SPECIFIED + returned
    host = package(code, output_fields=[field("a", "int"), field("d", "dict")])
    told = value_of(ask(host, {}), 500)
    assert told.get("field") == name and why in told["error"]
    logged = "utput field %s " % name if name in ("a", "d") else "The deployment"
    assert logged in capfd.readouterr().out


def test_no_words_of_the_caller_s_are_logged(package, monkeypatch, capfd):
    """The deployment gives back what it was given, where its specification has something else."""
    outputs = [field("n", "int"), field("f", "file", required=False), field("all", "array_int")]
    host = package(SPECIFIED + "{'n': 3, 'all': [], **data}", output_fields=outputs)
    unread = "The output field f is a file, and what the deployment returned can't be read: "
    for sent, logged in (
        ({"n": "my card"}, "The output field n must be int (a whole number); got string."),
        ({"all": [1, "my card"]}, "The output field all[1] must be int (a whole number); got string."),
        ({"f": "my card"}, unread),
        ({"f": {"file": "my card\0"}}, unread),
    ):
        assert "my card" in value_of(ask(host, sent), 500)["error"]
        out = capfd.readouterr().out
        assert logged in out and "my card" not in out
    monkeypatch.setattr(workspace.os, "makedirs", lambda path, mode: os.mkdir(path + "/none/my card"))
    form = ask_form(host, ("more", b"1", "my card.txt"))
    assert "The file my card.txt can't be stored" in value_of(form, 500)["error"]
    out = capfd.readouterr().out
    assert "A file can't be stored: No such file or directory." in out and "my card" not in out


def logged_of(host, sent, told, capfd):
    """The lines of a call that fails, whose caller is told ``told`` and the log nothing of "my card"."""
    capfd.readouterr()
    sentence = value_of(ask(host, body=sent), 500)["error"]
    assert told in sentence
    out = capfd.readouterr().out
    assert "my card" not in out and len(out) < 200
    return out


@pytest.mark.parametrize("name", ["my card", "my card" + "\x80" * 500000], ids=["short", "long"])
def test_no_names_of_the_caller_s_are_logged(package, name, capfd):
    """In JSON they are a caller's words as its values are, and as long as it likes."""
    sent = json.dumps({"d": {"x": [0, {name: [1, "N"]}]}}).replace('"N"', "1e999").encode("ascii")
    place = "d.x[1].%s[1] is inf." % name
    loose = package(SPECIFIED + "data")
    what = "can't be written as JSON: what is in it is inf."
    assert "The deployment's result " + what in logged_of(loose, sent, "the output." + place, capfd)
    specified = package(SPECIFIED + "data", output_fields=[field("d", "dict")])
    assert "The output field d " + what in logged_of(specified, sent, "JSON: " + place, capfd)
    more = package(SPECIFIED + "{'d': {}, **data['d']}", output_fields=[field("d", "dict")])
    sent = json.dumps({"d": {name: 1}}).encode("ascii")
    told = "The deployment returned the output field %s, which its specification hasn't." % name
    out = logged_of(more, sent, told, capfd)
    assert "The deployment returned an output field, which its specification hasn't." in out
    odd = package(SPECIFIED + "{'d': {tuple(data['d']): 1}}", output_fields=[field("d", "dict")])
    out = logged_of(odd, sent, "d has a key that is no text: ('my card", capfd)
    assert "The output field d can't be written as JSON: what is in it has a key that is no text." in out


def test_nor_is_that_of_a_file_that_can_not_be_read(package, monkeypatch, capfd):
    host = package(WRITE + "{'my card': 'out.png'}")
    monkeypatch.setattr(outputs, "open", unreadable, raising=False)
    out = logged_of(host, b"{}", "The output field my card is a file, and ", capfd)
    assert "The output field without a specification is a file, and what the deployment returned can't be read" in out


def unreadable(*_):
    raise OSError(13, "Permission denied")


@pytest.mark.parametrize(
    "returned", ["{'a': {1, 2}}", "{'a': object()}", "{'a': b'x'}", "{3: 1}", "{'a': [open]}", "{'a': float('inf')}"]
)
def test_what_can_not_be_written_is_named_without_a_specification(package, returned):
    assert "can't be written as JSON" in value_of(ask(package(SPECIFIED + returned), {}), 500)["error"]


def test_a_whole_number_that_python_does_not_write(package):
    answer = ask(package(SPECIFIED + "{'a': 10 ** 5000}"), {})
    assert answer.status == (500 if hasattr(sys, "get_int_max_str_digits") else 200)


# --- files out ------------------------------------------------------------------------------------------------------

WRITE = (
    "import os, pathlib\n"
    + HEAD
    + "    def request(self, data):\n"
    + "        for name in ('out.png', 'table.csv', 'x.tar.gz', 'x.unknown'):\n"
    + "            pathlib.Path(name).write_bytes(name.encode() + b'\\xff')\n"
    + "        return "
)


def test_one_file_is_its_bytes_with_type_and_name(package):
    host = package(WRITE + "{'img': 'out.png'}", output_fields=[field("img", "file")])
    for accept in ("", "*/*", "image/*", "image/png", "text/html", "application/json;q=0.5, */*"):
        answer = ask(host, {}, accept)
        assert (answer.status, answer.body) == (200, b"out.png\xff")
        assert dict(answer.headers) == {
            "Content-Type": "image/png",
            "Content-Disposition": 'inline; filename="out.png"',
        }
    shown = value_of(ask(host, {}, "application/json"))
    assert shown == {"img": data_url.write(b"out.png\xff", "image/png")}


@pytest.mark.parametrize(
    "returned", ["os.path.abspath('out.png')", "pathlib.Path('out.png')", "{'file': 'out.png', 'bucket': 'b'}"]
)
def test_a_file_by_each_way_to_name_it(package, returned):
    host = package(WRITE + "{'img': %s}" % returned, output_fields=[field("img", "file")])
    assert ask(host, {}).body == b"out.png\xff"


def test_the_name_in_a_bucket_is_what_the_caller_sees(package):
    code = WRITE + "{'img': {'file': 'out.png', 'bucket_file': 'd/gr\\u00fcn \"1\".txt'}}"
    answer = ask(package(code, output_fields=[field("img", "blob")]), {})
    assert answer.header("content-type") == "text/plain"
    assert answer.header("content-disposition") == (
        "inline; filename=\"gr_n _1_.txt\"; filename*=UTF-8''gr%C3%BCn%20%221%22.txt"
    )


def test_a_file_of_the_package_s_own_and_one_written_elsewhere(package, tmp_path):
    tmp_path.joinpath("fixed.txt").write_text("fixed")
    host = package(WRITE + "{'a': self.base + '/fixed.txt'}", output_fields=[field("a", "file")])
    assert ask(host, {}).body == b"fixed"
    host = package(WRITE + "os.chdir('/') or {'a': 'table.csv'}", output_fields=[field("a", "file")])
    assert ask(host, {}).body == b"table.csv\xff"


def test_several_or_mixed_outputs(package):
    fields = [
        field("img", "file"),
        field("n", "int"),
        field("s", "string"),
        field("all", "array_file"),
        field("none", "array_file"),
    ]
    code = WRITE + "{'img': 'out.png', 'n': 3, 's': 'x', 'all': ['table.csv', 'x.unknown'], 'none': []}"
    host = package(code, output_fields=fields)
    image, table, unknown = (
        data_url.write(name.encode("ascii") + b"\xff", kind)
        for name, kind in (
            ("out.png", "image/png"),
            ("table.csv", "text/csv"),
            ("x.unknown", "application/octet-stream"),
        )
    )
    expected = {"img": image, "n": 3, "s": "x", "all": [table, unknown], "none": []}
    for accept in ("", "*/*", "application/json, multipart/form-data;q=0.1", "image/png", "multipart/form-data;q=0"):
        assert value_of(ask(host, {}, accept)) == expected
    for accept, kind in (
        ("multipart/form-data", "multipart/form-data"),
        ("multipart/*", "multipart/form-data"),
        ("multipart/mixed, */*", "multipart/mixed"),
    ):
        answer = ask(host, {}, accept)
        assert answer.header("content-type").startswith(kind + "; boundary=")
        parts = multipart.read(answer.body, multipart.boundary_of(answer.header("content-type")))
        assert [(part.name, part.file_name, part.content_type, part.content) for part in parts] == [
            ("img", "out.png", "image/png", b"out.png\xff"),
            ("n", None, "application/json", b"3"),
            ("s", None, "", b"x"),
            ("all", "table.csv", "text/csv", b"table.csv\xff"),
            ("all", "x.unknown", "application/octet-stream", b"x.unknown\xff"),
            ("none", None, "application/json", b"[]"),
        ]


def test_an_array_of_files_alone_is_no_single_file(package):
    host = package(WRITE + "{'all': ['out.png']}", output_fields=[field("all", "array_file")])
    assert value_of(ask(host, {})) == {"all": [data_url.write(b"out.png\xff", "image/png")]}
    assert value_of(ask(host, [{}])) == [{"all": [data_url.write(b"out.png\xff", "image/png")]}]


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        ("'missing.png'", "there is no such file"),
        ("'.'", "there is no such file"),
        ("'a\\0b'", "can't be read"),
        ("3", "must be file; got int 3"),
        ("{'bucket': 'x'}", "must be file; got dict"),
        ("object()", "must be file; got object"),
    ],
)
def test_a_file_that_is_not_there_is_named(package, returned, why):
    host = package(WRITE + "{'img': %s}" % returned, output_fields=[field("img", "file")])
    told = value_of(ask(host, {}), 500)
    assert told["field"] == "img" and why in told["error"]


def test_files_are_found_where_nothing_is_specified(package, tmp_path):
    tmp_path.joinpath("fixed.txt").write_text("fixed")
    assert ask(package(WRITE + "{'img': 'out.png'}"), {}).body == b"out.png\xff"
    host = package(
        WRITE + "{'img': pathlib.Path('out.png'), 'all': ['table.csv'], 'no': 'none.png', 'a': ['out.png', 1]}"
    )
    seen = value_of(ask(host, {}))
    assert seen["img"].startswith("data:image/png;") and seen["all"][0].startswith("data:text/csv;")
    assert (seen["no"], seen["a"]) == ("none.png", ["out.png", 1])
    # Only what the request wrote: a text of a caller's must not reach any other file.
    host = package(SPECIFIED + "data")
    for path in (str(tmp_path / "fixed.txt"), "../fixed.txt", "/etc/passwd", "", "\0"):
        assert value_of(ask(host, {"a": path})) == {"a": path}


ECHO = """
import pathlib

class Deployment:
    def request(self, data):
        pathlib.Path("mask.txt").write_text("four")
        return data

    def %s(self, data):
        return [self.request(item) for item in data]
"""


@pytest.mark.parametrize(
    "text", ["a/" * 500000, "../" * 300000, "mask.txt/" * 100000, "\ud800", "a\0b", "\u0442" * 5000]
)
def test_a_text_of_the_caller_s_that_is_no_path_is_asked_for_once(package, monkeypatch, text):
    """os.path.realpath asks for each of its parts, with a copy of all that stands before it."""
    resolved = []
    realpath = os.path.realpath
    monkeypatch.setattr(outputs.os.path, "realpath", lambda path: resolved.append(path) or realpath(path))
    host = package(ECHO % "other")
    resolved.clear()
    assert value_of(ask(host, {"text": text, "texts": [text] * 2})) == {"text": text, "texts": [text] * 2}
    assert [path for path in resolved if len(path) > 500] == []


@pytest.mark.parametrize("method", ["requests", "other"])
def test_a_file_that_is_named_again_and_again_is_refused(package, monkeypatch, method):
    """A caller's words, given back, may name it: each would become all of it."""
    monkeypatch.setattr(outputs, "_MOST_AGAIN", 51)
    host = package(ECHO % method)
    url, upload = "data:text/plain;base64,Zm91cg==", ".files/0/f.bin"
    assert value_of(ask(host, {"a": ["mask.txt"] * 10, "b": "mask.txt"})) == {"a": [url] * 10, "b": url}
    mixed = {str(at): ["mask.txt", "no file"] for at in range(20)}
    assert value_of(ask(host, dict(mixed, a="b"))) == dict(mixed, a="b")
    for sent in (
        {"a": ["mask.txt"] * 12},
        {str(at): "mask.txt" for at in range(12)},
        {"f": "data:;name=f.bin;base64,Zm91cg==", "labels": [upload] * 11},
        [{"a": "mask.txt"}] * 12 if method == "requests" else {"a": [["mask.txt"]], "b": ["mask.txt"] * 12},
        {"f": "data:;name=a,", "n" * 17: [".files/0/a"] * 3},  # whose name is in the answer as often
    ):
        told = value_of(ask(host, sent), 500)["error"]
        assert "names files again and again, 51 bytes of them and their fields' names" in told


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.json", "application/json"),
        ("a.csv.gz", "application/gzip"),
        ("a.txt.bz2", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_media_types_go_by_the_name(name, kind):
    assert media_type_of(name) == kind


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "a/b"),
        ("*/*", "a/b"),
        ("multipart/mixed", "multipart/mixed"),
        ("a/b;q=0.5, c/d", "c/d"),
        ("a/*;q=0, */*", "c/d"),
        ("x/y", "a/b"),
        ("*/*;q=x", "a/b"),
        ("*/*;level=1;q=0.2, c/d;q=0.3", "c/d"),
        ("A/B, c/d", "a/b"),
        ("c/d" + "," * 65536, "a/b"),  # 70 MB for a megabyte, were it read
    ],
)
def test_the_form_that_a_caller_likes_best(accept, chosen):
    assert preferred(accept, ("a/b", "c/d", "multipart/mixed")) == chosen


def test_a_plain_name_needs_no_second_one():
    assert disposition("a.png") == 'inline; filename="a.png"'


# --- the working directory ------------------------------------------------------------------------------------------


def test_each_request_has_a_directory_of_its_own(package, tmp_path):
    code = (
        "import os, pathlib\n"
        + SPECIFIED
        + "{'at': os.getcwd(), 'was': os.listdir('.'), 'w': pathlib.Path('a').write_text('x')}"
    )
    host = package(code)
    first, second = value_of(ask(host, {})), value_of(ask(host, {}))
    assert first["was"] == second["was"] == []
    assert first["at"] != second["at"] and not os.path.exists(first["at"]) and first["at"] != str(tmp_path)
    assert os.getcwd() == str(tmp_path)


@pytest.mark.parametrize(
    ("does", "raised"),
    [
        ("raise ValueError('no')", ValueError),
        ("raise SystemExit(3)", SystemExit),
        ("os.chdir('/')", None),
        ("shutil.rmtree(os.getcwd())", None),
        ("at = os.getcwd(); os.rmdir(at); os.symlink(self.base, at)", None),
        ("at = os.getcwd(); os.rmdir(at); open(at, 'w').close()", None),
        ("os.mkdir('d'); open('d/f', 'w').close(); os.chmod('d', 0); os.chmod('.', 0)", None),
    ],
)
def test_it_is_gone_whatever_a_request_did(package, tmp_path, does, raised):
    code = (
        "import os, shutil\n"
        + HEAD
        + "    def request(self, data):\n        if data:\n            %s\n        return {'ok': 1}\n"
    )
    host = package(code % does.replace("; ", "\n            "))
    if raised:
        with pytest.raises(raised):
            ask(host, {"a": 1})
    else:
        ask(host, {"a": 1})
    assert os.getcwd() == str(tmp_path) and os.path.exists("deployment.py")
    assert value_of(ask(host, {})) == {"ok": 1}


def test_what_can_only_be_removed_with_more_rights(package, monkeypatch, capfd):
    import shutil

    code = "import os, pathlib\n" + SPECIFIED + "os.makedirs('a/b') or os.symlink('a', 'link') or {'at': os.getcwd()}"
    host = package(code)
    remove, calls = shutil.rmtree, []

    def second_time(path, ignore_errors=False):
        calls.append(ignore_errors)
        if not ignore_errors:
            remove(path)

    monkeypatch.setattr(shutil, "rmtree", second_time)
    assert not os.path.exists(value_of(ask(host, {}))["at"])
    assert calls == [True, False]

    def never(path, ignore_errors=False):
        if not ignore_errors:
            raise OSError("busy")

    monkeypatch.setattr(shutil, "rmtree", never)
    at = value_of(ask(host, {}))["at"]
    assert "the directory of a request can't be removed: busy" in capfd.readouterr().out
    remove(at)


def test_a_home_that_is_gone_costs_nothing(package, tmp_path):
    import shutil

    host = package("import shutil\n" + SPECIFIED + "shutil.rmtree(self.base) or {'ok': 1}")
    assert value_of(ask(host, {})) == {"ok": 1}
    assert os.getcwd() == "/"
    shutil.rmtree(str(tmp_path), ignore_errors=True)


def test_without_any_place_to_write_only_files_fail(filed, monkeypatch):
    def refuse(path, mode=0o777):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(workspace.os, "mkdir", refuse)
    assert stored(ask(filed, {})) == []
    told = value_of(ask(filed, {"img": "AAEC"}), 500)
    assert "img can't be stored" in told["error"] and "writable /tmp" in told["error"]


def test_another_place_is_taken_where_the_first_can_not_be_written_to(package, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    monkeypatch.setattr(workspace, "PLACES", (str(tmp_path / "none"), str(tmp_path)))
    at = value_of(ask(package("import os, pathlib\n" + SPECIFIED + "{'at': os.getcwd()}"), {}))["at"]
    assert os.path.dirname(at) == str(tmp_path)


def test_requests_at_one_time_take_turns(package):
    code = (
        "import os, time\n"
        + HEAD
        + (
            "    def request(self, data):\n        open(str(data['n']), 'w').close()\n        time.sleep(0.02)\n"
            "        return {'files': '+'.join([''] + os.listdir('.'))}\n"
        )
    )
    host = package(code, settings={"MODELPROXY_CONCURRENCY": "4"})
    seen = {}
    threads = [
        threading.Thread(target=lambda n=n: seen.update({n: value_of(ask(host, {"n": n}))["files"]})) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {n: "+%d" % n for n in range(4)}


# --- failures -------------------------------------------------------------------------------------------------------


def test_only_the_public_message_of_an_exception_is_told(package, capfd):
    code = (
        "class Refused(Exception):\n    public_error_message = 'Asset 7 not supported'\n"
        + HEAD
        + "    def request(self, data):\n        raise Refused('no secret for clients')\n"
    )
    assert value_of(ask(package(code), {}), 500) == {"error": "Asset 7 not supported"}
    assert "no secret for clients" in capfd.readouterr().err


# --- through the proxy ----------------------------------------------------------------------------------------------

DOES = """
import os
import shutil
import sys

class Deployment:
    def __init__(self, base_directory, context):
        self.name = context["deployment"]

    def request(self, data):
        what = data["do"]
        if what == "raise":
            raise ValueError("no secret for clients")
        if what == "exit":
            sys.exit(3)
        if what == "print":
            os.write(1, bytes(range(256)))
            sys.stdout.buffer.write(b"\\xff\\xfe\\x00")
        if what == "delete":
            shutil.rmtree(os.getcwd())
        if what == "object":
            return {"size": object()}
        if data["img"] is None:
            return {"size": 0}
        return {"size": os.path.getsize(data["img"])}
"""


def write_does(folder):
    folder.joinpath("deployment.py").write_text(DOES)
    folder.joinpath("input_specification.json").write_text(
        json.dumps([field("do", "string"), field("img", "file", required=False)])
    )
    folder.joinpath("output_specification.json").write_text(json.dumps([field("size", "int")]))


def test_an_action_survives_whatever_a_request_does(tmp_path):
    write_does(tmp_path)
    with Proxy(tmp_path, __OW_ACTION_NAME="/guest/digits") as proxy:
        assert proxy.init() == (200, {"ok": True})
        for what, status in (("raise", 500), ("exit", 500), ("object", 500), ("print", 200), ("delete", 200)):
            answer = proxy.web(
                "POST", body=json.dumps({"do": what}).encode("ascii"), headers={"content-type": "application/json"}
            )
            assert answer[0] == status, (what, answer)
            assert json.loads(answer[2].decode("utf-8")).get("size") == (0 if status == 200 else None)
        boundary, body = multipart.write([multipart.Part("do", b""), multipart.Part("img", PNG, "a.png", "image/png")])
        kind = {"content-type": "multipart/form-data; boundary=" + boundary}
        assert json.loads(proxy.web("POST", body=body, headers=kind)[2].decode("utf-8")) == {"size": len(PNG)}
        # A plain call.
        assert proxy.run({"do": "", "img": base64.b64encode(PNG).decode("ascii")}) == (200, {"size": len(PNG)})
        status, result = proxy.run({"do": "", "img": 3})
        assert status == 200 and result["error"]["statusCode"] == 400
        assert json.loads(proxy.web("GET")[2].decode("utf-8"))["deployment"] == "digits"
    proxy.close()


def test_the_same_over_plain_http(tmp_path):
    write_does(tmp_path)
    with Proxy(tmp_path, MODELPROXY_MODE="web", MODELPROXY_CONCURRENCY="2") as proxy:
        kind = [("Content-Type", "application/json")]
        for what, status in (("exit", 500), ("delete", 200)):
            answer = proxy.exchange("POST", "/", json.dumps({"do": what}).encode("ascii"), kind)
            assert answer[0] == status
        status, headers, _ = proxy.exchange("DELETE", "/")
        assert status == 405 and dict(headers)["allow"] == "GET, HEAD, POST"
        assert proxy.exchange("HEAD", "/")[0] == 200
        assert "host deployment of deployment.py, since found deployment.py" in proxy.out
    proxy.close()
