"""What is sent to this machine goes to no other user's process, by real sockets; root can make another user's."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import httpx
import pytest
from users_server import OTHER, as_root, listening

from modelwhisk.client.errors import Unreachable
from modelwhisk.client.exchange import Policy, exchange
from modelwhisk.client.transport import AsyncTransport, SyncTransport
from modelwhisk.openwhisk import OpenWhisk, OpenWhiskError

KEY = "me:secret"


def asked_of_platform(host: str) -> None:
    with OpenWhisk.connect(host, KEY) as whisk:
        whisk.namespaces()


def asked_of_model(host: str) -> None:
    request = httpx.Request("POST", host, content=b"an input")
    transport = SyncTransport(on_sleep=lambda sleep: pytest.fail("it is asked once more"))
    try:
        assert transport.run(exchange(request, Policy(repeats=True), None)).body == b"ok"
    finally:
        transport.close()


def asked_of_model_with_asyncio(host: str) -> None:
    async def asked() -> None:
        request = httpx.Request("POST", host, content=b"an input")
        transport = AsyncTransport(on_sleep=lambda sleep: pytest.fail("it is asked once more"))
        try:
            assert (await transport.run(exchange(request, Policy(repeats=True), None))).body == b"ok"
        finally:
            await transport.close()

    asyncio.run(asked())


ASKERS = pytest.mark.parametrize("ask", [asked_of_platform, asked_of_model, asked_of_model_with_asyncio])


@as_root
@ASKERS
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"])
def test_another_user_s_process_gets_nothing(name: str, ask: Callable[[str], None]) -> None:
    """It had the port of the platform that ran here yesterday: it got key and inputs, and its answer was printed."""
    refused = pytest.raises((OpenWhiskError, Unreachable), match=r"\(id 4321\) .* set MODELWHISK_TRUSTED_USERS=4321")
    with listening(OTHER) as ((_, port), came), refused:
        ask(f"http://{name}:{port}")
    assert set(came) <= {"0 b''"}


@as_root
@ASKERS
def test_whom_one_trusts_gets_what_is_sent(monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], None]) -> None:
    monkeypatch.setenv("MODELWHISK_TRUSTED_USERS", str(OTHER))
    with listening(OTHER) as ((host, port), came):
        if ask is asked_of_platform:
            with pytest.raises(OpenWhiskError, match="no JSON"):
                ask(f"http://{host}:{port}")
        else:
            ask(f"http://{host}:{port}")
    assert base64.b64encode(KEY.encode()).decode() in came[0] or "an input" in came[0]


@as_root
@ASKERS
def test_a_proxy_of_another_user_s_is_one(monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], None]) -> None:
    """Who names it trusts it, and daemons have users of their own."""
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with listening(OTHER) as ((host, port), came):
        for variable in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(variable, f"http://{host}:{port}")
        if ask is asked_of_platform:
            with pytest.raises(OpenWhiskError, match="no JSON"):
                ask("http://platform.example")
        else:
            ask("http://model.example/")
    assert "platform.example" in came[0] or "model.example" in came[0]
