"""Sessions with the platform, whose answers are read to their end, and no more of them than an answer may be."""

from __future__ import annotations

import functools
import http.client
import io
import socket
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from modelwhisk.answer_time import AnswerTime, WentOn
from modelwhisk.content_coding import ACCEPTED, HARMLESS, Body, Undecodable
from modelwhisk.openwhisk.errors import OpenWhiskError
from modelwhisk.openwhisk.settings import Settings
from modelwhisk.peer import AnotherUsers, peer_at
from modelwhisk.this_machine import is_this_machine

# By default a record has 1 MiB of result and 10 MB of log, and a page of a list 200 entities.
_MOST = HARMLESS
_PIECE = 65_536  # bytes
# For all of an answer, beside what its begin may take: 10 MB of log by a line of 0.7 Mbit/s.
_WHOLE_SECONDS = 120.0


def open_session(settings: Settings, auth: Any, retries: urllib3.Retry, most: int | None = None) -> requests.Session:
    """A session whose key is `auth`: set in any case, so that a ~/.netrc doesn't add another; proxies and authorities
    are the environment's. Its answers have `most` bytes at most, where that is told."""
    session = requests.Session()
    session.auth = auth
    session.cert = settings.certificate
    session.headers["Accept-Encoding"] = ACCEPTED
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(most or _MOST, max_retries=retries, pool_maxsize=64))
    return session


class _Adapter(HTTPAdapter):
    """Reads each body here, before anything else of requests does, which would undo any coding without a bound; sends
    nothing to another user of this machine, which is an `OpenWhiskError`."""

    def __init__(self, most: int, **options: Any) -> None:
        self._most = most
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Makes the pool of connections, whose answers have an end."""
        super().init_poolmanager(*args, **kwargs)
        _end_answers(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The same for what goes by a proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not known:
            _end_answers(manager)
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The response, all of whose body is there."""
        if is_this_machine(urlsplit(request.url or "").hostname or ""):  # a proxy would get the key
            kwargs["proxies"] = {}
        response = super().send(request, *args, **kwargs)
        raw = response.raw
        try:
            body = Body(response.headers.get("Content-Encoding", ""), self._most)
            for piece in raw.stream(_PIECE, decode_content=False):
                body.add(piece)
            response.raw = io.BytesIO(body.whole())
        except Undecodable as problem:
            raise requests.exceptions.ContentDecodingError(str(problem), request=request) from problem
        except urllib3.exceptions.HTTPError as problem:
            if isinstance(problem.__cause__, WentOn):
                raise requests.ReadTimeout(f"{problem.__cause__} (read timed out)", request=request) from problem
            raise requests.ConnectionError(problem, request=request) from problem
        finally:
            raw.close()
        return response


def _end_answers(manager: urllib3.PoolManager) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _with_end(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@functools.cache
def _with_end(pool: type[urllib3.HTTPConnectionPool]) -> type[urllib3.HTTPConnectionPool]:
    """A kind of pool whose connections keep to `_Connection`."""
    connection = type(pool.ConnectionCls.__name__, (_Connection, pool.ConnectionCls), {"response_class": _Answer})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


class _Connection:
    """What connections have besides: they lead to no other user of this machine.

    Whoever comes first serves on a port of the loopback, also on that of a platform that doesn't run just now: they
    would get the key.
    """

    sock: socket.socket
    proxy: Any  # None where the connection is to the host itself

    def connect(self) -> None:
        """Raises `OpenWhiskError`, which isn't tried again, where it is another's."""
        super().connect()  # type: ignore[misc]  # of urllib3's, which is beside it
        peer = peer_at(self.sock) if self.proxy is None else None
        if peer is not None:
            try:
                peer.refuse_others()
            except AnotherUsers as problem:
                raise OpenWhiskError(f"{problem}.") from problem


class _Answer(http.client.HTTPResponse):
    """One that must be whole, from its first line on, `_WHOLE_SECONDS` after its first byte may come at the latest."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # Nothing was read yet, so nothing is lost with the buffer; the socket's time is that for the next byte.
        time_left = AnswerTime((sock.gettimeout() or 0) + _WHOLE_SECONDS)
        self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock, time_left))


class _InTime(io.RawIOBase):
    """Reads of a socket, each for no longer than the whole answer has left."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, time_left: AnswerTime) -> None:
        self._raw, self._sock, self._time_left = raw, sock, time_left

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As a socket's; raises `WentOn`."""
        usual, left = self._sock.gettimeout(), self._time_left.left()
        if usual is not None and usual <= left:
            return self._raw.readinto(buffer)
        self._sock.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        except TimeoutError as problem:
            raise WentOn from problem
        finally:
            self._sock.settimeout(usual)

    def close(self) -> None:
        """Gives the socket back."""
        self._raw.close()
        super().close()
