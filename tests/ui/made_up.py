"""A run whose faces are made up, so that the page can be tested without an engine."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from facecrop_core.people import PeopleStore
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.records import Reference, Video
from facecrop_core.table import FaceRow, SampleRow, ScanWriter
from facecrop_core.video import video_to_json

SHA, VIDEO_ID = "ab" * 32, "cd" * 16
DIMENSIONS = 16
ENGINE = {
    "kind": "pack", "name": "made up", "licence": "None needed.", "detector_sha256": SHA, "embedder_sha256": SHA,
    "metric": "cosine", "match": 0.5, "unsure": 0.4, "det_thresh": 0.5, "providers": [], "landmarks_estimated": False,
}  # fmt: skip


def make_project(folder: Path, people: tuple[str, ...] = ("Ann", "Bob")) -> tuple[Project, Scan]:
    """A project with one unfinished scan of no face."""
    project = Project.create(folder)
    video = Video(
        folder / "film.mp4", VIDEO_ID, 1000, 1280, 720, Fraction(25), 60.0, 1500, "h264", "yuv420p"
    )  # fmt: skip
    scan = Scan(
        project.scan_folder(VIDEO_ID, "0" * 16),
        {"version": 1, "status": "running", "video": video_to_json(video), "settings": {}, "engine": ENGINE},
    )
    scan.save()
    project.use_scan(video, scan.folder.name)
    project.save()
    if people:
        with PeopleStore(project.people_path) as store:
            store.replace_references([Reference(name, name, direction(i)) for i, name in enumerate(people)], SHA)
    return project, scan


def direction(person: int) -> np.ndarray:
    vector = np.zeros(DIMENSIONS, np.float32)
    vector[person] = 1
    return vector


def add_faces(scan: Scan, samples: int, seed: int = 0, people: int = 2) -> None:
    """Commit one more part: up to four faces in each sample, of the people or of strangers."""
    writer, random = ScanWriter(scan.folder, VIDEO_ID, SHA), np.random.default_rng(seed)
    first = writer.next_sample
    for sample in range(first, first + samples):
        faces = [made_up_face(random, slot, people) for slot in range(random.integers(0, 5))]
        writer.add(SampleRow(sample, sample * 3, sample / 8, bytes(32 * 18), faces))
    writer.flush()


def made_up_face(random: np.random.Generator, slot: int, people: int) -> FaceRow:
    who = int(random.integers(0, people + 1))
    vector = direction(who) * random.uniform(0.2, 2) + random.normal(0, 0.25, DIMENSIONS)
    size = float(random.uniform(40, 150))
    x, y = slot * 300 + float(random.uniform(0, 100)), float(random.uniform(0, 500))
    tenengrad = float(random.choice([np.nan, *(10 ** random.uniform(1, 4.5, 12))]))
    measures = {"tenengrad": tenengrad, "brightness": float(random.uniform(20, 200)), "yaw": 0.0}
    landmarks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32) * size + [x, y]
    return FaceRow(
        (x, y, x + size, y + size * 1.2),
        np.asarray(landmarks, np.float32),
        float(random.uniform(0.5, 1)),
        np.asarray(vector / np.linalg.norm(vector), np.float32),
        measures,
        thumbnail(random),
    )


def thumbnail(random: np.random.Generator) -> bytes:
    image = np.full((160, 160, 3), random.integers(60, 200, 3), np.uint8)
    cv2.circle(image, (80, 80), 52, tuple(int(v) for v in random.integers(120, 255, 3)), -1)
    return bytes(cv2.imencode(".jpg", image)[1])
