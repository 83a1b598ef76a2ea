"""The coarse pass before a scan: in which spans of a video wanted people may appear, and better references for them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facecrop_core.models.sessions import usable_cores
from facecrop_core.people import Hysteresis, ReferenceBank, Span, SpanRules, round_off
from facecrop_core.pipeline.disk import DiskPatience
from facecrop_core.pipeline.events import Note, Pace, Progress, Watch
from facecrop_core.pipeline.faces import FaceMaker
from facecrop_core.pipeline.grown import store_grown
from facecrop_core.pipeline.plans import Look
from facecrop_core.pipeline.project import Scan, coverage_from_json, coverage_to_json
from facecrop_core.pipeline.wanted import growth_rules, span_rules
from facecrop_core.records import Coverage, Engine, FloatArray, Frame, Reference, Video
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow, SampleRow
from facecrop_core.video import RatePlan, SpansPlan, VideoReader

BATCH_FRAMES = 8
SLOTS = 16
USUAL_RATE = 25


@dataclass(frozen=True)
class Prescan:
    """What a pre-scan found. ``spans`` are (start, end) in seconds, padded and bridged; both ends belong to them."""

    spans: list[Span]
    grown: list[Reference]
    samples: int
    seconds: float
    coverage: Coverage

    def to_json(self, rules: SpanRules) -> dict[str, Any]:
        """What scan.json keeps of it."""
        return {
            "spans": [[round(start, 3), round(end, 3)] for start, end in self.spans],
            "span_seconds": round(sum(end - start for start, end in self.spans), 3),
            "grown": len(self.grown),
            "samples": self.samples,
            "seconds": round(self.seconds, 3),
            "enter": round(rules.enter, 4),
            "exit": round(rules.exit, 4),
            "coverage": coverage_to_json(self.coverage),
        }


def narrow(
    look: Look,
    record: Scan,
    engine: Engine,
    references: Sequence[Reference],
    settings: Settings,
    watch: Watch,
    patient: DiskPatience,
) -> Look:
    """What a scan looks at, cut down to the spans that a pre-scan chooses where one is asked for.

    What it found is stored with the scan before anything else is done, so that a resumed scan does not repeat it.
    """
    if not settings.prescan.prescan:
        return look
    if "prescan" not in record.content:
        found = prescan(record.video, look, engine, references, settings, watch)

        def store() -> None:
            store_grown(record, "prescan", found.grown, references)
            record.content["prescan"] = found.to_json(span_rules(settings.prescan, engine.calibration))
            record.save()

        patient(store)
        watch.send(describe(found, record.video))
    spans = [(float(start), float(end)) for start, end in record.content["prescan"]["spans"]]
    return dataclasses.replace(look, plan=SpansPlan(look.plan, spans))


def whole_coverage(record: Scan, coverage: Coverage) -> Coverage:
    """What pre-scan and scan saw together: the pre-scan went through all of the video, the scan only through spans."""
    if "prescan" not in record.content:
        return coverage
    coarse = coverage_from_json(record.content["prescan"]["coverage"])
    return Coverage(
        max(coarse.decoded_frames, coverage.decoded_frames),
        coarse.decoded_until_seconds if coverage.complete else coverage.decoded_until_seconds,
        coarse.expected_seconds,
        tuple(sorted({*coarse.damaged_ranges, *coverage.damaged_ranges})),
        max(coarse.decode_failures, coverage.decode_failures),
    )


def prescan(
    video: Video, look: Look, engine: Engine, references: Sequence[Reference], settings: Settings, watch: Watch
) -> Prescan:
    """Look at every so many-th frame of what a scan would look at, small, for people who are near a reference.

    Faces are found in the small picture and embedded from the frame's own pixels, as in the scan.

    Raises:
        SourceError, DecodeError: see ``VideoReader``. CancelledError: ``watch.stop`` was set.
    """
    began = time.perf_counter()
    rules = span_rules(settings.prescan, engine.calibration)
    bank = ReferenceBank(references, engine.calibration.metric, growth_rules(settings.prescan, engine.calibration))
    conf = {"det_thresh": settings.prescan.prescan_face_conf}
    maker = FaceMaker(engine, settings.detection.model_copy(update=conf), look.area)
    hysteresis, grown, pace = Hysteresis(rules), list[Reference](), Pace(look.total_seconds(video), look.start_seconds)
    plan = RatePlan(float(video.frame_rate or USUAL_RATE) / settings.prescan.prescan_stride)
    canvas = small_canvas(engine.detector.canvas_size(*look.size(video)), settings.prescan.prescan_max_width)
    with VideoReader(
        video,
        plan,
        canvas,
        area=look.area,
        start_seconds=look.start_seconds,
        end_seconds=look.end_seconds,
        slots=SLOTS,
        threads=usable_cores(),
    ) as reader:
        for row in _rows(maker, reader):
            vectors = _embeddings(row)
            distances = bank.distances(vectors) if len(vectors) else np.full((0, 1), np.inf)
            hysteresis.add(row.time_seconds, float(distances.min(initial=np.inf)))
            sharpness = [face.measures.get("laplacian", np.nan) for face in row.faces]
            for added in bank.grow(vectors, sharpness):
                grown.append(_grown(added.person, added.distance, row.faces[added.face], video, row.time_seconds))
            pace.samples += 1
            _report(video, look, pace, row.time_seconds, watch)
        coverage = reader.coverage()
    limits = (look.start_seconds, max(coverage.decoded_until_seconds, look.start_seconds))
    spans = round_off(hysteresis.spans(), rules, limits)
    return Prescan(spans, grown, pace.samples, time.perf_counter() - began, coverage)


def small_canvas(size: tuple[int, int], max_width: int) -> tuple[int, int]:
    """(width, height) of the picture that faces are looked for in, from the one that a scan would take."""
    width, height = size
    return size if width <= max_width else (max_width, max(round(height * max_width / width), 1))


def _rows(maker: FaceMaker, frames: Iterator[Frame]) -> Iterator[SampleRow]:
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == BATCH_FRAMES:
            yield from _look(maker, batch)
            batch = []
    if batch:
        yield from _look(maker, batch)


def _look(maker: FaceMaker, batch: list[Frame]) -> list[SampleRow]:
    try:
        return maker.rows(batch)
    finally:
        for frame in batch:
            frame.release()


def _embeddings(row: SampleRow) -> FloatArray:
    return np.array([face.embedding for face in row.faces], np.float32)


def _grown(person: str, distance: float, face: FaceRow, video: Video, time_seconds: float) -> Reference:
    note = f"grown by the pre-scan: distance {distance:.3f}, sharpness {face.measures['laplacian']:.0f}"
    source = f"{video.path.name} at {time_seconds:.3f} s"
    return Reference(person, source, face.embedding, face.thumb_jpeg, face.det_score, note)


def _report(video: Video, look: Look, pace: Pace, done: float, watch: Watch) -> None:
    watch.check_cancelled()
    watch.send(
        Progress(
            "prescan",
            video.path.name,
            done,
            look.total_seconds(video),
            pace.samples,
            samples_per_second=pace.samples_per_second(),
            seconds_left=pace.seconds_left(done),
        )
    )


def describe(found: Prescan, video: Video) -> Note:
    """One line for the log and for whoever watches."""
    total = sum(end - start for start, end in found.spans)
    where = ", ".join(f"{start:.1f}–{end:.1f}" for start, end in found.spans[:20])
    more = f" … and {len(found.spans) - 20} more" if len(found.spans) > 20 else ""
    return Note(
        "info",
        f"Pre-scan of {video.path.name}: {len(found.spans)} spans, {total:.1f} s in all"
        f"{f' ({where}{more})' if where else ''}; {len(found.grown)} references grown.",
    )
