import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelproxy.drift.verdict import compared, decimal, not_compared

# RFC 8941, section 3.3.2 and 3.1.2, as far as this header goes.
DECIMAL = r"-?[0-9]{1,12}\.[0-9]{1,3}"
HEADER = re.compile(
    r'distance=%s; threshold=%s; drifted=\?[01]; exact="[0-9.e+-]+"(; part=%s)?\Z' % (DECIMAL, DECIMAL, DECIMAL)
)


@pytest.mark.parametrize(
    ("distance", "threshold", "header", "line"),
    [
        (
            0.83123456,
            1.2,
            'distance=0.831; threshold=1.2; drifted=?0; exact="0.83123456"',
            "drift=0.831235 drifted=0 threshold=1.2 share=0.25 of=8 drift_ms=0.125",
        ),
        (
            2,
            1.2,
            'distance=2.0; threshold=1.2; drifted=?1; exact="2"',
            "drift=2.0 drifted=1 threshold=1.2 share=0.25 of=8 drift_ms=0.125",
        ),
        (
            1.2,
            1.2,
            'distance=1.2; threshold=1.2; drifted=?0; exact="1.2"',
            "drift=1.2 drifted=0 threshold=1.2 share=0.25 of=8 drift_ms=0.125",
        ),
    ],
)
def test_header_and_line(distance, threshold, header, line):
    verdict = compared(distance, threshold, 0.25, 8, 0.1249)
    assert verdict.header == header and str(verdict) == line
    assert verdict.fields["drifted"] is (distance > threshold)


def test_where_only_a_part_was_looked_at():
    verdict = compared(0.5, 1, 0, 1, 1, 0.25)
    assert verdict.header.endswith('exact="0.5"; part=0.25') and verdict.fields["part"] == 0.25
    assert str(verdict).endswith(" part=0.25")


def test_where_there_was_no_comparison():
    verdict = not_compared("why")
    assert verdict.header is None and verdict.fields == {"error": "why"} and str(verdict) == "drift=none"


@given(st.floats(0, 1e300), st.floats(0, 1e300))
def test_every_distance_makes_a_structured_header(distance, threshold):
    header = compared(distance, threshold, 0, 1, 0).header
    assert HEADER.match(header)
    exact = float(re.search('exact="(.*)"', header).group(1))
    assert exact == pytest.approx(distance, rel=1e-7)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimals(number):
    assert re.match(DECIMAL + r"\Z", decimal(number))
