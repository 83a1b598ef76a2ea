#!/usr/bin/env python3
"""Memory, descriptors and shared memory of a facecrop command and all its processes, while it runs.

  memory.py scan film.mp4 --project p --fps 1 …      runs `facecrop scan …` and watches it
  memory.py --make-film six_hours.mp4 [--hours 6]    writes a film of 320 × 180 at 1 fps with faces, to scan then

Prints one JSON object: the peak of the summed proportional set sizes (each shared page counts once), its median in the
first and in the last third of the run and the growth between them; the same of anonymous memory (PSS also counts
a share of the libraries' files, which changes with whoever else has them open), of shared memory (memfd and
/dev/shm), of open descriptors and of processes; what is left in /dev/shm; and the command's own result.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import FACECROP, ROOT

MEGABYTE = 1_000_000
EVERY_SECONDS = 0.25
KINDS = {"pss_mb": "Pss", "anonymous_mb": "Pss_Anon", "shared_mb": "Pss_Shmem"}
FACES = ("anna", "carl", "grace", "eric", "bella", "david")


def tree(root: int) -> list[int]:
    """A process and all below it."""
    found = [root]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def look(process: int) -> dict[str, float]:
    """One process: its memory by kind in MB, and its open descriptors."""
    rows = [line.split() for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]]
    sizes = {row[0].rstrip(":"): int(row[1]) * 1024 / MEGABYTE for row in rows}
    return {name: sizes[kind] for name, kind in KINDS.items()} | {
        "descriptors": len(os.listdir(f"/proc/{process}/fd")),
        "processes": 1,
    }


def sample(root: int) -> dict[str, float]:
    total: dict[str, float] = {}
    for process in tree(root):
        try:
            seen = look(process)
        except OSError:  # it has just ended
            continue
        total = {name: total.get(name, 0) + value for name, value in seen.items()}
    return total


def summary(samples: list[dict[str, float]]) -> dict[str, Any]:
    third = max(len(samples) // 3, 1)
    result: dict[str, Any] = {}
    for name in samples[0]:
        values = [one[name] for one in samples if name in one]
        first, last = statistics.median(values[:third]), statistics.median(values[-third:])
        result[name] = {
            "peak": round(max(values), 1),
            "first_third": round(first, 1),
            "last_third": round(last, 1),
            "growth": round(last - first, 1),
        }
    return result


def watch(arguments: list[str]) -> dict[str, Any]:
    before, began = set(os.listdir("/dev/shm")), time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*FACECROP, *arguments, "--json"], stdout=subprocess.PIPE, env=environment)
    samples = []
    while process.poll() is None:
        samples.append(sample(process.pid))
        time.sleep(EVERY_SECONDS)
    assert process.stdout is not None
    lines = process.stdout.read().decode().splitlines()
    return {
        "command": ["facecrop", *arguments],
        "exit_status": process.returncode,
        "seconds": round(time.monotonic() - began, 1),
        **summary([one for one in samples if one]),
        "left_in_dev_shm": sorted(set(os.listdir("/dev/shm")) - before),
        "result": json.loads(lines[-1]) if lines else None,
    }


def make_film(path: Path, hours: float) -> None:
    """One frame a second; scenes of two minutes with two people each, the pictures of a scene repeating."""
    sys.path.insert(0, str(ROOT / "tests"))
    import clips

    def frames() -> Any:
        for scene in range(round(hours * 30)):
            names = (FACES[scene % 6], FACES[(scene + 1 + scene // 6 % 4) % 6])
            pictures = [clips._scene_image(names, (320, 180), 0.45, step / 11)[0] for step in range(12)]
            yield from pictures * 10

    clips.write_film(path, frames(), 1, options={"crf": "28", "preset": "ultrafast"})


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--make-film"]:
        make_film(Path(arguments[1]), float(arguments[3]) if arguments[2:3] == ["--hours"] else 6.0)
    elif arguments and arguments[0] not in ("-h", "--help"):
        print(json.dumps(watch(arguments)))
    else:
        print(__doc__)


if __name__ == "__main__":
    main()
