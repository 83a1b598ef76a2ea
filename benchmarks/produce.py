#!/usr/bin/env python3
"""How quickly a finished scan becomes a dataset: loading, filtering again, other references, writing crops.

  produce.py [--faces 1000 10000 100000 1000000] [--runs 5] [--crops 400] [--folder DIR]

Made-up scans of so many faces (512-dimensional embeddings, four people, two or three faces per sample) are stored as a
scan stores them. Prints one JSON object with medians: ``load_seconds`` (a new reader), ``first_seconds`` (20 references
matched, crops planned, all gates on), ``refilter_seconds`` (one gate moved), ``reframe_seconds`` (padding moved),
``references_seconds`` (20 others), ``slider_seconds`` (what the page asks for when a gate moves), and the crops per
second of an export from a film of 1280 × 720 with one worker and with all. A million faces take 5 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facecrop_core.models.sessions import usable_cores
from facecrop_core.pipeline.produce import evaluate, write_dataset
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.pipeline.refilter import slider_columns
from facecrop_core.records import FloatArray, Reference, Video
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow, SampleRow, ScanWriter, commit_table
from facecrop_core.video import probe, video_to_json

MODEL, DIMENSIONS, PEOPLE, REFERENCES = "e" * 64, 512, 4, 20
SAMPLES_PER_PART, RATE = 512, 8
ENGINE = {
    "kind": "builtin", "name": "made up", "detector_sha256": "d" * 64, "embedder_sha256": MODEL,
    "metric": "cosine", "match": 0.4, "unsure": 0.3, "det_thresh": 0.5,
}  # fmt: skip
EVERYTHING: dict[str, Any] = {
    "solo_mode": "reject", "min_crop_px": 40, "max_upscale": 12.0, "min_face_frac_crop": 0.1, "min_bbox_frac": 0.0005,
    "min_tenengrad": 50.0, "min_brightness": 20.0, "dark_relax": 0.5, "max_per_frame": 1, "anchor": "auto",
}  # fmt: skip
"""Every gate on, and the crop plan that takes longest."""


def unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def make_references(random: np.random.Generator) -> list[Reference]:
    """Twenty, of four people; who they are does not depend on the generator."""
    people = unit(np.random.default_rng(1).standard_normal((PEOPLE, DIMENSIONS), np.float32))
    names = ["anna", "bella", "carl", "david"] * (REFERENCES // PEOPLE)
    noise = 0.5 * unit(random.standard_normal((REFERENCES, DIMENSIONS), np.float32))
    vectors = unit(people[np.arange(REFERENCES) % PEOPLE] + noise)
    return [
        Reference(name, f"{number}.png", vector)
        for number, (name, vector) in enumerate(zip(names, vectors, strict=True))
    ]


def make_project(folder: Path, video: Video, faces: int) -> Project:
    """A finished scan of so many faces; of every other, the embedding is near one of the people."""
    project = Project.create(folder)
    content = {"status": "complete", "video": video_to_json(video), "engine": ENGINE}
    scan = Scan(project.scan_folder(video.video_id, "0" * 16), content)
    scan.save()
    project.use_scan(video, scan.folder.name)
    project.save()
    random, writer, made = np.random.default_rng(2), ScanWriter(scan.folder, video.video_id, MODEL), 0
    people = unit(np.random.default_rng(1).standard_normal((PEOPLE, DIMENSIONS), np.float32))
    while made < faces:
        vectors = 0.8 * unit(random.standard_normal((3, DIMENSIONS), np.float32))
        vectors[0] += people[random.integers(PEOPLE)]
        number = writer.stored_samples + len(writer.samples)
        count = min(2 + number % 2, faces - made)
        rows = [make_face(random, video, vector, place) for place, vector in enumerate(unit(vectors)[:count])]
        writer.add(SampleRow(number, number * 3, number / RATE, bytes(576), rows))
        made += count
        if len(writer.samples) == SAMPLES_PER_PART:
            writer.flush()
    writer.flush()
    scan.reader().store_joined()
    store_tracks(scan)
    return project


def make_face(random: np.random.Generator, video: Video, vector: FloatArray, place: int) -> FaceRow:
    """Faces of one sample stand beside each other."""
    side = 0.1 * video.width * random.uniform(0.7, 1.5)
    x, y = (place + random.uniform(0.2, 0.8)) * video.width / 4, random.uniform(0.05, 0.6) * video.height
    box = (x, y, x + side, y + 1.3 * side)
    points = np.array([x, y]) + side * np.array([[0.3, 0.5], [0.7, 0.5], [0.5, 0.75], [0.35, 1.0], [0.65, 1.0]])
    measures = {
        "laplacian": random.uniform(0, 900), "tenengrad": random.uniform(0, 400), "brightness": random.uniform(10, 200),
        "yaw": random.uniform(-60, 60), "pitch": 0.0, "roll": 0.0, "contrast": 40.0, "frame_share": 0.02,
    }  # fmt: skip
    return FaceRow(box, np.asarray(points, np.float32), random.uniform(0.5, 1), vector, measures, b"jpeg")


def store_tracks(scan: Scan) -> None:
    """Tracks of twelve samples, one for each place."""
    import pyarrow as pa

    table = scan.reader().table()
    place = np.arange(len(table)) - np.searchsorted(table["sample"], table["sample"])
    tracks = table["sample"] // 12 * 3 + place
    rows = pa.table({"face_id": pa.array(table["face_id"], pa.string()), "track": tracks, "shot": 0 * tracks})
    commit_table(scan.folder / "tracks.parquet", rows)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(project: Project, runs: int) -> dict[str, Any]:
    """Medians of everything but exporting. Each run moves another gate, so that nothing was asked for before."""
    scan, random = project.scans()[0], np.random.default_rng(3)
    settings, references = Settings().with_values(EVERYTHING), make_references(random)
    loads = [timed(lambda: scan.reader().table()) for _ in range(runs)]
    table = scan.reader().table()
    first = timed(lambda: evaluate(scan, table, references, settings))
    seconds: dict[str, list[float]] = {"refilter": [], "reframe": [], "references": [], "slider": []}
    for run in range(runs):
        moved = settings.with_values({"min_crop_px": 41 + run, "min_brightness": 21.0 + run})
        padded, others = settings.with_values({"bbox_pad": 0.35 + run / 100}), make_references(random)
        seconds["refilter"].append(timed(lambda: evaluate(scan, table, references, moved)))  # noqa: B023
        seconds["reframe"].append(timed(lambda: evaluate(scan, table, references, padded)))  # noqa: B023
        slider_columns(scan, table, references, settings)
        seconds["slider"].append(timed(lambda: slider_columns(scan, table, references, moved)))  # noqa: B023
        seconds["references"].append(timed(lambda: evaluate(scan, table, others, settings)))  # noqa: B023
    medians = {f"{name}_seconds": round(statistics.median(values), 4) for name, values in seconds.items()}
    kept = len(evaluate(scan, table, references, settings).kept)
    return (
        {"load_seconds": round(statistics.median(loads), 3), "first_seconds": round(first, 3)}
        | medians
        | {"kept": kept}
    )


def make_film(path: Path, seconds: float) -> Path:
    """A film with moving detail, 24 frames per second."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    import clips

    detail = np.random.default_rng(4).integers(0, 255, (110, 200, 3)).astype(np.uint8)
    picture = clips.cv2.resize(detail, (1600, 880), interpolation=clips.cv2.INTER_CUBIC)
    moving = (picture[n % 150 : n % 150 + 720, 2 * (n % 150) : 2 * (n % 150) + 1280] for n in range(int(seconds * 24)))
    return clips.write_film(path, moving, 24, options={"crf": "23"})


def measure_export(folder: Path, crops: int, runs: int) -> dict[str, Any]:
    """Crops per second with one worker and with one for each core, in turn."""
    video = probe(make_film(folder / "film.mp4", crops / 2.5 / RATE + 1))
    project = make_project(folder / "exported", video, crops)
    rates: dict[int, list[float]] = {}
    for run in range(runs):
        for workers in (1, usable_cores()):
            out = folder / f"out{run}_{workers}"
            settings = Settings().with_values({"sim": None, "workers": workers, "contact_sheet": False})
            result = write_dataset(project, settings, out)
            assert result["saved"] == crops, result
            rates.setdefault(workers, []).append(crops / result["export_seconds"])
            shutil.rmtree(out)
    return {f"crops_per_second_{workers}": round(statistics.median(found), 1) for workers, found in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, nargs="*", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--crops", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="where the projects are made and kept; default: a temporary one")
    options = parser.parse_args()
    result: dict[str, Any] = {"cores": usable_cores()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        video = Video(folder / "film.mp4", "f" * 32, 1, 1280, 720, None, None, None, "h264", "yuv420p")
        for faces in options.faces:
            path = folder / str(faces)
            project = Project.open(path) if path.exists() else make_project(path, video, faces)
            result[str(faces)] = measure(project, options.runs)
        if options.crops:
            result["export"] = measure_export(Path(temporary), options.crops, options.runs)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
