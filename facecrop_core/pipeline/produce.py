"""The quick flow, as often as a slider moves: face table → match people → select → choose → crop → export."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.crop import frame_crops
from facecrop_core.crop_plan import CropPlan
from facecrop_core.errors import ReferencesError
from facecrop_core.export import DatasetWriter, statistics_path
from facecrop_core.names import utf8
from facecrop_core.people import PeopleStore, collect_photos, collect_refs_dir, read_references
from facecrop_core.pipeline.choosing import choose_set
from facecrop_core.pipeline.crop_files import CropFiles, crop_files
from facecrop_core.pipeline.curation import Curated, keep_chosen, load_curated, nothing_said
from facecrop_core.pipeline.disk import DiskPatience, export_bytes, warn_of_little_space
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.pipeline.matching import inconsistent, remembered, who_is_who
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.pipeline.provenance import describe_run
from facecrop_core.pipeline.reference_sheet import write_reference_sheet
from facecrop_core.pipeline.workers import cpu_workers, in_order
from facecrop_core.records import REASONS, BoolArray, Engine, FaceTable, Frame, IntArray, Matches, Reference
from facecrop_core.select import reason_counts, select
from facecrop_core.settings import Settings
from facecrop_core.video import TimesPlan, VideoReader


@dataclass(frozen=True)
class Produced:
    """What the settings make of one scan's faces. ``reasons`` int8 [n]: 0 is kept, else an index into REASONS."""

    scan: Scan
    table: FaceTable
    matches: Matches
    crops: CropPlan
    reasons: NDArray[np.int8]
    curated: Curated
    validation: BoolArray | None = None
    """Which faces [n] are for validation, where the set is split."""

    @property
    def kept(self) -> IntArray:
        """Positions of the faces that are kept, in order of time."""
        return np.flatnonzero(self.reasons == 0)

    def person_name(self, row: int) -> str | None:
        person = int(self.matches.person[row])
        return self.matches.names[person] if person >= 0 else None


def add_references(
    project: Project,
    paths: Sequence[Path],
    engine: Engine,
    settings: Settings,
    watch: Watch,
    recursive: bool = False,
    sheet: Path | None = None,
) -> list[Reference]:
    """Read reference photos and make them the project's. ``sheet``: where to draw what was taken and refused.

    Raises:
        ReferencesError: not one photo shows a usable face.
    """
    photos = collect_refs_dir(paths[0]) if recursive else collect_photos(paths)
    read = read_references(photos, engine, settings.reference, watch.check_cancelled)
    for warning in read.warnings:
        watch.send(Note("warning", warning))
    if sheet is not None:
        write_reference_sheet(sheet, read.references, read.refused)

    def store_them() -> None:
        with PeopleStore(project.people_path) as store:
            store.replace_references(read.references, engine.embedder.model_sha256)

    DiskPatience(settings, watch)(store_them)
    return read.references


def project_references(project: Project, scan: Scan) -> list[Reference]:
    """The project's references for the model that a scan was made with, negatives too.

    Raises:
        ReferencesError: there are references, but only another model's.
    """
    if not project.people_path.exists():
        return []
    with PeopleStore(project.people_path) as store:
        references = store.references(str(scan.engine["embedder_sha256"]), negatives=True)
        if not references and store.names():
            raise ReferencesError(
                "The project's references were made with another model than the scan.",
                "Name the reference photos again with --refs.",
            )
    return references


def evaluate(
    scan: Scan, table: FaceTable, references: Sequence[Reference], settings: Settings, curated: Curated | None = None
) -> Produced:
    """Who each face is, where its crop lies, and whether it is kept, and if not, why.

    Matches and crop plans are remembered with the table, so that moving a gate does neither again. ``curated`` is what
    the user said of the table's faces.
    """
    curated = curated or nothing_said(len(table))
    matches = who_is_who(scan, table, references, settings, curated)
    crops = remembered(table, ("crops", settings.framing), lambda: frame_crops(table, settings.framing))
    reasons = select(table, matches, crops, settings.gate, curated.left_out)
    misfits = inconsistent(scan, table, references, settings, curated, matches)
    np.copyto(reasons, REASONS.index("inconsistent"), where=(reasons == 0) & misfits)
    return Produced(scan, table, matches, crops, keep_chosen(reasons, curated), curated)


def produce(project: Project, settings: Settings) -> list[Produced]:
    """Evaluate every scan that is in force, and choose from all of them together."""

    def of(scan: Scan) -> Produced:
        table = scan.reader().table()
        curated = load_curated(project, scan, table)
        return evaluate(scan, table, project_references(project, scan), settings, curated)

    return choose_set([of(scan) for scan in project.scans()], settings)


def write_dataset(project: Project, settings: Settings, out: Path, watch: Watch | None = None) -> dict[str, Any]:
    """Write the dataset and return counts, ready for JSON.

    Each needed frame is decoded once, in order, and its crops are rendered by several threads; nothing is detected or
    embedded.

    Raises:
        OutputError, DiskFullError, SourceError: what was written before stays whole.
    """
    watch, began = watch or Watch(), time.perf_counter()
    everything = produce(project, settings)
    reasons: Counter[str] = Counter()
    for produced in everything:
        reasons.update(reason_counts(produced.reasons))
    total = sum(len(produced.kept) for produced in everything)
    people = sorted({name for produced in everything for name in produced.matches.names})
    saved: Counter[str] = Counter()
    watch.send(Progress("export", total=total))
    watch.check_cancelled()
    patient = DiskPatience(settings, watch)
    videos = [produced.scan.video.video_id for produced in everything]
    project.note_export(out, statistics_path(out, settings.logging.log_dir))
    run = describe_run([produced.scan for produced in everything], settings)
    with patient(lambda: DatasetWriter(out, settings, people, videos, run)) as writer:
        there = writer.faces(run["transform"]) if settings.export.only_new else set()
        chosen = [_lacking(produced, there) for produced in everything]
        if there:
            reasons["exported_before"] = total - sum(map(len, chosen))
            total = sum(map(len, chosen))
        warn_of_little_space(out, export_bytes(total, settings), watch)
        within = all(
            _write_kept(produced, kept, settings, writer, saved, total, watch)
            for produced, kept in zip(everything, chosen, strict=True)
        )
        if not within:
            reasons["size_limit"] = total - sum(saved.values())
            limit, left = settings.export.max_total_bytes, reasons["size_limit"]
            watch.send(Note("warning", f"The dataset has reached {limit} bytes; {left} crops are left out."))
        written = patient(writer.close)
    return {
        "out": str(out),
        "saved": sum(saved.values()),
        "people": dict(sorted(saved.items())),
        "not_kept": dict(reasons),
        "files": written,
        "export_seconds": round(time.perf_counter() - began, 3),
    }


def _lacking(produced: Produced, there: set[str]) -> IntArray:
    """The rows that are kept, without those of faces that are there already."""
    ids = produced.table["face_id"]
    return np.array([row for row in produced.kept if str(ids[row]) not in there] if there else produced.kept, np.int64)


def _write_kept(
    produced: Produced,
    kept: IntArray,
    settings: Settings,
    writer: DatasetWriter,
    saved: Counter[str],
    total: int,
    watch: Watch,
) -> bool:
    """Write the rows ``kept``, in order of time; returns whether all went into the largest dataset that is allowed.

    The child decodes, workers cut and encode, this thread writes, in the order of the frames.
    """
    table = produced.table
    if not len(kept):
        return True
    writer.start_video(produced.scan.video.video_id)
    times = table["time_seconds"][kept]
    plan, name = TimesPlan([float(t) for t in np.unique(times)]), produced.scan.video.path.name
    patient, workers = DiskPatience(settings, watch, name), cpu_workers(settings)

    def render(frame: Frame) -> list[tuple[int, CropFiles]]:
        """The frame's crops as files' bytes, by their rows; one at a time is held as pixels."""
        try:
            rows = kept[slice(*np.searchsorted(times, frame.time_seconds + np.array([-1e-6, 1e-6])))]
            return [(int(row), crop_files(frame, table, produced.crops, int(row), settings)) for row in rows]
        finally:
            frame.release()

    with (
        VideoReader(produced.scan.video, plan, (0, 0), slots=2 * workers + 1) as reader,
        closing(in_order(render, reader, workers)) as rendered,
    ):
        for crops in rendered:
            watch.check_cancelled()
            for row, files in crops:
                if not patient(partial(_write_crop, produced, row, files, settings, writer)):
                    return False
                saved[produced.person_name(row) or ""] += 1
            watch.send(Progress("export", name, sum(saved.values()), total, saved=sum(saved.values())))
    return True


def _write_crop(produced: Produced, row: int, files: CropFiles, settings: Settings, writer: DatasetWriter) -> bool:
    """Returns False, and writes nothing, where the crop would make the dataset too large."""
    table, crops, matches = produced.table, produced.crops, produced.matches
    frame_number, limit = int(table["frame"][row]), settings.export.max_total_bytes
    if limit is not None and writer.bytes_written + files.size_bytes > limit:
        return False
    split = {}
    if produced.validation is not None:
        split["split"] = "validation" if produced.validation[row] else "train"
    writer.write(
        produced.person_name(row),
        files.image,
        {
            "face_id": str(table["face_id"][row]),
            "video": utf8(produced.scan.video.path.name),
            "video_id": utf8(produced.scan.video.stem),
            "frame": frame_number if frame_number >= 0 else None,
            "time_seconds": round(float(table["time_seconds"][row]), 6),
            "similarity": _number(matches.similarity[row]),
            "box_xyxy": [round(float(v), 1) for v in table.boxes_xyxy[row]],
            "orig_side": int(crops.side[row]),
            "up": round(float(crops.upscale[row]), 4),
            "face_frac": round(float(crops.face_share[row]), 4),
            "det_score": _number(table["det_score"][row]),
            "tenengrad": _number(table["tenengrad"][row]),
            "yaw": _number(table["yaw"][row]),
            **split,
        },
        files.beside,
    )
    return True


def _number(value: Any) -> float | None:
    """A float for JSON; not measured is null."""
    return None if np.isnan(value) else round(float(value), 4)
