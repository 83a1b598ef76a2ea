"""One request, from the shell or from the page, carried out from beginning to end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from facecrop_core.errors import FacecropError, OutputError
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.pipeline.logs import logging_to
from facecrop_core.pipeline.produce import add_references, write_dataset
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.scan import ScanResult, scan
from facecrop_core.records import Engine
from facecrop_core.settings import Settings
from facecrop_core.sources import find_videos
from facecrop_core.table import writing

Kind = Literal["scan", "extract", "export"]


@dataclass(frozen=True)
class JobRequest:
    """What to do. ``settings`` holds only what differs from the defaults, by unique names.

    ``scan`` looks at the videos; ``export`` writes a dataset from what is in the project; ``extract`` does both. Where
    ``references`` are named they replace the project's.
    """

    kind: Kind
    project: Path
    videos: tuple[Path, ...] = ()
    """Files, or folders that stand for the videos in them."""
    references: tuple[Path, ...] = ()
    references_recursive: bool = False
    """Whether ``references`` is one folder to be read recursively as one person (face_extract's --refs_dir)."""
    out: Path | None = None
    settings: dict[str, Any] | None = None
    """None: the project's own settings."""


def run_job(request: JobRequest, watch: Watch | None = None) -> dict[str, Any]:
    """Carry out a request and return what came of it, ready for JSON.

    Raises:
        FacecropError: nothing could be done, or the run was stopped; what was committed stays. A video that fails
        among several costs only itself and is named in the result.
    """
    watch, began = watch or Watch(), time.perf_counter()
    videos = find_videos(request.videos)
    if request.kind != "scan":
        _check_out(request.out)
    project = Project.open(request.project) if request.kind == "export" else Project.create(request.project)
    settings = project.settings if request.settings is None else Settings().with_values(request.settings)
    with project.lock(), logging_to(project.folder / "logs" / "facecrop.log", watch) as logged:
        project.settings = settings
        project.save()
        engine = open_engine(settings) if request.references else None
        if engine is not None:
            logged.send(Progress("references"))
            add_references(project, request.references, engine, settings, logged, request.references_recursive)
        result: dict[str, Any] = {"status": "complete", "project": str(project.folder), "videos": []}
        if request.kind != "export":
            result |= _scan_all(project, videos, settings, engine, logged)
        if request.out is not None and request.kind != "scan":
            result |= write_dataset(project, settings, request.out, logged)
        result["wall_seconds"] = round(time.perf_counter() - began, 3)
        logged.send(Progress("done", faces=result.get("faces", 0), saved=result.get("saved", 0)))
    return result


def _check_out(out: Path | None) -> None:
    """Find out now, not after hours of scanning, whether the dataset can be written."""
    if out is None:
        raise OutputError("No output folder was named.", "Add --out FOLDER.")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass


def _scan_all(
    project: Project, videos: Sequence[Path], settings: Settings, engine: Engine | None, watch: Watch
) -> dict[str, Any]:
    """Scan each video. One that fails is reported, and the next goes on; the only one's error is the run's."""
    rows: list[dict[str, Any]] = []
    seconds = 0.0
    for path in videos:
        try:
            result = scan(path, project, settings, watch, engine)
        except FacecropError as error:
            if len(videos) == 1 or error.exit_status != 1:
                raise
            watch.send(Note("error", f"{path}: {error.message}"))
            rows.append({"video": str(path), "status": "failed", "error": error.message})
            continue
        seconds += result.seconds
        rows.append(_describe(path, result))
    partial = any(row["status"] != "complete" for row in rows)
    return {
        "status": "partial" if partial else "complete",
        "videos": rows,
        "samples": sum(row.get("samples", 0) for row in rows),
        "faces": sum(row.get("faces", 0) for row in rows),
        "seconds": round(seconds, 3),
    }


def _describe(path: Path, result: ScanResult) -> dict[str, Any]:
    content = result.scan.content
    return {
        "video": str(path),
        "status": result.status,
        "reused": result.reused,
        "samples": result.samples,
        "faces": result.faces,
        "seconds": round(result.seconds, 3),
        "coverage": content["coverage"],
        "engine": result.scan.engine["name"],
        **{name: content[name] for name in ("prescan", "bank") if name in content},
    }
