#!/usr/bin/env python3
"""How many crops a second one thread cuts in each style of framing, and how long planning them takes.

  framing.py PROJECT [--faces 150] [--size 512]

Takes faces spread over the first scan of a project. Prints one JSON object: for each style ``crops_per_second``
(converting, cutting and scaling, without decoding and encoding), ``plan_milliseconds`` for all faces of the scan,
``left_out`` by the frame's edge, and the median ``side`` in source pixels.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from facecrop_core.crop import STYLES, frame_crops, render_crop
from facecrop_core.pipeline.project import Project
from facecrop_core.settings import Settings
from facecrop_core.video import TimesPlan, VideoReader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--faces", type=int, default=150)
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    scan = Project.open(options.project).scans()[0]
    table = scan.reader().table()
    rows = np.unique(np.linspace(0, len(table) - 1, options.faces).astype(int))
    times, result, plans, spent = table["time_seconds"], {}, {}, dict.fromkeys(STYLES, 0.0)
    for style in STYLES:
        settings = Settings().with_values({"framing": style, "size": options.size}).framing
        began = time.perf_counter()
        plan = frame_crops(table, settings)
        milliseconds = 1000 * (time.perf_counter() - began)
        plans[style] = plan, settings
        result[style] = {
            "plan_milliseconds": round(milliseconds, 2),
            "left_out": int((plan.reasons > 0).sum()),
            "side": round(float(np.median(plan.side)), 1),
        }
    with VideoReader(scan.video, TimesPlan(sorted({float(t) for t in times[rows]})), (0, 0), slots=2) as reader:
        for frame in reader:
            for row in rows[np.abs(times[rows] - frame.time_seconds) < 1e-6]:
                for style, (plan, settings) in plans.items():
                    began = time.perf_counter()
                    render_crop(frame, plan, int(row), settings)
                    spent[style] += time.perf_counter() - began
            frame.release()
    for style, seconds in spent.items():
        result[style]["crops_per_second"] = round(len(rows) / seconds, 1)
    print(json.dumps({"faces": len(rows), "size": options.size, "styles": result}))


if __name__ == "__main__":
    main()
