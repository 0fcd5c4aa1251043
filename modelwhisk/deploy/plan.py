"""What a deployment changes: the wish and what is there → the action to be, its differences, warnings. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from modelwhisk.deploy.catalogue import recommended_memory
from modelwhisk.deploy.failure import Failure
from modelwhisk.openwhisk import Action, Json, Limits, NamespaceLimits, Parameter
from modelwhisk.openwhisk.records import action_body, fits_in_header

Web = Literal["raw", "true", "secure", "no"]
WEB_MODES: tuple[Web, ...] = get_args(Web)

# What a model has where the catalogue says nothing: the platform's own 256 MB are less than most frameworks need.
_MEMORY_MB = 512

_SECRET = "require-whisk-auth"  # noqa: S105 - the annotation's name
_WEB_ANNOTATIONS = ("web-export", "raw-http", "final", _SECRET)
# The platform sets it by itself, and it says nothing that a deployment could change.
_OWN_ANNOTATION = "exec"


@dataclass(frozen=True)
class Wish:
    """What is asked for; what is None or empty stays as it is on an update, and takes the defaults for a new action.

    With `fresh` an update forgets the parameters and annotations that were there.
    """

    image: str | None = None
    web: Web | None = None
    secret: str | None = None
    limits: Limits = field(default_factory=Limits)
    parameters: tuple[Parameter, ...] = ()
    annotations: Mapping[str, Json] = field(default_factory=dict)
    fresh: bool = False


@dataclass(frozen=True)
class Target:
    """An action as it shall be."""

    image: str
    annotations: Mapping[str, Json]
    parameters: Mapping[str, Parameter]
    limits: Limits

    def body(self) -> dict[str, Json]:
        """The REST body that makes it so."""
        return action_body(self.image, self.annotations, self.parameters.values(), self.limits)


@dataclass(frozen=True)
class Plan:
    """`target` and how it differs from what is there (`changes`, for people; empty: it is there already)."""

    target: Target
    current: Action | None
    changes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def verb(self) -> str:
        return "created" if self.current is None else "updated" if self.changes else "unchanged"


def make_plan(wish: Wish, current: Action | None, bounds: NamespaceLimits) -> Plan:
    """The plan; raises Failure where the wish can't be fulfilled."""
    base = None if wish.fresh else current
    image = wish.image or (current.image if current else None)
    if image is None:
        raise Failure(
            "There is no such action yet, so an image is needed.",
            "modelwhisk deploy NAME IMAGE, where IMAGE is what build.sh printed: USERNAME/MODEL:VERSION.",
        )
    limits, warnings = _limits(wish, current, image, bounds)
    parameters = {parameter.key: parameter for parameter in (*(base.parameters if base else ()), *wish.parameters)}
    target = Target(image, _annotations(wish, base), parameters, limits)
    if not _has_version(image):
        warnings += (
            f"{image} has no version tag: the platform pulls it anew at each cold start, and what answers can change. "
            "build.sh prints a tag for each build.",
        )
    return Plan(target, current, _changes(target, current), warnings)


def _has_version(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@" in image or tag not in ("", "latest")


# Annotations


def _annotations(wish: Wish, base: Action | None) -> dict[str, Json]:
    kept = dict(base.annotations) if base else {}
    kept.pop(_OWN_ANNOTATION, None)
    web: Web | None = wish.web or (None if base else "raw")
    if wish.secret and web not in (None, "secure"):
        raise Failure("A secret goes with --web secure only.")
    if wish.secret:
        if not fits_in_header(wish.secret):
            raise Failure("The secret has characters that no header can have: only ASCII is the same to all callers.")
        web = "secure"
    if web is not None:
        old_secret = kept.get(_SECRET) if base is not None and base.secret else None
        kept = {key: value for key, value in kept.items() if key not in _WEB_ANNOTATIONS}
        kept |= _web_annotations(web, wish.secret or old_secret)
    return {**kept, **wish.annotations}


def _web_annotations(web: Web, secret: Json) -> dict[str, Json]:
    """As `wsk action create --web` sets them (openwhisk-cli, commands/action.go, `webAction`)."""
    annotations: dict[str, Json] = {
        "web-export": web != "no",
        "raw-http": web in ("raw", "secure"),
        "final": web != "no",
    }
    if web == "secure":
        annotations[_SECRET] = secret or secrets.token_urlsafe(24)
    return annotations


# Limits


@dataclass(frozen=True)
class _Bound:
    """A limit with its names: the record's field, the option, the unit, and what the platform calls it in errors."""

    field: str
    option: str
    unit: str
    word: str


_BOUNDS = (
    _Bound("memory", "-m", "MB", "memory"),
    _Bound("timeout", "-t", "ms", "duration"),
    _Bound("logs", "--log-size", "MB", "log"),
    _Bound("concurrency", "-c", "calls", "concurrency"),
)


def _limits(wish: Wish, current: Action | None, image: str, bounds: NamespaceLimits) -> tuple[Limits, tuple[str, ...]]:
    kept = current.limits.to_json() if current else {}
    values: dict[str, int] = {"memory": recommended_memory(image) or _MEMORY_MB, **kept, **wish.limits.to_json()}
    warnings = []
    for bound in _BOUNDS:
        value = values.get(bound.field)
        if value is None:
            continue
        least, most = getattr(bounds, f"min_{bound.field}"), getattr(bounds, f"max_{bound.field}")
        asked = getattr(wish.limits, bound.field) is not None
        if most is not None and value > most:
            if asked:
                raise _too_much(bound, value, most)
            values[bound.field] = most
            warnings.append(_lowered(bound, value, most))
        elif least is not None and value < least:
            raise _too_little(bound, value, least)
    return Limits(**values), tuple(warnings)


def _too_much(bound: _Bound, value: int, most: int) -> Failure:
    return Failure(
        f"{value} {bound.unit} of {bound.field} is more than this platform allows: {most}.",
        f"Give {bound.option} {most} or less, or ask the platform's administrator for more.",
        status=400,
    )


def _too_little(bound: _Bound, value: int, least: int) -> Failure:
    return Failure(
        f"{value} {bound.unit} of {bound.field} is less than this platform allows: {least}.",
        f"Give {bound.option} {least} or more.",
        status=400,
    )


def _lowered(bound: _Bound, value: int, most: int) -> str:
    consequence = "; the model may run out of memory" if bound.field == "memory" else ""
    return f"{bound.field} lowered from {value} to {most} {bound.unit}, the most that this platform allows{consequence}"


# Bounded, since whoever refuses chooses its words and their length.
_REFUSED = re.compile(
    r"(?P<value>[0-9]{1,18})[^0-9]{0,40}(?P<how>exceeds|below) allowed threshold of (?P<most>[0-9]{1,18})"
)


def lowered_by_refusal(plan: Plan, wish: Wish, message: str) -> Plan | None:
    """The plan within a limit that the platform named when it refused, or None where that isn't what it said.

    Platforms before 2022 don't tell their limits, but in the error: "requirement failed: memory size 99999 MB exceeds
    allowed threshold of 6144 MB". Raises Failure where the limit was asked for.
    """
    found = _REFUSED.search(message)
    if found is None:
        return None
    bound = next((item for item in _BOUNDS if item.word in message), None)
    if bound is None:
        return None
    value, most = int(found["value"]), int(found["most"])
    if found["how"] == "below":
        raise _too_little(bound, value, most)
    if getattr(wish.limits, bound.field) is not None:
        raise _too_much(bound, value, most)
    limits = replace(plan.target.limits, **{bound.field: most})
    target = replace(plan.target, limits=limits)
    return replace(plan, target=target, warnings=(*plan.warnings, _lowered(bound, value, most)))


# Differences


def _changes(target: Target, current: Action | None) -> tuple[str, ...]:
    if current is None:
        return ("new",)
    changes = []
    if target.image != current.image:
        changes.append(f"image {current.image or current.kind} → {target.image}")
    for name, value in target.limits.to_json().items():
        old = getattr(current.limits, name)
        if value != old:
            changes.append(f"{name} {old} → {value}")
    old_annotations = {key: value for key, value in current.annotations.items() if key != _OWN_ANNOTATION}
    # The platform adds this one to every action that doesn't name it, so leaving it out changes nothing.
    new_annotations = {"provide-api-key": old_annotations.get("provide-api-key"), **target.annotations}
    changes += [f"annotation {key}" for key in _different(new_annotations, old_annotations)]
    old_parameters = {parameter.key: parameter for parameter in current.parameters}
    changes += [f"parameter {key}" for key in _different(target.parameters, old_parameters)]
    return tuple(changes)


def _different(new: Mapping[str, object], old: Mapping[str, object]) -> list[str]:
    return sorted(key for key in {*new, *old} if new.get(key) != old.get(key))
