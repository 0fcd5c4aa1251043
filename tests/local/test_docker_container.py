"""What a container may do to whoever reads it and removes it, without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from modelwhisk.local.docker_container import DockerContainer


class Noisy:
    """docker's object of a container that writes a thousand lines at once."""

    name = "noisy"

    def logs(self, *, stream: bool, follow: bool, stdout: bool, stderr: bool) -> Iterator[bytes]:
        assert stream
        assert follow
        return (b"line %d\n" % number for number in range(1000 if stdout else 0))


def test_a_container_is_read_no_faster_than_its_lines_are_taken() -> None:
    async def read() -> list[str]:
        container = DockerContainer(Noisy())
        follower = container._followers[0]
        follower.join(0.5)  # nothing is taken while the loop is kept here
        assert follower.is_alive()
        while not container.ended:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [line.text for line in container.log.take()]

    assert asyncio.run(read()) == [f"line {number}" for number in range(1000)]
