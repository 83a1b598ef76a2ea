"""What several benchmarks need: commands that end with a JSON object, the peer's loop, comparing what is kept."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kept = dict[tuple[int, str | None], "NDArray[np.float32]"]
"""Boxes [n, 4] of the kept faces of each frame and person."""
ROOT = Path(__file__).resolve().parents[1]
FACECROP = [sys.executable, "-c", "from facecrop_core.cli import run; run()"]
PEER = ROOT.parent / "shared" / "tools" / "peer_insightface.py"


def last_json(command: list[str], **environment: str) -> dict[str, Any]:
    """Run a command and read the JSON object on its last line."""
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def facecrop(*arguments: object, **environment: str) -> dict[str, Any]:
    """Run the shell with ``--json``; what it says at its end."""
    return last_json([*FACECROP, *map(str, arguments), "--json"], **environment)


def peer(script: Path, video: Path, pack: str, rows: Path, fps: str) -> dict[str, Any]:
    """Run the peer's loop, which writes its rows and says how many seconds it took."""
    return last_json([sys.executable, str(script), str(video), pack, str(rows), "--fps", fps])


def processor_seconds() -> float:
    """Of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def kept_boxes(folder: Path) -> Kept:
    """What a project keeps."""
    import numpy as np

    from facecrop_core import Project, produce

    project = Project.open(folder)
    boxes: dict[tuple[int, str | None], list[NDArray[np.float32]]] = {}
    for produced in produce(project, project.settings):
        for row in produced.kept:
            place = int(produced.table["frame"][row]), produced.person_name(row)
            boxes.setdefault(place, []).append(produced.table.boxes_xyxy[row])
    return {place: np.stack(rows) for place, rows in boxes.items()}


def found_again(expected: Kept, found: Kept) -> float:
    """Share of the boxes of ``expected`` that have a partner in ``found``: same frame and person, IoU 0.5 or more."""
    from facecrop_core.geometry import iou_matrix

    partners = sum(
        int((iou_matrix(boxes, found[place]).max(axis=1) >= 0.5).sum())
        for place, boxes in expected.items()
        if place in found
    )
    return partners / max(sum(len(boxes) for boxes in expected.values()), 1)


def peer_options(description: str | None, fps: str) -> argparse.ArgumentParser:
    """The options of a comparison with the peer's loop."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--peer", type=Path, default=PEER)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--fps", default=fps)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="our settings")
    return parser
