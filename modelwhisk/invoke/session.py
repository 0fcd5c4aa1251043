"""One call from its options to its exit status."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from modelwhisk.client.answers import Reply
from modelwhisk.client.calls import Calls
from modelwhisk.client.encoding import MAX_REQUEST
from modelwhisk.client.endpoint import Endpoint, is_url
from modelwhisk.client.errors import ClientError, InputError, InterfaceError, NotReady, TooLarge
from modelwhisk.client.exchange import Policy, Sleep, Steps
from modelwhisk.client.transport import SyncTransport
from modelwhisk.invoke import output
from modelwhisk.invoke.plain import invoke as invoke_plain
from modelwhisk.invoke.requests import Asked, literal_request, read_options, shrunk
from modelwhisk.openwhisk import OpenWhisk, OpenWhiskError
from modelwhisk.shown_text import Console

# Base64 makes four bytes of three; what is left is for names and braces.
_PLAIN_LIMIT = MAX_REQUEST * 3 // 4 - 1_024

NO_ANSWER, USAGE, NOT_READY, CLIENT_FAILURE, SERVER_FAILURE = 1, 2, 3, 4, 5


def run(options: Mapping[str, Any]) -> int:
    """The exit status; answers go to stdout or a file, everything else to stderr."""
    notes = output.stderr()
    try:
        reply = _Call(options, notes).reply()
        if options["verbose"]:
            output.tell(reply, notes)
        output.write(reply, options["out"], sys.stdout, notes)
        return _status(reply, notes)
    except TooLarge as problem:
        hint = "" if options["shrink"] else "\nA picture can be scaled down with --shrink."
        return _failed(notes, f"{problem}{hint}", USAGE)
    except (InputError, ValueError) as problem:
        return _failed(notes, str(problem), USAGE)
    except NotReady as problem:
        return _failed(notes, str(problem), NOT_READY)
    except (ClientError, OpenWhiskError) as problem:
        return _failed(notes, str(problem), NO_ANSWER)
    except OSError as problem:
        return _failed(notes, f"{problem.filename or 'the answer'}: {problem.strerror or problem}", NO_ANSWER)


def _failed(notes: Console, message: str, status: int) -> int:
    notes.print(f"modelwhisk invoke: {message}", style="red", soft_wrap=True)
    return status


def _status(reply: Reply, notes: Console) -> int:
    if reply.ok:
        return 0
    known = f" (activation {reply.activation})" if reply.activation else ""
    status = CLIENT_FAILURE if reply.status < 500 else SERVER_FAILURE
    return _failed(notes, f"the answer is {reply.status}{known}", status)


class _Call:
    def __init__(self, options: Mapping[str, Any], notes: Console) -> None:
        self._options = options
        self._notes = notes
        self._policy = Policy(repeats=options["retry"], patience=options["patience"], polling=options["polling"])
        self._asked = read_options(
            options["form"], options["data"], options["query"], options["inputs"], options["headers"]
        )

    def reply(self) -> Reply:
        name = self._options["model"]
        if self._options["plain"]:
            asked = self._shrunk(_PLAIN_LIMIT)
            return invoke_plain(name, asked.parameters(), OpenWhisk.connect(), self._policy, self._tell)
        calls = Calls(name, policy=self._policy, headers=self._asked.headers, limit=self._options["limit"])
        transport = SyncTransport(seconds=self._options["timeout"], on_sleep=self._tell)
        try:
            return transport.run(self._steps(calls))
        finally:
            transport.close()

    def _steps(self, calls: Calls) -> Steps[Reply]:
        endpoint = yield from calls.endpoint()
        asked = self._shrunk(self._options["limit"] or endpoint.limit)
        literal = asked.is_literal or self._options["method"] is not None
        if literal and not self._options["check"]:
            return (yield from calls.send(self._literal(asked, endpoint)))
        try:
            interface = yield from calls.interface()
        except InterfaceError:
            if asked.inputs or self._options["check"]:
                raise
            return (yield from calls.send(self._literal(asked, endpoint)))
        return (yield from calls.reply(asked.typed(interface)))

    def _literal(self, asked: Asked, endpoint: Endpoint) -> httpx.Request:
        name = self._options["model"]
        with_key = replace(asked, headers=endpoint.headers)
        url = name if is_url(name) else endpoint.address
        return literal_request(with_key, self._options["method"], url, self._options["limit"] or endpoint.limit)

    def _shrunk(self, limit: int | None) -> Asked:
        if not self._options["shrink"]:
            return self._asked
        from modelwhisk.invoke.shrink import shrink_picture  # noqa: PLC0415 (needs Pillow)

        return shrunk(self._asked, shrink_picture, limit)

    def _tell(self, sleep: Sleep) -> None:
        self._notes.print(f"{sleep.reason}: waiting {sleep.seconds:.1f} s", style="dim")
