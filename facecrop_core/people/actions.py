"""What was done to the people, by whom and when; all of it can be undone and done again, over restarts, too.

Each action keeps the rows that it changed as they were before and after. Temporary triggers tell which these are, so
that no command has to, and what a deletion cascades to is seen as well. SQLite's own recipe (sqlite.org/undoredo.html)
writes SQL text instead of rows; rows are plainer here, because a project that somebody else made is then only ever read
as data: no SQL from a file is run.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from facecrop_core.errors import DiskFullError, ProjectError

LOGGED = ("person", "face", "reference", "embedding", "verdict", "assignment")
"""The tables whose rows actions change; the first column of each is ``id``."""
UNDOABLE = 200
"""So many actions keep their rows; older ones stay in the history, but cannot be undone."""

Row = list[Any]


@dataclass(frozen=True)
class Action:
    """One thing that was done. ``details`` holds ``people`` (ids) and whatever else says more."""

    id: int
    who: str
    made_utc: str
    what: str
    details: dict[str, Any]
    undone: bool
    can_undo: bool
    """Whether its rows are still known."""


class ActionLog:
    """Records actions on a connection whose tables are those of ``people/schema.py``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._columns: dict[str, list[str]] = {}
        self._changes: list[tuple[str, Row | None, Row | None]] | None = None

    @contextmanager
    def record(self, what: str, who: str, details: Mapping[str, Any]) -> Iterator[None]:
        """One transaction, and one row of history if it changes anything; what had been undone is dropped then.

        ``details`` is written at the end, so that it may be filled in meanwhile.
        """
        self._listen()
        with Transaction(self._connection):
            self._changes = []
            try:
                yield
                changes = self._changes
            finally:
                self._changes = None
            if changes:
                run = self._connection.execute
                run("DELETE FROM action WHERE undone")
                run(
                    "INSERT INTO action (who, made_utc, what, details, changes) VALUES (?, ?, ?, ?, ?)",
                    (who, now_utc(), what, json.dumps(dict(details), ensure_ascii=False), _pack(changes)),
                )
                run(
                    "UPDATE action SET changes = NULL WHERE changes IS NOT NULL AND id <= "
                    "(SELECT id FROM action ORDER BY id DESC LIMIT 1 OFFSET ?)",
                    (UNDOABLE,),
                )

    def undo(self) -> Action:
        """Take back the last action. Raises ProjectError where there is none that can be."""
        row = self._connection.execute("SELECT id FROM action WHERE NOT undone ORDER BY id DESC LIMIT 1").fetchone()
        return self._replay(row, back=True)

    def redo(self) -> Action:
        """Do again what was taken back last. Raises ProjectError where there is nothing."""
        row = self._connection.execute("SELECT id FROM action WHERE undone ORDER BY id LIMIT 1").fetchone()
        return self._replay(row, back=False)

    def history(self) -> list[Action]:
        """Every action, oldest first."""
        rows = self._connection.execute(
            "SELECT id, who, made_utc, what, details, undone, changes IS NOT NULL FROM action ORDER BY id"
        )
        return [
            Action(number, who, made, what, json.loads(details), bool(undone), bool(known))
            for number, who, made, what, details, undone, known in rows
        ]

    def _replay(self, row: tuple[int] | None, back: bool) -> Action:
        action = next((a for a in self.history() if row is not None and a.id == row[0]), None)
        if action is None or not action.can_undo:
            word = "undone" if back else "done again"
            raise ProjectError(
                f"There is nothing that can be {word}.", "'history' lists what was done." if back else ""
            )
        with Transaction(self._connection):
            packed = self._connection.execute("SELECT changes FROM action WHERE id = ?", (action.id,)).fetchone()[0]
            changes = _unpack(packed)
            self._connection.execute("PRAGMA defer_foreign_keys = ON")
            for table, before, after in reversed(changes) if back else changes:
                self._put(table, *((after, before) if back else (before, after)))
            self._connection.execute("UPDATE action SET undone = ? WHERE id = ?", (back, action.id))
        return next(a for a in self.history() if a.id == action.id)

    def _put(self, table: str, old: Row | None, new: Row | None) -> None:
        """Bring one row from an old state to a new one; None where it is not there."""
        names = self._names(table)
        if new is None:
            assert old is not None
            self._connection.execute(f"DELETE FROM {table} WHERE id = ?", old[:1])
        elif old is None:
            marks = ", ".join("?" * len(names))
            self._connection.execute(f"INSERT INTO {table} VALUES ({marks})", new)
        else:
            settings = ", ".join(f"{name} = ?" for name in names)
            self._connection.execute(f"UPDATE {table} SET {settings} WHERE id = ?", [*new, old[0]])

    def _names(self, table: str) -> list[str]:
        if table not in LOGGED:
            raise ProjectError(f"The history speaks of a table '{table}', which is not there.")
        if table not in self._columns:
            self._columns[table] = [row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")]
        return self._columns[table]

    def _listen(self) -> None:
        """Set up the triggers, once per connection; they note nothing outside of an action."""
        if self._connection.execute("SELECT count(*) FROM temp.sqlite_master WHERE type = 'trigger'").fetchone()[0]:
            return
        self._connection.create_function("note_change", -1, self._note)
        for table in LOGGED:
            old, new = (", ".join(f"{which}.{name}" for name in self._names(table)) for which in ("OLD", "NEW"))
            for event, values in (("INSERT", new), ("DELETE", old), ("UPDATE", f"{old}, {new}")):
                self._connection.execute(
                    f"CREATE TEMP TRIGGER note_{event}_{table} AFTER {event} ON main.{table} "
                    f"BEGIN SELECT note_change('{event}', '{table}', {values}); END"
                )

    def _note(self, event: str, table: str, *values: Any) -> None:
        if self._changes is None:
            return
        row = list(values)
        half = len(row) // 2
        before, after = {"INSERT": (None, row), "DELETE": (row, None)}.get(event, (row[:half], row[half:]))
        if before != after:
            self._changes.append((table, before, after))


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _pack(changes: Sequence[Any]) -> bytes:
    def plain(value: Any) -> Any:
        return {"base64": base64.b64encode(value).decode()}  # bytes: the only values that JSON lacks

    return zlib.compress(json.dumps(changes, ensure_ascii=False, default=plain).encode(), 1)


def _unpack(packed: bytes) -> list[tuple[str, Row | None, Row | None]]:
    def restore(value: dict[str, Any]) -> bytes:
        return base64.b64decode(value["base64"])

    changes = json.loads(zlib.decompress(packed), object_hook=restore)
    return [(table, before, after) for table, before, after in changes]


class Transaction:
    """Commits, or takes everything back after an exception."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        except sqlite3.OperationalError as failed:
            error = failed
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise in_words(error) from error


def in_words(error: sqlite3.OperationalError) -> Exception:
    """SQLite's errors while writing, as ours where a person can do something about them."""
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return DiskFullError("The disk is full: the people could not be stored.", "Free some space and try again.")
    return error
