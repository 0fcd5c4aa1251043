"""`modelwhisk deploy`: a wrapped image becomes an action that answers."""

from __future__ import annotations

import shlex
from typing import Any

import click

from modelwhisk.deploy import curl_line, names, pairs
from modelwhisk.deploy.apply import Deployed, set_default
from modelwhisk.deploy.apply import deploy as put
from modelwhisk.deploy.connection import platform_command
from modelwhisk.deploy.failure import Failure
from modelwhisk.deploy.plan import WEB_MODES, Web, Wish
from modelwhisk.deploy.report import JsonReport, Report, TextReport
from modelwhisk.deploy.wait import patience_for, wait_until_ready
from modelwhisk.openwhisk import Limits, OpenWhisk
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
@click.option("--sample", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="File for the curl line.")
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
    report = JsonReport(whisk) if as_json else TextReport(whisk)
    if default is not None and version is None:
        if image is not None or wish != Wish(image=image, fresh=fresh):
            raise click.UsageError("--default alone changes nothing else; with an image give its --version as well.")
        deployed = set_default(whisk, name, default)
    else:
        deployed = put(whisk, names.action_path(name, version), wish, force=force)
    report.deployed(deployed)
    if wait != 0:
        _wait(whisk, deployed, wait, report)
    if default is not None and version is not None:
        # The default moves only to a version that has answered.
        report.default(set_default(whisk, name, default), default)
    action = deployed.action
    report.reachable(action, curl_line.ask(whisk, action, sample) if wait != 0 and action.web != "no" else None)
    report.end()


def _wait(whisk: OpenWhisk, deployed: Deployed, wait: float | None, report: Report) -> None:
    patience = patience_for(deployed.action) if wait is None else wait
    try:
        with report.progress(deployed.action) as tell:
            ready = wait_until_ready(whisk, deployed.action, deployed.bounds, patience, tell)
    except Failure as failure:
        raise _with_way_back(failure, deployed) from failure
    report.ready(ready)


def _with_way_back(failure: Failure, deployed: Deployed) -> Failure:
    """The failure, and how to get the former image back where an update broke what may have worked."""
    before = deployed.plan.current
    if before is not None and before.image is not None and before.image != deployed.action.image:
        words = [before.path, before.image]
        ending = ["--"] if any(word.startswith("-") for word in words) else []  # the platform's words are no options
        way_back = shlex.join(["modelwhisk", "deploy", *ending, *words])
        failure.advice += f"\nBefore it was {before.image}: `{way_back}` goes back."
    return failure
