import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelproxy.drift.declaration import KINDS, Malformed, checked, in_words, read

GOOD = [
    ({"kind": "onnx-layer"}, {"kind": "onnx-layer", "model": None, "layer": None}, "an inner layer"),
    (
        {"kind": "onnx-layer", "model": "a.onnx", "layer": "/pool/out"},
        {"kind": "onnx-layer", "model": "a.onnx", "layer": "/pool/out"},
        "the layer /pool/out of a.onnx",
    ),
    ({"kind": "function", "target": "a.b:c.d"},) * 2 + ("the function a.b:c.d",),
    ({"kind": "method"}, {"kind": "method", "name": "embed"}, "the method embed"),
    (
        {"kind": "answer", "pointer": "/predictions/*/probability", "by": "label_id"},
        {"kind": "answer", "pointer": "/predictions/*/probability", "by": "label_id"},
        "/predictions/*/probability in the model's answer",
    ),
    (
        {"kind": "answer", "pointer": ""},
        {"kind": "answer", "pointer": "", "by": None},
        "all in the model's answer",
    ),
    ({"kind": "picture"}, {"kind": "picture", "version": 1}, "the general embedding of pictures"),
]


@pytest.mark.parametrize(("given_", "wanted", "words"), GOOD)
def test_good_ones(given_, wanted, words):
    assert read(json.dumps(given_)) == wanted
    assert in_words(wanted) == words
    assert checked(wanted) == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "isn't JSON"),
        ("[" * 100000, "isn't JSON"),
        ("[]", "must be a JSON object, this is list"),
        ("{}", "kind is None; there are onnx-layer, function, method, answer, picture"),
        ('{"kind": ["picture"]}', "kind is"),
        ('{"kind": "function"}', "needs 'target'"),
        ('{"kind": "function", "target": 1}', "must be text, not 1"),
        ('{"kind": "function", "target": null}', "must be text, not None"),
        ('{"kind": "function", "target": "module"}', "module:function"),
        ('{"kind": "function", "target": ""}', "module:function"),
        ('{"kind": "method", "name": "a.b"}', "can't be the name of a method"),
        ('{"kind": "answer", "pointer": "predictions"}', "is no JSON pointer"),
        ('{"kind": "answer", "pointer": "/a~2"}', "is no JSON pointer"),
        ('{"kind": "answer", "pointer": "/a", "layer": "x", "model": "y"}', "has no field layer, model"),
        ('{"kind": "picture", "version": 2}', "the version 2, here it is 1"),
        ('{"kind": "picture", "version": true}', "must be number"),
    ],
)
def test_bad_ones(text, why):
    with pytest.raises(Malformed, match=why):
        read(text)


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()))


@given(
    st.dictionaries(
        st.sampled_from(["kind", "model", "layer", "target", "name", "pointer", "by", "version", "x"]), VALUES
    )
)
def test_anything_is_either_whole_or_refused(value):
    try:
        declaration = checked(value)
    except Malformed:
        return
    assert checked(declaration) == declaration and in_words(declaration)


@given(st.sampled_from(KINDS), VALUES, VALUES)
def test_fields_of_a_known_kind(kind, first, second):
    try:
        declaration = checked({"kind": kind, "pointer": first, "by": second})
    except Malformed:
        return
    assert declaration == {"kind": "answer", "pointer": first, "by": second}
