"""The coarse pass before a scan: in which spans of a video wanted people may appear, and better references for them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from facecrop_core.people import Hysteresis, ReferenceBank, Span, SpanRules, round_off
from facecrop_core.pipeline.disk import DiskPatience
from facecrop_core.pipeline.events import Note, Pace, Progress, Watch
from facecrop_core.pipeline.faces import FaceMaker, batches, make_signature
from facecrop_core.pipeline.grown import store_grown
from facecrop_core.pipeline.plans import Look
from facecrop_core.pipeline.project import Scan, coverage_from_json, coverage_to_json
from facecrop_core.pipeline.wanted import growth_rules, span_rules
from facecrop_core.pipeline.workers import Crew, crew_of, in_order
from facecrop_core.records import Coverage, Engine, Faces, FloatArray, Frame, Reference, Video
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow
from facecrop_core.track import number_shots
from facecrop_core.video import RatePlan, SpansPlan, VideoReader

USUAL_RATE = 25
_Seen = tuple[Frame, Faces, FloatArray]


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
    coarse = _CoarsePass(video, look, engine, references, settings)
    plan = RatePlan(float(video.frame_rate or USUAL_RATE) / settings.prescan.prescan_stride)
    canvas = small_canvas(engine.detector.canvas_size(*look.size(video)), settings.prescan.prescan_max_width)
    pace, crew = Pace(look.total_seconds(video), look.start_seconds), crew_of(settings, engine)
    where: dict[str, Any] = {
        "start_seconds": look.start_seconds,
        "end_seconds": look.end_seconds,
        "area": look.area,
        "hwaccel": engine.decoder,
    }
    with (
        VideoReader(video, plan, canvas, rough=True, slots=crew.slots, **where) as reader,
        closing(_in_order(coarse, reader, crew)) as found,
    ):
        for batch in found:
            coarse.see(batch)
            pace.samples += len(batch)
            watch.check_cancelled()
            watch.send(
                Progress(
                    "prescan",
                    video.path.name,
                    coarse.times[-1],
                    look.total_seconds(video),
                    pace.samples,
                    samples_per_second=pace.samples_per_second(),
                    seconds_left=pace.seconds_left(coarse.times[-1]),
                )
            )
        coverage = reader.coverage()
    spans = coarse.spans(max(coverage.decoded_until_seconds, look.start_seconds))
    return Prescan(spans, coarse.grown, pace.samples, time.perf_counter() - began, coverage)


def _in_order(coarse: _CoarsePass, reader: VideoReader, crew: Crew) -> Generator[list[_Seen]]:
    """Samples with their faces. Frames are held until they come out, so there must be room to read others meanwhile."""
    frames = batches(reader, crew.frames_at_once)
    return in_order(coarse.find, frames, crew.workers, crew.most(reader.slots))


class _CoarsePass:
    """What the samples of a pre-scan show, and the bank that grows by them."""

    def __init__(
        self, video: Video, look: Look, engine: Engine, references: Sequence[Reference], settings: Settings
    ) -> None:
        self._video, self._look, self._settings = video, look, settings.prescan
        self._rules = span_rules(settings.prescan, engine.calibration)
        growth = growth_rules(settings.prescan, engine.calibration)
        self._bank = ReferenceBank(references, engine.calibration.metric, growth)
        detection = settings.detection.model_copy(update={"det_thresh": settings.prescan.prescan_face_conf})
        self._maker = FaceMaker(engine, detection, look.area)
        self._hysteresis = Hysteresis(self._rules)
        self._signatures: list[bytes] = []
        self.times: list[float] = []
        self.grown: list[Reference] = []

    def find(self, frames: list[Frame]) -> list[_Seen]:
        """Frames with their faces and embeddings. May be called by several threads."""
        return [(frame, *found) for frame, found in zip(frames, self._maker.find(frames), strict=True)]

    def see(self, batch: list[_Seen]) -> None:
        """Take the next samples; the frames are given back."""
        try:
            for frame, faces, vectors in batch:
                distances = self._bank.distances(vectors)
                self._hysteresis.add(frame.time_seconds, float(distances.min(initial=np.inf)))
                self._grow(frame, faces, vectors)
                self.times.append(frame.time_seconds)
                self._signatures.append(make_signature(frame.canvas))
        finally:
            for frame, _, _ in batch:
                frame.release()

    def _grow(self, frame: Frame, faces: Faces, vectors: FloatArray) -> None:
        rows: dict[int, FaceRow] = {}

        def sharpness(face: int) -> float:
            rows[face] = self._maker.row(frame, faces, face, vectors[face])
            return rows[face].measures.get("laplacian", np.nan)

        for added in self._bank.grow(vectors, sharpness):
            row = rows[added.face]
            source = f"{self._video.path.name} at {frame.time_seconds:.3f} s"
            note = f"grown by the pre-scan: distance {added.distance:.3f}, sharpness {row.measures['laplacian']:.0f}"
            self.grown.append(Reference(added.person, source, row.embedding, row.thumb_jpeg, row.det_score, note))

    def spans(self, end_seconds: float) -> list[Span]:
        """The spans within what was looked at, padded and bridged."""
        cuts: list[Span] = []
        if self._settings.prescan_trim_pad and self.times:
            pictures = np.frombuffer(b"".join(self._signatures), np.uint8).reshape(len(self.times), -1)
            cuts = [(self.times[i], self.times[i + 1]) for i in np.flatnonzero(np.diff(number_shots(pictures)))]
        return round_off(self._hysteresis.spans(), self._rules, (self._look.start_seconds, end_seconds), cuts)


def small_canvas(size: tuple[int, int], max_width: int) -> tuple[int, int]:
    """(width, height) of the picture that faces are looked for in, from the one that a scan would take."""
    width, height = size
    return size if width <= max_width else (max_width, max(round(height * max_width / width), 1))


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
