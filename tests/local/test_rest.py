"""The REST API's rules beyond the recorded exchanges, over real HTTP."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from little_containers import reply, result
from raw_http import message, send
from rest_client import BLACK_BOX, IMAGE, Desk, a_desk, basic, echo
from running_platform import wait_until

from modelwhisk.local import rest_answers, spray_json
from modelwhisk.local.catalogue import Catalogue, Resolved
from modelwhisk.local.credentials import GUEST_KEY
from modelwhisk.local.limits import PlatformLimits
from modelwhisk.local.names import EntityId

NO_ROUTE = "The requested resource could not be found."
NOT_FOUND = "The requested resource does not exist."


@pytest.fixture(scope="module")
def shared() -> Iterator[Desk]:
    """One platform for tests that don't get in each other's way."""
    with a_desk(max_containers=20) as desk:
        desk.create("there")
        desk.ask("PUT", "packages/box", {})
        yield desk


@pytest.mark.parametrize(
    ("put", "error"),
    [
        ([], "Object expected in field 'exec'"),
        ({"exec": 1}, "JSON object expected"),
        ({"exec": {}}, "'kind' must be a string defined in 'exec'"),
        ({"exec": {"kind": "blackbox"}}, "'image' must be a string defined in 'exec' for 'blackbox' actions"),
        ({"exec": {"kind": "blackbox", "image": "No/Name:"}}, "could not parse image name"),
        ({"exec": {"kind": "blackbox", "image": "a" + "/a" * 3_000}}, "could not parse image name"),
        (
            {"exec": {**BLACK_BOX, "main": 1}},
            "if defined, 'main' be a string in 'exec' for 'blackbox' actions",
        ),
        ({"exec": {"kind": "sequence"}}, "'components' must be defined for sequence kind"),
        ({"exec": {"kind": "sequence", "components": "x"}}, "'components' must be an array"),
        ({"exec": BLACK_BOX, "parameters": {}}, "parameters malformed!"),
        ({"exec": BLACK_BOX, "annotations": [{"key": "x"}]}, "parameters malformed!"),
        ({"exec": BLACK_BOX, "limits": {"memory": "x"}}, "memory limit malformed"),
        ({"exec": BLACK_BOX, "limits": {"timeout": 1.5}}, "requirement failed: time limit must be whole number"),
        ({"exec": BLACK_BOX, "version": "x"}, "semantic version malformed"),
        ({"exec": BLACK_BOX, "version": "1.2147483648"}, "semantic version malformed"),
        ({"exec": BLACK_BOX, "version": f"1.{'9' * 5000}"}, "semantic version malformed"),
        ({"exec": BLACK_BOX, "publish": "x"}, 'Expected JsTrue or JsFalse, but got "x"'),
    ],
)
def test_documents_that_are_no_actions(shared: Desk, put: Any, error: str) -> None:
    answer = shared.ask("PUT", "actions/x", put)
    assert (answer.status, answer.error) == (400, f"The request content was malformed:\n{error}")
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"memory": 127}, "memory size 127 MB below allowed threshold of 128 MB"),
        ({"memory": 6145}, "memory size 6145 MB exceeds allowed threshold of 6144 MB"),
        ({"timeout": 99}, "duration 99 milliseconds below allowed threshold of 100 milliseconds"),
        ({"timeout": 300_001}, "duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds"),
        ({"logs": 11}, "log size 11 MB exceeds allowed threshold of 10 MB"),
        ({"logs": -1}, "log size -1 MB below allowed threshold of 0 MB"),
        ({"concurrency": 2}, "concurrency 2 exceeds allowed threshold of 1"),
        ({"concurrency": 0}, "concurrency 0 below allowed threshold of 1"),
        ({"timeout": 1, "memory": 1}, "memory size 1 MB below allowed threshold of 128 MB"),
    ],
)
def test_limits_of_an_action(shared: Desk, limits: dict[str, int], error: str) -> None:
    answer = shared.create("x", limits=limits)
    assert (answer.status, answer.error) == (400, f"requirement failed: {error}")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert shared.ask("GET", "actions/x").status == 404


def test_a_limit_of_any_number_stops_nobody(shared: Desk) -> None:
    put = b'{"exec": {"kind": "blackbox", "image": "me/echo:1"}, "limits": {"memory": 1e99999999}}'
    answer = shared.ask("PUT", "actions/x", put)
    assert (answer.status, answer.error) == (
        400, "requirement failed: memory size 0 MB below allowed threshold of 128 MB"
    )  # fmt: skip
    assert shared.ask("GET", "actions/x").status == 404


def test_limits_at_their_bounds(shared: Desk) -> None:
    least = {"memory": 128, "timeout": 100, "logs": 0, "concurrency": 1}
    assert shared.create("least", limits=least).json["limits"] == least
    assert shared.create("least", limits={"memory": 6144, "timeout": 300_000}).json["limits"] == {
        **least, "memory": 6144, "timeout": 300_000
    }, "an update keeps what it doesn't mention"  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "document", "status", "error"),
    [
        ("PUT", "actions/x", {}, 400, "exec undefined"),
        ("PUT", "actions/x", None, 400, "Request entity expected but not supplied"),
        ("PUT", "actions/there", {"exec": BLACK_BOX}, 409, "resource already exists"),
        ("PUT", "packages/box", {}, 409, "resource already exists"),
        ("PUT", "packages/default", {}, 400, "Package name 'default' is reserved."),
        ("GET", "packages/there", None, 409, "Resource by this name exists but is not in this collection."),
        ("GET", "actions/box", None, 409, "Resource by this name exists but is not in this collection."),
        ("DELETE", "actions/box", None, 409, "Resource by this name exists but is not in this collection."),
        ("PUT", "actions/nobox/x", {"exec": BLACK_BOX}, 404, NOT_FOUND),
        ("GET", "actions/nobox/x", None, 404, NOT_FOUND),
        ("GET", "packages/nobox", None, 404, NOT_FOUND),
        ("DELETE", "packages/nobox", None, 404, NOT_FOUND),
        ("GET", "triggers/x", None, 404, NOT_FOUND),
        ("GET", "rules/x", None, 404, NOT_FOUND),
        ("PUT", "rules/x", {}, 501, "The local platform has actions and packages, but no triggers and rules."),
        ("POST", "actions", {}, 404, NO_ROUTE),
        ("PATCH", "actions/there", {}, 404, NO_ROUTE),
        ("POST", "packages/box", {}, 404, NO_ROUTE),
        ("POST", "activations", {}, 404, NO_ROUTE),
        ("GET", "nothing", None, 404, NO_ROUTE),
        ("GET", "actions/box/x/y", None, 404, NO_ROUTE),
        ("GET", "packages/box/x", None, 404, NO_ROUTE),
        ("GET", "limits/x", None, 400, "Inner entity level routes for limits are not yet implemented."),
        ("GET", "actions/a%2Fb", None, 400, "The name of the entity contains illegal characters."),
        ("GET", f"actions/{'x' * 257}", None, 400, "Name segement longer than allowed: 257 > 256."),
        ("GET", "/api/v1/namespaces/%3F/actions", None, 400, "The namespace contains illegal characters."),
        ("GET", "activations/12", None, 400, "Activation id length is 2 but must be 32."),
        ("GET", f"activations/{'g' * 32}", None, 400, "The activation id is not valid."),
        ("GET", f"activations/{'0' * 32}/x", None, 404, NO_ROUTE),
        (
            "GET",
            "/api/v1/namespaces/other/actions/x",
            None,
            403,
            "The supplied authentication is not authorized to access 'other/x'.",
        ),
        ("GET", "/api/v1/namespaces/other/packages/x", None, 404, "The requested resource 'other/x' does not exist."),
    ],
)
def test_what_is_refused(  # noqa: PLR0917, a table's columns
    shared: Desk, method: str, path: str, document: Any, status: int, error: str
) -> None:
    answer = shared.ask(method, path, document)
    assert (answer.status, answer.error) == (status, error)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("actions?limit=201", "limit\nThe value '201' is not in the range of 0 to 200 for actions."),
        ("actions?limit=x", "limit\nThe value 'x' is not an integer for actions."),
        ("packages?skip=-1", "skip\nThe value '-1' is not greater than or equal to 0 for packages."),
        ("activations?count=maybe", "count\n'maybe' is not a valid Boolean value"),
        ("activations?since=x", "since\nParameter is not a valid value for epoch seconds: x"),
        ("activations?name=a/b/c", "name\nParameter may be a 'simple' name or 'package-name/simple' name: a/b/c"),
    ],
)
def test_query_parameters_that_do_not_parse(shared: Desk, path: str, error: str) -> None:
    name, _, reason = error.partition("\n")
    answer = shared.ask("GET", path)
    assert (answer.status, answer.error) == (400, f"The query parameter '{name}' was malformed:\n{reason}")


@pytest.mark.parametrize("timeout", ["0", "60001", "x"])
def test_timeouts_that_can_not_be(shared: Desk, timeout: str) -> None:
    answer = shared.invoke("there", f"?blocking=true&timeout={timeout}")
    expected = "The query parameter 'timeout' was malformed:\nTimeout must be number of milliseconds up to 60000."
    assert (answer.status, answer.error) == (400, expected)


def test_a_body_of_another_type(shared: Desk) -> None:
    answer = shared.ask("PUT", "actions/x", b"{}", ("Content-Type", "text/plain"))
    assert answer.status == 415
    assert answer.error.endswith("Expected:\napplication/json")
    assert shared.ask("POST", "actions/there?blocking=true", b"{", ("Content-Type", "application/json")).status == 400


def test_what_is_too_large(shared: Desk) -> None:
    big = "x" * 1_048_576
    answer = shared.invoke("there", value={"x": big})
    assert (answer.status, answer.error) == (413, f"Request larger than allowed: {1_048_576 + 9} > 1048576 bytes.")
    answer = shared.create("x", parameters=[{"key": "p", "value": big}])
    assert (answer.status, answer.error) == (413, f"parameters larger than allowed: {1_048_576 + 3} > 1048576 bytes.")
    answer = shared.create("x", annotations=[{"key": "p", "value": big}])
    assert answer.error == f"annotations larger than allowed: {1_048_576 + 3} > 1048576 bytes."
    with a_desk(limits=PlatformLimits(code=100)) as desk:
        answer = desk.create("x", exec={**BLACK_BOX, "code": "#" * 100})
        assert (answer.status, answer.error) == (413, f"exec larger than allowed: {100 + len(IMAGE)} > 100 bytes.")


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "page.example")],
        [("Host", "localhost.example:3233")],
        [("Origin", "https://page.example")],
        [("Origin", "null")],
        [("Origin", "http://localhost.page.example")],
        [("Origin", "http://localhost")],
        [("Origin", "http://127.0.0.1:3233")],
        [("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "cross-site")],
    ],
)
def test_pages_can_not_drive_it(shared: Desk, headers: list[tuple[str, str]]) -> None:
    for method, path in (("GET", "actions"), ("PUT", "actions/evil"), ("POST", "actions/there")):
        assert shared.ask(method, path, {} if method != "GET" else None, *headers).status == 403
    assert shared.ask("GET", "actions/evil").status == 404
    web = message(
        "GET", "/api/v1/web/guest/default/nope", [("Host", "page.example"), ("Origin", "https://page.example")]
    )
    assert send(shared.platform.url, web).status == 404, "web actions are public"


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "127.0.0.1")],
        [("Host", "[::1]:3233")],
        [("Host", "whisk.localhost")],
        [("Sec-Fetch-Site", "none")],
    ],
)
def test_clients_of_this_machine_can(shared: Desk, headers: list[tuple[str, str]]) -> None:
    assert shared.ask("GET", "actions", None, *headers).status == 200


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (("Authorization", ""), "The resource requires authentication, which was not supplied with the request"),
        (basic("a:b"), "The supplied authentication is invalid"),
        (basic(GUEST_KEY + "x"), "The supplied authentication is invalid"),
        (("Authorization", "Basic %%%"), "The supplied authentication is invalid"),
        (("Authorization", "Bearer x"), "The supplied authentication is invalid"),
    ],
)
def test_without_the_key(shared: Desk, header: tuple[str, str], error: str) -> None:
    for path in ("actions", "actions/there", "activations", "/api/v1/namespaces", "/api/v1/namespaces/x/y"):
        answer = shared.ask("GET", path, None, header)
        assert (answer.status, answer.error) == (401, error)
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="OpenWhisk secure realm",charset=UTF-8'


def test_lists_are_cut_and_counted() -> None:
    with a_desk() as desk:
        for name in ("one", "two", "three"):
            desk.create(name)
        desk.ask("PUT", "packages/box", {"annotations": [{"key": "x", "value": 1}]})
        desk.create("box/four")

        def names(path: str) -> list[str]:
            return [item["name"] for item in desk.ask("GET", path).json]

        assert names("actions") == ["four", "three", "two", "one"], "those changed last come first"
        assert names("actions?limit=2&skip=1") == ["three", "two"]
        assert names("actions/box/") == ["four"]
        desk.create("one")
        assert names("actions?limit=0")[0] == "one"
        assert desk.ask("GET", "actions?count=true").json == {"actions": 4}
        assert desk.ask("GET", "actions?count=true&skip=3").json == {"actions": 1}
        assert desk.ask("GET", "triggers?count=true").json == {"triggers": 0}
        (package,) = desk.ask("GET", "packages").json
        assert (package["name"], package["binding"], package["version"]) == ("box", False, "0.0.1")
        shown = desk.ask("GET", "packages/box").json
        assert [item["name"] for item in shown["actions"]] == ["four"]
        assert set(shown["actions"][0]) == {"name", "version", "annotations"}
        assert desk.ask("GET", "/api/v1/namespaces/whisk.system/packages").json == []


def test_updates_keep_what_they_do_not_mention() -> None:
    with a_desk() as desk:
        code = {**BLACK_BOX, "code": "x", "main": "m"}
        annotations = [{"key": "a", "value": 1}, {"key": "b", "value": 2}]
        desk.create(exec=code, annotations=annotations, parameters=[{"key": "p", "value": 1}], publish=True)
        answer = desk.ask("PUT", "actions/a?overwrite=true", {"annotations": [{"key": "b", "value": 3}]})
        assert answer.status == 200
        assert (answer.json["version"], answer.json["publish"]) == ("0.0.2", True)
        assert answer.json["exec"] == {**code, "binary": False}
        assert answer.json["parameters"] == [{"key": "p", "value": 1}]
        values = {item["key"]: item["value"] for item in answer.json["annotations"]}
        assert values == {"a": 1, "b": 3, "provide-api-key": False, "exec": "blackbox"}
        answer = desk.ask("PUT", "actions/a?overwrite=true", {"delAnnotations": ["a", "nope"], "version": "1.2.3"})
        assert answer.json["version"] == "1.2.3"
        assert [item["key"] for item in answer.json["annotations"]] == ["b", "provide-api-key", "exec"]
        assert desk.ask("GET", "actions/a?code=false").json["exec"] == {
            "kind": "blackbox", "image": IMAGE, "main": "m", "binary": False
        }  # fmt: skip


def test_a_package_gives_its_parameters_and_goes_with_force() -> None:
    with a_desk() as desk:
        desk.ask("PUT", "packages/box", {"parameters": [{"key": "a", "value": 1}, {"key": "b", "value": 1}]})
        desk.create("box/x", parameters=[{"key": "b", "value": 2}, {"key": "c", "value": 2}])
        assert desk.invoke("box/x", value={"c": 3}).json == {"a": 1, "b": 2, "c": 3}
        desk.ask("PUT", "packages/box?overwrite=true", {"parameters": [{"key": "a", "value": 9}]})
        assert desk.invoke("box/x").json["a"] == 9, "at once"
        shown = {item["key"]: item["value"] for item in desk.ask("GET", "actions/box/x").json["parameters"]}
        assert shown == {"a": 9, "b": 2, "c": 2}
        refused = desk.ask("DELETE", "packages/box")
        assert refused.status == 409
        assert refused.error == ("Package not empty (contains 1 entity). Set force param or delete package contents.")
        assert desk.ask("DELETE", "packages/box?force=true").status == 200
        assert desk.ask("GET", "actions").json == []


def test_a_binding_is_its_package_with_other_parameters() -> None:
    with a_desk() as desk:
        desk.ask("PUT", "packages/box", {"parameters": [{"key": "a", "value": 1}, {"key": "b", "value": 1}]})
        desk.create("box/x", annotations=[{"key": "web-export", "value": True}])
        binding = {"binding": {"namespace": "_", "name": "box"}, "parameters": [{"key": "b", "value": 2}]}
        made = desk.ask("PUT", "packages/bound", binding)
        assert made.json["binding"] == {"namespace": "guest", "name": "box"}
        assert made.json["annotations"] == [{"key": "binding", "value": {"namespace": "guest", "name": "box"}}]
        answer = desk.invoke("bound/x", "?blocking=true")
        assert answer.json["response"]["result"] == {"a": 1, "b": 2}
        annotations = {item["key"]: item["value"] for item in answer.json["annotations"]}
        assert (annotations["path"], annotations["binding"]) == ("guest/box/x", "guest/bound")
        shown = desk.ask("GET", "packages/bound").json
        assert [item["name"] for item in shown["actions"]] == ["x"]
        assert {item["key"]: item["value"] for item in shown["parameters"]} == {"a": 1, "b": 2}
        assert [item["name"] for item in desk.ask("GET", "actions/bound/").json] == ["x"]
        refused = desk.ask("PUT", "actions/bound/y", {"exec": BLACK_BOX})
        assert (refused.status, refused.error) == (400, "Operation not permitted on package binding.")
        for name, status, error in (
            ("nobox", 400, "Binding references a package that does not exist."),
            ("bound", 400, "Cannot bind to another package binding."),
        ):
            refused = desk.ask("PUT", "packages/new", {"binding": {"namespace": "_", "name": name}})
            assert (refused.status, refused.error) == (status, error)
        refused = desk.ask("PUT", "packages/box?overwrite=true", binding)
        assert (refused.status, refused.error) == (
            409,
            "Resource is a package and cannot be converted into a binding.",
        )


def test_final_parameters_can_not_be_given() -> None:
    with a_desk() as desk:
        desk.create(
            annotations=[{"key": "final", "value": True}],
            parameters=[{"key": "p", "value": 1}, {"key": "free", "value": None}],
        )
        refused = desk.invoke(value={"p": 2})
        assert (refused.status, refused.error) == (
            400,
            "Request defines parameters that are not allowed (e.g., reserved properties).",
        )
        assert desk.invoke(value={"free": 2}).json == {"p": 1, "free": 2}


def test_init_parameters_go_to_init_only() -> None:
    with a_desk() as desk:
        desk.create(parameters=[{"key": "s", "value": "own", "init": True}, {"key": "p", "value": 1}])
        assert desk.invoke(value={"s": "given"}).json == {"p": 1}
        assert desk.factory.received[0].message["value"]["env"]["s"] == "given"
        assert desk.invoke(value={"s": "again"}).json == {"p": 1}, "warm"


def test_an_update_makes_new_containers() -> None:
    with a_desk() as desk:
        desk.create(exec={**BLACK_BOX, "code": "one"})
        desk.invoke()
        desk.create(exec={**BLACK_BOX, "code": "two"})
        wait_until(lambda: desk.factory.started[0].life == ["destroyed"])
        desk.invoke()
        inits = [one.message["value"] for one in desk.factory.received if one.path == "/init"]
        assert [(init["code"], init["env"]["__OW_ACTION_VERSION"]) for init in inits] == [
            ("one", "0.0.1"), ("two", "0.0.2")
        ]  # fmt: skip
        desk.ask("DELETE", "actions/a")
        wait_until(lambda: desk.factory.started[1].life == ["destroyed"])


def slow(path: str, sent: dict[str, Any]) -> bytes:
    if path == "/run":
        time.sleep(sent["value"].get("seconds", 0))
    return echo(path, sent)


def test_a_client_is_not_kept_waiting_for_ever() -> None:
    with a_desk(slow, blocking_wait=0.3) as desk:
        desk.create()
        answer = desk.invoke(value={"seconds": 0.6})
        id = answer.headers["x-openwhisk-activation-id"]
        assert (answer.status, answer.json) == (202, {"activationId": id})
        assert desk.record(answer)["response"]["result"] == {"seconds": 0.6}
    with a_desk(slow) as desk:
        desk.create()
        start = time.monotonic()
        answer = desk.invoke(query="?blocking=true&timeout=100", value={"seconds": 0.6})
        assert (answer.status, time.monotonic() - start < 0.5) == (202, True)
        assert desk.record(answer)["response"]["success"] is True


def test_how_activations_end() -> None:
    def answer(path: str, sent: dict[str, Any]) -> bytes | None:
        if path == "/init":
            return reply("{}")
        how = sent["value"].get("how")
        return {
            "array": result([1, 2]), "bad": reply("no JSON"), "gone": None, "error": result({"error": {"a": 1}}),
        }.get(how, result({}))  # fmt: skip

    with a_desk(answer) as desk:
        desk.create(limits={"timeout": 60_000})

        def ends(how: str) -> tuple[int, Any, Any]:
            response = desk.invoke(value={"how": how}, query="?blocking=true")
            written = desk.record(response)
            assert response.json in (written["response"]["result"], {**written, "logs": []})
            return response.status, written["response"]["status"], written["response"]["result"]

        assert ends("well") == (200, "success", {})
        assert ends("array") == (200, "success", [1, 2])
        assert ends("error") == (502, "application error", {"error": {"a": 1}})
        bad = "The action did not produce a valid JSON or JSON Array response: no JSON"
        assert ends("bad") == (502, "action developer error", {"error": bad})
        gone = "The action did not produce a valid response and exited unexpectedly."
        assert ends("gone") == (502, "action developer error", {"error": gone})
        codes = [item["statusCode"] for item in desk.ask("GET", "activations?name=a").json]
        assert codes == [2, 2, 1, 0, 0]


def test_activations_are_filtered() -> None:
    with a_desk() as desk:
        desk.create("one")
        desk.ask("PUT", "packages/box", {})
        desk.create("box/one")
        records = [desk.record(desk.invoke(name)) for name in ("one", "box/one", "one")]

        def ids(query: str) -> list[str]:
            return [item["activationId"] for item in desk.ask("GET", f"activations?{query}").json]

        first, boxed, last = (written["activationId"] for written in records)
        assert ids("") == [last, boxed, first]
        assert ids("name=one") == [last, first]
        assert ids("name=box/one") == [boxed]
        assert ids("limit=1&skip=1") == [boxed]
        assert ids(f"since={records[2]['start']}") == [last]
        assert ids(f"upto={records[0]['start']}") == [first]
        assert desk.ask("GET", "activations?count=true&name=one").json == {"activations": 2}
        refused = desk.ask("GET", "activations?count=true&docs=true")
        assert (refused.status, refused.error) == (400, "The parameter 'docs' is not permitted with 'count'.")
        assert desk.ask("GET", "activations?docs=true&limit=1").json == [records[2]]


def test_a_list_of_activations_is_sent_as_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading and writing two hundred results of a megabyte took minutes and gigabytes, while all others waited."""
    with a_desk() as desk:
        desk.create("a")
        records = [desk.record(desk.invoke(value={"number": 10**20, "text": f"é{number}"})) for number in range(3)]
        lists = {query: desk.ask("GET", f"activations{query}").json for query in ("", "?docs=true", "?limit=2&skip=9")}
        read: list[Any] = []
        for name in ("parse", "compact"):
            monkeypatch.setattr(spray_json, name, read.append)
        monkeypatch.setattr(rest_answers, "compact", read.append)
        assert desk.ask("GET", "activations?docs=true").json == records[::-1]
        assert [item["activationId"] for item in desk.ask("GET", "activations").json] == [
            item["activationId"] for item in records[::-1]
        ]
        assert read == []
        assert lists == {query: desk.ask("GET", f"activations{query}").json for query in lists}
        assert lists["?limit=2&skip=9"] == []


def test_too_many_in_a_minute() -> None:
    with a_desk(limits=PlatformLimits(invocations_per_minute=3)) as desk:
        desk.create(annotations=[{"key": "web-export", "value": True}])
        # A minute of the clock may end in the middle: then the count begins anew, once.
        answers = [desk.invoke() for _ in range(8)]
        assert {answer.status for answer in answers} == {200, 429}
        refused = answers[-1]
        assert refused.error.startswith("Too many requests in the last minute (count: ")
        assert refused.error.endswith(", allowed: 3).")
        web = send(desk.platform.url, message("GET", "/api/v1/web/guest/default/a", [("Host", "h")]))
        assert web.status == 429
        assert json.loads(web.body)["error"].startswith("Too many requests in the last minute")
        assert desk.ask("GET", "limits").json["invocationsPerMinute"] == 3


def test_too_many_at_a_time() -> None:
    with a_desk(slow, limits=PlatformLimits(concurrent_invocations=2)) as desk:
        desk.create()
        first = [desk.invoke(query="", value={"seconds": 0.5}) for _ in range(2)]
        refused = desk.invoke()
        assert [answer.status for answer in first] == [202, 202]
        assert (refused.status, refused.error) == (
            429,
            "Too many concurrent requests in flight (count: 2, allowed: 2).",
        )
        for answer in first:
            desk.record(answer)
        assert desk.invoke().status == 200


def test_a_sequence() -> None:
    def answer(path: str, sent: dict[str, Any]) -> bytes:
        if path == "/init":
            return reply("{}")
        if sent["value"].get("fail") == sent["action_name"]:
            return result({"error": "told to"})
        return result({**sent["value"], "way": [*sent["value"].get("way", []), sent["action_name"]]})

    with a_desk(answer) as desk:
        for name in ("one", "two"):
            desk.create(name)
        made = desk.create("both", exec={"kind": "sequence", "components": ["/_/one", "/guest/two"]})
        assert made.json["exec"] == {"kind": "sequence", "components": ["/guest/one", "/guest/two"]}
        done = desk.invoke("both", "?blocking=true", {"x": 1})
        assert done.json["response"]["result"]["way"] == ["/guest/one", "/guest/two"]
        parts = [desk.ask("GET", f"activations/{id}").json for id in desk.record(done)["logs"]]
        assert [(part["name"], part["cause"]) for part in parts] == [
            ("one", done.json["activationId"]), ("two", done.json["activationId"])
        ]  # fmt: skip
        failed = desk.invoke("both", value={"fail": "/guest/one"})
        assert (failed.status, failed.json) == (502, {"error": "told to"})
        for components, error in (
            ([], "No component specified for the sequence."),
            (["/_/nope"], "Sequence component does not exist."),
            (["/_/both"], "Sequence may not refer to itself."),
            (["/_/one"] * 51, "Too many actions in the sequence."),
            (["/_/nope"] * 51, "Too many actions in the sequence."),
        ):
            put = {"exec": {"kind": "sequence", "components": components}}
            refused = desk.ask("PUT", "actions/both?overwrite=true", put)
            assert (refused.status, refused.error) == (400, error)


def test_sequences_of_sequences_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of twelve is ten times the next, made before that became a sequence: in the end 10**12 actions."""

    def sequence(*components: str) -> dict[str, Any]:
        return {"exec": {"kind": "sequence", "components": components}}

    with a_desk() as desk:
        desk.create("s12")
        for level in reversed(range(12)):
            desk.create(f"s{level}")
        for level in range(12):
            assert desk.create(f"s{level}", **sequence(*[f"/_/s{level + 1}"] * 10)).status == 200
        looked_up: list[EntityId] = []
        resolve = Catalogue.resolve

        def counted(catalogue: Catalogue, id: EntityId) -> Resolved:
            looked_up.append(id)
            assert len(looked_up) < 1000
            return resolve(catalogue, id)

        with monkeypatch.context() as watched:
            watched.setattr(Catalogue, "resolve", counted)
            refused = desk.create("all", **sequence("/_/s0"))
        assert (refused.status, refused.error) == (400, "Too many actions in the sequence.")
        done = desk.invoke("s0")
        assert (done.status, done.json) == (502, {"error": "Too many actions in the sequence."})
        assert len(desk.factory.runs) == 50
        assert desk.invoke("s11").status == 200


def test_a_sequence_that_is_its_own_by_a_binding_is_refused() -> None:
    with a_desk() as desk:
        for package in ("one", "other"):
            desk.ask("PUT", f"packages/{package}", {})
        desk.ask("PUT", "packages/bound", {"binding": {"namespace": "_", "name": "one"}})
        desk.create("one/a")
        desk.create("b", exec={"kind": "sequence", "components": ["/_/bound/a"]})
        desk.create("other/a", exec={"kind": "sequence", "components": ["/_/b"]})
        desk.ask("PUT", "packages/bound?overwrite=true", {"binding": {"namespace": "_", "name": "other"}})
        refused = desk.create("c", exec={"kind": "sequence", "components": ["/_/b"]})
        assert (refused.status, refused.error) == (400, "Sequence may not refer to itself.")
        assert desk.invoke("b").status == 500
        assert desk.create("one/a").status == 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # docker's client leaves a socket
def test_an_image_without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///does/not/exist")
    with a_desk() as desk:
        assert desk.create(exec={"kind": "blackbox", "image": "me/other"}).status == 200
        answer = desk.invoke()
        assert (answer.status, answer.json) == (502, {"error": "Failed to pull container image 'me/other'."})
        assert "docker can't be reached" in desk.record(answer)["logs"][0]
    gc.collect()


def test_logs_have_time_and_stream_and_a_limit() -> None:
    with a_desk() as desk:
        desk.create(limits={"logs": 1})
        desk.record(desk.invoke())
        log = desk.factory.started[0].log
        log.add("stdout", "hello")
        log.add("stderr", "oh no")
        answer = desk.invoke()
        id = desk.record(answer)["activationId"]
        logs = desk.ask("GET", f"activations/{id}/logs").json["logs"]
        assert [line.partition(" ")[2] for line in logs] == ["hello", "stderr: oh no"]
        assert len(logs[0].partition(" ")[0]) == len("2026-11-21T09:36:34.965974237Z")
        log.add("stdout", "x" * 1_048_577)
        (line,) = desk.record(desk.invoke())["logs"]
        limit = "Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes."
        assert line.partition(" ")[2] == f"stderr: {limit}"
        desk.create(limits={"logs": 0})
        assert desk.record(desk.invoke())["logs"] == []


def test_a_session_of_wsk() -> None:
    """The requests of its commands, in the form in which openwhisk-client-go makes them."""
    with a_desk() as desk:
        assert desk.ask("GET", "/api/v1", None, ("Authorization", "")).json["buildno"] == "standalone"
        assert desk.ask("GET", "/api/v1/namespaces").json == ["guest"]
        put = {
            "namespace": "_",
            "name": "hello",
            "exec": BLACK_BOX,
            "annotations": [{"key": "web-export", "value": True}],
        }
        assert desk.ask("PUT", "actions/hello?overwrite=false", put).status == 200
        assert desk.ask("GET", "actions/hello?code=false").json["exec"] == {**BLACK_BOX, "binary": False}
        assert desk.ask("GET", "actions/hello?code=true").status == 200
        assert desk.ask("POST", "actions/hello?blocking=true&result=true", {"x": 1}).json == {"x": 1}
        assert set(desk.ask("POST", "actions/hello?blocking=false&result=false", {}).json) == {"activationId"}
        binding = {"namespace": "_", "name": "mine", "binding": {"namespace": "_", "name": "tools"}, "publish": False}
        assert desk.ask("PUT", "packages/tools?overwrite=false", {"namespace": "_", "name": "tools"}).status == 200
        assert desk.ask("PUT", "packages/mine?overwrite=false", binding).status == 200
        for collection in ("packages", "actions", "triggers", "rules"):
            assert isinstance(desk.ask("GET", f"{collection}?limit=200&skip=0").json, list)
        wait_until(lambda: len(desk.ask("GET", "activations?docs=false&limit=30&skip=0").json) == 2)
        polled = desk.ask("GET", "activations?docs=true&limit=0&since=0&skip=0").json
        assert all({"logs", "response"} <= set(item) for item in polled)
        last = polled[0]["activationId"]
        assert desk.ask("GET", f"activations/{last}/logs").json == {"logs": polled[0]["logs"]}
        assert desk.ask("GET", f"activations/{last}/result").json == polled[0]["response"]
        assert desk.ask("DELETE", "actions/hello").json["name"] == "hello"
