"""The slow flow, once per video: source → decode → sample → detect → align → embed → measure → track → face table."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facecrop_core import __version__
from facecrop_core.errors import CancelledError
from facecrop_core.pipeline.disk import DiskPatience, scan_bytes, warn_of_little_space
from facecrop_core.pipeline.engine import engine_identity, open_engine
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.pipeline.grown import grow_in_scan
from facecrop_core.pipeline.late import complete_scan
from facecrop_core.pipeline.looking import at_last, look_through
from facecrop_core.pipeline.plans import Look, check_wanted, make_look
from facecrop_core.pipeline.prescan import narrow, whole_coverage
from facecrop_core.pipeline.project import Project, Scan, coverage_to_json, make_scan_key
from facecrop_core.pipeline.tracking import has_tracks, write_tracks
from facecrop_core.pipeline.wanted import references_digest, wanted_references
from facecrop_core.pipeline.workers import model_threads
from facecrop_core.records import Engine, Reference, Video
from facecrop_core.settings import Settings
from facecrop_core.table import ScanWriter
from facecrop_core.video import probe, video_to_json


@dataclass(frozen=True)
class ScanResult:
    """What a scan did. ``seconds`` leaves out loading models, ``wall_seconds`` does not."""

    scan: Scan
    status: str
    samples: int
    faces: int
    reused: bool
    seconds: float
    wall_seconds: float


@dataclass(frozen=True)
class _Task:
    """What a scan is about, found out before any model is opened."""

    video: Video
    identity: dict[str, Any]
    references: list[Reference]
    folder: Path
    existing: Scan | None


def scan(
    video_path: Path,
    project: Project,
    settings: Settings,
    watch: Watch | None = None,
    engine_of: Callable[[], Engine] | None = None,
) -> ScanResult:
    """Scan one video into a project; the caller holds the project's lock.

    A finished scan with the same settings, models and file is used again; an interrupted one goes on where it stopped.
    ``engine_of`` gives the models where several videos share them; it is called only if they are needed.

    Raises:
        SourceError, DecodeError, ModelError, OutputError: what was committed before stays.
        SkippedError: the settings leave this video out.
        CancelledError: ``watch.stop`` was set; the scan can be resumed.
    """
    watch = watch or Watch()
    began = time.perf_counter()
    engine_of = engine_of or (lambda: open_engine(settings, threads=model_threads(settings)))
    task = _make_task(video_path, project, settings)
    video, existing = task.video, task.existing
    if existing is not None and existing.finished:
        return _use_again(project, task, settings, engine_of, watch, began)
    watch.send(Progress("models", video.path.name))
    import pyarrow.parquet  # noqa: F401 - else the first part would wait for it, and the workers for the part

    engine = engine_of()
    loaded = time.perf_counter()
    watch.check_cancelled()
    warn_of_little_space(project.folder, scan_bytes(video, settings), watch)
    if video.color_note:
        watch.send(Note("warning", f"{video.path.name}: {video.color_note}"))
    look = make_look(video, settings, watch, existing.content.get("look") if existing else None)
    patient = DiskPatience(settings, watch, video.path.name)
    record = patient(lambda: _start(project, task, settings, engine, look))
    _carry_out(record, look, task.references, settings, engine, watch, patient)
    return _result(record, False, loaded, began)


def _use_again(
    project: Project,
    task: _Task,
    settings: Settings,
    engine_of: Callable[[], Engine],
    watch: Watch,
    began: float,
) -> ScanResult:
    """Put a finished scan in force, and embed what these settings want embedded beyond what it has."""
    record, name = task.existing, task.video.path.name
    assert record is not None
    project.use_scan(task.video, task.folder.name)
    loaded = time.perf_counter()

    def opened() -> Engine:
        nonlocal loaded
        watch.send(Progress("models", name))
        engine, loaded = engine_of(), time.perf_counter()
        return engine

    completed = complete_scan(record, task.references, settings, opened, watch)
    if not completed:
        watch.send(Note("info", f"{name} was already scanned with these settings; nothing to do."))
    if grow_in_scan(record, task.references, settings):
        record.save()
    return _result(record, not completed, loaded, began)


def _make_task(video_path: Path, project: Project, settings: Settings) -> _Task:
    video = dataclasses.replace(
        probe(video_path, image_fps=settings.sampling.image_fps), deinterlace=settings.sampling.deinterlace
    )
    check_wanted(video, settings)
    identity = engine_identity(settings)
    references = wanted_references(project, identity["embedder_sha256"], settings.prescan)
    wanted = references_digest(references) if settings.prescan.prescan else ""
    folder = project.scan_folder(video.video_id, make_scan_key(settings, identity, wanted))
    return _Task(video, identity, references, folder, Scan.find(folder))


def _carry_out(
    record: Scan,
    look: Look,
    references: list[Reference],
    settings: Settings,
    engine: Engine,
    watch: Watch,
    patient: DiskPatience,
) -> None:
    """Look at the video and store how it went."""
    writer = ScanWriter(record.folder, record.video.video_id, engine.embedder.model_sha256)
    try:
        look = narrow(look, record, engine, references, settings, watch, patient)
        coverage = look_through(patient, writer, record.video, look, settings, engine, watch)
        watch.send(Progress("tracks", record.video.path.name, faces=writer.stored_faces))
        watch.check_cancelled()
        reader = record.reader()
        if not has_tracks(reader.table()):  # else a run was cut short behind this, perhaps while it embedded the rest
            patient(lambda: write_tracks(record, reader.table()))
            reader.refresh()
        complete_scan(record, references, settings, lambda: engine, watch, reader)
        patient(lambda: grow_in_scan(record, references, settings))
    except CancelledError:
        record.content["status"] = "cancelled"
        at_last(record.save)
        raise
    coverage = whole_coverage(record, coverage)
    record.content |= {
        "status": "complete" if coverage.complete else "partial",
        "samples": writer.stored_samples,
        "faces": writer.stored_faces,
        "coverage": coverage_to_json(coverage),
    }
    patient(reader.store_joined)
    patient(record.save)


def _result(record: Scan, reused: bool, loaded: float, began: float) -> ScanResult:
    """``loaded`` and ``began`` are when the models were there and when all began (perf_counter)."""
    now, content = time.perf_counter(), record.content
    seconds = 0.0 if reused else now - loaded
    return ScanResult(record, record.status, content["samples"], content["faces"], reused, seconds, now - began)


def _start(project: Project, task: _Task, settings: Settings, engine: Engine, look: Look) -> Scan:
    """Write scan.json and put the scan in force, so that even an interrupted one can be looked at.

    What a pre-scan found before an interruption is kept.
    """
    before = {} if task.existing is None else task.existing.content
    known = {name: before[name] for name in ("prescan", "bank") if name in before}
    record = Scan(
        task.folder,
        {
            "version": 1,
            "facecrop": __version__,
            "status": "running",
            "video": video_to_json(task.video),
            "settings": settings.changed(),
            "look": look.facts,
            "engine": task.identity
            | {
                "licence": engine.licence,
                "metric": engine.calibration.metric,
                "match": engine.calibration.match,
                "unsure": engine.calibration.unsure,
                "det_thresh": engine.calibration.det_thresh,
                "providers": list(engine.providers),
                "landmarks_estimated": engine.detector.landmarks_estimated,
            },
            "samples": 0,
            "faces": 0,
            "embedded": 0,
            "coverage": None,
        }
        | known,
    )
    record.save()
    project.use_scan(task.video, task.folder.name)
    return record
