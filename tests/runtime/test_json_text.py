import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelproxy.formats import json_text

LONGEST = "9" * json_text.MOST_DIGITS
LONG = LONGEST + "9"


@pytest.fixture(params=sorted({json_text._LIMITED, False}))
def by_us_or_by_python(request, monkeypatch):
    """Newer Pythons limit the digits themselves; how it is done for the older ones is tested on all."""
    monkeypatch.setattr(json_text, "_LIMITED", request.param)


@pytest.mark.usefixtures("by_us_or_by_python")
@pytest.mark.parametrize("text", ["%s", "[1, %s]", '{"a": %s}', "-%s", '["%%", %s]'])
@pytest.mark.parametrize("convert", [str, str.encode])
def test_a_number_of_too_many_digits_is_refused(text, convert):
    with pytest.raises(ValueError, match="digits"):
        json_text.loads(convert(text.replace("%s", LONG)))


@pytest.mark.usefixtures("by_us_or_by_python")
@pytest.mark.parametrize(
    "value",
    [int(LONGEST), [LONG, int(LONGEST), -int(LONGEST)], {"a": LONG}, [LONG, 1, -2], "\u00e9", "\ufeffa", 1.5, None],
)
def test_all_else_is_json(value):
    text = json.dumps(value)
    assert json_text.loads(text) == json_text.loads(text.encode("utf-8")) == value


def test_where_python_has_no_limit_the_error_names_ours(monkeypatch):
    monkeypatch.setattr(json_text, "_LIMITED", False)
    for text in (LONG, "[-%s]" % LONG, '["%s", 1%s]' % (LONG, LONG)):
        with pytest.raises(ValueError, match=r"^a number has more than 4300 digits$"):
            json_text.loads(text)


@pytest.mark.usefixtures("by_us_or_by_python")
def test_options_are_json_s():
    with pytest.raises(ZeroDivisionError):
        json_text.loads('["%s", NaN]' % LONG, parse_constant=lambda constant: 1 // 0)


@pytest.mark.usefixtures("by_us_or_by_python")
def test_a_million_digits_cost_no_time():
    with pytest.raises(ValueError, match="digits"):
        json_text.loads("[" + "9" * 5000000 + "]")
    assert json_text.loads(json.dumps(["9" * 4300 + "x"] * 2000))[1999].endswith("x")


VALUES = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('[]{}"\\\\\u00e9a'), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('[{"\\\\'), max_size=3), inner),
    max_leaves=12,
)


def levels(value):
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else None
    return 0 if inner is None else 1 + max(map(levels, inner), default=0)


@given(VALUES, st.integers(0, 12), st.booleans(), st.booleans())
def test_how_deep_json_is(value, more, ascii_only, several):
    expected = levels(value) + more + several
    for _ in range(more):
        value = {"[": value} if several else [value]
    if several:
        value = [1, [], value, {"a": "]"}]
        expected = max(expected, 2)
    assert json_text.levels_of(json.dumps(value, ensure_ascii=ascii_only)) == expected


@pytest.mark.parametrize("depths", [[1, 30], [11, 14], [14, 11], [30, 12, 31], [12, 12, 12], [9], [10, 9, 10, 11]])
def test_how_deep_the_deepest_of_several_is(depths):
    several = ['{"a": ' * (depth - 1) + "[]" + "}" * (depth - 1) for depth in depths]
    assert json_text.levels_of("[%s]" % ", ".join(several)) == 1 + max(depths)
