#!/usr/bin/env python3
"""Who is who on a film whose truth is known, by the shell: with references, and grouped without any.

  people.py FILM [FILM …] [--refs FOLDER …] [--pack FOLDER] [--engines pack builtin] [--fps 8] [--scorer score_faces.py]

FILM.truth.jsonl says who is where; FOLDER has a folder of photos for each person (one for each FILM, ``-`` for none).
Prints one JSON object: for each film and engine the faces' recall, person precision and recall with the references, and
of the groups that clustering alone finds B-cubed, the share of faces that are in one, and the seconds of both.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import PEER, facecrop, last_json


def score(project: Path, film: Path, options: argparse.Namespace) -> dict[str, Any]:
    table = project / "faces.parquet"
    facecrop("faces", "--project", project, "--out", table)
    truth = film.with_suffix(".truth.jsonl")
    return last_json([sys.executable, str(options.scorer), str(table), str(truth), "--fps", options.fps])


def measure(film: Path, references: str, engine: list[str], options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        scanned = facecrop("scan", film, "--project", project, "--fps", options.fps, *engine)
        found = score(project, film, options)
        again = facecrop("people", "cluster", "--anew", "--project", project)
        result = {name: found[name] for name in ("true_faces", "recall", "false_faces")}
        result |= {"bcubed": found.get("bcubed"), "clustered": found.get("clustered", 0.0)}
        result |= {"unnamed_people": again["unnamed_people"], "scan_seconds": scanned["seconds"]}
        result["cluster_seconds"] = again["seconds"]
        if references != "-":
            facecrop("scan", film, "--project", project, "--fps", options.fps, *engine, "--refs", references)
            named = score(project, film, options)
            result |= {name: named[name] for name in ("person_precision", "person_recall")}
            facecrop("people", "cluster", "--project", project)
            both = score(project, film, options)
            result["with_references_and_groups"] = {
                name: both.get(name) for name in ("person_precision", "person_recall", "bcubed", "clustered")
            }
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--refs", nargs="*", default=[])
    parser.add_argument("--pack")
    parser.add_argument("--engines", nargs="+", choices=("pack", "builtin"), default=["pack", "builtin"])
    parser.add_argument("--fps", default="8")
    parser.add_argument("--scorer", type=Path, default=PEER.with_name("score_faces.py"))
    options = parser.parse_args()
    flags = {"pack": ["--pack", options.pack], "builtin": ["--engine", "builtin"]}
    result: dict[str, Any] = {}
    for film, references in zip(options.films, [*options.refs, *["-"] * len(options.films)], strict=False):
        for engine in options.engines:
            result.setdefault(film.stem, {})[engine] = measure(film, references, flags[engine], options)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
