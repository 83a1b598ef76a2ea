"""The slow flow, once per video: source → decode → sample → detect → align → embed → measure → track → face table."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facecrop_core import __version__
from facecrop_core.errors import CancelledError, DecodeError, DiskFullError
from facecrop_core.pipeline.disk import DiskPatience, scan_bytes, warn_of_little_space
from facecrop_core.pipeline.engine import engine_identity, open_engine
from facecrop_core.pipeline.events import Note, Pace, Progress, Watch
from facecrop_core.pipeline.faces import FaceMaker, batches
from facecrop_core.pipeline.grown import grow_in_scan
from facecrop_core.pipeline.plans import Look, check_wanted, make_look
from facecrop_core.pipeline.prescan import narrow, whole_coverage
from facecrop_core.pipeline.project import Project, Scan, coverage_to_json, make_scan_key
from facecrop_core.pipeline.wanted import references_digest, wanted_references
from facecrop_core.records import Coverage, Engine, Frame, Metric, Video
from facecrop_core.settings import Settings
from facecrop_core.table import SampleRow, ScanWriter, commit_table, read_samples
from facecrop_core.track import LinkRules, link_tracks, number_shots
from facecrop_core.video import VideoReader, probe, video_to_json

log = logging.getLogger(__name__)

BATCH_FRAMES = 4
SECONDS_PER_PART = 3.0
SAMPLES_PER_PART = 512


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


def scan(
    video_path: Path, project: Project, settings: Settings, watch: Watch | None = None, engine: Engine | None = None
) -> ScanResult:
    """Scan one video into a project; the caller holds the project's lock.

    A finished scan with the same settings, models and file is used again; an interrupted one goes on where it stopped.

    Raises:
        SourceError, DecodeError, ModelError, OutputError: what was committed before stays.
        SkippedError: the settings leave this video out.
        CancelledError: ``watch.stop`` was set; the scan can be resumed.
    """
    watch = watch or Watch()
    began = time.perf_counter()
    video = dataclasses.replace(
        probe(video_path, image_fps=settings.sampling.image_fps), deinterlace=settings.sampling.deinterlace
    )
    check_wanted(video, settings)
    identity = engine_identity(settings)
    references = wanted_references(project, identity["embedder_sha256"], settings.prescan)
    wanted = references_digest(references) if settings.prescan.prescan else ""
    folder = project.scan_folder(video.video_id, make_scan_key(settings, identity, wanted))
    existing = Scan.find(folder)
    if existing is not None and existing.finished:
        watch.send(Note("info", f"{video.path.name} was already scanned with these settings; nothing to do."))
        project.use_scan(video, folder.name)
        project.save()
        if grow_in_scan(existing, references, settings):
            existing.save()
        return _result(existing, True, time.perf_counter(), began)
    if engine is None:
        watch.send(Progress("models", video.path.name))
        engine = open_engine(settings)
    loaded = time.perf_counter()
    watch.check_cancelled()
    warn_of_little_space(project.folder, scan_bytes(video, settings), watch)
    patient = DiskPatience(settings, watch, video.path.name)
    if video.color_note:
        watch.send(Note("warning", f"{video.path.name}: {video.color_note}"))
    look = make_look(video, settings, watch, existing.content.get("look") if existing else None)
    record = patient(lambda: _start(project, folder, video, settings, identity, engine, existing, look))
    writer = ScanWriter(folder, video.video_id, engine.embedder.model_sha256)
    try:
        look = narrow(look, record, engine, references, settings, watch, patient)
        coverage = _run(patient, writer, video, look, settings, engine, watch)
        watch.send(Progress("tracks", video.path.name, faces=writer.stored_faces))
        watch.check_cancelled()
        patient(lambda: write_tracks(record, engine))
        patient(lambda: grow_in_scan(record, references, settings))
    except CancelledError:
        record.content["status"] = "cancelled"
        _at_last(record.save)
        raise
    coverage = whole_coverage(record, coverage)
    record.content |= {
        "status": "complete" if coverage.complete else "partial",
        "samples": writer.stored_samples,
        "faces": writer.stored_faces,
        "coverage": coverage_to_json(coverage),
    }
    patient(record.save)
    return _result(record, False, loaded, began)


def _result(record: Scan, reused: bool, loaded: float, began: float) -> ScanResult:
    """``loaded`` and ``began`` are when the models were there and when all began (perf_counter)."""
    now, content = time.perf_counter(), record.content
    seconds = 0.0 if reused else now - loaded
    return ScanResult(record, record.status, content["samples"], content["faces"], reused, seconds, now - began)


def _start(
    project: Project,
    folder: Path,
    video: Video,
    settings: Settings,
    identity: dict[str, Any],
    engine: Engine,
    before: Scan | None,
    look: Look,
) -> Scan:
    """Write scan.json and put the scan in force, so that even an interrupted one can be looked at.

    What a pre-scan found ``before`` the interruption is kept.
    """
    known = {} if before is None else {k: v for k, v in before.content.items() if k in ("prescan", "bank")}
    record = Scan(
        folder,
        {
            "version": 1,
            "facecrop": __version__,
            "status": "running",
            "video": video_to_json(video),
            "settings": settings.changed(),
            "look": look.facts,
            "engine": identity
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
            "coverage": None,
        }
        | known,
    )
    record.save()
    project.use_scan(video, folder.name)
    project.save()
    return record


def _run(
    patient: DiskPatience,
    writer: ScanWriter,
    video: Video,
    look: Look,
    settings: Settings,
    engine: Engine,
    watch: Watch,
) -> Coverage:
    """Decode, look and store until the video ends. On any end, what was looked at is committed."""
    if writer.next_sample > 0:
        watch.send(Note("info", f"Going on with the scan of {video.path.name} at {writer.resume_seconds:.1f} s."))
    maker = FaceMaker(engine, settings.detection, look.area)
    total, start = look.total_seconds(video), max(look.start_seconds, writer.resume_seconds)
    pace = Pace(total, start)
    with VideoReader(
        video,
        look.plan,
        engine.detector.canvas_size(*look.size(video)),
        area=look.area,
        start_seconds=start,
        end_seconds=look.end_seconds,
    ) as reader:
        try:
            committed = time.perf_counter()
            for batch in batches(_from_sample(reader, writer.next_sample), BATCH_FRAMES):
                for row in _look(maker, batch):
                    writer.add(row)
                    _log_sample(row, settings)
                pace.samples += len(batch)
                due = time.perf_counter() - committed > SECONDS_PER_PART or len(writer.samples) >= SAMPLES_PER_PART
                if due and patient(writer.flush):
                    committed = time.perf_counter()
                _report(writer, video, total, pace, watch)
                watch.check_cancelled()
            patient(writer.flush)
            return reader.coverage()
        except (CancelledError, DecodeError):
            _at_last(writer.flush)
            raise


def _at_last(write: Callable[[], object]) -> None:
    """Store what a stopped run has; on a full disk it ends without."""
    try:
        write()
    except DiskFullError as error:
        log.warning("%s", error.message)


def _look(maker: FaceMaker, batch: list[Frame]) -> list[SampleRow]:
    try:
        return maker.rows(batch)
    finally:
        for frame in batch:
            frame.release()


def _from_sample(frames: Iterable[Frame], first_sample: int) -> Iterator[Frame]:
    """Leave out the frame at which an interrupted scan stopped: it is stored already."""
    for frame in frames:
        if frame.sample >= first_sample:
            yield frame
        else:
            frame.release()


def _report(writer: ScanWriter, video: Video, total: float | None, pace: Pace, watch: Watch) -> None:
    waiting, done = writer.samples, writer.last_seconds
    watch.send(
        Progress(
            "scan",
            video.path.name,
            done,
            total,
            writer.stored_samples + len(waiting),
            writer.stored_faces + sum(len(row.faces) for row in waiting),
            samples_per_second=pace.samples_per_second(),
            seconds_left=pace.seconds_left(done),
        )
    )


def _log_sample(row: SampleRow, settings: Settings) -> None:
    every = settings.logging.debug_every
    if every and row.sample % every == 0:
        faces = "; ".join(f"box {', '.join(f'{v:.0f}' for v in f.box_xyxy)} score {f.det_score:.2f}" for f in row.faces)
        log.info("sample %d at %.2f s: %d faces %s", row.sample, row.time_seconds, len(row.faces), faces)


def write_tracks(record: Scan, engine: Engine) -> None:
    """Number the shots and link the faces of a scan; can be done again at any time."""
    import numpy as np
    import pyarrow as pa

    metric: Metric = engine.calibration.metric
    table = record.reader().table()
    samples = read_samples(record.folder)
    shot_of_sample = number_shots(samples["signature"])
    shots = shot_of_sample[np.searchsorted(samples["sample"], table["sample"])]
    rules = LinkRules(least_similarity=engine.calibration.unsure)
    tracks = link_tracks(table["time_seconds"], shots, table.boxes_xyxy, table.embeddings, metric, rules)
    rows = pa.table({"face_id": pa.array(table["face_id"], pa.string()), "track": tracks, "shot": shots})
    commit_table(record.folder / "tracks.parquet", rows)
