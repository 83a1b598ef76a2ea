#!/usr/bin/env python3
"""Facecrop's scan beside the loop that most scripts run (OpenCV and InsightFace, one frame after another), in turn.

  versus_peer.py VIDEO --pack PACK_DIR [--peer PEER.py] [--runs 3] [--fps 8] [--set det_size=640 …]

Prints one JSON object: the median seconds of both (loading models left out); ``ratio`` = peer ÷ Facecrop;
``peer_recall``: the share of the peer's rows that ours hold (IoU of 0.5 or more on the same frame);
``same_decisions``: of all pairs of these rows, the share about which both come to the same answer to "one person?";
and the limit of this machine (see limit.py): each stage alone on all cores, summed, and which share of it was reached.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import facecrop, peer, peer_options
from limit import limit_seconds

from facecrop_core.geometry import iou_matrix
from facecrop_core.models.catalogue import calibration_of
from facecrop_core.records import FloatArray

BOX = ["x1", "y1", "x2", "y2"]
LEAST_IOU = 0.5


def found_again(peer_rows: pd.DataFrame, our_rows: pd.DataFrame) -> tuple[float, FloatArray, FloatArray]:
    """Share of the peer's rows that have a partner, and the embeddings of both for those."""
    ours = dict(tuple(our_rows.groupby("frame")))
    theirs_found, ours_found = [], []
    for number, group in peer_rows.groupby("frame"):
        if number not in ours:
            continue
        overlaps = iou_matrix(group[BOX].to_numpy(np.float32), ours[number][BOX].to_numpy(np.float32))
        hits = np.flatnonzero(overlaps.max(axis=1) >= LEAST_IOU)
        theirs_found += list(group["embedding"].iloc[hits])
        ours_found += list(ours[number]["embedding"].iloc[overlaps.argmax(axis=1)[hits]])
    share = len(theirs_found) / max(len(peer_rows), 1)
    return share, np.array(theirs_found, np.float32), np.array(ours_found, np.float32)


def same_decisions(theirs: FloatArray, ours: FloatArray, border: float) -> float:
    """Share of all pairs of rows about which both say the same: one person, or two."""
    if len(theirs) < 2:
        return 1.0
    above = np.triu_indices(len(theirs), 1)
    return float(((theirs @ theirs.T >= border)[above] == (ours @ ours.T >= border)[above]).mean())


def main() -> None:
    parser = peer_options(__doc__, "8")
    options = parser.parse_args()
    flags: dict[str, Any] = dict(pair.split("=", 1) for pair in options.set)
    peer_seconds, our_seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        rows, faces, project = (Path(folder) / name for name in ("peer.parquet", "faces.parquet", "project"))
        for run in range(options.runs):
            peer_seconds.append(peer(options.peer, options.video, options.pack, rows, options.fps)["seconds"])
            names = ["--project", f"{project}{run}", "--pack", options.pack, "--fps", options.fps]
            ours = facecrop("scan", options.video, *names, *(f"--{name}={value}" for name, value in flags.items()))
            our_seconds.append(ours["seconds"])
        facecrop("faces", "--project", f"{project}{run}", "--out", faces, "--embeddings")
        recall, theirs, own = found_again(pd.read_parquet(rows), pd.read_parquet(faces))
        model = json.loads(next(Path(f"{project}{run}").glob("scans/*/*/scan.json")).read_text())["engine"]
        border = calibration_of(model["embedder_sha256"]).match
    limit = limit_seconds(options.video, options.pack, float(options.fps), flags, ours["samples"], ours["faces"])
    median = statistics.median(our_seconds)
    result = {
        "peer_seconds": peer_seconds,
        "facecrop_seconds": our_seconds,
        "ratio": round(statistics.median(peer_seconds) / median, 2),
        "samples": ours["samples"],
        "faces": ours["faces"],
        "peer_recall": round(recall, 4),
        "same_decisions": round(same_decisions(theirs, own, border), 5),
        "share_of_limit": round(limit["limit_seconds"] / median, 3),
    }
    print(json.dumps(result | {name: round(value, 2) for name, value in limit.items()}))


if __name__ == "__main__":
    main()
