"""Carries a plan out: asks for the platform's limits, makes the package, creates or updates the action."""

from __future__ import annotations

from dataclasses import dataclass

from modelwhisk.deploy import names
from modelwhisk.deploy.failure import Failure
from modelwhisk.deploy.plan import Plan, Wish, lowered_by_refusal, make_plan
from modelwhisk.openwhisk import Action, NamespaceLimits, OpenWhisk, OpenWhiskError

# Each refusal names one limit, and an action has four.
_LIMITS = 4


@dataclass(frozen=True)
class Deployed:
    """The action as the platform has it now, the plan that made it so, and the limits of the namespace."""

    action: Action
    plan: Plan
    bounds: NamespaceLimits


def deploy(whisk: OpenWhisk, path: str, wish: Wish, *, force: bool = False) -> Deployed:
    """Makes the action at `path` (`[package/]name`) what the wish says; sends nothing where it is so already.

    With `force` an action is updated although nothing differs (its containers start anew), and one that isn't a
    docker action is replaced. Raises Failure and OpenWhiskError.
    """
    current = names.find_action(whisk, path)
    if current is None:
        names.require_free(whisk, path)
    elif current.image is None and not force:
        raise Failure(
            f"{path} is there already and is no docker action but {current.kind or 'of another kind'}.",
            "Choose another name, or replace it with --force.",
        )
    bounds = limits_of(whisk)
    plan = make_plan(wish, current, bounds)
    if current is not None and not plan.changes and not force:
        return Deployed(current, plan, bounds)
    package, slash, _ = path.rpartition("/")
    if slash and not package.startswith("/") and names.find_package(whisk, package) is None:
        whisk.put_package(package, overwrite=False)
    action, plan = _put(whisk, path, wish, plan)
    return Deployed(action, plan, bounds)


def limits_of(whisk: OpenWhisk) -> NamespaceLimits:
    """The namespace's limits; empty where the platform is older than that call."""
    try:
        return whisk.limits()
    except OpenWhiskError as problem:
        if problem.status in (404, 405):
            return NamespaceLimits()
        raise


def _put(whisk: OpenWhisk, path: str, wish: Wish, plan: Plan) -> tuple[Action, Plan]:
    for _ in range(_LIMITS):
        try:
            return whisk.put_action(path, plan.target.body(), overwrite=plan.current is not None), plan
        except OpenWhiskError as problem:
            lowered = lowered_by_refusal(plan, wish, problem.message) if problem.status == 400 else None
            if lowered is None:
                raise
            plan = lowered
    return whisk.put_action(path, plan.target.body(), overwrite=plan.current is not None), plan


def set_default(whisk: OpenWhisk, name: str, version: str) -> Deployed:
    """Makes `name/default` the same action as `name/version`; raises Failure where that isn't there.

    A copy, since OpenWhisk has no second name for an action, and a sequence would lose the raw request.
    """
    source = names.require_action(whisk, names.action_path(name, version))
    if source.image is None:
        raise Failure(f"{source.path} is no docker action.")
    wish = Wish(
        image=source.image,
        limits=source.limits,
        parameters=source.parameters,
        annotations={key: value for key, value in source.annotations.items() if key != "exec"},
        fresh=True,
    )
    return deploy(whisk, names.action_path(name, names.DEFAULT_VERSION), wish)
