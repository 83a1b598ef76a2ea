#!/usr/bin/env python3
"""What it saves and what it loses to embed only some faces: one video scanned with each ``--embed``, in turn.

  embedding.py VIDEO --pack PACK_DIR [--refs PHOTO …] [--fps 8] [--runs 1] [--set NAME=VALUE …]

Prints one JSON object, for each mode: median ``seconds`` (loading models left out), ``processor_seconds`` (loading
included: a guide where others use the machine, too) and ``ratio`` of both to ``all``, the share of faces that were
``embedded``, and with references ``kept``, ``found_again`` (the share of the faces kept with ``all`` that are kept for
the same person, a box with an IoU of 0.5 or more on the same frame) and ``more`` (the share of its own that ``all``
does not keep). ``completed_seconds`` is what it takes to embed the rest of ``track`` later, and
``completed_found_again`` what is kept then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from common import facecrop, found_again, kept_boxes, processor_seconds

MODES = ("all", "track", "needed")


def scan(options: argparse.Namespace, project: Path, mode: str) -> dict[str, Any]:
    """Scan and give what the command says of the video."""
    before = processor_seconds()
    names = ["--project", project, "--pack", options.pack, "--fps", options.fps, "--embed", mode]
    if options.refs:
        names += ["--refs", *options.refs]
    flags = [f"--{pair}" for pair in options.set]
    row = dict(facecrop("scan", options.video, *names, *flags)["videos"][0])
    return row | {"processor_seconds": processor_seconds() - before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--refs", nargs="+", type=Path, default=[])
    parser.add_argument("--fps", default="8")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of all scans")
    options = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for run in range(options.runs):
            for mode in MODES:
                rows[mode].append(scan(options, folder / f"{mode}{run}", mode))
        expected = kept_boxes(folder / "all0")
        for mode in MODES:
            result[mode] = figures(rows[mode], rows["all"])
            if options.refs:
                result[mode] |= compare(expected, folder / f"{mode}0")
        completed = scan(options, folder / "track0", "all")
        result["completed_seconds"] = completed["seconds"]
        result["completed_found_again"] = round(found_again(expected, kept_boxes(folder / "track0")), 4)
    print(json.dumps(result))


def figures(rows: list[dict[str, Any]], whole: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds and how many faces were embedded."""
    found: dict[str, Any] = {}
    for name, ratio in (("seconds", "ratio"), ("processor_seconds", "processor_ratio")):
        ours, theirs = (statistics.median(row[name] for row in of) for of in (rows, whole))
        found |= {name: round(ours, 2), ratio: round(ours / theirs, 3)}
    return found | {"faces": rows[0]["faces"], "embedded": round(rows[0]["embedded"] / max(rows[0]["faces"], 1), 4)}


def compare(expected: Any, folder: Path) -> dict[str, Any]:
    """What a mode keeps of what ``all`` keeps, and what beyond it."""
    kept = kept_boxes(folder)
    return {
        "kept": sum(map(len, kept.values())),
        "found_again": round(found_again(expected, kept), 4),
        "more": round(1 - found_again(kept, expected), 4),
    }


if __name__ == "__main__":
    main()
