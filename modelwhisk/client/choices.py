"""The values that a field may have, as its model's author lists them: of any number and kind, and looked through for
each element of each input."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cached_property
from typing import Any

_MOST_COMPARED = 100  # objects and lists, each of which is compared with each element


class Choices(tuple[Any, ...]):
    """A tuple in which a text or a number is found at once.

    No set has the numbers: they can be chosen so that all have one hash. Where there are more than a hundred objects
    and lists, any other counts as one of them: the model itself refuses what it doesn't take.
    """

    def __contains__(self, value: object) -> bool:
        if value is None or isinstance(value, str):
            return value in self._texts
        if isinstance(value, (int, float)):
            at = bisect_left(self._numbers, value)
            return at < len(self._numbers) and self._numbers[at] == value
        return len(self._others) > _MOST_COMPARED or value in self._others

    @cached_property
    def _texts(self) -> frozenset[str | None]:
        return frozenset(one for one in self if one is None or isinstance(one, str))

    @cached_property
    def _numbers(self) -> list[float]:
        # A NaN has no place in an order.
        return sorted(one for one in self if isinstance(one, int) or (isinstance(one, float) and not math.isnan(one)))

    @cached_property
    def _others(self) -> list[object]:
        return [one for one in self if one is not None and not isinstance(one, (str, int, float))]
