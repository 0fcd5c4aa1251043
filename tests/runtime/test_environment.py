import os
import subprocess
import sys

import pytest
from modelproxy import environment


@pytest.fixture(autouse=True, params=["at first", "sparing memory"])
def _restored(request, monkeypatch):
    before = dict(os.environb)
    monkeypatch.setattr(environment, "_put", os.putenv)
    if request.param == "sparing memory":
        environment.spare_memory()
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
    entered = environment.enter(message)
    assert os.environ["__OW_ACTIVATION_ID"] == "i"
    assert os.environ["__OW_DEADLINE"] == "123"
    assert os.environ["__OW_OTHER"] == "[1]"
    assert os.environ["__OW_API_HOST"] == "host"
    assert "__OW_API_KEY" not in os.environ
    assert "__OW_NAMESPACE" not in os.environ
    assert "__OW_VALUE" not in os.environ
    environment.leave(entered)
    ours = {name: value for name, value in os.environ.items() if name.startswith("__OW_")}
    assert ours == {"__OW_API_HOST": "host", "__OW_ACTIVATION_ID": "of init", "__OW_API_KEY": "secret of init"}


def test_null_removes_what_names_the_activation_and_nothing_else():
    os.environ["__OW_OTHER"] = os.environ["__OW_API_KEY"] = "of init"
    entered = environment.enter({"other": None, "api_key": None})
    assert (os.environ.get("__OW_OTHER"), os.environ.get("__OW_API_KEY")) == ("of init", None)
    environment.leave(entered)
    assert (os.environ.get("__OW_OTHER"), os.environ.get("__OW_API_KEY")) == ("of init", "of init")


def test_what_the_model_removed_meanwhile_does_no_harm():
    entered = environment.enter({"activation_id": "i"})
    del os.environ["__OW_ACTIVATION_ID"]
    environment.leave(entered)
    assert "__OW_ACTIVATION_ID" not in os.environ


def test_children_inherit_what_an_activation_sets_and_nothing_of_an_earlier_one():
    seen = []
    for message in ({"activation_id": "first", "api_key": "secret"}, {"activation_id": "second", "deadline": "1"}, {}):
        entered = environment.enter(message)
        # The environment that C code sees, which os.environ is only a copy of.
        seen.append(subprocess.check_output(["/bin/sh", "-c", "echo $__OW_ACTIVATION_ID $__OW_API_KEY $__OW_DEADLINE"]))
        environment.leave(entered)
    assert [line.split() for line in seen] == [[b"first", b"secret"], [b"second", b"1"], []]


MANY = """
import sys
from modelproxy import environment

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4

def activations(count):
    for number in range(count):
        environment.leave(environment.enter({"activation_id": "%032d" % number, "deadline": "%013d" % number}))

environment.spare_memory()
activations(1000)
before = resident()
activations(20000)
print(resident() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_ever_new_values_take_no_memory():
    """The C library's setenv keeps each: 3 MB here."""
    runtime = os.path.dirname(os.path.dirname(environment.__file__))
    grown = subprocess.check_output([sys.executable, "-c", MANY], env=dict(os.environ, PYTHONPATH=runtime))
    assert int(grown) < 500


@pytest.mark.parametrize("error", [ImportError, OSError, AttributeError])
@pytest.mark.skipif(sys.version_info < (3, 9), reason="has no use for ctypes")
def test_without_ctypes_variables_are_set_all_the_same(error, monkeypatch):
    import ctypes

    def fail(name):
        raise error("not here")

    monkeypatch.setattr(ctypes, "PyDLL", fail)
    environment.spare_memory()
    entered = environment.enter({"activation_id": "i"})
    assert os.environ["__OW_ACTIVATION_ID"] == "i"
    environment.leave(entered)


def test_a_variable_for_which_there_is_no_memory_is_left_out():
    environment._put_by(lambda pair: -1)
    entered = environment.enter({"activation_id": "i"})
    assert "__OW_ACTIVATION_ID" not in os.environ
    environment.leave(entered)


@pytest.mark.parametrize("values", [("i", "j"), ("i", "of init"), ("i", None), (None, "j"), (None, None)])
@pytest.mark.parametrize("of_init", ["of init", None])
def test_of_two_keys_of_one_variable_the_last_counts_and_nothing_stays_behind(values, of_init):
    if of_init is not None:
        os.environ["__OW_ACTIVATION_ID"] = of_init
    entered = environment.enter(dict(zip(("activation_id", "Activation_id"), values)))
    assert os.environ.get("__OW_ACTIVATION_ID") == values[1]
    environment.leave(entered)
    assert os.environ.get("__OW_ACTIVATION_ID") == of_init


def test_a_key_that_differs_from_value_in_its_case_has_a_variable():
    for message in ({"Value": "x", "value": {}}, {"value": {}, "VALUE": "x"}):
        entered = environment.enter(message)
        assert os.environ["__OW_VALUE"] == "x"
        environment.leave(entered)
        assert "__OW_VALUE" not in os.environ


def test_children_get_what_is_set_and_what_the_model_made_of_it_is_undone():
    os.environ["__OW_NAMESPACE"] = "guest"
    entered = environment.enter({"namespace": "guest", "activation_id": "i"})
    assert subprocess.check_output(["sh", "-c", "echo $__OW_ACTIVATION_ID $__OW_NAMESPACE"]) == b"i guest\n"
    os.environ["__OW_NAMESPACE"] = "the model's"
    environment.leave(entered)
    assert subprocess.check_output(["sh", "-c", "echo $__OW_ACTIVATION_ID $__OW_NAMESPACE"]) == b"guest\n"


def seen_by_children():
    return subprocess.check_output(["sh", "-c", 'printf %s "$__OW_ACTIVATION_ID"'])


@pytest.mark.parametrize("model_sets", [None, "the model's", "of init"])
def test_values_of_any_length_follow_one_another(model_sets):
    os.environ["__OW_ACTIVATION_ID"] = "of init"
    for identity in ("i", "i" * 20, "", "j" * 71, "k" * 72, "l" * 1000, "m", "n" * 1000):
        entered = environment.enter({"activation_id": identity})
        assert os.environ["__OW_ACTIVATION_ID"] == identity
        assert seen_by_children() == identity.encode("ascii")
        if model_sets is not None:
            os.environ["__OW_ACTIVATION_ID"] = model_sets
        environment.leave(entered)
        assert os.environ["__OW_ACTIVATION_ID"] == "of init"
        assert seen_by_children() == b"of init"


def test_a_value_that_no_environment_can_hold_leaves_the_one_before():
    os.environ["__OW_ACTIVATION_ID"] = "of init"
    for identity in ("i", "a\0b", "\ud800", "j"):
        entered = environment.enter({"activation_id": identity})
        expected = identity if identity in ("i", "j") else "of init"
        assert (os.environ["__OW_ACTIVATION_ID"], seen_by_children().decode("ascii")) == (expected, expected)
        environment.leave(entered)


def test_keys_that_no_variable_can_have_and_keys_without_a_value_are_passed_over():
    os.environ["__OW_NAMESPACE"] = "guest"
    message = {"value": 1, "\ud800": "x", "a\0": "x", "a=": "x", "": "x", "other": None, "namespace": None}
    entered = environment.enter(message)
    assert [name for name in os.environ if name.startswith("__OW_") and name != "__OW_API_HOST"] == ["__OW_"]
    environment.leave(entered)
    assert os.environ["__OW_NAMESPACE"] == "guest"
    assert "__OW_" not in os.environ
