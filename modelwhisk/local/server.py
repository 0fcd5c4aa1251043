"""HTTP/1.1 on a socket: requests in, responses out byte by byte as the platform's HTTP library writes them.

h11 reads the messages. Responses are written by `http_messages.render`, since the platform sends what h11 rightly
refuses to send. Refusals that belong to the HTTP library have its status (pekko-http, impl/engine/parsing/).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Awaitable, Callable

import h11

from modelwhisk.local.header_models import is_host
from modelwhisk.local.http_messages import HttpRequest, HttpResponse, plain, render
from modelwhisk.local.patience import within
from modelwhisk.local.uri import IllegalUri, parse_target

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]

_CHUNK = 65_536
_MAX_URI = 8_192
_MAX_BODY = 52_428_800  # bytes; the controller's max-content-length
_MAX_HEADER_NAME = 64
_MAX_HEADER_VALUE = 8_192
_MAX_HEADERS = 64
_MAX_HEAD = (_MAX_HEADERS + 1) * (_MAX_HEADER_NAME + _MAX_HEADER_VALUE + 4) + _MAX_URI
_IDLE = 70.0  # seconds until a connection is reset on which nothing comes or goes
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"})
_WITHOUT_ENTITY = frozenset({"TRACE", "CONNECT"})


class _Reset(Exception):
    """The connection is to be reset."""


class _Refused(Exception):
    """The HTTP library answers by itself, and closes the connection."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = plain(status, message)


class Connection:
    """One client connection, from accept to close.

    `held` are the bytes that have come of the request at hand. `silent_since` is the time (`time.monotonic()`) since
    which nothing has come or gone, None while a request is answered. `on_heard` is called when something has come.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        handler: Handler,
        on_heard: Callable[[], None] = lambda: None,
    ) -> None:
        self.held = 0
        self.silent_since: float | None = time.monotonic()
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._on_heard = on_heard
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._ended = False  # the client has sent all that it will

    async def serve(self) -> None:
        """Answers requests until either side is done."""
        # Writing waits for all of an answer to be taken; what were left at the end would be waited for without a bound.
        self._writer.transport.set_write_buffer_limits(0)
        try:
            while await self._one_exchange():
                pass
        except (_Reset, asyncio.TimeoutError):
            self._reset()
        except (ConnectionError, EOFError):
            pass
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise
        finally:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    def leave(self) -> None:
        """Closes the connection as it is; `serve` ends."""
        self._writer.transport.abort()

    async def _one_exchange(self) -> bool:
        try:
            request, keep_alive, connection = await self._read_request()
        except _Refused as refusal:
            await self._write(render(refusal.response, connection="close", with_body=True))
            return False
        with_body = request.method != "HEAD"
        self.silent_since = None
        response = await self._handler(request)
        self.silent_since = time.monotonic()
        del request  # however long the answer takes to be sent
        self.held = 0
        if response.resets:
            raise _Reset
        await self._write(render(response, connection=connection, with_body=with_body))
        if not keep_alive:
            return False
        # Our responses don't go through h11, so that it can't start the next cycle itself.
        rest = self._http.trailing_data[0]
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        if rest:
            self.held = len(rest)
            self._http.receive_data(rest)
        return True

    async def _read_request(self) -> tuple[HttpRequest, bool, str | None]:
        head = await self._next_event()
        assert isinstance(head, h11.Request)
        request = _checked(head)
        body = await self._read_body(head)
        asked = (request.header("connection") or "").lower()
        connection: str | None
        if head.http_version == b"1.0":
            keep_alive = "keep-alive" in asked
            connection = "keep-alive" if keep_alive else "close"
        else:
            keep_alive = "close" not in asked
            connection = None if keep_alive else "close"
        whole = HttpRequest(request.method, request.target, request.headers, body, request.version)
        return whole, keep_alive, connection

    async def _read_body(self, head: h11.Request) -> bytes | None:
        names = {name for name, _ in head.headers}
        stated = int(dict(head.headers).get(b"content-length", b"0"))
        if stated > _MAX_BODY:
            text = f"Request Content-Length of {stated} bytes exceeds the configured limit of {_MAX_BODY} bytes"
            raise _Refused(413, text)
        if self._http.they_are_waiting_for_100_continue:
            await self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > _MAX_BODY:
                text = f"Aggregated data length of request entity exceeds the configured limit of {_MAX_BODY} bytes"
                raise _Refused(413, text)
        return bytes(body) if names & {b"content-length", b"transfer-encoding"} else None

    async def _next_event(self) -> h11.Event:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as problem:
                raise _refusal(problem) from problem
            if event is h11.NEED_DATA:
                if self._ended:
                    raise EOFError
                data = await within(_IDLE, self._reader.read(_CHUNK))
                self._ended = not data
                self.held += len(data)
                self.silent_since = time.monotonic()
                self._on_heard()
                self._http.receive_data(data)
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise EOFError
            else:
                assert isinstance(event, h11.Event)
                return event

    async def _write(self, data: bytes) -> None:
        """Sends `data`, however long that takes, to a client that goes on taking it; raises `asyncio.TimeoutError`."""
        self._writer.write(data)
        while True:
            left = self._writer.transport.get_write_buffer_size()
            try:
                return await within(_IDLE, self._writer.drain())
            except asyncio.TimeoutError:
                if self._writer.transport.get_write_buffer_size() >= left:
                    raise
                self.silent_since = time.monotonic()

    def _reset(self) -> None:
        sock: socket.socket | None = self._writer.get_extra_info("socket")
        if sock is not None:
            # Zero seconds to linger: the peer gets a RST instead of an orderly end.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def _checked(head: h11.Request) -> HttpRequest:
    """The request without its body; raises what the HTTP library does with a head that h11 let pass."""
    method = head.method.decode("ascii")
    if len(method) > 16:
        raise _Refused(400, "Unsupported HTTP method")
    if method not in _METHODS:
        raise _Refused(501, "Unsupported HTTP method")
    if len(head.target) > _MAX_URI:
        raise _Refused(414, f"URI length exceeds the configured limit of {_MAX_URI} characters")
    target = head.target.decode("ascii")
    try:
        parse_target(target)
    except IllegalUri as problem:
        raise _Refused(400, str(problem)) from problem
    fields = head.headers.raw_items()
    if len(fields) > _MAX_HEADERS:
        raise _Refused(400, f"HTTP message contains more than the configured limit of {_MAX_HEADERS} headers")
    for name, value in fields:
        if len(name) > _MAX_HEADER_NAME:
            raise _Refused(431, f"HTTP header name exceeds the configured limit of {_MAX_HEADER_NAME} characters")
        if len(value) > _MAX_HEADER_VALUE:
            raise _Refused(431, f"HTTP header value exceeds the configured limit of {_MAX_HEADER_VALUE} characters")
        if not value.isascii():
            raise _Reset
    headers = tuple((name.decode("ascii"), value.decode("ascii")) for name, value in fields)
    _check_message_headers(method, headers, head)
    return HttpRequest(method, target, headers, None, head.http_version.decode("ascii"))


def _check_message_headers(method: str, headers: tuple[tuple[str, str], ...], head: h11.Request) -> None:
    values: dict[str, set[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), set()).add(value)
    if len(values.get("content-type", ())) > 1:
        raise _Refused(400, "HTTP message must not contain more than one Content-Type header")
    if "transfer-encoding" in values and "content-length" in values:
        raise _Refused(400, "A chunked request must not contain a Content-Length header")
    if head.http_version != b"1.0" and not any(is_host(value.strip()) for value in values.get("host", ())):
        raise _Refused(400, "Request is missing required `Host` header")
    has_body = "transfer-encoding" in values or values.get("content-length", {"0"}) != {"0"}
    if method in _WITHOUT_ENTITY and has_body:
        raise _Refused(422, f"{method} requests must not have an entity")


def _refusal(problem: h11.RemoteProtocolError) -> Exception:
    """What the HTTP library does with a message that isn't one."""
    text = str(problem)
    if "too large" in text or "too long" in text:
        return _Refused(431, text)
    # h11 has 501 for a transfer coding other than chunked, the library has 400 for all that is left.
    return _Refused(400, text or "Illegal HTTP message start")
