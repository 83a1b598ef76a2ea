#!/usr/bin/env python3
"""Facecrop's scan beside the loop that most scripts run (OpenCV and InsightFace, one frame after another), in turn.

  versus_peer.py VIDEO --pack PACK_DIR --peer PEER.py [--truth FILM.truth.jsonl --score SCORE.py] [--runs 3] [--fps 8]

Prints one JSON object: the median seconds of both (loading models left out), the ratio peer ÷ Facecrop, and what the
scorer says of Facecrop's table against the truth and against the peer's rows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FACECROP = Path(sys.executable).with_name("facecrop")


def last_json(command: list[str]) -> dict[str, Any]:
    """Run a command and read the JSON object on its last line."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--peer", required=True, type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--score", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--fps", default="8")
    parser.add_argument("--det-size", default="auto", help="our setting; the peer always runs at 640")
    options = parser.parse_args()
    peer_seconds, our_seconds, score = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        rows, faces = Path(folder) / "peer.parquet", Path(folder) / "faces.parquet"
        for run in range(options.runs):
            project = Path(folder) / f"project{run}"
            peer = [sys.executable, str(options.peer), str(options.video), options.pack, str(rows)]
            peer_seconds.append(last_json([*peer, "--fps", options.fps])["seconds"])
            ours = [str(FACECROP), "scan", str(options.video), "--project", str(project), "--pack", options.pack]
            our_seconds.append(
                last_json([*ours, "--fps", options.fps, "--det-size", options.det_size, "--json"])["seconds"]
            )
        last_json([str(FACECROP), "faces", "--project", str(project), "--out", str(faces), "--json"])
        if options.truth and options.score:
            command = [sys.executable, str(options.score), str(faces), str(options.truth), "--fps", options.fps]
            score = last_json([*command, "--peer", str(rows)])
    peer_median, our_median = statistics.median(peer_seconds), statistics.median(our_seconds)
    result = {
        "peer_seconds": peer_seconds,
        "facecrop_seconds": our_seconds,
        "ratio": round(peer_median / our_median, 2),
    }
    print(json.dumps(result | {"score": score}))


if __name__ == "__main__":
    main()
