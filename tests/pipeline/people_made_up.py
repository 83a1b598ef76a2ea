"""Projects whose faces are made up: who is in which frame, on which track, and how like themselves they are."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.records import Video
from facecrop_core.table import FaceRow, SampleRow, ScanWriter, commit_table
from facecrop_core.video import video_to_json

SHA = "ab" * 32
DIMENSIONS = 32
ENGINE = {
    "kind": "pack", "name": "made up", "licence": "None needed.", "detector_sha256": SHA, "embedder_sha256": SHA,
    "metric": "cosine", "match": 0.5, "unsure": 0.4, "det_thresh": 0.5, "providers": [], "landmarks_estimated": False,
}  # fmt: skip
MEASURES = {"laplacian": 200.0, "tenengrad": 4000.0, "brightness": 120.0, "contrast": 60.0, "yaw": 0.0, "pitch": 0.0}

Cast = Sequence[tuple[int, int]]
"""For each track of a film: whose it is, and of how many faces."""


def direction(person: int, seed: int | None = None, noise: float = 0.0) -> np.ndarray:
    vector = np.zeros(DIMENSIONS, np.float32)
    vector[person] = 1
    if noise:
        vector += np.random.default_rng(seed).normal(0, noise / np.sqrt(DIMENSIONS), DIMENSIONS)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def add_film(project: Project, name: str, cast: Cast, sha: str = SHA, noise: float = 0.4) -> Scan:
    """A scan of a film in which tracks follow one another, each pair of them side by side in the same frames."""
    video_id = name.encode().hex().ljust(32, "0")
    video = Video(Path(f"{name}.mp4"), video_id, 1000, 1280, 720, Fraction(25), 60.0, 1500, "h264", "yuv420p")
    engine = ENGINE | {"embedder_sha256": sha}
    scan = Scan(
        project.scan_folder(video_id, "0" * 16),
        {"version": 1, "status": "complete", "video": video_to_json(video), "settings": {}, "engine": engine},
    )
    scan.save()
    writer, sample, tracks = ScanWriter(scan.folder, video_id, sha), 0, []
    for first in range(0, len(cast), 2):
        pair = cast[first : first + 2]
        for step in range(max(faces for _, faces in pair)):
            rows = []
            for slot, (person, faces) in enumerate(pair):
                if step < faces:
                    rows.append(_face(person, slot, sample, noise))
                    tracks.append(first + slot)
            writer.add(SampleRow(sample, sample * 5, sample / 5, bytes(32 * 18), rows))
            sample += 1
    writer.flush()
    store_tracks(scan, tracks)
    project.use_scan(video, scan.folder.name)
    return scan


def _face(person: int, slot: int, sample: int, noise: float) -> FaceRow:
    x, size = 100.0 + 500 * slot + sample % 7, 120.0
    landmarks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32) * size + [x, 80]
    picture = np.full((160, 160, 3), (40 * person % 255, 90, 200 - 30 * person % 200), np.uint8)
    cv2.circle(picture, (80, 80), 50, (220, 200, 180), -1)
    cv2.putText(picture, f"{person}.{sample}", (45, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    return FaceRow(
        (x, 80.0, x + size, 80 + size),
        np.asarray(landmarks, np.float32),
        0.9,
        direction(person, seed=1000 * slot + sample, noise=noise),
        dict(MEASURES),
        bytes(cv2.imencode(".jpg", picture)[1]),
    )


def store_tracks(scan: Scan, tracks: list[int]) -> None:
    """Whose track each face is on, in the order of the table."""
    import pyarrow as pa

    ids = [str(face_id) for face_id in scan.reader().table()["face_id"]]
    columns = {"face_id": ids, "track": tracks, "shot": [0] * len(ids)}
    commit_table(scan.folder / "tracks.parquet", pa.table(columns))
