"""A balanced set beside the best faces: python benchmarks/choosing.py PROJECT [--target 60] [--hash-thr 5] [--sim X]

PROJECT is a scanned project. Nothing is written but the scan's hashes. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facecrop_core.pipeline.coverage import set_coverage
from facecrop_core.pipeline.hashing import face_hashes
from facecrop_core.pipeline.produce import Produced, produce
from facecrop_core.pipeline.project import Project
from facecrop_core.settings import Settings


def nearest_bits(everything: Sequence[Produced], settings: Settings) -> int | None:
    """The smallest distance of two kept faces of one person by their hashes, in bits; None where there are no two."""
    hashes, people = [], []
    for produced in everything:
        hashes.append(face_hashes(produced.scan, produced.table, settings)["perceptual"][produced.kept])
        people += [produced.person_name(row) or "" for row in produced.kept]
    bits, who = np.concatenate(hashes), np.array(people)
    distances = np.bitwise_count(bits[:, None] ^ bits)[np.triu(who[:, None] == who, 1)]
    return int(distances.min()) if distances.size else None


def measured(project: Project, settings: Settings) -> dict[str, Any]:
    began = time.perf_counter()
    everything = produce(project, settings)
    seconds = time.perf_counter() - began
    coverage = set_coverage(everything)
    people = {
        str(person["person"]): {
            "kept": person["kept"],
            "yaw_cells_of_7": person["pose"]["yaw_filled"],
            "pose_cells_of_21": person["pose"]["cells_filled"],
            "shots": person["shots"],
        }
        for person in coverage["people"]
    }
    return {"seconds": round(seconds, 3), "nearest_bits": nearest_bits(everything, settings), "people": people}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--target", type=int, default=60)
    parser.add_argument("--hash-thr", type=int, default=5)
    parser.add_argument("--sim", type=float)
    options = parser.parse_args()
    project = Project.open(options.project)
    settings = project.settings if options.sim is None else project.settings.with_values({"sim": options.sim})
    twins = {"hash_thr": options.hash_thr, "twins_across": True}
    result = {
        "faces": sum(len(produced.table) for produced in produce(project, settings)),
        "best": measured(project, settings.with_values({"top_n": options.target})),
        "balanced": measured(project, settings.with_values({"target": options.target, **twins})),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
