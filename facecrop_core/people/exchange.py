"""People, references and verdicts as one JSON file, to take from one project to another.

```
{"facecrop_people": 1,
 "people": [{"key": 3, "name": "Ann" or null,
             "references": [{"source", "negative", "confidence", "det_score", "note", "chip_jpeg" (base64),
                             "face" (see below) or null,
                             "embeddings": {model's SHA-256: base64 of float32, little end first}}]}],
 "verdicts": [{"kind": "is" | "not" | "not_a_face" | "keep" | "reject" | "moved" | "clustered", "person": key or null,
               "who", "made_utc", "face": {"face_id", "video_id", "time_seconds", "box_xyxy"}}]}
```
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from facecrop_core.errors import ProjectError, ProjectTooNewError
from facecrop_core.files import write_whole, writing
from facecrop_core.people.curation import Curation
from facecrop_core.people.refinding import FaceKey
from facecrop_core.people.store import PeopleStore, Said
from facecrop_core.records import Reference

VERSION = 1
MARKER = "facecrop_people"
ERRORS_SHOWN = 5
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Bytes = Annotated[bytes, BeforeValidator(lambda text: base64.b64decode(text, validate=True))]
Line = Annotated[str, Field(max_length=4096)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Face(_Entry):
    face_id: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
    video_id: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
    time_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    box_xyxy: Annotated[list[Number], Field(min_length=4, max_length=4)]

    def key(self) -> FaceKey:
        x1, y1, x2, y2 = self.box_xyxy
        return FaceKey(self.face_id, self.video_id, self.time_seconds, (x1, y1, x2, y2))


class _Reference(_Entry):
    source: Line
    negative: bool
    confidence: Share
    det_score: Number
    note: Line
    chip_jpeg: Bytes
    face: _Face | None
    embeddings: dict[Sha256, Bytes] = {}


class _Person(_Entry):
    key: int
    name: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"\S")] | None
    references: list[_Reference]


class _Verdict(_Entry):
    kind: Said
    person: int | None
    who: Line
    made_utc: Annotated[str, Field(max_length=64)]
    face: _Face


class _File(_Entry):
    facecrop_people: Literal[1]
    people: list[_Person]
    verdicts: list[_Verdict]


def export_people(store: PeopleStore, path: Path, embeddings: bool = False) -> dict[str, int]:
    """Write everybody and everything that was said to one file; returns counts.

    ``embeddings`` adds the references' embeddings, which can tell people apart just like a photo; without them the
    references have to be embedded again from their chips.

    Raises:
        OutputError, DiskFullError: the file cannot be written.
    """
    vectors: dict[int, dict[str, str]] = {}
    if embeddings:
        rows = store.connection.execute("SELECT reference_id, embedder_sha256, vector FROM embedding ORDER BY id")
        for number, sha, vector in rows:
            vectors.setdefault(number, {})[sha] = _text(vector)
    references: dict[int, list[dict[str, Any]]] = {}
    for stored in store.stored_references():
        r = stored.reference
        references.setdefault(stored.person_id, []).append(
            {
                "source": r.source,
                "negative": r.negative,
                "confidence": r.confidence,
                "det_score": r.det_score,
                "note": r.note,
                "chip_jpeg": _text(r.chip_jpeg),
                "face": None if stored.origin is None else asdict(stored.origin),
                "embeddings": vectors.get(stored.id, {}),
            }
        )
    people = [{"key": p.id, "name": p.name, "references": references.get(p.id, [])} for p in store.people()]
    verdicts = [
        {"kind": v.kind, "person": v.person_id, "who": v.who, "made_utc": v.made_utc, "face": asdict(v.face)}
        for v in store.verdicts(clusters=True)
    ]
    content = {MARKER: VERSION, "people": people, "verdicts": verdicts}
    with writing(path):
        write_whole(path, json.dumps(content, indent=1, ensure_ascii=False).encode(), durable=True)
    return {"people": len(people), "references": sum(map(len, references.values())), "verdicts": len(verdicts)}


def import_people(store: PeopleStore, path: Path, who: str = "user") -> dict[str, int]:
    """Add what a file holds, as one action; returns counts of what was added, and ``skipped`` of what was not.

    People of one name are one; unnamed ones are new. Nothing is overwritten: where the project says something else of
    a face, that stays and the file's verdict is skipped; references that are there are not added twice.

    Raises:
        ProjectError: the file is damaged, of a newer version, or contradicts itself; the message says where. Nothing
            is changed then.
    """
    content = _read(path)
    curation = Curation(store, who)
    counts = {"people": 0, "references": 0, "verdicts": 0, "skipped": 0}
    details: dict[str, Any] = {"file": path.name}
    with store.log.record("import", who, details):
        numbers: dict[int, int] = {}
        before = {person.id for person in store.people()}
        for person in content.people:
            name = None if person.name is None else person.name.strip()
            numbers[person.key] = store.insert_person(name)
            _add_references(curation, numbers[person.key], person, counts)
        _add_verdicts(curation, content.verdicts, numbers, counts)
        new = set(numbers.values()) - before
        counts["people"] = len(new - set(_drop_empty(store, new)))
        details |= {"people": sorted(set(numbers.values())), "counts": counts}
    return counts


def _drop_empty(store: PeopleStore, new: set[int]) -> list[int]:
    """Unnamed people of whom nothing came along: the project has it all from elsewhere."""
    empty = [
        p.id
        for p in store.people()
        if p.id in new and p.name is None and not (p.references or p.negatives or p.verdicts or p.faces)
    ]
    store.connection.executemany("DELETE FROM person WHERE id = ?", [(number,) for number in empty])
    return empty


def _add_references(curation: Curation, number: int, person: _Person, counts: dict[str, int]) -> None:
    store = curation.store
    there = {(r.reference.chip_jpeg, r.reference.source, r.reference.negative) for r in store.stored_references(number)}
    for r in person.references:
        if (r.chip_jpeg, r.source, r.negative) in there:
            counts["skipped"] += 1
            continue
        face = None if r.face is None else curation.numbers([r.face.key()])[0]
        nothing = np.zeros(0, np.float32)
        reference = Reference("", r.source, nothing, r.chip_jpeg, r.det_score, r.note, r.negative, r.confidence)
        added = store.insert_reference(number, reference, None, face)
        for sha, vector in r.embeddings.items():
            store.insert_embeddings(sha, {added: np.frombuffer(vector, "<f4")})
        counts["references"] += 1


def _add_verdicts(
    curation: Curation, verdicts: Sequence[_Verdict], people: dict[int, int], counts: dict[str, int]
) -> None:
    """Add those of faces of which the project says nothing yet."""
    run = curation.store.connection
    known = {face for (face,) in run.execute("SELECT face FROM verdict UNION SELECT face FROM assignment")}
    said, assigned = [], []
    for face, verdict in zip(curation.numbers([v.face.key() for v in verdicts]), verdicts, strict=True):
        person = None if verdict.person is None else people[verdict.person]
        if face in known:
            counts["skipped"] += 1
        elif verdict.kind in ("moved", "clustered"):
            source = "user" if verdict.kind == "moved" else "cluster"
            assigned.append((face, person, source, verdict.who, verdict.made_utc))
        else:
            said.append((face, verdict.kind, person, verdict.who, verdict.made_utc))
    before = run.total_changes
    run.executemany("INSERT OR IGNORE INTO verdict (face, kind, person_id, who, made_utc) VALUES (?, ?, ?, ?, ?)", said)
    run.executemany(
        "INSERT OR IGNORE INTO assignment (face, person_id, source, who, made_utc) VALUES (?, ?, ?, ?, ?)", assigned
    )
    counts["verdicts"] = run.total_changes - before
    counts["skipped"] += len(said) + len(assigned) - counts["verdicts"]


def _read(path: Path) -> _File:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProjectError(f"{path} cannot be read: {error}.", "Name a file that 'people export' wrote.") from None
    version = content.get(MARKER) if isinstance(content, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ProjectError(f"{path} holds no people of Facecrop.", "Name a file that 'people export' wrote.")
    if version > VERSION:
        raise ProjectTooNewError(f"{path} has version {version}; this Facecrop reads {VERSION}.", "Update Facecrop.")
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        wrong = [f"{_place(e['loc'])}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)]
        more = f" … and {len(wrong) - ERRORS_SHOWN} more" if len(wrong) > ERRORS_SHOWN else ""
        raise ProjectError(f"{path} is damaged. {'; '.join(wrong[:ERRORS_SHOWN])}{more}.") from None
    wrong = _contradictions(file)
    if wrong:
        raise ProjectError(f"{path} contradicts itself. {'; '.join(wrong[:ERRORS_SHOWN])}.")
    return file


def _contradictions(file: _File) -> list[str]:
    """What each entry alone cannot show."""
    keys = [person.key for person in file.people]
    wrong = [f"people[{i}].key: {key} comes twice" for i, key in enumerate(keys) if key in keys[:i]]
    for i, person in enumerate(file.people):
        for j, reference in enumerate(person.references):
            for sha, vector in reference.embeddings.items():
                values = np.frombuffer(vector, "<f4") if len(vector) % 4 == 0 else np.zeros(0)
                if not len(values) or not np.isfinite(values).all():
                    wrong.append(f"people[{i}].references[{j}].embeddings.{sha[:8]}…: no vector of finite numbers")
    known = set(keys)
    for i, verdict in enumerate(file.verdicts):
        if (verdict.person is not None) != (verdict.kind in ("is", "not", "moved", "clustered")):
            wrong.append(f"verdicts[{i}].person: '{verdict.kind}' and {verdict.person} do not go together")
        elif verdict.person is not None and verdict.person not in known:
            wrong.append(f"verdicts[{i}].person: nobody has the key {verdict.person}")
    return wrong


def _place(parts: Sequence[int | str]) -> str:
    """Where in the file: ``people[2].references[0].source``."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".") or "the file"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
