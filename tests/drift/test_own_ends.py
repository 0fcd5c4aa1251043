"""What is sent to a model that drift started goes to it alone, by real sockets; root can make another user's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import pytest
from users_server import OTHER, as_root, listening

from modelwhisk.drift import own_ends
from modelwhisk.drift.embedding import Asking, NoVector, ask_once
from modelwhisk.drift.inputs import SOLE, Given
from modelwhisk.drift.local_model import NoModel, Running, _loaded
from modelwhisk.local.containers import Container
from modelwhisk.local.logs import ContainerLog


@dataclass
class Model:
    """A container by its address alone, which may have ended."""

    address: tuple[str, int]
    ended: bool = False
    log: ContainerLog = field(default_factory=ContainerLog)

    async def destroy(self) -> None:
        """Nothing is held."""


def ask(model: Model, address: tuple[str, int]) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient() as client:
            own_ends.keep_to(client, cast(Any, [model]))
            return await client.post(f"http://{address[0]}:{address[1]}/", content=b"an input")

    return asyncio.run(asked())


def test_a_model_that_runs_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """By no proxy of the environment, which would get the inputs."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with listening() as (address, came):
        assert ask(Model(address), address).text == "ok"
    assert "an input" in came[0]


def test_nothing_is_sent_to_the_port_of_a_model_that_has_ended() -> None:
    with listening() as (address, came):
        with pytest.raises(ConnectionRefusedError, match="the model has ended"):
            ask(Model(address, ended=True), address)
        with pytest.raises(httpx.ConnectError, match="none of the model's"):
            ask(Model(("127.0.0.1", 1)), address)
    assert set(came) <= {"0 b''"}


def test_a_run_that_is_interrupted_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is looked whose process took it; it was left open until it was noticed, as a warning."""
    streams: list[Any] = []

    async def interrupted(peer: Any) -> bool:
        streams.append(peer._end)
        raise asyncio.CancelledError

    monkeypatch.setattr("modelwhisk.peer.Peer.takes_from_us", interrupted)
    with listening() as (address, _), pytest.raises(asyncio.CancelledError):
        ask(Model(address), address)
    assert [end.fileno() for end in streams] == [-1]


@as_root
def test_nothing_is_sent_to_another_user_s_process_on_a_model_s_port() -> None:
    """Before it is known here that the model has ended."""
    taken = pytest.raises(ConnectionRefusedError, match="another user's process has its port")
    with listening(OTHER) as (address, came), taken:
        ask(Model(address), address)
    assert set(came) <= {"0 b''"}


@as_root
def test_whoever_takes_a_model_s_port_is_neither_asked_nor_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the inputs went there, and the reference was made of the vectors that came back."""
    monkeypatch.setattr("modelwhisk.drift.local_model._PAUSE", 0.01)

    async def tried_again(_: float) -> None:
        raise AssertionError("it is asked once more")

    with listening(OTHER) as (address, came):
        model = Model(address)
        monkeypatch.setattr("modelwhisk.client.transport.asyncio.sleep", tried_again)
        running = Running([cast(Container, model)])
        with pytest.raises(NoVector, match="the model has ended"):
            asyncio.run(ask_once(running, Asking(), Given("a:1", {SOLE: "private"})))
        monkeypatch.undo()

        async def loads() -> None:
            asyncio.get_running_loop().call_later(0.3, setattr, model, "ended", True)
            await _loaded(cast(Container, model))

        with pytest.raises(NoModel, match="did not load"):
            asyncio.run(loads())
    assert set(came) <= {"0 b''"}
