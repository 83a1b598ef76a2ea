#!/usr/bin/env python3
"""What a pre-scan saves and what it loses: one video scanned whole and by spans, in turn.

  prescan.py VIDEO --refs PHOTO --pack PACK_DIR [--fps 8] [--runs 1] [--set prescan_stride=12 …] [--with-peer]

Prints one JSON object: the median seconds of both (loading models left out), ``ratio`` = pre-scan ÷ whole, and
``found_again``: the share of the wanted person's faces that the whole scan keeps which the other keeps, too (a box with
an IoU of 0.5 or more on the same frame). ``processor_ratio`` compares processor time, loading models included: a guide
where others use the machine, too. With the peer's loop, ``times_the_peer`` = its seconds ÷ those with the pre-scan.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from common import PEER, facecrop, found_again, kept_boxes, peer, processor_seconds


def scan(options: argparse.Namespace, project: Path, *flags: str) -> dict[str, Any]:
    """Scan with references and give what the command says of the video."""
    before = processor_seconds()
    names = ["--project", project, "--refs", *options.refs, "--pack", options.pack, "--fps", options.fps]
    row = dict(facecrop("scan", options.video, *names, *flags)["videos"][0])
    return row | {"processor_seconds": processor_seconds() - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--refs", required=True, nargs="+", type=Path)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--fps", default="8")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the pre-scan")
    parser.add_argument("--with-peer", action="store_true")
    parser.add_argument("--peer", type=Path, default=PEER)
    options = parser.parse_args()
    flags = ["--prescan=on", *(f"--{pair}" for pair in options.set)]
    whole, spans, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(options.runs):
            whole.append(scan(options, Path(folder) / f"whole{run}"))
            spans.append(scan(options, Path(folder) / f"spans{run}", *flags))
            if options.with_peer:
                rows = Path(folder) / "peer.parquet"
                theirs.append(peer(options.peer, options.video, options.pack, rows, options.fps)["seconds"])
        kept, again = kept_boxes(Path(folder) / "whole0"), kept_boxes(Path(folder) / "spans0")
    whole_cpu, spans_cpu = (statistics.median(row["processor_seconds"] for row in rows) for rows in (whole, spans))
    whole_seconds, spans_seconds = (statistics.median(row["seconds"] for row in rows) for rows in (whole, spans))
    result = {
        "whole_seconds": whole_seconds,
        "prescan_seconds": spans_seconds,
        "coarse_pass_seconds": statistics.median(row["prescan"]["seconds"] for row in spans),
        "ratio": round(spans_seconds / whole_seconds, 3),
        "processor_ratio": round(spans_cpu / whole_cpu, 3),
        "kept_whole": sum(map(len, kept.values())),
        "kept_prescan": sum(map(len, again.values())),
        "found_again": round(found_again(kept, again), 4),
        "span_seconds": spans[0]["prescan"]["span_seconds"],
        "grown": spans[0]["prescan"]["grown"],
    }
    if theirs:
        seconds = statistics.median(theirs)
        result |= {"peer_seconds": seconds, "times_the_peer": round(seconds / spans_seconds, 2)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
