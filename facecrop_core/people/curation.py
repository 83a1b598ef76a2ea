"""What a user says of people and faces. Every call is one action, which can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from facecrop_core.errors import ProjectError
from facecrop_core.people.actions import Action, now_utc
from facecrop_core.people.refinding import FaceKey, KeyColumns, find_again
from facecrop_core.people.store import PeopleStore
from facecrop_core.records import FloatArray, Reference

SAME_FRAME_SECONDS = 0.005
"""Two scans give a frame the same time; no video has two frames within so short a time."""

Who = int | str
"""A person: by number, or by name."""


class Curation:
    """Changes what a project knows of its people. ``who`` is noted with each action.

    A person is given by number or by name. Faces may come from any scan: one that was spoken of before, in a scan with
    other settings, is known again by its frame and box. A batch is one action. ``forget`` lies in ``forgetting.py``.

    Raises (every method):
        ProjectError: there is no such person, or a name is taken; nothing is changed then. DiskFullError.
    """

    def __init__(self, store: PeopleStore, who: str = "user") -> None:
        self.store, self._who = store, who

    def undo(self) -> Action:
        """Take the last action back."""
        return self.store.log.undo()

    def redo(self) -> Action:
        """Do again what was undone last; the next new action ends this possibility."""
        return self.store.log.redo()

    def history(self) -> list[Action]:
        return self.store.log.history()

    def name(self, person: Who, name: str | None) -> None:
        """Name a person, rename, or with None take the name away."""
        number = self.resolve(person)
        wanted = None if name is None else _checked(name)
        other = None if wanted is None else self.store.person_id(wanted)
        if other not in (None, number):
            raise ProjectError(f"There is already a person called '{wanted}'.", "Merge the two, or take another name.")
        with self._action("name", people=[number], name=wanted):
            self._run("UPDATE person SET name = ? WHERE id = ?", wanted, number)

    def add_person(self, name: str | None = None) -> int:
        """The person of this name, made where there is none; None makes an unnamed one."""
        with self._action("add person", name=name) as details:
            details["people"] = [self.store.insert_person(None if name is None else _checked(name))]
        return int(details["people"][0])

    def merge(self, people: Sequence[Who], into: Who) -> None:
        """Make several people one: what belongs to them goes to ``into``, which takes a name where it has none."""
        target = self.resolve(into)
        others = [number for number in dict.fromkeys(map(self.resolve, people)) if number != target]
        with self._action("merge", people=[target, *others]):
            for number in others:
                self._merge_one(number, target)

    def _merge_one(self, number: int, target: int) -> None:
        both = {"old": number, "new": target}
        for statement in (
            "UPDATE reference SET person_id = :new WHERE person_id = :old",
            "UPDATE assignment SET person_id = :new, source = 'user' WHERE person_id = :old",
            # "is" outweighs the "not" of the other of the two, and nothing is said twice
            "DELETE FROM verdict WHERE kind = 'not' AND person_id IN (:old, :new) AND face IN "
            "(SELECT face FROM verdict WHERE kind = 'is' AND person_id IN (:old, :new))",
            "DELETE FROM verdict WHERE person_id = :old AND (face, kind) IN "
            "(SELECT face, kind FROM verdict WHERE person_id = :new)",
            "UPDATE verdict SET person_id = :new WHERE person_id = :old",
        ):
            self.store.connection.execute(statement, both)
        name = self.store.connection.execute("SELECT name FROM person WHERE id = ?", (number,)).fetchone()[0]
        self._run("DELETE FROM person WHERE id = ?", number)
        self._run("UPDATE person SET name = ? WHERE id = ? AND name IS NULL", name, target)

    def split(self, person: Who, faces: Sequence[FaceKey], name: str | None = None) -> int:
        """Make a new person of some of a person's faces; returns the new one's number."""
        old = self.resolve(person)
        if name is not None and self.store.person_id(_checked(name)) is not None:
            raise ProjectError(f"There is already a person called '{name}'.", "Move the faces there instead.")
        with self._action("split", faces=len(faces), name=name) as details:
            new = self.store.insert_person(None if name is None else _checked(name))
            details["people"] = [old, new]
            self._move(self.numbers(faces), new)
        return new

    def move(self, faces: Sequence[FaceKey], person: Who) -> None:
        """Put faces to a person; references that were picked from them go along."""
        number = self.resolve(person)
        with self._action("move", people=[number], faces=len(faces)):
            self._move(self.numbers(faces), number)

    def _move(self, faces: list[int], person: int) -> None:
        self._many("DELETE FROM verdict WHERE face = ? AND kind IN ('is', 'not_a_face')", faces)
        self._many("DELETE FROM verdict WHERE face = ? AND kind = 'not' AND person_id = ?", faces, person)
        self._many("DELETE FROM reference WHERE face = ? AND kind = 'negative' AND person_id = ?", faces, person)
        self._many("UPDATE reference SET person_id = ?2 WHERE face = ?1 AND kind = 'positive'", faces, person)
        self._assign(faces, person, "user")

    def _assign(self, faces: list[int], person: int, source: str) -> None:
        self._many("DELETE FROM assignment WHERE face = ?", faces)
        self._many(
            "INSERT INTO assignment (face, person_id, source, who, made_utc) VALUES (?, ?, ?, ?, ?)",
            faces,
            person,
            source,
            self._who,
            now_utc(),
        )

    def store_clusters(self, clusters: Sequence[tuple[int | None, Sequence[FaceKey]]]) -> list[int]:
        """Keep what clustering found, in place of the unnamed people that it found before; returns each one's person.

        Args:
            clusters: a person's number, or None for one that is new and unnamed, with their faces. What the user said
                of a face stays.
        """
        with self._action("cluster", clusters=len(clusters), faces=sum(len(f) for _, f in clusters)) as details:
            people = [self.resolve(p) if p is not None else self.store.insert_person(None) for p, _ in clusters]
            details["people"] = sorted(set(people))
            self._run(
                "DELETE FROM assignment WHERE source = 'cluster' AND "
                "person_id IN (SELECT id FROM person WHERE name IS NULL)"
            )
            numbers = self.numbers([face for _, faces in clusters for face in faces])
            by_user = {face for (face,) in self.store.connection.execute("SELECT face FROM assignment")}
            ends = np.cumsum([len(faces) for _, faces in clusters]).tolist()
            for person, begin, end in zip(people, [0, *ends], ends, strict=False):
                self._assign([face for face in numbers[begin:end] if face not in by_user], person, "cluster")
            empty = self.store.connection.execute(
                "SELECT id FROM person WHERE name IS NULL AND id NOT IN (SELECT person_id FROM assignment UNION SELECT "
                "person_id FROM reference UNION SELECT person_id FROM verdict WHERE person_id IS NOT NULL)"
            ).fetchall()
            self._many("DELETE FROM person WHERE id = ?", [number for (number,) in empty if number not in people])
        return people

    def say_is(self, faces: Sequence[FaceKey], person: Who) -> None:
        """These faces are this person. A name that nobody has yet makes a person."""
        with self._action("is", faces=len(faces)) as details:
            number = self.store.insert_person(_checked(person)) if isinstance(person, str) else self.resolve(person)
            details["people"] = [number]
            numbers = self.numbers(faces)
            self._many("DELETE FROM verdict WHERE face = ? AND kind = 'not_a_face'", numbers)
            self._many("DELETE FROM verdict WHERE face = ? AND kind = 'is' AND person_id != ?", numbers, number)
            self._many("DELETE FROM verdict WHERE face = ? AND kind = 'not' AND person_id = ?", numbers, number)
            self._say("is", numbers, number)

    def say_not(self, faces: Sequence[FaceKey], person: Who) -> None:
        """These faces are not this person."""
        number = self.resolve(person)
        with self._action("not", people=[number], faces=len(faces)):
            numbers = self.numbers(faces)
            self._many("DELETE FROM verdict WHERE face = ? AND kind = 'is' AND person_id = ?", numbers, number)
            self._many("DELETE FROM assignment WHERE face = ? AND person_id = ?", numbers, number)
            self._say("not", numbers, number)

    def not_a_face(self, faces: Sequence[FaceKey]) -> None:
        """What was found there is no face; all else that was said of it is void."""
        with self._action("not a face", faces=len(faces)):
            numbers = self.numbers(faces)
            self._many("DELETE FROM verdict WHERE face = ? AND kind != 'not_a_face'", numbers)
            self._many("DELETE FROM assignment WHERE face = ?", numbers)
            self._say("not_a_face", numbers)

    def keep(self, faces: Sequence[FaceKey]) -> None:
        """Keep these faces, whatever the gates say."""
        with self._action("keep", faces=len(faces)):
            numbers = self.numbers(faces)
            self._many("DELETE FROM verdict WHERE face = ? AND kind IN ('reject', 'not_a_face')", numbers)
            self._say("keep", numbers)

    def reject(self, faces: Sequence[FaceKey]) -> None:
        """Leave these faces out."""
        with self._action("reject", faces=len(faces)):
            numbers = self.numbers(faces)
            self._many("DELETE FROM verdict WHERE face = ? AND kind = 'keep'", numbers)
            self._say("reject", numbers)

    def clear(self, faces: Sequence[FaceKey]) -> None:
        """Take back whatever the user said of these faces, moves among it."""
        with self._action("clear", faces=len(faces)):
            numbers = self.numbers(faces)
            self._many("DELETE FROM verdict WHERE face = ?", numbers)
            self._many("DELETE FROM assignment WHERE face = ? AND source = 'user'", numbers)

    def add_references(self, references: Sequence[tuple[Reference, FaceKey | None]], embedder_sha256: str) -> list[int]:
        """Add references, each with the face of a scan that it was picked from, or None; returns their numbers.

        Their people are made where they are missing.
        """
        with self._action("add references", references=len(references)) as details:
            people = [self.store.insert_person(_checked(r.person)) for r, _ in references]
            details["people"] = sorted(set(people))
            picked = iter(self.numbers([face for _, face in references if face is not None]))
            return [
                self.store.insert_reference(person, r, embedder_sha256, None if face is None else next(picked))
                for person, (r, face) in zip(people, references, strict=True)
            ]

    def add_embeddings(self, embedder_sha256: str, vectors: Mapping[int, FloatArray]) -> None:
        """Embeddings of stored references by another model, by the references' numbers."""
        with self._action("embed references", references=len(vectors)):
            self._many("DELETE FROM embedding WHERE reference_id = ? AND embedder_sha256 = ?", vectors, embedder_sha256)
            self.store.insert_embeddings(embedder_sha256, vectors)

    def remove_references(self, references: Sequence[int]) -> None:
        """Remove references by their numbers; the people stay."""
        with self._action("remove references", references=len(references)):
            self._many("DELETE FROM reference WHERE id = ?", references)

    def resolve(self, person: Who) -> int:
        """A person's number. Raises ProjectError where there is no such person."""
        if isinstance(person, str):
            number = self.store.person_id(person)
        else:
            row = self.store.connection.execute("SELECT id FROM person WHERE id = ?", (person,)).fetchone()
            number = None if row is None else int(row[0])
        if number is None:
            raise ProjectError(f"There is no person {person!r} in this project.", "'people list' names them all.")
        return number

    @contextmanager
    def _action(self, what: str, **details: Any) -> Iterator[dict[str, Any]]:
        with self.store.log.record(what, self._who, details):
            yield details

    def _run(self, statement: str, *values: Any) -> None:
        self.store.connection.execute(statement, values)

    def _many(self, statement: str, faces: Iterable[int], *values: Any) -> None:
        """Once for each number, which is the first value."""
        self.store.connection.executemany(statement, [(face, *values) for face in faces])

    def _say(self, kind: str, faces: list[int], person: int | None = None) -> None:
        self._many(
            "INSERT OR IGNORE INTO verdict (face, kind, person_id, who, made_utc) VALUES (?, ?, ?, ?, ?)",
            faces,
            kind,
            person,
            self._who,
            now_utc(),
        )

    def numbers(self, faces: Sequence[FaceKey]) -> list[int]:
        """The faces' numbers in the store. One known from another scan takes its new key; others are added."""
        known: dict[str, int] = {}
        for video_id in dict.fromkeys(face.video_id for face in faces):
            rows = self.store.connection.execute(
                "SELECT id, face_id, time_seconds, x1, y1, x2, y2 FROM face WHERE video_id = ?", (video_id,)
            ).fetchall()
            known |= {row[1]: row[0] for row in rows}
            wanted = {face.face_id: face for face in faces if face.video_id == video_id}
            new = sorted((f for f in wanted.values() if f.face_id not in known), key=lambda f: f.time_seconds)
            old = [row for row in rows if row[1] not in wanted]
            self._rename(old, new)
        self.store.connection.executemany(
            "INSERT OR IGNORE INTO face (face_id, video_id, time_seconds, x1, y1, x2, y2) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [_row(face) for face in faces if face.face_id not in known],
        )
        known |= {
            row[1]: row[0]
            for video_id in dict.fromkeys(face.video_id for face in faces)
            for row in self.store.connection.execute("SELECT id, face_id FROM face WHERE video_id = ?", (video_id,))
        }
        return [known[face.face_id] for face in faces]

    def _rename(self, old: list[Any], new: list[FaceKey]) -> None:
        """Give stored faces that are among the new ones, by frame and box, the new ones' keys."""
        keys = KeyColumns.of([row[2] for row in old], [row[3:] for row in old])
        columns = KeyColumns.of([face.time_seconds for face in new], [face.box_xyxy for face in new])
        found = find_again(keys, columns, np.unique(columns.time_seconds), SAME_FRAME_SECONDS)
        self.store.connection.executemany(
            "UPDATE face SET face_id = ?, video_id = ?, time_seconds = ?, x1 = ?, y1 = ?, x2 = ?, y2 = ? WHERE id = ?",
            [(*_row(new[row]), old[key][0]) for key, row in enumerate(found.tolist()) if row >= 0],
        )


def _row(face: FaceKey) -> tuple[Any, ...]:
    return face.face_id, face.video_id, face.time_seconds, *face.box_xyxy


def _checked(name: str) -> str:
    if not name.strip():
        raise ProjectError("A person's name cannot be empty.", "Give a name, or none at all.")
    return name.strip()
