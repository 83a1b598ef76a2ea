#!/usr/bin/env python3
"""The main job on a sample film, made here from photos that installed packages carry, by the built-in engine."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import clips  # noqa: E402
import cv2  # noqa: E402

from facecrop_core.cli import main  # noqa: E402

OUT = ROOT / "demo-output"
SCENES = (
    ("grace",), ("anna", "carl"), ("bella", "grace"), (), ("david",), ("grace", "eric"), ("fiona",), ("carl", "bella"),
    ("grace",), ("eric", "anna"),
)  # fmt: skip


def demo() -> int:
    began = time.perf_counter()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    print("Making a sample film of 20 seconds with seven people …", flush=True)
    clips.cast_clip(OUT / "film.mp4", SCENES, seconds=2.0, size=(960, 540))
    cv2.imwrite(str(OUT / "grace.png"), clips.person_photo("grace"))
    line = ["extract", OUT / "film.mp4", "--refs", OUT / "grace.png", "--out", OUT / "dataset"]
    print("$ facecrop extract film.mp4 --refs grace.png --out dataset --fps 4 --engine builtin", flush=True)
    status = main([str(word) for word in [*line, "--fps", "4", "--engine", "builtin"]])
    if status == 0:
        print(f"\nDone in {time.perf_counter() - began:.0f} s. The crops lie in {OUT / 'dataset'}")
        print(f"Look at {OUT / 'dataset.contact_sheet.jpg'}, or open the page: make app")
    return status


if __name__ == "__main__":
    sys.exit(demo())
