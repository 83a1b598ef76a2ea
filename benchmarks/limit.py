"""How quickly a scan could run on this machine if its stages cost nothing but their own work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from isolation import inside

from facecrop_core.models.sessions import usable_cores
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.pipeline.faces import FaceMaker
from facecrop_core.pipeline.workers import in_order
from facecrop_core.records import Frame
from facecrop_core.settings import Settings
from facecrop_core.video import RatePlan, VideoReader, probe

SAMPLES = 48
BATCHES = (1, 2, 4, 8)
REPEATS = 3


def limit_seconds(path: Path, pack: str, fps: float, flags: dict[str, Any], samples: int, faces: int) -> dict[str, Any]:
    """Seconds of each stage alone with all cores, for so many samples and faces, and their sum.

    Decoding is measured on the whole film with one thread and shared out over the cores. The others are measured on
    samples spread over the film, by as many threads as there are cores; models at their best batch.
    """
    settings = Settings().with_values({"pack": pack, "fps": fps} | flags)
    engine, video, cores = open_engine(settings, threads=1), probe(path), usable_cores()
    maker, plan = FaceMaker(engine, settings.detection), RatePlan(fps)
    canvas_size = engine.detector.canvas_size(video.width, video.height)
    decoding = _best(lambda: inside(video, plan, 1, canvas_size))
    every = max(samples // SAMPLES, 1)
    frames = []
    with VideoReader(video, plan, canvas_size, slots=4) as reader:
        for number, frame in enumerate(reader):
            if number % every == 0:
                frames.append(_copy(frame))
            frame.release()
    found = maker.find(frames)
    cuts = [
        (frame, of_frame, i) for frame, (of_frame, _) in zip(frames, found, strict=True) for i in range(len(of_frame))
    ]
    canvases, chips = [frame.canvas for frame in frames], [maker._cut(*cut).chip for cut in cuts]
    detection = _seconds_each(lambda group: engine.detector.detect(group, maker.threshold), canvases, BATCHES)
    cutting = _seconds_each(lambda group: [maker._cut(*cut) for cut in group], cuts, (1,))
    embedding = _seconds_each(lambda group: engine.embedder.embed(np.stack(group)), chips, BATCHES)
    seconds = {
        "decoding": decoding / cores,
        "detection": detection * samples,
        "thumbnails_and_measures": cutting * faces,
        "embedding": embedding * faces,
    }
    return {"cores": cores, "limit_seconds": sum(seconds.values())} | seconds


def _best(work: Callable[[], object]) -> float:
    """Seconds of the quickest of several runs."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _seconds_each(function: Callable[[Any], object], items: Sequence[Any], batches: Sequence[int]) -> float:
    """Seconds for each item at the best batch, with a thread on each core."""
    if not items:
        return 0.0
    return min(_best(partial(_run, function, items, batch)) for batch in batches) / len(items)


def _run(function: Callable[[Any], object], items: Sequence[Any], batch: int) -> None:
    for _ in in_order(function, [items[i : i + batch] for i in range(0, len(items), batch)], usable_cores()):
        pass


def _copy(frame: Frame) -> Frame:
    """A frame that outlives its slot."""
    planes = (frame.luma, frame.chroma_u, frame.chroma_v, frame.canvas)
    copies = (plane.copy() for plane in planes)
    return Frame(frame.sample, frame.frame, frame.time_seconds, *copies, frame.color_matrix, frame.full_range)
