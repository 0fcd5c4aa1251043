"""Sessions with the platform, whose answers are read to their end, and no more of them than an answer may be."""

from __future__ import annotations

import io
import ipaddress
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from modelwhisk.content_coding import ACCEPTED, HARMLESS, Body, Undecodable
from modelwhisk.openwhisk.settings import Settings

# By default a record has 1 MiB of result and 10 MB of log, and a page of a list 200 entities.
_MOST = HARMLESS
_PIECE = 65_536  # bytes


def open_session(settings: Settings, auth: Any, retries: urllib3.Retry) -> requests.Session:
    """A session whose key is `auth`: set in any case, so that a ~/.netrc doesn't add another; proxies and authorities
    are the environment's."""
    session = requests.Session()
    session.auth = auth
    session.cert = settings.certificate
    session.headers["Accept-Encoding"] = ACCEPTED
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(max_retries=retries, pool_maxsize=64))
    return session


class _Adapter(HTTPAdapter):
    """Reads each body here, before anything else of requests does, which would undo any coding without a bound."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The response, all of whose body is there."""
        if _is_loopback(request.url or ""):  # a proxy has no way to this machine's loopback, and would get the key
            kwargs["proxies"] = {}
        response = super().send(request, *args, **kwargs)
        raw = response.raw
        try:
            body = Body(response.headers.get("Content-Encoding", ""), _MOST)
            for piece in raw.stream(_PIECE, decode_content=False):
                body.add(piece)
            response.raw = io.BytesIO(body.whole())
        except Undecodable as problem:
            raise requests.exceptions.ContentDecodingError(str(problem), request=request) from problem
        except urllib3.exceptions.HTTPError as problem:
            raise requests.ConnectionError(problem, request=request) from problem
        finally:
            raw.close()
        return response


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
