import json

import pytest
from modelproxy.formats import json_text

LONG = "9" * (json_text.MOST_DIGITS + 1)


@pytest.mark.parametrize("text", ["%s", "[1, %s]", '{"a": %s}', "-%s", '["%%", %s]'])
@pytest.mark.parametrize("convert", [str, str.encode])
def test_a_number_of_too_many_digits_is_refused(text, convert):
    with pytest.raises(ValueError, match="digits"):
        json_text.loads(convert(text.replace("%s", LONG)))


@pytest.mark.parametrize("value", [int("9" * json_text.MOST_DIGITS), {"a": LONG}, [LONG, 1, -2], "\u00e9", 1.5, None])
def test_all_else_is_json(value):
    text = json.dumps(value)
    assert json_text.loads(text) == json_text.loads(text.encode("utf-8")) == value


def test_options_are_json_s():
    with pytest.raises(ZeroDivisionError):
        json_text.loads('["%s", NaN]' % LONG, parse_constant=lambda constant: 1 // 0)


def test_a_million_digits_cost_no_time():
    with pytest.raises(ValueError, match="digits"):
        json_text.loads("[" + "9" * 5000000 + "]")
    assert json_text.loads(json.dumps(["9" * 4300 + "x"] * 2000))[1999].endswith("x")
