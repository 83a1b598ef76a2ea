#!/usr/bin/env python3
"""How a scan's seconds and memory grow with the film's length, and what a second worker brings.

  scaling.py VIDEO --pack PACK_DIR [--minutes 1 10] [--workers 1 2] [--fps 1] [--workers-fps 8]

The video's packets are repeated until the film is as long as wanted. Prints one JSON object: for each length the
seconds of the scan (loading models left out), the samples per second and the largest memory (sum of the proportional
set sizes of all its processes, Linux); for each number of workers the same of the shortest film.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import av
from memory import watch


def repeated(source: Path, target: Path, seconds: float) -> Path:
    """The film again and again, without encoding it anew."""
    shift = 0
    with av.open(str(target), "w") as output:
        stream = None
        while stream is None or shift * stream.time_base < seconds:
            with av.open(str(source)) as film:
                if stream is None:
                    stream = output.add_stream_from_template(film.streams.video[0])
                    stream.time_base = film.streams.video[0].time_base
                last = 0
                for packet in film.demux(video=0):
                    if packet.dts is None:
                        continue
                    last = max(last, packet.pts + (packet.duration or 0))
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                    output.mux(packet)
                shift += last
    return target


def scan(video: Path, pack: str, folder: Path, fps: str, *flags: str) -> dict[str, Any]:
    """Scan and watch the memory."""
    seen = watch(["scan", str(video), "--project", str(folder), "--pack", pack, "--fps", fps, *flags])
    said, seconds = seen["result"], seen["result"]["seconds"]
    return {
        "seconds": seconds,
        "samples": said["samples"],
        "samples_per_second": round(said["samples"] / seconds, 1),
        "peak_mb": seen["pss_mb"]["peak"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--fps", default="1", help="of the lengths")
    parser.add_argument(
        "--workers-fps", default="8", help="of the numbers of workers: models, not decoding, take the time"
    )
    options = parser.parse_args()
    lengths, workers = {}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = {m: repeated(options.video, folder / f"{m:g}.mp4", 60 * m) for m in options.minutes}
        for minutes, film in films.items():
            lengths[f"{minutes:g}"] = scan(film, options.pack, folder / f"length{minutes:g}", options.fps)
        for count in options.workers:
            lane = folder / f"workers{count}"
            workers[str(count)] = scan(films[min(films)], options.pack, lane, options.workers_fps, f"--workers={count}")
    print(json.dumps({"minutes": lengths, "workers": workers}))


if __name__ == "__main__":
    main()
