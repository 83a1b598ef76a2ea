"""References of a project's people, added and taken away one by one. None of it needs a new scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facecrop_core.errors import ProjectError
from facecrop_core.people import StoredReference, collect_photos, read_references
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.pipeline.people import ProjectPeople
from facecrop_core.pipeline.seen import SeenFace
from facecrop_core.records import Reference
from facecrop_core.settings import Settings


def add_photos(
    people: ProjectPeople, name: str, photos: Sequence[Path], settings: Settings, watch: Watch, negative: bool = False
) -> list[int]:
    """Find and embed the faces of photos, or folders of them, of one person; returns the references' numbers.

    ``negative``: they show somebody who the person is not.

    Raises:
        ReferencesError: not one photo is usable. ProjectError: the engine is another than the scans'.
    """
    watch.send(Progress("models"))
    engine = open_engine(settings)
    sha = engine.embedder.model_sha256
    scanned = {str(scan.engine["embedder_sha256"]): str(scan.engine["name"]) for scan in people.project.scans()}
    if scanned and sha not in scanned:
        names = " and ".join(sorted(set(scanned.values())))
        raise ProjectError(
            f"The photos would be read with {engine.name}, but the project was scanned with {names}: the two cannot "
            "be compared.",
            "Name the scans' engine with --pack or --engine.",
        )
    watch.send(Progress("references"))
    named = [(name, path) for _, path in collect_photos(photos)]
    read = read_references(named, engine, settings.reference, watch.check_cancelled)
    for warning in read.warnings:
        watch.send(Note("warning", warning))
    added = [(replace(r, person=name, negative=negative), None) for r in read.references]
    numbers = people.curation.add_references(added, sha)
    people.refresh()
    return numbers


def add_faces(people: ProjectPeople, name: str, faces: Sequence[SeenFace], negative: bool = False) -> list[int]:
    """Make faces of scans references, with the embeddings and thumbnails that they have; returns their numbers.

    Raises:
        ProjectError: a face has no embedding.
    """
    numbers = []
    for face in faces:
        table, row = face.view.table, face.row
        vector = np.array(table.embeddings[row], np.float32)
        if not np.isfinite(vector).all():
            raise ProjectError(f"The face {face.face_id} was not embedded.", "Pick another face.")
        reference = Reference(
            name,
            f"{face.view.video_name} at {face.time_seconds:.3f} s",
            vector,
            face.thumbnail(),
            float(table["det_score"][row]),
            negative=negative,
            confidence=max(float(face.view.quality[row]), 0.1),
        )
        numbers += people.curation.add_references([(reference, face.key)], table.embedder_sha256)
    people.refresh()
    return numbers


def references_of(people: ProjectPeople, person: int | None, negative: bool | None = None) -> list[StoredReference]:
    """References of one person or of all; ``negative`` None: of both kinds."""
    found = people.store.stored_references(person)
    return [r for r in found if negative is None or r.reference.negative == negative]


def remove_references(people: ProjectPeople, numbers: Sequence[int]) -> None:
    """Raises ProjectError, and removes nothing, where there is no reference of such a number."""
    known = {r.id for r in people.store.stored_references()}
    for number in numbers:
        if number not in known:
            raise ProjectError(f"There is no reference {number}.", "'people refs list' shows their numbers.")
    people.curation.remove_references(numbers)
    people.refresh()


def reference_json(people: ProjectPeople, stored: StoredReference) -> dict[str, Any]:
    r = stored.reference
    return {
        "id": stored.id,
        "person": people.label(stored.person_id),
        "negative": r.negative,
        "source": r.source,
        "face_id": None if stored.origin is None else stored.origin.face_id,
        "det_score": round(r.det_score, 3),
        "confidence": round(r.confidence, 3),
        "note": r.note,
        "added_utc": stored.added_utc,
        "models": list(stored.embedders),
    }
