"""Tells somebody that too many inputs are unlike the training inputs: by a webhook, or an OpenWhisk trigger.

Sent from a thread of its own, once each time that the share passes the bound, and one at a time; what goes wrong is
only logged. Neither the address, which may hold a secret, nor the key is.
"""

import base64
import json
import re
import time
from collections import deque
from threading import Lock, Thread, Timer

TRIGGER = "trigger:"
_SECONDS = 5
_SENDABLE = re.compile(r"[!-~]+\Z")  # of which http.client repeats what it refuses


class NoSender(Exception):
    """The action lacks what firing a trigger needs; the text says what."""


class Alert:
    """target   a URL, or ``trigger:NAME``.

    Raises ``ValueError`` for another.
    """

    def __init__(self, target, say):
        from urllib.parse import quote, urlsplit

        self._say = say
        self._on_its_way = Lock()
        self._trigger = ""
        if target.startswith(TRIGGER):
            parts = [part for part in target[len(TRIGGER) :].split("/") if part]
            if len(parts) not in (1, 2):
                raise ValueError("the trigger %r is not written as trigger:NAME or trigger:/NAMESPACE/NAME" % target)
            space, name = ["_"] + parts if len(parts) == 1 else parts
            self._trigger = "/api/v1/namespaces/%s/triggers/%s" % (quote(space, ""), quote(name, ""))
            return
        try:
            self._url = urlsplit(target)
            is_one = self._url.scheme in ("http", "https") and self._url.hostname and self._url.port != 0
        except ValueError:  # whose text repeats a part of it
            is_one = False
        if not is_one or not _SENDABLE.match(target):
            raise ValueError("the alert must be an http or https URL, its parts escaped (%20), or trigger:NAME")

    def send(self, message, api_host, api_key):
        """Begins to send; returns at once."""
        if not self._on_its_way.acquire(False):
            self._say("an alert wasn't sent: the one before it still is on its way")
            return
        message = dict(message, time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        try:
            Thread(target=self._sent, args=(message, api_host, api_key), name="drift alert", daemon=True).start()
        except RuntimeError as error:
            self._on_its_way.release()
            self._say("the alert couldn't be sent: %s" % error)

    def _sent(self, message, api_host, api_key):
        try:
            said = self._said(message, api_host, api_key)
        finally:
            self._on_its_way.release()
        self._say(said)

    def _said(self, message, api_host, api_key):
        try:
            status = self._status(json.dumps(message).encode("ascii"), api_host, api_key)
        except Exception as error:  # of the network, of TLS, of names that can't be looked up
            # Others than the system's may repeat what was to be sent, or where to.
            why = ": %s" % error if isinstance(error, (OSError, NoSender)) else ""
            return "the alert couldn't be sent: %s%s" % (type(error).__name__, why)
        if 200 <= status <= 299:
            return "an alert was sent"
        return "the alert was refused with the status %d" % status

    def _status(self, body, api_host, api_key):
        headers = {"Content-Type": "application/json", "User-Agent": "modelwhisk"}
        url, target = self._address(api_host)
        if self._trigger:
            if not api_key:
                raise NoSender("there is no __OW_API_KEY: give the action the annotation provide-api-key true")
            headers["Authorization"] = "Basic " + base64.b64encode(api_key.encode("utf-8")).decode("ascii")
        elif url.username is not None:
            from urllib.parse import unquote

            login = "%s:%s" % (unquote(url.username), unquote(url.password or ""))
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode("utf-8")).decode("ascii")
        import http.client

        secure = url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(url.hostname, url.port, timeout=_SECONDS)
        http.client.HTTPConnection.connect(connection)
        # The timeout is each read's; this is for all of them, TLS's too.
        with connection.sock.dup() as same:
            end = Timer(_SECONDS, _shut, (same,))
            end.daemon = True
            end.start()
            try:
                if secure:
                    import ssl

                    context = ssl.create_default_context()
                    connection.sock = context.wrap_socket(connection.sock, server_hostname=url.hostname)
                connection.request("POST", target, body, headers)
                return connection.getresponse().status
            finally:
                end.cancel()
                connection.close()

    def _address(self, api_host):
        from urllib.parse import urlsplit

        if not self._trigger:
            return self._url, (self._url.path or "/") + ("?" + self._url.query if self._url.query else "")
        if not api_host:
            raise NoSender("there is no __OW_API_HOST: triggers can be fired by an action only")
        return urlsplit(api_host if "://" in api_host else "https://" + api_host), self._trigger


def _shut(connection):
    from socket import SHUT_RDWR

    try:
        connection.shutdown(SHUT_RDWR)
    except OSError:
        pass  # it has ended


class Share:
    """The share of drifted predictions among the last ``window``, and whether it has just passed ``bound``.

    Once it has, it isn't said again within the next ``window``: a share that stays near the bound, as callers may see
    to, passes it at every other call.
    """

    def __init__(self, window, bound):
        self._lock = Lock()
        self._last = deque(maxlen=max(1, window))
        self._bound = bound
        self._told = False
        self._since = 0  # predictions since it was said

    def taken(self, drifted):
        """(share, of how many, True where an alert is due)."""
        with self._lock:
            self._last.append(bool(drifted))
            count = len(self._last)
            share = sum(self._last) / count
            self._since += 1
            is_beyond = share > self._bound and count == self._last.maxlen
            crossed = is_beyond and not self._told
            if crossed:
                self._told, self._since = True, 0
            elif not is_beyond and self._since >= count:
                self._told = False
        return share, count, crossed
