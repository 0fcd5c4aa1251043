import pytest
from modelproxy.settings import TABLE, Settings


def test_defaults():
    settings = Settings({})
    assert (settings.mode, settings.port, settings.concurrency, settings.max_body) == ("action", 8080, 1, 64 << 20)
    assert (settings.result_limit, settings.cors, settings.log, settings.host) == (1 << 20, "platform", "text", "")


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("command_port", 0),
        ("deadline_margin", 250),
        ("read_timeout", 30),
        ("keep_alive", 75),
        ("health_path", "/healthz"),
        ("init_code", "refuse"),
        ("base_command", []),
        ("drift_budget", 50),
        ("drift_window", 100),
        ("drift_bound", 0.1),
    ],
)
def test_more_defaults(name, default):
    assert getattr(Settings({}), name) == default


@pytest.mark.parametrize(
    ("entrypoint", "command", "words"),
    [
        ("", '["a", "b c"]', ["a", "b c"]),
        ('["python"]', '["app.py", ""]', ["python", "app.py", ""]),
        ("null", "null", []),
        ("[]", '["x"]', ["x"]),
    ],
)
def test_the_command_of_the_model_s_own_image(entrypoint, command, words):
    environ = {"MODELPROXY_BASE_ENTRYPOINT": entrypoint, "MODELPROXY_BASE_CMD": command}
    assert Settings(environ).base_command == words


@pytest.mark.parametrize("text", ["python app.py", '"x"', '{"a": 1}', '["a", 1]', "[1]", "["])
def test_a_command_that_is_no_list_of_words(text):
    with pytest.raises(ValueError, match=r"MODELPROXY_BASE_CMD is .*; it must be a JSON list of strings$"):
        Settings({"MODELPROXY_BASE_CMD": text})


@pytest.mark.parametrize(
    ("environ", "mode", "port"),
    [
        ({"PORT": "80"}, "web", 80),
        ({"PORT": "80", "__OW_API_HOST": "x"}, "action", 8080),
        ({"PORT": "80", "MODELPROXY_PORT": "81"}, "web", 81),
        ({"MODELPROXY_MODE": "web"}, "web", 8080),
        ({"PORT": "80", "MODELPROXY_MODE": "ACTION"}, "action", 8080),
        ({"PORT": "", "MODELPROXY_PORT": "0"}, "action", 0),
        ({"PORT": "80", "__OW_API_HOST": "x", "MODELPROXY_MODE": "web"}, "web", 80),
    ],
)
def test_mode_and_port(environ, mode, port):
    settings = Settings(environ)
    assert (settings.mode, settings.port) == (mode, port)


@pytest.mark.parametrize(
    ("environ", "concurrency"),
    [
        ({}, 1),
        ({"__OW_ALLOW_CONCURRENT": "true"}, 64),
        ({"__OW_ALLOW_CONCURRENT": "false"}, 1),
        ({"__OW_ALLOW_CONCURRENT": "true", "MODELPROXY_CONCURRENCY": "3"}, 3),
    ],
)
def test_concurrency(environ, concurrency):
    assert Settings(environ).concurrency == concurrency


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("MODELPROXY_PORT", "x", "whole number"),
        ("MODELPROXY_DEADLINE_MARGIN", "9" * 400, "whole number"),  # no float holds it
        ("MODELPROXY_PORT", "-1", "whole number"),
        ("MODELPROXY_CORS", "maybe", "one of: platform, app"),
        ("MODELPROXY_MODE", "tea", "one of: action, web"),
    ],
)
def test_an_unusable_value_is_named(variable, text, problem):
    with pytest.raises(ValueError, match=variable + ".*" + problem):
        Settings({variable: text})


def test_a_port_that_is_no_number():
    assert Settings({"PORT": "0"}).port == 0
    with pytest.raises(ValueError, match="PORT"):
        Settings({"PORT": "http"})


def test_init_may_set_some_and_is_told_of_the_others():
    settings = Settings({})
    refused = settings.update(
        {"MODELPROXY_PATH": "/x", "MODELPROXY_CORS": "app", "MODELPROXY_HOST": "evil", "MODELPROXY_LOG": ""}
    )
    assert (settings.path, settings.cors, settings.host, settings.log) == ("/x", "app", "", "text")
    assert len(refused) == 1
    assert "MODELPROXY_HOST can't be set by a parameter" in refused[0]
    with pytest.raises(ValueError, match="MODELPROXY_RESULT_LIMIT"):
        settings.update({"MODELPROXY_RESULT_LIMIT": "much"})


def test_nothing_that_selects_code_can_come_with_init():
    assert [entry.name for entry in TABLE if entry.at_init] == [
        "path",
        "public_path",
        "cors",
        "result_limit",
        "deadline_margin",
        "warm_up",
        "log",
        "drift_budget",
        "drift_window",
        "drift_bound",
    ]


def test_every_setting_has_its_variable():
    for entry in TABLE:
        assert entry.variable == "MODELPROXY_" + entry.name.upper()


@pytest.mark.parametrize(("text", "share"), [("0", 0.0), ("0.25", 0.25), ("1", 1.0), ("1e-2", 0.01)])
def test_a_share(text, share):
    assert Settings({"MODELPROXY_DRIFT_BOUND": text}).drift_bound == share


@pytest.mark.parametrize("text", ["-0.1", "1.1", "nan", "10 %"])
def test_no_share(text):
    with pytest.raises(ValueError, match=r"MODELPROXY_DRIFT_BOUND is .* must be a number from 0 to 1"):
        Settings({"MODELPROXY_DRIFT_BOUND": text})
