"""One request, from the shell or from the page, carried out from beginning to end."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from facecrop_core.errors import OutputError
from facecrop_core.files import writing
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.pipeline.events import Progress, Watch
from facecrop_core.pipeline.forget import resume_forgetting
from facecrop_core.pipeline.grouping import group_after_scan
from facecrop_core.pipeline.late import complete_project
from facecrop_core.pipeline.logs import logging_to
from facecrop_core.pipeline.produce import add_references, write_dataset
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.queue import scan_all
from facecrop_core.pipeline.workers import model_threads
from facecrop_core.records import Engine
from facecrop_core.settings import Settings
from facecrop_core.sources import absolute_name, find_sources
from facecrop_core.volumes import check_mounted

__all__ = ["JobRequest", "Kind", "absolute_name", "run_job"]

Kind = Literal["scan", "extract", "export"]


@dataclass(frozen=True)
class JobRequest:
    """What to do. ``settings`` holds only what differs from the defaults, by unique names.

    ``scan`` looks at the videos; ``export`` writes a dataset from what is in the project; ``extract`` does both. Where
    ``references`` are named they replace the project's.
    """

    kind: Kind
    project: Path
    videos: tuple[Path | str, ...] = ()
    """Files, folders that stand for the videos in them, lists, patterns, folders of images, and links (as text)."""
    references: tuple[Path, ...] = ()
    references_recursive: bool = False
    """Whether ``references`` is one folder to be read recursively as one person (face_extract's --refs_dir)."""
    out: Path | None = None
    settings: dict[str, Any] | None = None
    """None: the project's own settings."""
    reference_sheet: Path | None = None
    """Where to draw what was taken from each photo of ``references``, and what was refused and why."""


def run_job(request: JobRequest, watch: Watch | None = None) -> dict[str, Any]:
    """Carry out a request and return what came of it, ready for JSON.

    Raises:
        FacecropError: nothing could be done, or the run was stopped; what was committed stays. A video that fails
        among several costs only itself and is named in the result.
    """
    watch, began = watch or Watch(), time.perf_counter()
    asked = Settings().with_values(request.settings or {})
    sources = find_sources(request.videos, asked.source.extensions)
    if request.kind != "scan":
        _check_out(request.out)
    project = Project.open(request.project) if request.kind == "export" else Project.create(request.project)
    settings = project.settings if request.settings is None else asked
    with project.lock(), logging_to(project.folder / "logs" / "facecrop.log", watch) as logged:
        project.settings = settings
        project.save()
        resume_forgetting(project)
        engine = _engine(None, settings) if request.references else None
        if engine is not None:
            logged.send(Progress("references"))
            recursive, sheet = request.references_recursive, request.reference_sheet
            add_references(project, request.references, engine, settings, logged, recursive, sheet)
        result: dict[str, Any] = {"status": "complete", "project": str(project.folder), "videos": []}
        if request.kind != "export":
            result |= scan_all(project, sources, settings, engine, logged)
            result |= group_after_scan(project, settings, logged)
        if request.out is not None and request.kind != "scan":
            complete_project(project, settings, partial(_engine, engine, settings), logged)
            result |= write_dataset(project, settings, request.out, logged)
        result["wall_seconds"] = round(time.perf_counter() - began, 3)
        logged.send(Progress("done", faces=result.get("faces", 0), saved=result.get("saved", 0)))
    return result


def _engine(engine: Engine | None, settings: Settings) -> Engine:
    """The models, opened where they are not yet."""
    return engine or open_engine(settings, threads=model_threads(settings))


def _check_out(out: Path | None) -> None:
    """Find out now, not after hours of scanning, whether the dataset can be written."""
    if out is None:
        raise OutputError("No output folder was named.", "Add --out FOLDER.")
    check_mounted(out)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
