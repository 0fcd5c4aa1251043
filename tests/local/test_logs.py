"""What a container writes, as lines: whatever the pieces in which it comes, and however much there is of it."""

from __future__ import annotations

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from modelwhisk.local import logs
from modelwhisk.local.logs import MARKER, ContainerLog


def fed(*pieces: bytes) -> list[str]:
    log = ContainerLog()
    for piece in pieces:
        log.feed("stdout", piece)
    return [line.text for line in log.take()]


@given(st.lists(st.text("ab\u00e9", max_size=5)), st.lists(st.integers(0, 50)))
def test_lines_don_t_depend_on_their_pieces(lines: list[str], cuts: list[int]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert fed(*(data[start:end] for start, end in itertools.pairwise(places))) == lines


def test_a_line_without_end_is_cut_and_no_more_is_kept_than_an_activation_may_log() -> None:
    lines = fed(*[b"x" * 65_536] * 400)
    assert max(map(len, lines)) <= logs.LONGEST_LINE + 65_536
    assert sum(map(len, lines)) <= logs._MOST + logs.LONGEST_LINE + 65_536
    assert lines[-1] == "Logs were truncated because the total bytes size exceeds the limit of 10485760 bytes."
    assert "".join(fed(b"x" * 65_536, b"x" * 65_536, b"y\n")) == "x" * 131_072 + "y"


def test_lines_of_nothing_are_something() -> None:
    assert len(fed(*[b"\n" * 65_536] * 10)) <= logs._MOST / logs._OF_A_LINE + 2


def test_an_activation_that_logged_too_much_ends_as_others_do() -> None:
    async def two() -> list[list[str]]:
        log = ContainerLog()
        found = []
        for text in (b"x" * 99 + b"\n") * 200_000, b"short\n":
            for start in range(0, len(text), 65_536):
                log.feed("stdout", text[start : start + 65_536])
            for stream in ("stdout", "stderr"):
                log.feed(stream, MARKER.encode() + b"\n")  # type: ignore[arg-type]
            found.append([line.text for line in await log.collect(60)])
        return found

    first, second = asyncio.run(two())
    assert first[0] == "x" * 99
    assert "truncated" in first[-1]
    assert second == ["short"]
