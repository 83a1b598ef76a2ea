"""Embeddings that a scan left out, made later: frames are decoded again, but nothing is looked for in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from facecrop_core.errors import CancelledError, DecodeError
from facecrop_core.people import rank_people
from facecrop_core.pipeline.disk import DiskPatience
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.pipeline.faces import batches, cut_chip
from facecrop_core.pipeline.grown import with_grown
from facecrop_core.pipeline.looking import at_last
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.pipeline.tracking import embedded_rows, embedded_when_linked, write_tracks
from facecrop_core.pipeline.wanted import stored_references
from facecrop_core.pipeline.workers import crew_of, in_order
from facecrop_core.records import BoolArray, Engine, FaceTable, FloatArray, Frame, IntArray, Reference
from facecrop_core.settings import Settings
from facecrop_core.table import LateWriter, ScanReader, late_faces
from facecrop_core.video import TimesPlan, VideoReader

NEEDED_BELOW = 0.1
"""A track may show a person where one of its faces is as near as this below the border of being unsure."""
SECONDS_PER_PART = 10.0
FACES_PER_PART = 2048
Embedded = tuple[IntArray, FloatArray]


def complete_project(project: Project, settings: Settings, engine_of: Callable[[], Engine], watch: Watch) -> None:
    """Embed what the settings ask for in every finished scan that is in force; models are opened where it takes some.

    Raises:
        SourceError, DecodeError, ModelError, OutputError, CancelledError: what was embedded before stays.
    """
    for record in project.scans():
        if record.finished:
            references = stored_references(project, str(record.engine["embedder_sha256"]))
            complete_scan(record, references, settings, engine_of, watch)


def complete_scan(
    record: Scan,
    references: Sequence[Reference],
    settings: Settings,
    engine_of: Callable[[], Engine],
    watch: Watch,
    reader: ScanReader | None = None,
) -> int:
    """Embed the faces that the settings ask for and that are not yet; returns how many there were.

    Once all faces of a scan are embedded they are linked anew, so that its tracks are those of a scan with all of them.
    scan.json says how many are, and is written where the scan is at its end.
    """
    if record.finished and (settings.runtime.embed == "track" or _is_whole(record.content)):
        return 0
    reader, patient = reader or record.reader(), DiskPatience(settings, watch, record.video.path.name)
    rows = rows_to_embed(record, reader.table(), references, settings)
    if len(rows) and not _fits(engine := engine_of(), record, len(rows), watch):
        return 0
    if len(rows):
        complete_embeddings(record, rows, engine, settings, watch, patient)
        reader.refresh()
    embedded = int(embedded_rows(reader.table()).sum())
    if embedded == len(reader.table()) > embedded_when_linked(record):
        patient(lambda: write_tracks(record, reader.table()))
    later = late_faces(record.folder, reader.embedder_sha256)
    record.content |= {"embedded": embedded} | ({"embedded_later": later} if later else {})
    if record.finished:
        patient(reader.store_joined)
        patient(record.save)
    return len(rows)


def _is_whole(content: dict[str, Any]) -> bool:
    """Whether the scan itself embedded every face, so that its table need not be read to find out."""
    return content.get("embedded", content["faces"]) == content["faces"] and "embedded_later" not in content


def _fits(engine: Engine, record: Scan, count: int, watch: Watch) -> bool:
    """Whether the scan was made with these models; says so where not."""
    if engine.embedder.model_sha256 == record.engine["embedder_sha256"]:
        watch.send(Note("info", f"{count} faces of {record.video.path.name} are embedded later."))
        return True
    words = f"{record.video.path.name} was scanned with another model: {count} of its faces stay without an embedding."
    watch.send(Note("warning", words))
    return False


def rows_to_embed(record: Scan, table: FaceTable, references: Sequence[Reference], settings: Settings) -> IntArray:
    """Rows of the scan's table that have no embedding and, by the settings, need one."""
    missing, embed = np.flatnonzero(~embedded_rows(table)), settings.runtime.embed
    if embed == "all" or not len(missing):
        return missing
    if embed == "track" or not references:
        return missing[:0]
    tracks = table["track"]
    wanted = np.unique(tracks[_may_match(record, table, references, settings) & (tracks >= 0)])
    return missing[np.isin(tracks[missing], wanted)]


def _may_match(record: Scan, table: FaceTable, references: Sequence[Reference], settings: Settings) -> BoolArray:
    """Which faces [n] are nearly as near to somebody as an unsure face."""
    sim, engine = settings.matching.sim, record.engine
    border = engine["unsure"] if sim is None or sim == "auto" else min(engine["unsure"], float(sim))
    bank = with_grown(record, references, settings)
    names = list(dict.fromkeys(r.person for r in bank))
    _, scores = rank_people(table.embeddings, bank, names, engine["metric"])
    return np.asarray(scores[:, 0] >= border - NEEDED_BELOW)


def complete_embeddings(
    record: Scan, rows: IntArray, engine: Engine, settings: Settings, watch: Watch, patient: DiskPatience
) -> None:
    """Embed these rows of the scan's table: only their frames are decoded, and faces are where they were found.

    A child process decodes, workers embed, this thread stores. On any end, what was embedded is committed.

    Raises:
        SourceError, DecodeError: see ``VideoReader``. CancelledError: ``watch.stop`` was set.
    """
    table = record.reader().table()
    times, name = table["time_seconds"][rows], record.video.path.name
    writer = LateWriter(record.folder, engine.embedder.model_sha256)
    crew = crew_of(settings, engine)

    def embed(frames: list[Frame]) -> Embedded:
        return _embed(frames, table, rows, engine)

    plan = TimesPlan(np.unique(times).tolist())
    with VideoReader(record.video, plan, (0, 0), slots=crew.slots, hwaccel=engine.decoder) as reader:
        try:
            committed = time.perf_counter()
            with closing(in_order(embed, batches(reader, crew.frames_at_once), crew.workers)) as found:
                for done, vectors in found:
                    writer.add(table["face_id"][done].tolist(), vectors)
                    due = time.perf_counter() - committed > SECONDS_PER_PART or writer.waiting >= FACES_PER_PART
                    if due and patient(writer.flush):
                        committed = time.perf_counter()
                    watch.send(Progress("embed", name, writer.stored + writer.waiting, len(rows)))
                    watch.check_cancelled()
            patient(writer.flush)
        except (CancelledError, DecodeError):
            at_last(writer.flush)
            raise


def _embed(frames: list[Frame], table: FaceTable, rows: IntArray, engine: Engine) -> Embedded:
    """Those of the rows that lie in these frames, and their embeddings [n, d]. The frames are given back."""
    times, embedder = table["time_seconds"][rows], engine.embedder
    try:
        near = [np.searchsorted(times, frame.time_seconds + np.array([-1e-6, 1e-6])) for frame in frames]
        places = [rows[begin:end] for begin, end in near]
        chips = [
            cut_chip(frame, table["landmarks"][row], embedder)
            for frame, of_frame in zip(frames, places, strict=True)
            for row in of_frame
        ]
    finally:
        for frame in frames:
            frame.release()
    vectors = embedder.embed(np.stack(chips)) if chips else np.zeros((0, embedder.dimensions), np.float32)
    return np.concatenate(places), vectors
