"""`KEY=VALUE` options, whose values are JSON where they parse as such, as `wsk` takes them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from modelwhisk.nested_json import loads
from modelwhisk.openwhisk import Json


def read(context: click.Context, parameter: click.Parameter, items: Sequence[str]) -> dict[str, Json]:
    """The callback of a multiple option."""
    return dict(_pair(item) for item in items)


def _pair(item: str) -> tuple[str, Json]:
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{item!r} is not KEY=VALUE")
    try:
        return key, loads(text, parse_constant=_no_constant)
    except ValueError:
        return key, text


def _no_constant(name: str) -> Json:
    """NaN and Infinity are words: in JSON there are no such numbers."""
    raise ValueError(name)
