"""What an action runs, as requests state it: an image with or without code, or a sequence of actions; pure.

Source: common/scala/.../core/entity/{Exec,ExecManifest}.scala.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from modelwhisk.local import names
from modelwhisk.local.parameters import Malformed
from modelwhisk.local.spray_json import Json, compact, utf_8

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_JAVA_TRIMS = "".join(map(chr, range(0x21)))

# The platform's grammar of image names, which is docker's with a looser domain.
_PART = r"[a-z0-9]+(?:(?:__|[_.]|-+)[a-z0-9]+)*"
_LABELS = r"[A-Za-z0-9-]*(?:\.[A-Za-z0-9-]*)"
_DOMAIN = rf"(?:{_LABELS}+(?::[0-9]+)?|{_LABELS}*:[0-9]+)"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}"
_IMAGE = re.compile(rf"(?:{_DOMAIN}/)?{_PART}(?:/{_PART})*(?::{_TAG})?(?:@{_DIGEST})?")
# No engine takes names of more than 255 characters, a tag and a digest. The platform has no bound, but it has an
# expression that takes no memory for each part of a name.
_LONGEST_IMAGE = 4_096


@dataclass(frozen=True)
class BlackBox:
    """An image, and the code that it is initialised with."""

    image: str
    code: str | None = None
    main: str | None = None

    kind = "blackbox"

    @cached_property
    def binary(self) -> bool:
        """Whether the code looks like base64, which the platform takes for a zip file."""
        return self.code is not None and looks_like_base64(self.code)

    def to_json(self, *, code: bool) -> dict[str, Json]:
        """The object that clients get, with the code or without it."""
        written: dict[str, Json] = {"kind": self.kind, "image": self.image, "binary": self.binary}
        if code and self.code is not None:
            written["code"] = self.code
        if self.main is not None:
            written["main"] = self.main
        return written

    @property
    def size(self) -> int:
        """Bytes, as the limit on code counts them."""
        return sum(len(utf_8(text)) for text in (self.code or "", self.main or "", self.image))


@dataclass(frozen=True)
class Sequence:
    """Actions that run one after the other, each on the result of the one before; fully qualified names."""

    components: tuple[str, ...]

    kind = "sequence"
    binary = False

    def to_json(self, *, code: bool) -> dict[str, Json]:
        """The object that clients get."""
        return {"kind": self.kind, "components": list(self.components)}

    def resolved(self, namespace: str) -> Sequence:
        """The sequence with names of `/_/…` in that namespace."""
        own = f"/{namespace}/"
        return Sequence(tuple(own + name[3:] if name.startswith("/_/") else name for name in self.components))

    @property
    def size(self) -> int:
        """Bytes, as the limit on code counts them."""
        return sum(len(utf_8(name)) - 1 for name in self.components)


Executable: TypeAlias = "BlackBox | Sequence"


def looks_like_base64(code: str) -> bool:
    """Whether the platform takes text for base64 (Exec.scala, `isBinaryCode`)."""
    # Not its expression, whose groups of four cost Python forty bytes for each character.
    text = code.strip(_JAVA_TRIMS)
    return len(text) % 4 == 0 and _BASE64.fullmatch(text) is not None


def read_executable(document: Json) -> Executable:
    """The `exec` of a request; raises `Malformed`."""
    if not isinstance(document, dict):
        raise Malformed("JSON object expected")
    kind = document.get("kind")
    if not isinstance(kind, str):
        raise Malformed("'kind' must be a string defined in 'exec'")
    kind = kind.strip().lower()
    if kind == Sequence.kind:
        return _read_sequence(document)
    if kind != BlackBox.kind:
        raise Malformed(
            f"The specified runtime '{kind}' is not supported by this platform. Valid values are: "
            f"'sequence', 'blackbox'."
        )
    return _read_black_box(document)


def stored_executable(document: dict[str, Json]) -> Executable:
    """From what `to_json` wrote, whose image may be a name of ours that requests can't state."""
    if document["kind"] == Sequence.kind:
        return _read_sequence(document)
    image, code, main = (document.get(field) for field in ("image", "code", "main"))
    return BlackBox(str(image), str(code) if code is not None else None, str(main) if main is not None else None)


def _read_black_box(document: dict[str, Json]) -> BlackBox:
    image = document.get("image")
    if not isinstance(image, str):
        raise Malformed("'image' must be a string defined in 'exec' for 'blackbox' actions")
    if len(image) > _LONGEST_IMAGE or _IMAGE.fullmatch(image) is None:
        raise Malformed("could not parse image name")
    code = document.get("code", "")
    if not isinstance(code, str):
        raise Malformed(f"Could not deserialize as attachment record: {compact(code)}")
    main = document.get("main")
    if "main" in document and not isinstance(main, str):
        raise Malformed("if defined, 'main' be a string in 'exec' for 'blackbox' actions")
    return BlackBox(image, code if code.strip() else None, main if isinstance(main, str) else None)


def _read_sequence(document: dict[str, Json]) -> Sequence:
    if "components" not in document:
        raise Malformed("'components' must be defined for sequence kind")
    components = document["components"]
    if not isinstance(components, list):
        raise Malformed("'components' must be an array")
    return Sequence(tuple(_component(component) for component in components))


def _component(name: Json) -> str:
    if not isinstance(name, str):
        raise Malformed("fully qualified name malformed")
    parts = [part for part in name.split("/") if part]
    if len(parts) < 2:
        raise Malformed(
            "requirement failed: The fully qualified name of the entity must contain at least the namespace and the "
            "name of the entity."
        )
    if not all(names.is_entity_name(part) for part in parts):
        raise Malformed("fully qualified name malformed")
    return "/" + "/".join(parts)
