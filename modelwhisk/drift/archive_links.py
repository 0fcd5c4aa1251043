"""Where the links of a folder lead, of which an archive of it has the text alone. Pure."""

from __future__ import annotations

_LONGEST = 100  # parts of what a link says; what has more is asked for elsewhere


class Links:
    """The symbolic links of the folder at `place`, an absolute path, by their own paths within it."""

    def __init__(self, place: str) -> None:
        self._place = place.rstrip("/") + "/"
        self._targets: dict[str, str] = {}
        self._ends: dict[str, str | None] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._targets

    def add(self, path: str, target: str) -> None:
        """A link, and what it says."""
        self._targets[path] = target

    def end_of(self, path: str) -> str | None:
        """The path within the folder to which a link leads in the end, whether there is anything or not.

        None where it leads out of the folder, in a circle, or through links that aren't its last part.
        """
        followed: list[str] = []
        end: str | None = path
        while end is not None and end in self._targets and end not in self._ends:
            followed.append(end)
            self._ends[end] = None  # in a circle it comes here again
            end = self._next(end, self._targets[end])
        end = self._ends.get(end, end) if end is not None else None
        self._ends.update(dict.fromkeys(followed, end))
        return end

    def _next(self, path: str, target: str) -> str | None:
        here = path.rpartition("/")[0]
        if target.startswith("/"):
            if not target.startswith(self._place):
                return None
            here, target = "", target[len(self._place) :]
        if target.count("/") >= _LONGEST:
            return None
        for part in target.split("/"):
            if here in self._targets:
                return None
            if part == "..":
                if not here:
                    return None
                here = here.rpartition("/")[0]
            elif part not in ("", "."):
                here = f"{here}/{part}" if here else part
        return here
