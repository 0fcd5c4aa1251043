"""The invoker's HTTP client: one POST on a connection of its own, and what the platform makes of the reply.

Source: common/scala/.../containerpool/ApacheBlockingContainerClient.scala; the contract, A2 and A3.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from dataclasses import dataclass

import h11

from modelwhisk.charsets import codec
from modelwhisk.local.media_types import parse_content_type
from modelwhisk.local.outcome import MAX_RESULT, TRUNCATED_RESULT, ContainerReply, Failure
from modelwhisk.local.patience import within
from modelwhisk.local.spray_json import Json, compact, utf_8
from modelwhisk.peer import peer_of

# However busy a container's process is, its kernel connects at once; where the container is gone, docker's bridge may
# lose what is sent to it for a minute, until the kernel no longer knows its address.
_CONNECT_SECONDS = 10.0
_RETRY_EVERY = 0.05  # seconds between attempts while the connection is refused
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})  # files or memory, of this process or all
_CHUNK = 65_536


@dataclass(frozen=True)
class Call:
    """A call to a container: its reply or failure, how long it took in milliseconds, whether anybody was listening."""

    reply: ContainerReply | Failure
    duration: float
    connected: bool = True


async def post(
    address: tuple[str, int],
    path: str,
    message: Json,
    timeout: int,
    *,
    retry: bool,
    token: str = "",
    ended: Callable[[], bool] = lambda: False,
) -> Call:
    """Posts `message` to `path`; `timeout` is in milliseconds, for connecting and for the whole reply.

    `token` is what the container wants to be shown, "" for one that answers anybody, as the platform's do. Once it has
    `ended` its address may be anybody's: that counts as refused then, and so does another user's process.

    The platform has that much for each read, and what came later than `timeout` is an error to it, whatever it was.
    With `retry`, a refused connection is tried again until `timeout` is used up, and without it one for which this
    machine lacks something, which is no word of the container's; nothing else ever is.
    """
    start = time.monotonic()
    while True:
        try:
            patience = min(timeout / 1000, _CONNECT_SECONDS)
            reader, writer = await _connected(address, patience, ended)
            break
        except (OSError, asyncio.TimeoutError) as problem:
            elapsed = (time.monotonic() - start) * 1000
            if not retry and getattr(problem, "errno", None) not in _OURS:
                return Call(Failure.CONNECTION, elapsed, connected=False)
            if elapsed >= timeout:
                return Call(Failure.TIMEOUT, elapsed, connected=False)
            await asyncio.sleep(_RETRY_EVERY)
    try:
        reply = await _exchange(reader, writer, _request(address, path, message, token), timeout / 1000)
    except (OSError, EOFError, asyncio.TimeoutError, h11.RemoteProtocolError):
        reply = Failure.CONNECTION
    finally:
        writer.close()
    return Call(reply, (time.monotonic() - start) * 1000)


async def _connected(
    address: tuple[str, int], patience: float, ended: Callable[[], bool]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the container; raises `OSError` where there is nobody, or somebody else."""
    if ended():
        raise ConnectionRefusedError("the container has ended")
    reader, writer = await within(patience, asyncio.open_connection(*address))
    is_ours = False
    try:
        known = writer.get_extra_info("peername") is not None and not ended()
        is_ours = known and await peer_of(writer).takes_from_us()
    finally:
        if not is_ours:  # also where the activation's time ends meanwhile
            writer.close()
    if not is_ours:
        raise ConnectionRefusedError("the container's port is another's by now")
    return reader, writer


def _request(address: tuple[str, int], path: str, message: Json, token: str) -> bytes:
    body = utf_8(compact(message))
    headers = [
        f"POST {path} HTTP/1.1",
        "Accept: application/json",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json",
        f"Host: {address[0]}:{address[1]}",
        "Connection: Keep-Alive",
        "User-Agent: Apache-HttpClient/4.5.5 (Java/17.0.15)",
        "Accept-Encoding: gzip,deflate",
    ]
    if token:
        headers.append(f"Modelproxy-Token: {token}")
    return "\r\n".join(headers).encode("ascii") + b"\r\n\r\n" + body


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, timeout: float
) -> ContainerReply | Failure:
    writer.write(request)
    sending = asyncio.ensure_future(writer.drain())  # a reply may come before the container has read it all
    try:
        return await within(timeout, _read_reply(reader))
    finally:
        if not sending.done():
            sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _read_reply(reader: asyncio.StreamReader) -> ContainerReply | Failure:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_RESULT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "container")]))
    connection.send(h11.EndOfMessage())
    head: h11.Response | None = None
    body = bytearray()
    while True:
        await asyncio.sleep(0)  # what has come already is read without a turn for anybody else
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data[: max(0, TRUNCATED_RESULT + 1 - len(body))]
        elif isinstance(event, h11.EndOfMessage):
            break
        elif isinstance(event, h11.ConnectionClosed):
            raise EOFError
    return _interpret(head, bytes(body))


def _interpret(head: h11.Response | None, body: bytes) -> ContainerReply | Failure:
    headers = dict(head.headers) if head is not None else {}
    length = headers.get(b"content-length")
    # Gzip is undone by the platform's client, and then the length is unknown to it.
    if head is None or length is None or b"transfer-encoding" in headers or b"content-encoding" in headers:
        return Failure.NO_RESPONSE
    if head.status_code in (204, 205, 304):
        return Failure.NO_RESPONSE
    text = _decode(body[:TRUNCATED_RESULT], headers.get(b"content-type"))
    return ContainerReply(head.status_code, text, int(length) if int(length) > MAX_RESULT else None)


def _decode(body: bytes, content_type: bytes | None) -> str:
    stated = parse_content_type(content_type.decode("latin-1")) if content_type else None
    charset = codec(stated.charset) if stated is not None and stated.charset is not None else None
    return body.decode(charset or "utf-8", "replace")
