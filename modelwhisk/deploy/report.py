"""What `modelwhisk deploy` tells, to people or to machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shlex import quote
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from modelwhisk.deploy.apply import Deployed
from modelwhisk.deploy.connection import console, write_json
from modelwhisk.deploy.curl_line import CurlLine
from modelwhisk.deploy.wait import Ready
from modelwhisk.openwhisk import Action, OpenWhisk
from modelwhisk.shown_text import Console

_MOST_AWAITED = 200  # characters of what is waited for, by the platform's words: they are drawn ten times a second


class Report:
    """Told what happens; says it to people or machines."""

    def __init__(self, whisk: OpenWhisk) -> None:
        self._whisk = whisk

    def deployed(self, deployed: Deployed) -> None:
        """The action is as wished."""

    @contextmanager
    def progress(self, action: Action) -> Iterator[Callable[[str], None]]:
        """Yields what is to be called with each thing that is waited for."""
        yield lambda text: None

    def ready(self, ready: Ready) -> None:
        """The model answered."""

    def reachable(self, action: Action, line: CurlLine | None) -> None:
        """Where the action can be called."""

    def default(self, deployed: Deployed, version: str) -> None:
        """A version became the default."""

    def end(self) -> None:
        """All is done."""

    def _web_url(self, action: Action) -> str | None:
        return self._whisk.web_url(action.full_name) if action.web != "no" else None


class JsonReport(Report):
    def __init__(self, whisk: OpenWhisk) -> None:
        super().__init__(whisk)
        self._fields: dict[str, Any] = {}

    def deployed(self, deployed: Deployed) -> None:
        action, plan = deployed.action, deployed.plan
        self._fields |= {
            "result": plan.verb,
            "changes": list(plan.changes),
            "warnings": list(plan.warnings),
            "name": action.path,
            "namespace": action.namespace,
            "version": action.version,
            "image": action.image,
            "web": action.web,
            "limits": action.limits.to_json(),
        }

    def ready(self, ready: Ready) -> None:
        self._fields |= {"seconds": round(ready.seconds, 3), "init_milliseconds": ready.init_milliseconds}

    def reachable(self, action: Action, line: CurlLine | None) -> None:
        self._fields["url"] = self._web_url(action)
        if action.secret is not None:
            self._fields["secret"] = action.secret
        if line is not None:
            self._fields["curl"] = line.command

    def default(self, deployed: Deployed, version: str) -> None:
        self._fields["default"] = {"version": version, "url": self._web_url(deployed.action)}

    def end(self) -> None:
        write_json(self._fields)


class TextReport(Report):
    def __init__(self, whisk: OpenWhisk) -> None:
        super().__init__(whisk)
        self._out: Console = console()
        self._err: Console = console(stderr=True)

    def deployed(self, deployed: Deployed) -> None:
        action, plan = deployed.action, deployed.plan
        for warning in plan.warnings:
            self._err.print(Text(f"warning: {warning}", "yellow"))
        limits = action.limits
        facts = (f"web {action.web}", f"{limits.memory} MB", f"{(limits.timeout or 0) / 1000:g} s")
        self._line(plan.verb, Text.assemble((action.path, "bold"), f"  {action.image}  {', '.join(facts)}"))
        if plan.current is not None:
            for change in plan.changes:
                self._line("", Text(change, "dim"))

    @contextmanager
    def progress(self, action: Action) -> Iterator[Callable[[str], None]]:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=self._err, transient=True, disable=not self._err.is_terminal) as progress:
            task = progress.add_task(action.path)

            def tell(text: str) -> None:
                progress.update(task, description=f"{action.path}: {' '.join(text.split())[:_MOST_AWAITED]}")

            yield tell

    def ready(self, ready: Ready) -> None:
        loading = "warm" if ready.init_milliseconds is None else f"{ready.init_milliseconds / 1000:.1f} s of it loading"
        self._line("answers", Text(f"after {ready.seconds:.1f} s, {loading}", "green"))

    def reachable(self, action: Action, line: CurlLine | None) -> None:
        url = self._web_url(action)
        if url is None:
            self._line("call it", Text(f"modelwhisk invoke {quote(action.path)} -p KEY=VALUE"))
            return
        self._line("URL", Text(url, "cyan"))
        if action.secret is not None:
            self._line("secret", Text(f"X-Require-Whisk-Auth: {action.secret}"))
        if line is not None:
            # A line of its own, so that it can be copied whole.
            self._out.print()
            self._out.print(Text(line.command), soft_wrap=True)
            if line.note:
                self._out.print(Text(line.note, "dim"))

    def default(self, deployed: Deployed, version: str) -> None:
        self._line("default", Text(f"{deployed.action.path} is {version}: {self._web_url(deployed.action)}"))

    def _line(self, word: str, text: Text) -> None:
        self._out.print(Text.assemble((f"{word:<10}", "dim"), text), soft_wrap=True)
