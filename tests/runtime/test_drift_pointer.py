import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelproxy.drift.pointer import NotThere, vector_at

FACES = {"predictions": [{"embedding": [1, 2], "box": [0.5]}, {"embedding": [3.0, 6], "box": [0.7]}]}
LABELS = {"predictions": [{"label": "b", "p": 0.7}, {"label": "a", "p": 0.2}, {"label": "c", "p": 0.1}]}


@pytest.mark.parametrize(
    ("value", "pointer", "by", "wanted"),
    [
        (FACES, "/predictions/0/embedding", None, [1.0, 2.0]),
        (FACES, "/predictions/*/embedding", None, [2.0, 4.0]),
        (FACES, "/predictions/*/embedding/1", None, [2.0, 6.0]),
        (LABELS, "/predictions/*/p", None, [0.7, 0.2, 0.1]),
        (LABELS, "/predictions/*/p", "label", [0.2, 0.7, 0.1]),
        ({"embedding": [[1, 2], [3, 4]]}, "/embedding", None, [2.0, 3.0]),
        ({"embedding": [[[1, 2]], [[3, 4]]]}, "/embedding", None, [2.0, 3.0]),
        ({"b": 2, "a": 1}, "/*", None, [1.0, 2.0]),
        ([1, 2.5], "", None, [1.0, 2.5]),
        ({"a/b": {"c~d": [7]}}, "/a~1b/c~0d", None, [7.0]),
        ({"": [3]}, "/", None, [3.0]),
        ({"x": 4}, "/x", None, [4.0]),
        ({"x": [4]}, "/x/*", None, [4.0]),
    ],
)
def test_vectors(value, pointer, by, wanted):
    assert vector_at(value, pointer, by) == wanted


@pytest.mark.parametrize(
    ("value", "pointer", "by", "why"),
    [
        ({}, "/a", None, "nothing at 'a' of /a"),
        ([1], "/1", None, "nothing at '1'"),
        ([1], "/-", None, "nothing at '-'"),
        ("text", "/a", None, "nothing at 'a'"),
        ({"a": 1}, "/a/*", None, "is no array or object"),
        ({"a": []}, "/a", None, "no numbers at /a"),
        ({"a": []}, "/a/*", None, "no numbers"),
        ({"a": "1"}, "/a", None, "no numbers"),
        ({"a": [True]}, "/a", None, "no numbers"),
        ({"a": [None, 1]}, "/a", None, "no numbers"),
        ({"a": [[1], [1, 2]]}, "/a", None, "not all the same length"),
        ({"a": [[1], 2]}, "/a", None, "not all the same length"),
        (LABELS, "/predictions/*/p", "name", "can't be put in order by 'name'"),
        ([1, 2], "/*", "name", "can't be put in order"),
        ([{"k": 1}, {"k": "a"}], "/*", "k", "can't be put in order"),
    ],
)
def test_what_has_none(value, pointer, by, why):
    with pytest.raises(NotThere, match=why):
        vector_at(value, pointer, by)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["", "/a", "/0", "/*", "/a/*", "/*/*", "/*/a", "/a/b/*/c"]), st.sampled_from([None, "a"]))
def test_any_answer_has_a_vector_or_none(value, pointer, by):
    try:
        vector = vector_at(value, pointer, by)
    except NotThere:
        return
    assert vector and all(type(number) is float for number in vector)
