#!/usr/bin/env python3
"""Do verdicts find their faces again after a scan by another engine at another rate?

  verdicts.py VIDEO --pack A --other-pack B [--fps 8] [--other-fps 15] [--verdicts 200] [--seed 0]

Scans VIDEO with A, says "is" or "not" of random faces, each with a person of its own so that every verdict can be told
from all others, and "keep" or "reject" of half of them; then scans with B and sees what became of them. Right is a face
of the same frame that, where VIDEO.truth.jsonl says who is where, is the same person, and that no other face of the
frame overlaps more. Prints one JSON object; ``goal`` is whether 98 % of the verdicts whose frame was sampled again are
found and none is on a wrong face.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, facecrop

sys.path.insert(0, str(ROOT))

from facecrop_core.people import FaceKey
from facecrop_core.pipeline.curation import face_keys, load_curated
from facecrop_core.pipeline.people import ProjectPeople
from facecrop_core.pipeline.project import Project
from facecrop_core.records import REASONS, FaceTable
from facecrop_core.table import read_sample_times

SAME_FRAME_SECONDS = 0.01
GOAL = 0.98
Truth = dict[int, list[dict[str, Any]]]


def overlap(a: Any, b: Any) -> float:
    """Intersection over union of two boxes."""
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    area = [float(np.prod(np.subtract(box[2:], box[:2]))) for box in (a, b)]
    return float(sides[0] * sides[1]) / (sum(area) - float(sides[0] * sides[1]))


def read_truth(video: Path) -> Truth:
    path = video.with_suffix(".truth.jsonl")
    lines = path.read_text().splitlines() if path.exists() else []
    return {row["frame"]: row["faces"] for row in map(json.loads, lines)}


def true_name(truth: Truth, table: FaceTable, row: int) -> str | None:
    faces = truth.get(int(table["frame"][row]), [])
    box = table.boxes_xyxy[row]
    best = max(faces, key=lambda face: overlap(box, np.array(face["box"])), default=None)
    return None if best is None or overlap(box, np.array(best["box"])) < 0.3 else str(best["name"])


def speak(project: Project, count: int, seed: int, truth: Truth) -> list[dict[str, Any]]:
    """Say something of random faces; what was said, and of whom."""
    random = np.random.default_rng(seed)
    said = []
    with ProjectPeople(project) as people:
        table = people.views[0].table
        rows = np.sort(random.choice(len(table), min(count, len(table)), replace=False))
        for number, (row, key) in enumerate(zip(rows.tolist(), face_keys(table, rows), strict=True)):
            kind, gate = random.choice(["is", "not"]), random.choice(["keep", "reject", ""])
            person = people.curation.add_person(f"verdict {number}")
            (people.curation.say_is if kind == "is" else people.curation.say_not)([key], person)
            if gate:
                getattr(people.curation, str(gate))([key])
            said.append(
                {"person": person, "kind": kind, "gate": gate, "key": key, "name": true_name(truth, table, row)}
            )
    return said


def judge(project: Project, said: list[dict[str, Any]], truth: Truth) -> dict[str, Any]:
    (scan,) = project.scans()
    table, times = scan.reader().table(), read_sample_times(scan.folder)
    curated = load_curated(project, scan, table)
    nots = {person: row for row, person in curated.excluded.tolist()}
    found = wrong = again = unlooked = 0
    for verdict in said:
        key = verdict["key"]
        sampled = bool((np.abs(times - key.time_seconds) < SAME_FRAME_SECONDS).any())
        again += sampled
        rows = np.flatnonzero(curated.person == verdict["person"]).tolist()
        row = nots.get(verdict["person"]) if verdict["kind"] == "not" else (rows[0] if rows else None)
        if row is None:
            continue
        found += sampled
        unlooked += not sampled
        wrong += not is_right(table, row, key, verdict["name"], truth) or not gate_kept(curated.decision[row], verdict)
    return {
        "verdicts": len(said),
        "sampled_again": again,
        "found": found,
        "found_share": round(found / max(again, 1), 4),
        "wrong": wrong,
        "found_though_not_sampled": unlooked,
        "listed_as_lost": len({lost.verdict.face.face_id for lost in curated.lost}),
        "goal": found >= GOAL * again and not wrong,
    }


def is_right(table: FaceTable, row: int, key: FaceKey, name: str | None, truth: Truth) -> bool:
    same = np.flatnonzero(np.abs(table["time_seconds"] - key.time_seconds) < SAME_FRAME_SECONDS)
    overlaps = {int(other): overlap(np.array(key.box_xyxy), table.boxes_xyxy[other]) for other in same}
    if row not in overlaps or overlaps[row] < max(overlaps.values()):
        return False
    return name is None or true_name(truth, table, row) in (name, None)


def gate_kept(decision: int, verdict: dict[str, Any]) -> bool:
    return {"": 0, "keep": -1, "reject": REASONS.index("rejected")}[verdict["gate"]] == decision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--pack", required=True)
    parser.add_argument("--other-pack", required=True)
    parser.add_argument("--fps", default="8")
    parser.add_argument("--other-fps", default="15")
    parser.add_argument("--verdicts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    truth = read_truth(options.video)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project"
        scan = ["scan", options.video, "--project", path, "--group-mode", "off"]
        facecrop(*scan, "--pack", options.pack, "--fps", options.fps)
        said = speak(Project.open(path), options.verdicts, options.seed, truth)
        facecrop(*scan, "--pack", options.other_pack, "--fps", options.other_fps)
        print(json.dumps(judge(Project.open(path), said, truth)))


if __name__ == "__main__":
    main()
