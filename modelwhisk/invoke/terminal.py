"""Pictures in a terminal, by its own protocol: kitty's graphics or iTerm2's inline images."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Mapping
from typing import Literal

from modelwhisk import adapter

_CHUNK = 4_096  # bytes of base64 that kitty takes at a time

Protocol = Literal["kitty", "iterm2"]


def protocol(environment: Mapping[str, str] = os.environ) -> Protocol | None:
    """The protocol that the terminal says it understands, None for none.

    Within tmux or screen, which pass nothing on, there is none.
    """
    term = environment.get("TERM", "")
    program = environment.get("TERM_PROGRAM", "")
    if "TMUX" in environment or term.startswith(("screen", "tmux")):
        return None
    if "KITTY_WINDOW_ID" in environment or "kitty" in term or program == "ghostty":
        return "kitty"
    if program in ("iTerm.app", "WezTerm", "mintty") or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return None


def inline(content: bytes, name: str, chosen: Protocol) -> bytes | None:
    """What to write to show a picture; None where the protocol can't show its format."""
    if chosen == "iterm2":
        encoded_name = base64.b64encode(name.encode()).decode()
        head = f"\x1b]1337;File=name={encoded_name};size={len(content)};inline=1:"
        return head.encode() + base64.b64encode(content) + b"\a\n"
    png = content if content.startswith(b"\x89PNG") else _as_png(content)
    return b"".join(_kitty(png)) + b"\n" if png is not None else None


def _kitty(png: bytes) -> Iterator[bytes]:
    """https://sw.kovidgoyal.net/kitty/graphics-protocol/: transmit and display, PNG, in chunks."""
    data = base64.b64encode(png)
    for start in range(0, len(data), _CHUNK):
        more = int(start + _CHUNK < len(data))
        control = f"a=T,f=100,m={more}" if start == 0 else f"m={more}"
        yield b"\x1b_G" + control.encode() + b";" + data[start : start + _CHUNK] + b"\x1b\\"


def _as_png(content: bytes) -> bytes | None:
    stream = io.BytesIO()
    try:
        with adapter.part("formats.picture_file").opened(content) as picture:
            picture.save(stream, "PNG")
    except Exception:  # without Pillow, which is optional; and it raises anything on a broken file
        return None
    return stream.getvalue()
