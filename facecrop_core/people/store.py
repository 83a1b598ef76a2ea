"""``people.sqlite`` of a project: people and their references."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np

from facecrop_core.errors import DiskFullError, ProjectError, ProjectTooNewError
from facecrop_core.records import Reference
from facecrop_core.volumes import network_type

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
BUSY_TIMEOUT_SECONDS = 10.0
TABLES = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE reference (
    id INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    embedder_sha256 TEXT NOT NULL,
    embedding BLOB NOT NULL,
    chip_jpeg BLOB NOT NULL,
    det_score REAL NOT NULL,
    note TEXT NOT NULL,
    added_utc TEXT NOT NULL
);
"""


class PeopleStore:
    """The people of one project. Use it as a context manager.

    Raises:
        ProjectTooNewError: the file was written by a newer Facecrop.
        ProjectError: the file is damaged or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise ProjectError(f"{path} cannot be opened: {error}.", "Is the project folder writable?") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise ProjectError(f"{path} cannot be used: {error}.", "If it is damaged, delete it.") from error
        except ProjectError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise ProjectTooNewError(
                f"{self.path} has version {version}; this Facecrop knows version {SCHEMA_VERSION}.",
                "Update Facecrop to open this project.",
            )
        self._connection.execute("PRAGMA foreign_keys = ON")
        try:
            self._choose_journal()
            self._create_tables()
        except sqlite3.OperationalError:  # some file systems lack the shared memory that WAL needs
            self._connection.execute("PRAGMA journal_mode = DELETE")
            self._create_tables()

    def _choose_journal(self) -> None:
        """WAL, but not on a network: its index is memory that machines cannot share (sqlite.org/wal.html)."""
        network = network_type(self.path)
        if network is None:
            self._connection.execute("PRAGMA journal_mode = WAL")
        elif self._connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete" or not self.path.stat().st_size:
            self._connection.execute("PRAGMA journal_mode = DELETE")
            log.warning("%s lies on a network file system (%s); SQLite's plain journal is used.", self.path, network)

    def _create_tables(self) -> None:
        with self._transaction():
            if self._connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in TABLES.split(";\n"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)

    def replace_references(self, references: Sequence[Reference], embedder_sha256: str) -> None:
        """Make these the project's only references; people without one are forgotten."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction():
            run = self._connection.execute
            run("DELETE FROM reference")
            for reference in references:
                run("INSERT OR IGNORE INTO person (name) VALUES (?)", (reference.person,))
                run(
                    "INSERT INTO reference (person_id, source, embedder_sha256, embedding, chip_jpeg, det_score, note, "
                    "added_utc) VALUES ((SELECT id FROM person WHERE name = ?), ?, ?, ?, ?, ?, ?, ?)",
                    (
                        reference.person,
                        reference.source,
                        embedder_sha256,
                        np.asarray(reference.embedding, "<f4").tobytes(),
                        reference.chip_jpeg,
                        reference.det_score,
                        reference.note,
                        now,
                    ),
                )
            run("DELETE FROM person WHERE id NOT IN (SELECT person_id FROM reference)")

    def references(self, embedder_sha256: str) -> list[Reference]:
        """The references that this model embedded, in the order in which they were added; none of another model's."""
        rows = self._connection.execute(
            "SELECT name, source, embedding, chip_jpeg, det_score, note FROM reference "
            "JOIN person ON person.id = person_id WHERE embedder_sha256 = ? ORDER BY reference.id",
            (embedder_sha256,),
        )
        return [
            Reference(name, source, np.frombuffer(embedding, "<f4").astype(np.float32), chip, score, note)
            for name, source, embedding, chip, score, note in rows
        ]

    def names(self) -> list[str]:
        """Everybody who has a reference, whichever model embedded it."""
        return [name for (name,) in self._connection.execute("SELECT name FROM person ORDER BY id")]

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> PeopleStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Transaction:
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
            raise _in_words(error) from error


def _in_words(error: sqlite3.OperationalError) -> Exception:
    """SQLite's errors while writing, as ours where a person can do something about them."""
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return DiskFullError("The disk is full: the people could not be stored.", "Free some space and try again.")
    return error
