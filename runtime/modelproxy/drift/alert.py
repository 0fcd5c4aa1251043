"""Tells somebody that too many inputs are unlike the training inputs: by a webhook, or an OpenWhisk trigger.

Sent from a thread of its own, once each time that the share passes the bound; what goes wrong is only logged. Neither
the address, which may hold a secret, nor the key is.
"""

import base64
import json
import time
from collections import deque
from threading import Lock, Thread

TRIGGER = "trigger:"
_SECONDS = 5


class Alert:
    """target   a URL, or ``trigger:NAME``.

    Raises ``ValueError`` for another.
    """

    def __init__(self, target, say):
        from urllib.parse import quote, urlsplit

        self._say = say
        self._trigger = ""
        if target.startswith(TRIGGER):
            parts = [part for part in target[len(TRIGGER) :].split("/") if part]
            if len(parts) not in (1, 2):
                raise ValueError("the trigger %r is not written as trigger:NAME or trigger:/NAMESPACE/NAME" % target)
            space, name = ["_"] + parts if len(parts) == 1 else parts
            self._trigger = "/api/v1/namespaces/%s/triggers/%s" % (quote(space, ""), quote(name, ""))
            return
        self._url = urlsplit(target)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise ValueError("the alert must be an http or https URL or trigger:NAME")
        self._url.port  # noqa: B018 - raises ValueError for one that can't be

    def send(self, message, api_host, api_key):
        """Begins to send; returns at once."""
        message = dict(message, time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        try:
            Thread(target=self._sent, args=(message, api_host, api_key), name="drift alert", daemon=True).start()
        except RuntimeError as error:
            self._say("the alert couldn't be sent: %s" % error)

    def _sent(self, message, api_host, api_key):
        try:
            status = self._status(json.dumps(message).encode("ascii"), api_host, api_key)
        except Exception as error:  # of the network, of TLS, of names that can't be looked up
            self._say("the alert couldn't be sent: %s: %s" % (type(error).__name__, error))
            return
        if 200 <= status <= 299:
            self._say("an alert was sent")
        else:
            self._say("the alert was refused with the status %d" % status)

    def _status(self, body, api_host, api_key):
        headers = {"Content-Type": "application/json", "User-Agent": "modelwhisk"}
        url, target = self._address(api_host)
        if self._trigger:
            if not api_key:
                raise ValueError("there is no __OW_API_KEY: give the action the annotation provide-api-key true")
            headers["Authorization"] = "Basic " + base64.b64encode(api_key.encode("utf-8")).decode("ascii")
        elif url.username is not None:
            from urllib.parse import unquote

            login = "%s:%s" % (unquote(url.username), unquote(url.password or ""))
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode("utf-8")).decode("ascii")
        import http.client

        secure = url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(url.hostname, url.port, timeout=_SECONDS)
        try:
            connection.request("POST", target, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _address(self, api_host):
        from urllib.parse import urlsplit

        if not self._trigger:
            return self._url, (self._url.path or "/") + ("?" + self._url.query if self._url.query else "")
        if not api_host:
            raise ValueError("there is no __OW_API_HOST: triggers can be fired by an action only")
        return urlsplit(api_host if "://" in api_host else "https://" + api_host), self._trigger


class Share:
    """The share of drifted predictions among the last ``window``, and whether it has just passed ``bound``."""

    def __init__(self, window, bound):
        self._lock = Lock()
        self._last = deque(maxlen=max(1, window))
        self._bound = bound
        self._beyond = False

    def taken(self, drifted):
        """(share, of how many, True where an alert is due)."""
        with self._lock:
            self._last.append(bool(drifted))
            count = len(self._last)
            share = sum(self._last) / count
            is_beyond = share > self._bound and (count == self._last.maxlen or self._beyond)
            crossed = is_beyond and not self._beyond
            self._beyond = is_beyond
        return share, count, crossed
