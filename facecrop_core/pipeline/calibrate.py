"""Measures where a model tells people apart, on photos in a folder of folders, and keeps it for that model."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from facecrop_core.errors import ReferencesError, UsageError
from facecrop_core.models.calibrations import store_calibration
from facecrop_core.people import collect_photos, measure
from facecrop_core.people.hygiene import twins
from facecrop_core.people.references import read_reference
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.records import Engine, Reference
from facecrop_core.settings import Settings


def calibrate(folder: Path, settings: Settings, watch: Watch | None = None, store: bool = True) -> dict[str, Any]:
    """Measure the engine of the settings, and keep its borders by its embedder's SHA-256. Returns what was found.

    A photo that repeats another one of its person is left out: it would make one person's photos look more alike.

    Raises:
        UsageError: it is no folder. ReferencesError: too few usable photos. ModelError: the engine cannot be opened.
    """
    watch = watch or Watch()
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "facecrop calibrate FOLDER, with one folder for each person.")
    watch.send(Progress("models"))
    engine = open_engine(settings)
    references = _read(folder, engine, settings, watch)
    labels = np.array([r.person for r in references])
    measured = measure(np.stack([r.embedding for r in references]), labels, engine.calibration.metric)
    details = asdict(measured) | {
        "thresholds": {f"{rate:g}": value for rate, value in measured.thresholds.items()},
        "recalls": {f"{rate:g}": value for rate, value in measured.recalls.items()},
        "people": len(set(labels.tolist())),
        "photos": len(references),
        "metric": engine.calibration.metric,
        "engine": engine.name,
        "measured_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    before = {"match": engine.calibration.match, "unsure": engine.calibration.unsure}
    sha = engine.embedder.model_sha256
    stored = store_calibration(sha, measured.match, measured.unsure, details) if store else None
    return details | {"embedder_sha256": sha, "before": before, "stored": None if stored is None else str(stored)}


def _read(folder: Path, engine: Engine, settings: Settings, watch: Watch) -> list[Reference]:
    photos = collect_photos([folder])
    if len({person for person, _ in photos}) < 2:
        raise ReferencesError(f"{folder} holds photos of one person only.", "Make one folder for each person in it.")
    by_person: dict[str, list[Reference]] = {}
    for number, (person, path) in enumerate(photos):
        watch.check_cancelled()
        watch.send(Progress("references", path.name, number, len(photos)))
        try:
            reference = read_reference(person, path, engine, settings.reference)
        except ReferencesError as error:
            watch.send(Note("warning", error.message))
            continue
        by_person.setdefault(person, []).append(reference)
    kept = []
    for own in by_person.values():
        repeats = twins(np.stack([r.embedding for r in own]), engine.calibration)
        kept += [r for r, first in zip(own, repeats, strict=True) if first < 0]
    if not kept:
        raise ReferencesError(f"Not one photo in {folder} shows a usable face.")
    return kept
