#!/usr/bin/env python3
"""What decoding in a child process costs: frames per second of a 1080p film in this process and through the child.

  isolation.py [VIDEO] [--runs 5] [--seconds 60] [--fps 8] [--threads 1]

Without VIDEO, a film is made. Both sides decode and convert the same frames into the same kind of memory with the same
number of threads; the runs alternate, and the child's start is counted. Two plans are measured: every frame, where as
much as possible goes through the shared memory, and the rate of a usual scan. Prints one JSON object: the median frames
of the film per second of both, and the share that isolation costs (negative: it is quicker, because the child decodes
while its reader looks at what it gave).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from facecrop_core.records import Video
from facecrop_core.video import Plan, RatePlan, VideoReader, probe
from facecrop_core.video.convert import Converter
from facecrop_core.video.decoding import Decoding
from facecrop_core.video.ring import SlotViews
from facecrop_core.video.sampling import EVERY_FRAME

CANVAS = (640, 384)


def inside(video: Video, plan: Plan, threads: int, canvas_size: tuple[int, int] = CANVAS) -> None:
    """Decode in this process, into one slot."""
    half = (video.height + 1) // 2, (video.width + 1) // 2
    luma = np.empty((video.height, video.width), np.uint8)
    canvas = np.empty((canvas_size[1], canvas_size[0], 3), np.uint8)
    slot = SlotViews(luma, np.empty(half, np.uint8), np.empty(half, np.uint8), canvas)
    converter = Converter(video, canvas_size)
    for wanted in Decoding(video, plan, threads=threads).frames():
        converter.write(wanted.picture, slot)


def isolated(video: Video, plan: Plan, threads: int) -> None:
    """Decode in the child."""
    with VideoReader(video, plan, CANVAS, threads=threads) as reader:
        for frame in reader:
            frame.release()


def measure(video: Video, plan: Plan, threads: int, runs: int) -> dict[str, float]:
    """Median frames of the film per second of both ways."""
    seconds: dict[str, list[float]] = {"inside": [], "isolated": []}
    for _ in range(runs):
        for name, read in (("inside", inside), ("isolated", isolated)):
            began = time.perf_counter()
            read(video, plan, threads)
            seconds[name].append(time.perf_counter() - began)
    frames = video.frame_count or 0
    rates = {name: frames / statistics.median(values) for name, values in seconds.items()}
    cost = 1 - rates["isolated"] / rates["inside"]
    return {f"{name}_fps": round(rate, 1) for name, rate in rates.items()} | {"cost": round(cost, 3)}


def make_film(path: Path, seconds: float) -> Path:
    """A 1080p film with moving detail."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    import clips

    detail = np.random.default_rng(4).integers(0, 255, (136, 240, 3)).astype(np.uint8)
    picture = clips.cv2.resize(detail, (2400, 1360), interpolation=clips.cv2.INTER_CUBIC)
    moving = (picture[n % 200 : n % 200 + 1080, 2 * (n % 200) : 2 * (n % 200) + 1920] for n in range(int(seconds * 25)))
    return clips.write_film(path, moving, 25, options={"crf": "23"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fps", type=float, default=8)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video = probe(options.video or make_film(Path(folder) / "film.mp4", options.seconds))
        plans = {"every_frame": EVERY_FRAME, "rate": RatePlan(options.fps)}
        result = {name: measure(video, plan, options.threads, options.runs) for name, plan in plans.items()}
    size = f"{video.width} × {video.height}"
    print(json.dumps({"size": size, "frames": video.frame_count, "threads": options.threads} | result))


if __name__ == "__main__":
    main()
