"""Forgetting somebody in ``people.sqlite``. What else a project holds of them is the pipeline's to erase.

A marker is written first and removed last, so that what was cut short is finished later.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from facecrop_core.people.actions import Transaction, in_words
from facecrop_core.people.store import PeopleStore


@dataclass(frozen=True)
class Forgetting:
    """Who is to be forgotten, by every name that the history knows, and the ids of their faces."""

    person_id: int
    names: tuple[str, ...]
    face_ids: tuple[str, ...]


def known_names(store: PeopleStore, person_id: int) -> tuple[str, ...]:
    """What somebody is and was called, and those who were merged with them; nobody else's present name."""
    ids, names, images = {person_id}, set(), []
    rows = store.connection.execute("SELECT what, details, changes FROM action ORDER BY id DESC")
    for what, details, changes in rows:
        people = json.loads(details).get("people", [])
        if what == "merge" and people and people[0] in ids:
            ids.update(people)
        if changes is not None:
            images += [
                row for table, *rows in json.loads(zlib.decompress(changes)) if table == "person" for row in rows
            ]
    names = {row[1] for row in images if row is not None and row[0] in ids and row[1]}
    others = {person.name for person in store.people() if person.id != person_id}
    names |= {person.name for person in store.people() if person.id == person_id and person.name}
    return tuple(sorted(names - others))


def known_faces(store: PeopleStore, person_id: int) -> set[str]:
    """The ids of the faces that the store itself puts to somebody."""
    rows = store.connection.execute(
        "SELECT face_id FROM face WHERE id IN (SELECT face FROM assignment WHERE person_id = ?1 UNION SELECT face FROM "
        "verdict WHERE person_id = ?1 AND kind = 'is' UNION SELECT face FROM reference WHERE person_id = ?1 AND kind = "
        "'positive')",
        (person_id,),
    )
    return {face_id for (face_id,) in rows}


def begin_forgetting(store: PeopleStore, forgetting: Forgetting) -> None:
    with Transaction(store.connection):
        store.connection.execute("INSERT INTO forgetting (details) VALUES (?)", (json.dumps(asdict(forgetting)),))


def pending_forgetting(store: PeopleStore) -> list[Forgetting]:
    """What was begun and not finished."""
    rows = [json.loads(details) for (details,) in store.connection.execute("SELECT details FROM forgetting")]
    return [Forgetting(row["person_id"], tuple(row["names"]), tuple(row["face_ids"])) for row in rows]


def finish_forgetting(store: PeopleStore, forgetting: Forgetting) -> None:
    """Delete the person, their references, what was said of their faces, and every mention in the history.

    The history keeps what else was done, but nothing from before can be undone: its rows could speak of the person.
    ``secure_delete`` is on, so that what is deleted is overwritten; the file is written anew and its journal cut off.
    """
    run = store.connection.execute
    with Transaction(store.connection):
        run("DELETE FROM person WHERE id = ?", (forgetting.person_id,))  # takes along all that belongs to it
        faces = [(face_id,) for face_id in forgetting.face_ids]
        for table in ("verdict", "assignment", "reference"):
            store.connection.executemany(
                f"DELETE FROM {table} WHERE face IN (SELECT id FROM face WHERE face_id = ?)", faces
            )
        run(
            "DELETE FROM face WHERE id NOT IN (SELECT face FROM verdict UNION SELECT face FROM assignment UNION "
            "SELECT face FROM reference WHERE face IS NOT NULL)"
        )
        run("UPDATE action SET changes = NULL")
        mentions = [
            (number,)
            for number, details in run("SELECT id, details FROM action").fetchall()
            if _mentions(json.loads(details), forgetting.person_id, forgetting.names)
        ]
        store.connection.executemany("DELETE FROM action WHERE id = ?", mentions)
    _scour(store)
    with Transaction(store.connection):
        run("DELETE FROM forgetting WHERE details = ?", (json.dumps(asdict(forgetting)),))
    _scour(store)


def _scour(store: PeopleStore) -> None:
    """Leave no deleted byte in the file or its journal."""
    try:
        store.connection.execute("VACUUM")
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError as error:
        raise in_words(error) from error


def _mentions(details: dict[str, Any], person_id: int, names: Collection[str]) -> bool:
    def strings(value: Any) -> Iterable[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                yield from strings(item)

    return person_id in details.get("people", []) or any(name in text for text in strings(details) for name in names)
