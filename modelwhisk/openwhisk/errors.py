"""What goes wrong between us and an OpenWhisk: the platform's own words, and what to do about it."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import requests

# The rate is counted by the minute of the controller's clock, so the wait is at most a minute
# (core/entitlement/RateThrottler.scala); a call in flight ends sooner.
_RATE_WAIT_SECONDS = 60.0
_IN_FLIGHT_WAIT_SECONDS = 1.0
_LONGEST = 1_048_576  # bytes of an error; what is longer is one of the answers, whose values may fill the memory twice


class OpenWhiskError(Exception):
    """The platform refused, or couldn't be reached (`status` is None).

    `message` is the platform's own, `advice` what to do about it (may be empty), `code` its transaction id, and
    `retry_after` the seconds to wait where waiting helps (429), else None.
    """

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        status: int | None = None,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.status = status
        self.code = code
        self.retry_after = retry_after

    def __str__(self) -> str:
        number = f" ({self.status})" if self.status is not None else ""
        return f"{self.message}{number}\n{self.advice}" if self.advice else f"{self.message}{number}"


class NotFound(OpenWhiskError):
    """The platform has no such thing (404); what is no OpenWhisk raises OpenWhiskError instead."""


class TimedOut(OpenWhiskError):
    """The request was taken, and no response came in time."""


class NoCredentials(OpenWhiskError):
    """No host or no key is set, in flags, environment or properties file."""


def error_of_response(response: requests.Response, origin: str = "", malformed: str = "") -> OpenWhiskError:
    """The error that a response of the REST API stands for.

    `origin` says where the key comes from, for the advice on a wrong one; `malformed` what is wrong with an answer that
    says that all went well.
    """
    body: Any = None
    if len(response.content) <= _LONGEST:
        with contextlib.suppress(ValueError, RecursionError):
            body = json.loads(response.content)
    described = not malformed and isinstance(body, dict) and isinstance(body.get("error"), str)
    message = str(body["error"]) if described else f"{response.url} answered {response.status_code} {response.reason}"
    if malformed:
        message += f", but what it told can't be used: {malformed}."
    code = body.get("code", "") if isinstance(body, dict) else ""
    kind = NotFound if described and response.status_code == 404 else OpenWhiskError
    return kind(
        message,
        advice=_advice(response, message, described, origin),
        status=response.status_code,
        code=str(code),
        retry_after=_wait(response, message) if response.status_code == 429 else None,
    )


_ADVICE = {
    401: "The platform doesn't know the key{origin}. Check AUTH in ~/.wskprops, WHISK_AUTH or --auth: it is uuid:key, "
    "as `wsk property get --auth` prints it.",
    403: "The key is valid, but not for this; leave --namespace out to use the key's own.",
    404: "`modelwhisk list` shows what is there.",
    409: "Something of that name is there already, or was changed at the same moment; delete it first, or try again.",
    413: "What is sent must fit into the platform's limit; on most that is 1 MiB.",
    429: "The namespace's quota is used up; try again in {wait:.0f} s.",
}
_NO_OPENWHISK = "This doesn't look like an OpenWhisk. Check the host (APIHOST in ~/.wskprops, WHISK_APIHOST, --host)."
_FAILED = "The platform itself failed; try again, and if it stays, ask its administrator."


def _advice(response: requests.Response, message: str, described: bool, origin: str) -> str:
    status = response.status_code
    if 300 <= status < 400:
        return f"Use the address that it points to as the host: {response.headers.get('Location', 'unknown')}"
    if not described and status not in (401, 403, 413, 429) and status < 500:
        return _NO_OPENWHISK
    advice = _ADVICE.get(status, _FAILED if status >= 500 else "")
    return advice.format(origin=f" from {origin}" if origin else "", wait=_wait(response, message))


def _wait(response: requests.Response, message: str) -> float:
    header = response.headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", header):
        # Not 0, with which whoever waits so would never have waited long enough.
        return max(float(header), _IN_FLIGHT_WAIT_SECONDS)
    return _IN_FLIGHT_WAIT_SECONDS if "concurrent" in message.lower() else _RATE_WAIT_SECONDS


def error_of_exception(problem: requests.RequestException, host: str) -> OpenWhiskError:
    """The error for a request that got no response."""
    text = str(problem)
    message, advice = _unanswered(problem, text)
    plain = host.replace("https:", "http:", 1)
    kind = TimedOut if "read timed out" in text.lower() else OpenWhiskError
    return kind(message.format(host=host, reason=_reason(text)), advice=advice.format(plain=plain))


# The first that fits: a kind of exception with a part of its text → what it means, and what to do.
_UNANSWERED: tuple[tuple[tuple[type[Exception], ...], str, str, str], ...] = (
    (
        (requests.exceptions.SSLError,),
        r"WRONG_VERSION_NUMBER|record layer",
        "{host} doesn't speak TLS.",
        "Use {plain} as the host.",
    ),
    (
        (requests.exceptions.SSLError,),
        "",
        "The certificate of {host} can't be verified: {reason}",
        "For a platform with a certificate of its own give --insecure, or name its authority in REQUESTS_CA_BUNDLE.",
    ),
    (
        (requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL),
        "",
        "The proxy on the way to {host} can't be used: {reason}",
        "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY.",
    ),
    (
        (requests.exceptions.InvalidSchema,),
        "SOCKS",
        "The SOCKS proxy on the way to {host} can't be used.",
        "Install what it takes: pip install 'requests[socks]'.",
    ),
    (
        (requests.exceptions.ContentDecodingError,),
        "",
        "The answer of {host} can't be read: {reason}",
        _NO_OPENWHISK,
    ),
    (
        (requests.exceptions.ReadTimeout,),
        "went on and on",
        "{host} began to answer and came to no end: the answer was left.",
        "The request may have been carried out; look before you repeat it.",
    ),
    (
        (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError),
        "[Rr]ead timed out",  # a ConnectionError where it was repeated
        "{host} took the request but didn't answer in time.",
        "It may have been carried out; look before you repeat it.",
    ),
    (
        (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema),
        "",
        "{host} is no address of a host, or that of the proxy on the way to it is none.",
        "Give a name or https://NAME[:PORT], and such addresses in HTTP_PROXY, HTTPS_PROXY and ALL_PROXY.",
    ),
    (
        (requests.exceptions.ConnectionError,),
        r"NameResolutionError|getaddrinfo|Name or service",
        "There is no host {host}.",
        "Check APIHOST in ~/.wskprops, WHISK_APIHOST or --host.",
    ),
    (
        (requests.exceptions.ConnectionError,),
        r"refused|timed out|[Uu]nreachable|No route",
        "{host} can't be reached: {reason}",
        "Check that the platform runs and the host and port are right (APIHOST in ~/.wskprops, --host).",
    ),
)


def _unanswered(problem: requests.RequestException, text: str) -> tuple[str, str]:
    for kinds, pattern, message, advice in _UNANSWERED:
        if isinstance(problem, kinds) and re.search(pattern, text):
            return message, advice
    return "The connection to {host} broke: {reason}", "Try again."


def _reason(text: str) -> str:
    """The innermost part of what requests and urllib3 wrap around an error: what follows the last colon, unquoted."""
    verify = re.search(r"certificate verify failed: ([^(\]]+)", text)
    if verify:
        return verify.group(1).strip()
    return text.rpartition(": ")[2].strip("()'\" ")
