#!/usr/bin/env python3
"""Clustering of synthetic embeddings whose people are known.

  clusters.py [--faces 200000] [--people 500] [--dimensions 512] [--junk 0.05] [--singles] [--seed 0]

People are random directions; every tenth has a near-double, 0.35 to 0.45 alike. Faces of one person are about 0.55
alike (cosine) between tracks and 0.83 within one; half of a track's deviation lies in 24 directions that all people
share, as pose and light do. Tracks have 1 to 40 faces, up to three of different people at a time; people appear in
unequal shares. Junk is single faces of nobody, half of them of poor quality. ``--singles``: no tracks at all, the worst
case.

Embeddings lie in a file, as they do in a scan. Prints one JSON object: seconds, B-cubed of the clustered faces of
people, the share of them that is clustered, the share of junk that is, clusters founded, and memory in MB at the peak:
resident, resident beyond what was there before clustering, and NumPy's own allocations.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bcubed import bcubed  # noqa: E402

from facecrop_core.models.catalogue import ARCFACE_CALIBRATION  # noqa: E402
from facecrop_core.people import cluster_faces  # noqa: E402

MEGABYTE = 1_000_000
SHARED_DIRECTIONS = 24
TRACK_NOISE, FACE_NOISE = 0.72, 0.55
CHUNK_ROWS = 8192


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_people(count: int, dimensions: int, random: np.random.Generator) -> NDArray[np.float32]:
    people = unit(random.standard_normal((count, dimensions)))
    doubles = np.arange(1, count, 10)
    alike = random.uniform(0.35, 0.45, len(doubles))[:, None]
    across = people[doubles] - people[doubles - 1] * (people[doubles] * people[doubles - 1]).sum(1, keepdims=True)
    people[doubles] = alike * people[doubles - 1] + np.sqrt(1 - alike**2) * unit(across)
    return people


def make_layout(options: argparse.Namespace, random: np.random.Generator) -> dict[str, NDArray[np.int64]]:
    """Person (−1 junk), track and sample of each face."""
    junk = round(options.faces * options.junk)
    shares = random.dirichlet(np.full(options.people, 2.0))
    columns: dict[str, list[NDArray[np.int64]]] = {"person": [], "track": [], "sample": []}
    faces = track = sample = 0
    while faces < options.faces - junk:
        length = int(random.integers(1, 41))
        for person in random.choice(options.people, int(random.integers(1, 4)), replace=False, p=shares):
            columns["person"].append(np.full(length, person))
            columns["track"].append(np.full(length, track))
            columns["sample"].append(sample + np.arange(length))
            faces, track = faces + length, track + 1
        sample += length
    layout = {name: np.concatenate(parts)[: options.faces - junk] for name, parts in columns.items()}
    nobody = {"person": np.full(junk, -1), "track": np.full(junk, -1), "sample": random.integers(0, sample, junk)}
    return {name: np.concatenate([layout[name], nobody[name]]) for name in layout}


def write_embeddings(
    path: Path, layout: dict[str, NDArray[np.int64]], options: argparse.Namespace, random: np.random.Generator
) -> None:
    n, d = len(layout["person"]), options.dimensions
    people = make_people(options.people, d, random)
    shared = unit(random.standard_normal((SHARED_DIRECTIONS, d)))
    tracks = int(layout["track"].max()) + 1
    own = unit(random.standard_normal((tracks, d))) + unit(random.standard_normal((tracks, SHARED_DIRECTIONS)) @ shared)
    file = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    for start in range(0, n, CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        person, track = layout["person"][rows], layout["track"][rows]
        noise = unit(random.standard_normal((len(person), d)))
        faces = people[person] + TRACK_NOISE / np.sqrt(2) * own[track] + FACE_NOISE * noise
        file[rows] = unit(np.where((person >= 0)[:, None], faces, noise))
    file.flush()


def resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def measure(options: argparse.Namespace) -> dict[str, Any]:
    random = np.random.default_rng(options.seed)
    layout = make_layout(options, random)
    person = layout["person"]
    quality = random.uniform(0.4, 1.0, len(person)).astype(np.float32)
    quality[person < 0] = random.uniform(0.0, 1.0, int((person < 0).sum()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "embeddings.npy"
        write_embeddings(path, layout, options, random)
        embeddings = np.load(path, mmap_mode="r")
        tracks = np.full(len(person), -1) if options.singles else layout["track"]
        before = resident_mb()
        if options.trace:
            tracemalloc.start()
        began = time.perf_counter()
        clusters = cluster_faces(embeddings, layout["sample"], tracks, quality, ARCFACE_CALIBRATION)
        seconds = time.perf_counter() - began
    labels, real = clusters.labels, person >= 0
    named = real & (labels >= 0)
    precision, recall, f1 = bcubed(person[named], labels[named])
    return {
        "faces": len(person),
        "people": len(np.unique(person[real])),
        "tracks": 0 if options.singles else int(tracks.max()) + 1,
        "seconds": round(seconds, 1),
        "resident_mb": round(resident_mb()),
        "resident_before_mb": round(before),
        "allocated_mb": round(tracemalloc.get_traced_memory()[1] / MEGABYTE) if options.trace else None,
        "embeddings_mb": round(embeddings.nbytes / MEGABYTE),
        "founded": clusters.founded,
        "bcubed": {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)},
        "clustered": round(float(named.sum() / real.sum()), 4),
        "junk_clustered": round(float((labels[~real] >= 0).mean()), 4) if (~real).any() else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=200_000)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--junk", type=float, default=0.05)
    parser.add_argument("--singles", action="store_true", help="leave the tracks out")
    parser.add_argument("--trace", action="store_true", help="count NumPy's allocations, which takes longer")
    parser.add_argument("--seed", type=int, default=0)
    print(json.dumps(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
