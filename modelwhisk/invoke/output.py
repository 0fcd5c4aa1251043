"""What becomes of an answer: into a file, onto the terminal, or untouched into a pipe."""

from __future__ import annotations

import codecs
import contextlib
import json
import sys
from pathlib import Path
from typing import TextIO

from rich.syntax import Syntax

from modelwhisk import own_file
from modelwhisk.client.answer_names import name_in_folder
from modelwhisk.client.answers import Reply, write_unused
from modelwhisk.invoke import terminal
from modelwhisk.shown_text import MOST_STYLED, Console, json_indented, shown

_INDENTED = 1_000_000  # characters of JSON that are still indented, and bytes that are read for it
_PIECE = 65_536  # bytes of what is longer that are made characters at a time, which may take 4 bytes each


def write(reply: Reply, out: str | None, stdout: TextIO, notes: Console) -> None:
    """Writes the answer to the file or folder `out` (- for stdout), else where it belongs; says on `notes` where to.

    OSError where a file can't be written.
    """
    if out is not None and out != "-":
        _to_file(reply, Path(out), notes)
    elif not stdout.isatty():
        stdout.buffer.write(reply.body)
        stdout.buffer.flush()
    elif reply.is_json or reply.is_text or out == "-":
        _to_terminal(reply, stdout)
    elif reply.body and not _show_picture(reply, stdout):
        _say_where(reply, write_unused(Path(_name(reply)), reply.body), notes)


def _name(reply: Reply) -> str:
    return name_in_folder(reply.file_name, reply.content_type)


def _to_file(reply: Reply, path: Path, notes: Console) -> None:
    if path.is_dir():
        path = write_unused(path / _name(reply), reply.body)  # never over a file: the name is the model's choice
    else:
        own_file.write(path, reply.body)
    _say_where(reply, path, notes)


def _say_where(reply: Reply, path: Path, notes: Console) -> None:
    kind = reply.content_type or "an unknown type"
    notes.print(f"{len(reply.body):,} bytes of {kind} in {path}", soft_wrap=True)


def _to_terminal(reply: Reply, stdout: TextIO) -> None:
    if reply.is_json and len(reply.body) <= _INDENTED:
        text = reply.body.decode("utf-8", "replace")
        with contextlib.suppress(ValueError, RecursionError):
            text = json_indented(json.loads(text), _INDENTED) or text
        text = shown(text)
        if len(text) < MOST_STYLED:  # each value that is coloured takes a kilobyte
            coloured = Syntax(text, "json", theme="ansi_dark", background_color="default").highlight(text)
            # Unbroken, so that what is copied from the terminal is still JSON.
            Console(file=stdout).print(coloured, soft_wrap=True, end="")
            return
        stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        _pieces_to_terminal(reply.body, stdout)


def _pieces_to_terminal(body: bytes, stdout: TextIO) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for start in range(0, len(body), _PIECE):
        stdout.write(shown(decoder.decode(body[start : start + _PIECE])))
    end = shown(decoder.decode(b"", final=True))
    stdout.write(end if body.endswith(b"\n") else end + "\n")


def _show_picture(reply: Reply, stdout: TextIO) -> bool:
    chosen = terminal.protocol()
    if chosen is None or not reply.content_type.startswith("image/"):
        return False
    shown = terminal.inline(reply.body, _name(reply), chosen)
    if shown is None:
        return False
    stdout.buffer.write(shown)
    stdout.buffer.flush()
    return True


def tell(reply: Reply, notes: Console) -> None:
    """Says how the answer came about: status, time, activation, the phases within the container."""
    parts = [str(reply.status), reply.content_type or "no body", f"{reply.seconds * 1000:.0f} ms"]
    if reply.attempts > 1:
        parts.append(f"sent {reply.attempts} times")
    if reply.activation:
        parts.append(f"activation {reply.activation}")
    parts += [f"{name} {milliseconds:.1f} ms" for name, milliseconds in reply.timing.items()]
    notes.print(", ".join(parts), style="dim", soft_wrap=True)


def stderr() -> Console:
    """Where notes go."""
    return Console(file=sys.stderr)
