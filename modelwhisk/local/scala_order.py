"""The order in which the platform lists parameters and annotations: that of Scala's immutable maps; pure.

Up to four keys stay as they were put in. More make a hash trie of 32 branches a level, whose keys come before its
branches (scala/collection/immutable/HashMap.scala of 2.13, `BitmapIndexedMapNode`; scala/collection/Hashing.scala).
"""

from __future__ import annotations

from collections.abc import Iterable

_SMALL = 4
_BITS = 5
_LEVELS = 7
_MASK = 0xFFFFFFFF


def map_order(keys: Iterable[str]) -> list[str]:
    """`keys`, given in the order of their insertion and each once, as a map of them lists them."""
    listed = list(keys)
    return listed if len(listed) <= _SMALL else _trie([(_improved(_java_hash(key)), key) for key in listed], 0)


def _trie(entries: list[tuple[int, str]], level: int) -> list[str]:
    if level == _LEVELS:  # equal hashes, listed as they came
        return [key for _, key in entries]
    branches: dict[int, list[tuple[int, str]]] = {}
    for entry in entries:
        branches.setdefault(entry[0] >> (_BITS * level) & 31, []).append(entry)
    numbered = [branches[number] for number in sorted(branches)]
    own = [branch[0][1] for branch in numbered if len(branch) == 1]
    return own + [key for branch in numbered if len(branch) > 1 for key in _trie(branch, level + 1)]


def _java_hash(text: str) -> int:
    units = text.encode("utf-16-be", "surrogatepass")
    result = 0
    for at in range(0, len(units), 2):
        result = (31 * result + int.from_bytes(units[at : at + 2], "big")) & _MASK
    return result


def _improved(code: int) -> int:
    mixed = (code + ~(code << 9)) & _MASK
    mixed ^= mixed >> 14
    mixed = (mixed + (mixed << 4)) & _MASK
    return mixed ^ (mixed >> 10)
