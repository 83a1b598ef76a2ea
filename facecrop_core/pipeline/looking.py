"""The main pass of a scan: every frame of the plan is decoded, looked at and stored."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager

from facecrop_core.errors import CancelledError, DecodeError, DiskFullError
from facecrop_core.pipeline.disk import DiskPatience
from facecrop_core.pipeline.events import Note, Pace, Progress, Watch
from facecrop_core.pipeline.faces import FaceMaker, batches
from facecrop_core.pipeline.picking import Picking
from facecrop_core.pipeline.plans import Look
from facecrop_core.pipeline.sparing import GROUP, SparingLook, is_sparing, shot_groups
from facecrop_core.pipeline.workers import Crew, crew_of, in_order
from facecrop_core.records import Coverage, Engine, Frame, Video
from facecrop_core.settings import Settings
from facecrop_core.table import SampleRow, ScanReader, ScanWriter, read_samples
from facecrop_core.video import VideoReader

log = logging.getLogger(__name__)

SECONDS_PER_PART = 3.0
SAMPLES_PER_PART = 512


def look_through(
    patient: DiskPatience,
    writer: ScanWriter,
    video: Video,
    look: Look,
    settings: Settings,
    engine: Engine,
    watch: Watch,
) -> Coverage:
    """Decode, look and store until the video ends. On any end, what was looked at is committed.

    A child process decodes, workers look at the frames, and this thread stores what they found, in the order of time.
    Where only some faces are embedded, it also chooses which, and workers embed them in a second round.

    Raises:
        SourceError, DecodeError: see ``VideoReader``. CancelledError: ``watch.stop`` was set.
    """
    if writer.next_sample > 0:
        watch.send(Note("info", f"Going on with the scan of {video.path.name} at {writer.resume_seconds:.1f} s."))
    crew = crew_of(settings, engine)
    if is_sparing(settings.detection):
        crew = dataclasses.replace(crew, frames_at_once=GROUP)
    maker = FaceMaker(engine, settings.detection, look.area)
    picking = None if settings.runtime.embed == "all" else _picking(writer, video, engine)
    total, start = look.total_seconds(video), max(look.start_seconds, writer.resume_seconds)
    pace = Pace(total, start)
    with VideoReader(
        video,
        look.plan,
        engine.detector.canvas_size(*look.size(video)),
        area=look.area,
        start_seconds=start,
        end_seconds=look.end_seconds,
        slots=crew.slots,
        hwaccel=engine.decoder,
    ) as reader:
        frames = _from_sample(reader, writer.next_sample)
        try:
            committed = time.perf_counter()
            with _rows(frames, maker, picking, crew) as found:
                for rows in found:
                    for row in rows:
                        writer.add(row)
                        _log_sample(row, settings)
                    pace.samples += len(rows)
                    due = time.perf_counter() - committed > SECONDS_PER_PART or len(writer.samples) >= SAMPLES_PER_PART
                    if due and patient(writer.flush):
                        committed = time.perf_counter()
                    _report(writer, video, total, pace, watch)
                    watch.check_cancelled()
            patient(writer.flush)
            if engine.decoder != "off":
                watch.send(Note("info", f"{video.path.name} was decoded by {reader.hardware or 'the processor'}."))
            return reader.coverage()
        except (CancelledError, DecodeError):
            at_last(writer.flush)
            raise


@contextmanager
def _rows(
    frames: Iterator[Frame], maker: FaceMaker, picking: Picking | None, crew: Crew
) -> Iterator[Iterator[list[SampleRow]]]:
    """The frames' rows, group by group, from workers; only faces that are picked are embedded, in a second round."""
    sparing = is_sparing(maker.settings)
    groups = shot_groups(frames) if sparing else batches(frames, crew.frames_at_once)
    look = maker.rows if picking is None else maker.look
    rows_of = SparingLook(look, maker.settings).rows if sparing else look
    with closing(in_order(rows_of, groups, crew.workers)) as looked:
        if picking is None:
            yield looked
            return
        with closing(in_order(maker.embed, map(picking.rows, looked), crew.workers)) as embedded:
            yield embedded


def _picking(writer: ScanWriter, video: Video, engine: Engine) -> Picking:
    """What chooses the faces to embed, as it was when the scan was interrupted."""
    picking = Picking(engine.calibration.det_thresh)
    if writer.stored_samples:
        reader = ScanReader(writer.folder, video, writer.embedder_sha256)
        picking.replay(reader.table(), read_samples(writer.folder))
    return picking


def at_last(write: Callable[[], object]) -> None:
    """Store what a stopped run has; on a full disk it ends without."""
    try:
        write()
    except DiskFullError as error:
        log.warning("%s", error.message)


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
