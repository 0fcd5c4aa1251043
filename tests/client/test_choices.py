"""What counts as one of a field's choices: what a tuple has, without looking through it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwhisk.client.choices import Choices

SIMPLE = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.text("ab1", max_size=2)
VALUES = SIMPLE | st.lists(SIMPLE, max_size=2) | st.dictionaries(st.sampled_from("ab"), SIMPLE, max_size=2)


@given(st.lists(VALUES, max_size=8), st.lists(VALUES, max_size=8))
def test_it_has_what_a_tuple_has(choices, values):
    made = Choices(choices)
    assert made == tuple(choices)
    assert [value in made for value in [*values, *choices]] == [value in choices for value in [*values, *choices]]


def test_numbers_beyond_all_order():
    made = Choices([math.inf, math.nan, 2**5_000, 1.5, "nan"])
    assert [value in made for value in (math.inf, 2**5_000, 1.5)] == [True] * 3
    assert [value in made for value in (-math.inf, math.nan, 2**5_000 + 1, 1)] == [False] * 4


@pytest.mark.parametrize(("count", "is_one"), [(100, False), (101, True)])
def test_of_many_objects_none_is_looked_for(count, is_one):
    made = Choices([*({"n": at} for at in range(count)), "text", 5])
    assert ({"n": -1} in made) is is_one
    assert {"n": 1} in made
    assert ("other" in made, 6 in made) == (False, False)
