"""Entities and activations in SQLite: in a folder, or in memory for as long as the platform runs."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from modelwhisk.local import spray_json
from modelwhisk.local.entities import ActionEntity, Entity, PackageEntity
from modelwhisk.local.names import EntityId
from modelwhisk.local.spray_json import Json, compact, utf_8
from modelwhisk.own_folder import OwnFolder

FILE = "modelwhisk.sqlite3"

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE entities (
    namespace TEXT, package TEXT, name TEXT, kind TEXT, updated INTEGER, document TEXT,
    PRIMARY KEY (namespace, package, name)
);
CREATE TABLE activations (
    id TEXT PRIMARY KEY, namespace TEXT, path TEXT, start INTEGER, bytes INTEGER, summary TEXT, document TEXT
);
CREATE INDEX activations_by_start ON activations (namespace, start);
"""
_KEPT_BYTES = 512 * 1_048_576  # of activations' records; the oldest go first
_END_OF_TIME = 2**63 - 1
_LEVELS_OF_OURS = 8  # and more than a document has around a result or a parameter, which may be as deep as JSON goes


class StoreProblem(Exception):
    """The data can't be used; the message says why, for people."""


@dataclass(frozen=True)
class Window:
    """Which rows of a list are asked for; `limit` 0 stands for all. Times are in milliseconds."""

    skip: int = 0
    limit: int = 0
    since: int | None = None
    upto: int | None = None

    @property
    def period(self) -> tuple[int, int]:
        """The first and the last time that count."""
        return self.since or 0, _END_OF_TIME if self.upto is None else self.upto


class Store:
    """What survives a request, and with a folder the platform's end too; raises `StoreProblem`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._database = _opened(folder)
        row = self._database.execute("SELECT coalesce(sum(bytes), 0) FROM activations").fetchone()
        self._bytes: int = row[0]
        # Each call looks its action up and each list all, whose code may be many megabytes; nobody else changes the
        # database.
        self._known: dict[EntityId, Entity] = {}

    def close(self) -> None:
        """Closes the database."""
        self._database.close()

    def get(self, id: EntityId) -> Entity | None:
        """The action or the package of that name."""
        if id not in self._known:
            row = self._database.execute(
                "SELECT namespace, package, name, kind, document FROM entities "
                "WHERE namespace = ? AND package = ? AND name = ?",
                (id.namespace, id.package, id.name),
            ).fetchone()
            if row is None:
                return None
            self._known[id] = _entity(row)
        return self._known[id]

    def put(self, entity: Entity) -> None:
        """Stores an entity in the place of the one of the same name."""
        id = entity.id
        row = (id.namespace, id.package, id.name, entity.kind, entity.updated, _text(entity.to_json()))
        with self._database:
            self._database.execute("INSERT OR REPLACE INTO entities VALUES (?, ?, ?, ?, ?, ?)", row)
        self._known[id] = entity

    def delete(self, id: EntityId) -> None:
        """Removes an entity."""
        with self._database:
            self._database.execute(
                "DELETE FROM entities WHERE namespace = ? AND package = ? AND name = ?",
                (id.namespace, id.package, id.name),
            )
        self._known.pop(id, None)

    def actions(self, namespace: str, package: str | None = None, window: Window = Window()) -> list[ActionEntity]:
        """A namespace's actions, or those of one of its packages; those changed last come first."""
        found = self._entities(namespace, package, ActionEntity.kind, window)
        return [entity for entity in found if isinstance(entity, ActionEntity)]

    def packages(self, namespace: str, window: Window = Window()) -> list[PackageEntity]:
        """A namespace's packages; those changed last come first."""
        found = self._entities(namespace, None, PackageEntity.kind, window)
        return [entity for entity in found if isinstance(entity, PackageEntity)]

    def _entities(self, namespace: str, package: str | None, kind: str, window: Window) -> list[Entity]:
        rows = self._database.execute(
            "SELECT namespace, package, name FROM entities "
            "WHERE namespace = ? AND kind = ? AND package = coalesce(?, package) "
            "ORDER BY updated DESC, rowid DESC LIMIT ? OFFSET ?",
            (namespace, kind, package, window.limit or -1, window.skip),
        ).fetchall()
        found = (self.get(EntityId(*row)) for row in rows)
        return [entity for entity in found if entity is not None]

    def put_activation(self, id: str, path: str, written: Mapping[str, Json], summary: Mapping[str, Json]) -> None:
        """Stores an activation's record, and what lists show of it; `path` is `[package/]name` of its action."""
        text, shown = _text(dict(written)), _text(dict(summary))
        size = len(text.encode()) + len(shown.encode())
        row = (id, written["namespace"], path, written["start"], size, shown, text)
        with self._database:
            self._database.execute("INSERT OR REPLACE INTO activations VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._bytes += size
            while self._bytes > _KEPT_BYTES:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Removes the record that was written first: of long runs, the last one written began before others."""
        oldest, size = self._database.execute("SELECT rowid, bytes FROM activations ORDER BY rowid LIMIT 1").fetchone()
        self._database.execute("DELETE FROM activations WHERE rowid = ?", (oldest,))
        self._bytes -= size

    def activation(self, namespace: str, id: str) -> dict[str, Json] | None:
        """An activation's record."""
        row = self._database.execute(
            "SELECT document FROM activations WHERE namespace = ? AND id = ?", (namespace, id)
        ).fetchone()
        return None if row is None else _document(row[0])

    def activations(self, namespace: str, path: str | None, window: Window, *, docs: bool) -> list[str]:
        """What lists show of a namespace's activations, or of one action's: all of it with `docs`; the latest first.

        Each is the JSON that clients get, which isn't read for that: two hundred may be hundreds of megabytes.
        """
        rows = self._database.execute(
            "SELECT CASE WHEN ? THEN document ELSE summary END FROM activations "
            "WHERE namespace = ? AND path = coalesce(?, path) "
            "AND start BETWEEN ? AND ? ORDER BY start DESC, rowid DESC LIMIT ? OFFSET ?",
            (docs, namespace, path, *window.period, window.limit or -1, window.skip),
        )
        return [row[0] for row in rows]

    def count_activations(self, namespace: str, path: str | None, window: Window) -> int:
        """How many records `activations` finds."""
        row = self._database.execute(
            "SELECT count(*) FROM activations WHERE namespace = ? AND path = coalesce(?, path) "
            "AND start BETWEEN ? AND ?",
            (namespace, path, *window.period),
        ).fetchone()
        return max(0, int(row[0]) - window.skip)


def _opened(folder: Path | None) -> sqlite3.Connection:
    path = ":memory:" if folder is None else str(folder / FILE)
    with _explained(path):
        if folder is not None:
            with OwnFolder(folder, 0o700) as own:
                path = str(own.path / FILE)
                _refuse_shared(own.path)
                _make_private(own.path / FILE)
        # One thread at a time uses it, which needn't be the one that opened it.
        database = sqlite3.connect(path, timeout=1, check_same_thread=False)
    try:
        with _explained(path):
            # Exclusive: a second platform on the same data would not see what the first one changes.
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            _prepare(database, path)
    except StoreProblem:
        database.close()
        raise
    return database


def _refuse_shared(folder: Path) -> None:
    """Others may make no file in the folder: SQLite would take it for its own, and they would read it, or change it.

    Nor may they put a folder of theirs in its place, or of one around it: SQLite goes by the path, again and again.
    """
    if sys.platform == "win32":
        return
    if folder.stat().st_mode & stat.S_IWOTH:
        raise PermissionError("anybody may write to the folder; name one of your own")
    for around in folder.parents:
        if around.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
            raise PermissionError(f"anybody may write to {around}, and exchange what is in it; name one elsewhere")


def _make_private(path: Path) -> None:
    """Keeps other users of the machine from the parameters, secrets and results that are in the file.

    One that another user has put there, or a link, is refused: its owner would read it, or the link's file be changed.
    What SQLite makes beside it has its mode. One that is there isn't opened: closing it would end this process's locks.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    for file in (path, *(path.with_name(f"{path.name}-{kind}") for kind in ("wal", "shm", "journal"))):
        with suppress(FileNotFoundError):
            status = file.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1 or status.st_uid != _user():
                raise PermissionError(f"{file.name} is a link or another user's: remove it, or name another folder")
            if stat.S_IMODE(status.st_mode) & 0o077:  # of an earlier version
                file.chmod(0o600)


def _user() -> int:
    """Whose files are ours; on Windows, all are."""
    return os.geteuid() if sys.platform != "win32" else 0


def _prepare(database: sqlite3.Connection, path: str) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
    elif version != _SCHEMA_VERSION:
        raise StoreProblem(f"{path} was written by another version of modelwhisk (schema {version})")


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as problem:
        reason = "another modelwhisk is using it" if "locked" in str(problem) else str(problem)
        raise StoreProblem(f"{path}: {reason}") from problem
    except sqlite3.DatabaseError as problem:
        raise StoreProblem(f"{path}: {problem}") from problem
    except OSError as problem:
        raise StoreProblem(f"{path}: {problem.strerror or problem}") from problem


def _entity(row: tuple[str, ...]) -> Entity:
    namespace, package, name, kind, document = row
    made = ActionEntity if kind == ActionEntity.kind else PackageEntity
    return made.stored(EntityId(namespace, package, name), _read(document))


def _text(document: Json) -> str:
    """A document as it is kept: in UTF-8, which halves of surrogate pairs have no place in."""
    return utf_8(compact(document)).decode("utf-8")


def _document(text: str) -> dict[str, Json]:
    parsed = _read(text)
    assert isinstance(parsed, dict)
    return parsed


def _read(text: str) -> Json:
    return spray_json.parse(text, spray_json.MAX_DEPTH + _LEVELS_OF_OURS)
