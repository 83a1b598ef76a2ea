#!/usr/bin/env python3
"""Facecrop and the peer's loop on one GPU: frames per second, ratio, and how busy the GPU was.

  gpu.py VIDEO --pack PACK_DIR [--peer PEER.py] [--runs 3] [--fps 25] [--set det_batch_size=32 …]

Measures with the pack, and with a pack of buffalo_l's size and random weights on a film made for it (see
synthetic_pack.py). Prints one JSON object. Where no CUDA device works it says so, and why, and measures nothing;
``--on-cpu`` runs it all the same, to try it out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import facecrop, peer, peer_options
from synthetic_pack import write_detector, write_embedder, write_film

from facecrop_core.models.providers import SHORT_NAMES, unusable_because

EVERY_SECONDS = 0.2


@contextlib.contextmanager
def utilisation() -> Iterator[list[float]]:
    """Percentages of time in which the GPU computed, read while inside; none where nvidia-smi is missing."""
    seen: list[float] = []
    done = threading.Event()

    def look() -> None:
        query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not done.wait(EVERY_SECONDS):
            with contextlib.suppress(OSError, ValueError):
                seen.append(float(subprocess.run(query, capture_output=True, text=True).stdout.split()[0]))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def compare(video: Path, pack: str, options: argparse.Namespace, flags: list[str]) -> dict[str, Any]:
    """Both in turn on one film."""
    theirs, ours, busy = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(options.runs):
            theirs.append(peer(options.peer, video, pack, Path(folder) / "peer.parquet", options.fps))
            with utilisation() as seen:
                names = ["--project", f"{folder}/project{run}", "--pack", pack, "--fps", options.fps]
                ours.append(facecrop("scan", video, *names, *flags))
            busy += seen
    peer_seconds, seconds = (statistics.median(row["seconds"] for row in rows) for rows in (theirs, ours))
    return {
        "samples": ours[0]["samples"],
        "faces": ours[0]["faces"],
        "peer_faces": theirs[0]["faces"],
        "peer_samples_per_second": round(theirs[0]["sampled"] / peer_seconds, 1),
        "samples_per_second": round(ours[0]["samples"] / seconds, 1),
        "ratio": round(peer_seconds / seconds, 2),
        "gpu_busy_percent": round(statistics.mean(busy), 1) if busy else None,
    }


def main() -> None:
    parser = peer_options(__doc__, "25")
    parser.add_argument("--seconds", type=float, default=40, help="length of the film that is made")
    parser.add_argument("--on-cpu", action="store_true")
    options = parser.parse_args()
    reason = unusable_because(SHORT_NAMES["cuda"])
    if reason and not options.on_cpu:
        print(json.dumps({"measured": False, "why": reason}))
        sys.exit(0)
    flags = [f"--{pair}" for pair in options.set]
    with tempfile.TemporaryDirectory() as folder:
        film, pack = Path(folder) / "squares.mp4", Path(folder) / "synthetic"
        pack.mkdir()
        write_film(film, options.seconds, (1920, 1080))
        write_detector(pack / "det_10g.onnx")
        write_embedder(pack / "w600k_r50.onnx")
        result = {
            "measured": True,
            "pack": compare(options.video, options.pack, options, flags),
            "synthetic": compare(film, str(pack), options, flags),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
