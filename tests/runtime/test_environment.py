import os

import pytest
from modelproxy import environment


@pytest.fixture(autouse=True)
def _restored():
    before = dict(os.environb)
    yield
    for name in set(os.environb) - set(before):
        del os.environb[name]
    os.environb.update(before)


def test_init_variables_stay():
    refused = environment.export(
        {"A_STR": "x", "A_NULL": None, "A_NUM": 1.5, "A_BOOL": True, "A_OBJ": {"a": [1]}, "A_UTF": "\u96ea"}
    )
    assert refused == []
    seen = [os.environb[name] for name in (b"A_STR", b"A_NULL", b"A_NUM", b"A_BOOL", b"A_OBJ", b"A_UTF")]
    assert seen == [b"x", b"", b"1.5", b"true", b'{"a":[1]}', "\u96ea".encode("utf-8")]


@pytest.mark.parametrize(
    ("name", "value"), [("", "x"), ("a=b", "x"), ("a\0b", "x"), ("A_Z", "a\0b"), ("A_Z", "\ud800")]
)
def test_init_variables_that_no_process_can_have(name, value):
    refused = environment.export({name: value, "A_OK": "1"})
    assert len(refused) == 1
    assert "can't be set" in refused[0]
    assert os.environ["A_OK"] == "1"


def test_an_activation_s_variables_are_set_and_put_back():
    os.environ["__OW_API_HOST"] = "host"
    os.environ["__OW_ACTIVATION_ID"] = "of init"
    os.environ["__OW_API_KEY"] = "secret of init"
    message = {
        "value": {},
        "activation_id": "i",
        "deadline": 123,
        "namespace": None,
        "other": [1],
        "a=b": "x",
        "bad": "\0",
    }
    before = environment.enter(message)
    assert os.environ["__OW_ACTIVATION_ID"] == "i"
    assert os.environ["__OW_DEADLINE"] == "123"
    assert os.environ["__OW_OTHER"] == "[1]"
    assert os.environ["__OW_API_HOST"] == "host"
    assert "__OW_API_KEY" not in os.environ
    assert "__OW_NAMESPACE" not in os.environ
    assert "__OW_VALUE" not in os.environ
    environment.leave(before)
    ours = {name: value for name, value in os.environ.items() if name.startswith("__OW_")}
    assert ours == {"__OW_API_HOST": "host", "__OW_ACTIVATION_ID": "of init", "__OW_API_KEY": "secret of init"}


def test_what_the_model_removed_meanwhile_does_no_harm():
    before = environment.enter({"activation_id": "i"})
    del os.environ["__OW_ACTIVATION_ID"]
    environment.leave(before)
    assert "__OW_ACTIVATION_ID" not in os.environ
