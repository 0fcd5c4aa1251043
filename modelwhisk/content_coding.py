"""A body as it comes, out of the one content coding that both of our clients ask for, gzip: where a small one grows
without end, it is a bomb, and no answer.

The HTTP libraries undo whatever coding a server names, also several on top of each other, and a whole piece at once:
the memory is full before anybody can count.
"""

from __future__ import annotations

import math
import re
import zlib

ACCEPTED = "gzip"
# The platform passes on 1 MiB; a JSON of zeros, which is about the best that a model can do, shrinks to a hundredth.
HARMLESS = 64 * 1024 * 1024  # bytes
MOST_GROWTH = 100

# Few bytes of gzip become the 64 MiB, and what is made of these as JSON may have 24 times their length: bytes of memory
# for each object or list, each key, and each value beside another, at the most that they are counted as. A text's
# characters all take what its widest takes, and there are some copies of it on the way to a screen or a file.
_JSON = re.compile(rb"[\s\0\xef\xbb\xbf\xfe\xff]*[\[{\"]")
_MEMORY = {b"[": 250, b"{": 250, b":": 100, b",": 60}
MOST_MEMORY = 8 * HARMLESS
# In UTF-8, and in the escapes of JSON, which have zeros between their characters in UTF-16 and 32.
_WIDEST = (
    (re.compile(rb"[\xf0-\xf4]"), 4),
    (re.compile(rb"\\\0{0,3}u\0{0,3}[dD]\0{0,3}[89abAB]"), 4),
    (re.compile(rb"[\xc4-\xef]"), 2),
    (re.compile(rb"\\\0{0,3}u(?!\0{0,3}0\0{0,3}0)"), 2),
)
_COPIES, _MOST_TEXT = 3, 4 * HARMLESS

# Deflate is asked for by nobody here, and is what some servers choose where they are asked for gzip.
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_STEP = 16 * 1024  # bytes that are undone at once: they become 16 MiB at most


class Undecodable(ValueError):
    """The body can't be had; the message says why."""


class Body:
    """A body that comes in pieces, in the coding that `Content-Encoding` names; of `most` bytes at most.

    What has come is all that it takes until it is whole: of many that come at once only the last byte may be missing.
    Everything raises `Undecodable`: for another coding or more than one, for what isn't in it, for a bomb.
    """

    def __init__(self, coding: str = "", most: float = math.inf) -> None:
        named = (part.strip().lower() for part in coding.split(","))
        codings = [part for part in named if part not in ("", "identity")]
        if len(codings) > 1 or not _WINDOW_BITS.keys() >= set(codings):
            raise Undecodable(f"it comes in {', '.join(codings)[:100]}, where {ACCEPTED} alone was asked for")
        self._window_bits = _WINDOW_BITS[codings[0]] if codings else None
        self._most = most
        self._most_memory = MOST_MEMORY * min(1, most / HARMLESS)
        self._came = bytearray()

    def add(self, piece: bytes) -> None:
        """Takes the next piece, as it came."""
        self._came += piece
        if len(self._came) > self._most:
            raise Undecodable(f"it is larger than {int(self._most):,} bytes")

    def whole(self) -> bytes:
        """All of it, once, when the last piece was added."""
        came, self._came = self._came, bytearray()
        if self._window_bits is None:
            return bytes(came)
        content = bytearray()
        try:
            self._undo(came, self._window_bits, content)
            if _JSON.match(content):
                self._refuse_json_of_much(content, len(came))
        except Undecodable:
            content.clear()  # which the error's traceback holds, for as long as somebody has the error
            raise
        return bytes(content)

    def _undo(self, came: bytearray, window_bits: int, content: bytearray) -> None:
        member = None
        for start in range(0, len(came), _STEP):
            part = bytes(came[start : start + _STEP])
            known = start + len(part)
            most = min(self._most, max(HARMLESS, MOST_GROWTH * known))
            while part:  # a body may be several of gzip's members, RFC 1952 section 2.2
                member = member or zlib.decompressobj(window_bits)
                try:
                    content += member.decompress(part, int(most) + 1 - len(content))
                except zlib.error as problem:
                    raise Undecodable(f"its compression can't be undone: {problem}") from problem
                if len(content) > most:
                    became = f"{known:,} bytes of it became more than {int(most):,}, which no model's answer does"
                    raise Undecodable(became if most < self._most else f"it is larger than {int(most):,} bytes")
                part = member.unused_data
                member = None if member.eof else member
        if member is not None:
            raise Undecodable("its compression ends too early")

    def _refuse_json_of_much(self, content: bytearray, came: int) -> None:
        values, text = memory_of(content)
        if values > max(self._most_memory, MOST_GROWTH * came) or text > max(_MOST_TEXT, MOST_GROWTH * came):
            raise Undecodable(f"{came:,} bytes of it hold more values and text than any model's answer")


def memory_of(content: bytes | bytearray) -> tuple[int, int]:
    """The bytes of memory that JSON may take: its values, and its text with the copies of it."""
    values = sum(content.count(sign) * each for sign, each in _MEMORY.items())
    width = next((each for wide, each in _WIDEST if wide.search(content)), 1)
    return values, len(content) * width * _COPIES


def inflated(content: bytes) -> bytes:
    """What is behind gzip; `content` itself where it can't be read, or is a bomb."""
    body = Body("gzip")
    try:
        body.add(content)
        return body.whole()
    except Undecodable:
        return content
