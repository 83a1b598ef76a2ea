#!/usr/bin/env python3
"""What settings that look at less, or at more, save and lose: one video scanned with each, and with the defaults.

  less_work.py VIDEO --pack PACK_DIR --refs PHOTO … [--fps 8] [--variants prescan=on empty_stride=4,reuse_unchanged=2 …]

Prints one JSON object: for the defaults seconds, processor seconds and kept faces; for each variant the same, both
ratios to the defaults, ``found_again`` (the share of the faces kept with the defaults that are kept, too: a box with an
IoU of 0.5 or more on the same frame, of the same person) and ``more`` (the share of its own that the defaults lack).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from common import facecrop, found_again, kept_boxes, processor_seconds

VARIANTS = (
    "prescan=on",
    "reuse_unchanged=2",
    "empty_stride=4",
    "embed=track",
    "embed=needed",
    "det_size=640",
    "det_size=480",
    "zoom_rescue=on",
    "det_rotate=sides",
)


def scan(options: argparse.Namespace, project: Path, flags: list[str]) -> dict[str, Any]:
    """Scan and give seconds and processor seconds."""
    names = ["--project", project, "--pack", options.pack, "--fps", options.fps, "--refs", *options.refs]
    before = processor_seconds()
    seconds = facecrop("scan", options.video, *names, *flags)["seconds"]
    return {"seconds": round(seconds, 2), "processor_seconds": round(processor_seconds() - before, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--refs", required=True, nargs="+", type=Path)
    parser.add_argument("--fps", default="8")
    parser.add_argument("--variants", nargs="+", default=VARIANTS, metavar="NAME=VALUE[,NAME=VALUE]")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        usual = scan(options, Path(name) / "defaults", [])
        kept = kept_boxes(Path(name) / "defaults")
        result["defaults"] = usual | {"kept": sum(map(len, kept.values()))}
        for number, variant in enumerate(options.variants):
            folder = Path(name) / f"variant{number}"
            row = scan(options, folder, [f"--{pair}" for pair in variant.split(",")])
            again = kept_boxes(folder)
            result[variant] = row | {
                "ratio": round(row["seconds"] / usual["seconds"], 3),
                "processor_ratio": round(row["processor_seconds"] / usual["processor_seconds"], 3),
                "kept": sum(map(len, again.values())),
                "found_again": round(found_again(kept, again), 4),
                "more": round(1 - found_again(again, kept), 4),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
