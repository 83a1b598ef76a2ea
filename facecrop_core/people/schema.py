"""The tables of ``people.sqlite``, and how an older file becomes a new one."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from facecrop_core.errors import ProjectTooNewError
from facecrop_core.volumes import network_type

log = logging.getLogger(__name__)

SCHEMA_VERSION = 2
TABLES = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE face (
    id INTEGER PRIMARY KEY,
    face_id TEXT NOT NULL UNIQUE,
    video_id TEXT NOT NULL,
    time_seconds REAL NOT NULL,
    x1 REAL NOT NULL,
    y1 REAL NOT NULL,
    x2 REAL NOT NULL,
    y2 REAL NOT NULL
);
CREATE INDEX face_of_video ON face (video_id);
CREATE TABLE reference (
    id INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('positive', 'negative')),
    source TEXT NOT NULL,
    chip_jpeg BLOB NOT NULL,
    det_score REAL NOT NULL,
    confidence REAL NOT NULL,
    note TEXT NOT NULL,
    added_utc TEXT NOT NULL,
    face INTEGER REFERENCES face (id)
);
CREATE INDEX reference_of_person ON reference (person_id);
CREATE TABLE embedding (
    id INTEGER PRIMARY KEY,
    reference_id INTEGER NOT NULL REFERENCES reference (id) ON DELETE CASCADE,
    embedder_sha256 TEXT NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (reference_id, embedder_sha256)
);
CREATE TABLE verdict (
    id INTEGER PRIMARY KEY,
    face INTEGER NOT NULL REFERENCES face (id),
    kind TEXT NOT NULL CHECK (kind IN ('is', 'not', 'not_a_face', 'keep', 'reject')),
    person_id INTEGER REFERENCES person (id) ON DELETE CASCADE,
    who TEXT NOT NULL,
    made_utc TEXT NOT NULL,
    CHECK ((kind IN ('is', 'not')) = (person_id IS NOT NULL))
);
CREATE UNIQUE INDEX verdict_once ON verdict (face, kind, ifnull(person_id, 0));
CREATE INDEX verdict_of_person ON verdict (person_id);
CREATE TABLE assignment (
    id INTEGER PRIMARY KEY,
    face INTEGER NOT NULL UNIQUE REFERENCES face (id),
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    source TEXT NOT NULL CHECK (source IN ('cluster', 'user')),
    who TEXT NOT NULL,
    made_utc TEXT NOT NULL
);
CREATE INDEX assignment_of_person ON assignment (person_id);
CREATE TABLE action (
    id INTEGER PRIMARY KEY,
    who TEXT NOT NULL,
    made_utc TEXT NOT NULL,
    what TEXT NOT NULL,
    details TEXT NOT NULL,
    changes BLOB,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE forgetting (id INTEGER PRIMARY KEY, details TEXT NOT NULL);
"""
FROM_1 = """
CREATE TEMP TABLE old_person AS SELECT * FROM main.person;
CREATE TEMP TABLE old_reference AS SELECT * FROM main.reference;
DROP TABLE main.reference;
DROP TABLE main.person;
"""
FROM_1_AFTER = """
INSERT INTO person SELECT id, name FROM old_person;
INSERT INTO reference
    SELECT id, person_id, 'positive', source, chip_jpeg, det_score, 1.0, note, added_utc, NULL FROM old_reference;
INSERT INTO embedding (reference_id, embedder_sha256, vector)
    SELECT id, embedder_sha256, embedding FROM old_reference ORDER BY id;
DROP TABLE old_reference;
DROP TABLE old_person;
"""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set a connection up, and bring the file to this version.

    Raises:
        ProjectTooNewError: a newer Facecrop wrote the file. sqlite3.Error: it is damaged.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise ProjectTooNewError(
            f"{path} has version {version}; this Facecrop knows version {SCHEMA_VERSION}.",
            "Update Facecrop to open this project.",
        )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    connection.execute("PRAGMA temp_store = MEMORY")
    try:
        _choose_journal(connection, path)
        _upgrade(connection)
    except sqlite3.OperationalError:  # some file systems lack the shared memory that WAL needs
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA journal_mode = DELETE")
        _upgrade(connection)


def _choose_journal(connection: sqlite3.Connection, path: Path) -> None:
    """WAL, but not on a network: its index is memory that machines cannot share (sqlite.org/wal.html)."""
    network = network_type(path)
    if network is None:
        connection.execute("PRAGMA journal_mode = WAL")
    elif connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete" or not path.stat().st_size:
        connection.execute("PRAGMA journal_mode = DELETE")
        log.warning("%s lies on a network file system (%s); SQLite's plain journal is used.", path, network)


def _upgrade(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]  # another process may have been first
    scripts = {0: (TABLES,), 1: (FROM_1, TABLES, FROM_1_AFTER)}.get(version, ())
    try:
        for statement in (s for script in scripts for s in script.split(";\n")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
