"""``people.sqlite`` of a project: people, their references, and what the user said of faces."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from facecrop_core.errors import ProjectError
from facecrop_core.people.actions import ActionLog, now_utc
from facecrop_core.people.refinding import FaceKey, KeyColumns
from facecrop_core.people.schema import prepare
from facecrop_core.records import FloatArray, Reference

BUSY_TIMEOUT_SECONDS = 10.0
Said = Literal["is", "not", "not_a_face", "keep", "reject", "moved", "clustered"]
VERDICTS = """
SELECT verdict.id, face, kind, person_id, who, made_utc FROM verdict
UNION ALL
SELECT id, face, iif(source = 'user', 'moved', 'clustered'), person_id, who, made_utc FROM assignment
"""


@dataclass(frozen=True)
class Person:
    """Somebody, or an unnamed person: a cluster that was stored. ``faces`` counts those that were put to them,
    by the user or by clustering."""

    id: int
    name: str | None
    references: int
    negatives: int
    verdicts: int
    faces: int


@dataclass(frozen=True)
class Verdict:
    """What was said of a face: by the user, or by clustering (``clustered``).

    ``is`` and ``not`` speak of a person; ``moved`` is a face that the user put to a person by a move, merge or split.
    """

    kind: Said
    person_id: int | None
    face: FaceKey
    who: str
    made_utc: str


@dataclass(frozen=True)
class StoredReference:
    """A reference with what the project knows beside the face itself. ``embedders`` are SHA-256 sums."""

    id: int
    person_id: int
    reference: Reference
    added_utc: str
    origin: FaceKey | None
    embedders: tuple[str, ...]


class PeopleStore:
    """The people of one project. Use it as a context manager. ``Curation`` changes what the user says of them.

    Raises:
        ProjectTooNewError: the file was written by a newer Facecrop.
        ProjectError: the file is damaged or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise ProjectError(f"{path} cannot be opened: {error}.", "Is the project folder writable?") from error
        try:
            prepare(self.connection, path)
        except sqlite3.Error as error:
            self.connection.close()
            raise ProjectError(f"{path} cannot be used: {error}.", "If it is damaged, delete it.") from error
        except ProjectError:
            self.connection.close()
            raise
        self.log = ActionLog(self.connection)

    def replace_references(self, references: Sequence[Reference], embedder_sha256: str, who: str = "user") -> None:
        """Make these the project's only photos of people; those of whom nothing is known then are dropped.

        References that were picked from a scan stay: no photo stands for them. An action, which can be undone; the
        same references once more are none.
        """
        if self._are_stored(references, embedder_sha256):
            return
        details: dict[str, Any] = {"references": len(references)}
        with self.log.record("replace references", who, details):
            run = self.connection.execute
            run("DELETE FROM reference WHERE face IS NULL")
            for reference in references:
                self.insert_reference(self.insert_person(reference.person), reference, embedder_sha256)
            run(
                "DELETE FROM person WHERE id NOT IN (SELECT person_id FROM reference) AND id NOT IN (SELECT person_id "
                "FROM assignment) AND id NOT IN (SELECT person_id FROM verdict WHERE person_id IS NOT NULL)"
            )
            details["people"] = [number for (number,) in run("SELECT id FROM person ORDER BY id")]

    def _are_stored(self, references: Sequence[Reference], embedder_sha256: str) -> bool:
        stored = [row for row in self.stored_references() if row.origin is None]
        if len(stored) != len(references) or any(row.embedders != (embedder_sha256,) for row in stored):
            return False
        vectors = {r.id: vector for r, vector in self._vectors(embedder_sha256)}
        return all(
            (a.person, a.source, a.chip_jpeg, a.det_score, a.note, a.negative, a.confidence)
            == (b.person, b.source, b.chip_jpeg, b.det_score, b.note, b.negative, b.confidence)
            and np.array_equal(vectors[row.id], np.asarray(b.embedding))
            for row, a, b in ((row, row.reference, b) for row, b in zip(stored, references, strict=True))
        )

    def insert_person(self, name: str | None) -> int:
        """The person of this name, made where there is none; None makes an unnamed one. Inside an action."""
        found = None if name is None else self.person_id(name)
        return found or int(self.connection.execute("INSERT INTO person (name) VALUES (?)", (name,)).lastrowid or 0)

    def insert_reference(
        self, person_id: int, reference: Reference, embedder_sha256: str | None, face: int | None = None
    ) -> int:
        """Add one reference, with its embedding unless the model is None. Inside an action."""
        r = reference
        added = self.connection.execute(
            "INSERT INTO reference (person_id, kind, source, chip_jpeg, det_score, confidence, note, added_utc, face) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                person_id,
                "negative" if r.negative else "positive",
                r.source,
                r.chip_jpeg,
                r.det_score,
                r.confidence,
                r.note,
                now_utc(),
                face,
            ),
        )
        number = int(added.lastrowid or 0)
        if embedder_sha256 is not None:
            self.insert_embeddings(embedder_sha256, {number: r.embedding})
        return number

    def insert_embeddings(self, embedder_sha256: str, vectors: Mapping[int, FloatArray]) -> None:
        """Embeddings by one model, by the references' ids. Inside an action."""
        self.connection.executemany(
            "INSERT INTO embedding (reference_id, embedder_sha256, vector) VALUES (?, ?, ?)",
            [(number, embedder_sha256, np.asarray(v, "<f4").tobytes()) for number, v in vectors.items()],
        )

    def references(self, embedder_sha256: str, negatives: bool = False) -> list[Reference]:
        """The named people's references that this model embedded, in the order in which they were added.

        Those that say who somebody is not (``negative``) come along only where ``negatives`` asks for them.
        """
        return [
            replace(r.reference, embedding=vector)
            for r, vector in self._vectors(embedder_sha256)
            if r.reference.person and (negatives or not r.reference.negative)
        ]

    def stored_references(self, person_id: int | None = None) -> list[StoredReference]:
        """References, of one person or of all, whichever model embedded them; their ``embedding`` is empty."""
        embedders: dict[int, list[str]] = {}
        for number, sha in self.connection.execute("SELECT reference_id, embedder_sha256 FROM embedding ORDER BY id"):
            embedders.setdefault(number, []).append(sha)
        rows = self.connection.execute(
            "SELECT reference.id, person_id, name, source, chip_jpeg, det_score, note, kind, confidence, added_utc, "
            "face_id, video_id, time_seconds, x1, y1, x2, y2 FROM reference JOIN person ON person.id = person_id "
            "LEFT JOIN face ON face.id = face WHERE ?1 IS NULL OR person_id = ?1 ORDER BY reference.id",
            (person_id,),
        )
        found = []
        for number, person, name, source, chip, score, note, kind, confidence, added, *key in rows:
            reference = Reference(
                name or "", source, np.zeros(0, np.float32), chip, score, note, kind == "negative", confidence
            )
            origin = None if key[0] is None else _key(key)
            found.append(StoredReference(number, person, reference, added, origin, tuple(embedders.get(number, ()))))
        return found

    def _vectors(self, embedder_sha256: str) -> list[tuple[StoredReference, FloatArray]]:
        rows = self.connection.execute(
            "SELECT reference_id, vector FROM embedding WHERE embedder_sha256 = ?", (embedder_sha256,)
        )
        vectors = {number: np.frombuffer(vector, "<f4").astype(np.float32) for number, vector in rows}
        return [(r, vectors[r.id]) for r in self.stored_references() if r.id in vectors]

    def names(self) -> list[str]:
        """Everybody named who has a reference, whichever model embedded it."""
        return [
            name
            for (name,) in self.connection.execute(
                "SELECT name FROM person WHERE name IS NOT NULL AND id IN (SELECT person_id FROM reference) ORDER BY id"
            )
        ]

    def people(self) -> list[Person]:
        """Everybody, named or not, in the order in which they were added."""
        rows = self.connection.execute(
            "SELECT id, name, "
            "(SELECT count(*) FROM reference WHERE person_id = person.id AND kind = 'positive'), "
            "(SELECT count(*) FROM reference WHERE person_id = person.id AND kind = 'negative'), "
            "(SELECT count(*) FROM verdict WHERE person_id = person.id), "
            "(SELECT count(*) FROM (SELECT face FROM assignment WHERE person_id = person.id UNION "
            "SELECT face FROM verdict WHERE person_id = person.id AND kind = 'is')) FROM person ORDER BY id"
        )
        return [Person(*row) for row in rows]

    def person_id(self, name: str) -> int | None:
        row = self.connection.execute("SELECT id FROM person WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def verdicts(self, video_id: str | None = None, clusters: bool = False) -> list[Verdict]:
        """What was said of faces, of one video or of all; with ``clusters`` what clustering said, too."""
        rows = self.connection.execute(
            "SELECT kind, person_id, who, made_utc, face_id, video_id, time_seconds, x1, y1, x2, y2 "
            f"FROM ({VERDICTS}) AS said JOIN face ON face.id = said.face "
            "WHERE (?1 IS NULL OR video_id = ?1) AND (?2 OR kind != 'clustered') ORDER BY video_id, time_seconds, x1",
            (video_id, clusters),
        )
        return [Verdict(kind, person, _key(key), who, made) for kind, person, who, made, *key in rows]

    def marks(self, video_id: str) -> tuple[list[str], KeyColumns, list[tuple[int, Said, int]]]:
        """The faces of one video of which something was said: their ids [n], their keys, and what was said.

        What was said is (position in these, kind, person or 0).
        """
        faces = self.connection.execute(
            "SELECT id, face_id, time_seconds, x1, y1, x2, y2 FROM face WHERE video_id = ? AND "
            "(id IN (SELECT face FROM verdict) OR id IN (SELECT face FROM assignment)) ORDER BY id",
            (video_id,),
        ).fetchall()
        places = {row[0]: place for place, row in enumerate(faces)}
        said = self.connection.execute(
            f"SELECT face, kind, ifnull(person_id, 0) FROM ({VERDICTS}) WHERE face IN "
            "(SELECT id FROM face WHERE video_id = ?)",
            (video_id,),
        )
        keys = KeyColumns.of([row[2] for row in faces], [row[3:] for row in faces])
        return [row[1] for row in faces], keys, [(places[face], kind, person) for face, kind, person in said]

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> PeopleStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _key(values: Sequence[Any]) -> FaceKey:
    face_id, video_id, time_seconds, x1, y1, x2, y2 = values
    return FaceKey(face_id, video_id, time_seconds, (x1, y1, x2, y2))
