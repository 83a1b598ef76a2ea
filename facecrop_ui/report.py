"""A run's state as JSON, for the page to put into words."""

from __future__ import annotations

import dataclasses
from typing import Any

from facecrop_core.errors import FacecropError
from facecrop_core.pipeline.choosing import ranks_faces
from facecrop_core.pipeline.events import Progress
from facecrop_core.pipeline.runner import Job
from facecrop_core.settings import CONTROLS
from facecrop_ui.live import Snapshot
from facecrop_ui.runs import Run

NOTES_SHOWN = 20
SLIDERS = ("sim", "min_tenengrad", "image_format")
"""Settings that the browser's own controls hold."""


def report(
    run: Run, scan_job: Job | None, export_job: Job | None, snapshot: Snapshot, trouble: FacecropError | None = None
) -> dict[str, Any]:
    """Everything about a run but its faces."""
    scan = _job(scan_job)
    if trouble is not None:
        scan |= {"error": trouble.message, "hint": trouble.hint}
    settings = run.full_settings().flat()
    return {
        "run": run.token,
        "title": run.title,
        "revision": run.revision,
        "choice": {name: settings[name] for name in SLIDERS},
        "scan": scan,
        "export": _job(export_job) if export_job is not None else None,
        "generation": snapshot.generation,
        "count": len(snapshot),
        "ranked": ranks_faces(run.full_settings()),
        "looking": scan_job is not None and bool(scan_job.request.references),
        "names": snapshot.names,
        "videos": snapshot.videos,
        "engine": {k: snapshot.engine[k] for k in ("name", "licence", "match", "unsure") if k in snapshot.engine},
        "formats": CONTROLS["image_format"].choices,
    }


def _job(job: Job | None) -> dict[str, Any]:
    if job is None:
        return {
            "state": "lost",
            "progress": None,
            "result": None,
            "error": "How far this run's scan went is not known any more; its faces are still here.",
            "hint": "To scan the rest of the video, start a new run.",
            "notes": [],
        }
    return {
        "state": job.state,
        "progress": _progress(job.progress),
        "result": job.result,
        "error": job.error,
        "hint": job.hint,
        "notes": [dataclasses.asdict(note) for note in job.notes if note.level != "info"][-NOTES_SHOWN:],
    }


def _progress(progress: Progress | None) -> dict[str, Any] | None:
    return None if progress is None else dataclasses.asdict(progress)
