"""What `$ref` stands for in a model's description; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST_STEPS = 20  # of references to references: one to itself never ends

Object = Mapping[str, Any]


class References:
    """The references of one document, each of which is followed once: a name may be long, and referred to often."""

    def __init__(self, document: Object) -> None:
        self._document = document
        self._known: dict[str, Object] = {}

    def resolved(self, item: Object) -> Object:
        """`item`, or what it refers to within the document, also as the one part of an `allOf`.

        Raises `ValueError` for references in a circle, and `KeyError` or `TypeError` for what isn't there.
        """
        passed: list[str] = []
        for _ in range(_MOST_STEPS):
            reference = item.get("$ref")
            if reference is None and len(item.get("allOf", ())) == 1:
                item = item["allOf"][0]
                reference = item.get("$ref")
            if reference is None:
                self._known.update(dict.fromkeys(passed, item))
                return item
            pointer = str(reference)
            passed.append(pointer)
            item = self._known[pointer] if pointer in self._known else self._at(pointer)
        raise ValueError("references in a circle")

    def _at(self, pointer: str) -> Object:
        item: Any = self._document
        for part in pointer.removeprefix("#/").split("/"):
            item = item[part.replace("~1", "/").replace("~0", "~")]
        return item  # type: ignore[no-any-return]
