"""`modelwhisk deploy`: a wrapped image becomes an action that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from modelwhisk.deploy import curl_line, names, pairs
from modelwhisk.deploy.apply import Deployed, set_default
from modelwhisk.deploy.apply import deploy as put
from modelwhisk.deploy.connection import console, platform_command, write_json
from modelwhisk.deploy.curl_line import CurlLine
from modelwhisk.deploy.failure import Failure
from modelwhisk.deploy.plan import WEB_MODES, Web, Wish
from modelwhisk.deploy.wait import Ready, patience_for, wait_until_ready
from modelwhisk.openwhisk import Action, Limits, OpenWhisk
from modelwhisk.openwhisk.records import parameters_of


@click.command()
@click.argument("name")
@click.argument("image", required=False)
@click.option(
    "--web",
    type=click.Choice(WEB_MODES),
    help="Kind of web action: raw hands requests over as they are (the default), true as parameters, "
    "secure is raw for callers with a secret, no is none.",
)
@click.option("--secret", metavar="TEXT", help="The secret of --web secure. Else one is made up, and kept by updates.")
@click.option("-m", "--memory", type=int, metavar="MB", help="Else what the MAX model recommends, else 512.")
@click.option("-t", "--timeout", type=int, metavar="MS", help="For loading and for each call. Else the platform's.")
@click.option("-c", "--concurrency", type=int, metavar="N", help="Calls that one container gets at a time.")
@click.option("-l", "--log-size", type=int, metavar="MB", help="Log of an activation.")
@click.option(
    "-p", "--param", "parameters", multiple=True, metavar="KEY=VALUE", callback=pairs.read, help="Bound parameter."
)
@click.option("--init", multiple=True, metavar="KEY=VALUE", callback=pairs.read, help="Parameter for the environment.")
@click.option("-a", "--annotation", "annotations", multiple=True, metavar="KEY=VALUE", callback=pairs.read)
@click.option("--version", metavar="VERSION", help="Put it beside other versions, as NAME/VERSION in a package NAME.")
@click.option("--default", metavar="VERSION", help="Make this version NAME/default.")
@click.option("--fresh", is_flag=True, help="Forget the parameters and annotations of an action that is there.")
@click.option("--force", is_flag=True, help="Update although nothing differs; replace what is no docker action.")
@click.option("--wait", type=float, metavar="SECONDS", help="For the first answer; 0: don't ask. Else by the timeout.")
@click.option("--sample", metavar="FILE", help="File for the curl line.")
@platform_command
def deploy(
    *,
    whisk: OpenWhisk,
    as_json: bool,
    name: str,
    image: str | None,
    web: Web | None,
    secret: str | None,
    memory: int | None,
    timeout: int | None,
    concurrency: int | None,
    log_size: int | None,
    parameters: dict[str, Any],
    init: dict[str, Any],
    annotations: dict[str, Any],
    version: str | None,
    default: str | None,
    fresh: bool,
    force: bool,
    wait: float | None,
    sample: str | None,
) -> None:
    """Put a wrapped model on an OpenWhisk, and wait until it answers.

    IMAGE is what build.sh printed, USERNAME/MODEL:VERSION. It can be left out to change an action that is there: what
    isn't named stays as it is, and where nothing differs nothing is sent.

    Versions live side by side: `deploy NAME IMAGE --version v2` makes NAME/v2, `deploy NAME --default v2` lets
    NAME/default answer as v2 does, and callers choose by the URL.

    Exit status: 0 the model answers, 1 the platform refused, 2 wrong usage, 3 it is there but doesn't answer.
    """
    wish = Wish(
        image=image,
        web=web,
        secret=secret,
        limits=Limits(memory, timeout, log_size, concurrency),
        parameters=(*parameters_of(parameters), *parameters_of(init, init=True)),
        annotations=annotations,
        fresh=fresh,
    )
    report = _JsonReport(whisk) if as_json else _TextReport(whisk)
    if default is not None and version is None:
        if image is not None or wish != Wish(image=image, fresh=fresh):
            raise click.UsageError("--default alone changes nothing else; with an image give its --version as well.")
        deployed = set_default(whisk, name, default)
    else:
        deployed = put(whisk, names.action_path(name, version), wish, force=force)
    report.deployed(deployed)
    _finish(whisk, deployed, wait, sample, report)
    if default is not None and version is not None:
        # The default moves only to a version that has answered.
        report.default(set_default(whisk, name, default), default)
    report.end()


def _finish(whisk: OpenWhisk, deployed: Deployed, wait: float | None, sample: str | None, report: _Report) -> None:
    action = deployed.action
    if wait != 0:
        patience = patience_for(action) if wait is None else wait
        try:
            with report.progress(action) as tell:
                ready = wait_until_ready(whisk, action, deployed.bounds, patience, tell)
        except Failure as failure:
            raise _with_way_back(failure, deployed) from failure
        report.ready(ready)
    line = curl_line.ask(whisk, action, sample) if wait != 0 and action.web != "no" else None
    report.reachable(action, line)


def _with_way_back(failure: Failure, deployed: Deployed) -> Failure:
    """The failure, and how to get the former image back where an update broke what may have worked."""
    before = deployed.plan.current
    if before is not None and before.image not in (None, deployed.action.image):
        failure.advice += f"\nBefore it was {before.image}: `modelwhisk deploy {before.path} {before.image}` goes back."
    return failure


class _Report:
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
        return self._whisk.web_url(f"/{action.namespace}/{action.path}") if action.web != "no" else None


class _JsonReport(_Report):
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


class _TextReport(_Report):
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
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._err, transient=True, disable=not self._err.is_terminal) as progress:
            task = progress.add_task(action.path)
            yield lambda text: progress.update(task, description=f"{action.path}: {text}")

    def ready(self, ready: Ready) -> None:
        loading = "warm" if ready.init_milliseconds is None else f"{ready.init_milliseconds / 1000:.1f} s of it loading"
        self._line("answers", Text(f"after {ready.seconds:.1f} s, {loading}", "green"))

    def reachable(self, action: Action, line: CurlLine | None) -> None:
        url = self._web_url(action)
        if url is None:
            self._line("call it", Text(f"modelwhisk invoke {action.path} -p KEY=VALUE"))
            return
        self._line("URL", Text(url, "cyan"))
        if action.secret is not None:
            self._line("secret", Text(f"X-Require-Whisk-Auth: {action.secret}"))
        if line is not None:
            # A line of its own, so that it can be copied whole.
            self._out.print()
            self._out.print(Text(line.command), soft_wrap=True)
            if line.note:
                self._out.print(Text(f"FILE is {line.note}", "dim"))

    def default(self, deployed: Deployed, version: str) -> None:
        self._line("default", Text(f"{deployed.action.path} is {version}: {self._web_url(deployed.action)}"))

    def _line(self, word: str, text: Text) -> None:
        self._out.print(Text.assemble((f"{word:<10}", "dim"), text), soft_wrap=True)
