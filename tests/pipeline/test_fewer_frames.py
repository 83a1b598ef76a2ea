"""Passes beyond the first, and frames that are not looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import clips
import cv2
import numpy as np
import pytest

from facecrop_core.geometry import iou_matrix
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.pipeline.faces import FaceMaker
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.scan import ScanResult, scan
from facecrop_core.records import Engine, Faces, Frame, Image
from facecrop_core.settings import Settings

SETTINGS = Settings().with_values({"engine": "builtin", "fps": 8.0})


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(SETTINGS, threads=1)


def frame_of(picture: Image, engine: Engine) -> Frame:
    """A still picture as a frame with the canvas that the engine wants."""
    frame = clips.frame_from_bgr(picture)
    size = engine.detector.canvas_size(picture.shape[1], picture.shape[0])
    frame.canvas = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return frame


def boxes_with(engine: Engine, picture: Image, **values: Any) -> Faces:
    maker = FaceMaker(engine, SETTINGS.with_values(values).detection)
    return maker.find([frame_of(picture, engine)])[0][0]


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180])
def test_turned_passes_find_turned_faces_where_they_are(engine: Engine, turn: int) -> None:
    upright = np.zeros((720, 1280, 3), np.uint8)
    upright[200:600, 300:700] = clips.person_photo("grace", 400)
    plain = boxes_with(engine, upright)
    turned = np.asarray(cv2.rotate(upright, turn), np.uint8)
    assert len(plain) == 1 and not len(boxes_with(engine, turned))
    found = boxes_with(engine, turned, det_rotate="all")
    assert len(found) == 1
    # turned back, box and landmarks lie where the upright picture has them
    mask = np.zeros(turned.shape[:2], np.uint8)
    x1, y1, x2, y2 = (round(float(v)) for v in found.boxes_xyxy[0])
    mask[y1:y2, x1:x2] = 255
    back = {cv2.ROTATE_180: cv2.ROTATE_180}.get(turn, 2 - turn)
    ys, xs = np.nonzero(cv2.rotate(mask, back))
    box = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], np.float32)
    assert iou_matrix(box, plain.boxes_xyxy)[0, 0] > 0.9
    for (x, y), expected in zip(found.landmarks_xy[0], plain.landmarks_xy[0], strict=True):
        dot = np.zeros(turned.shape[:2], np.uint8)
        dot[round(float(y)), round(float(x))] = 255
        (row,), (column,) = np.nonzero(cv2.rotate(dot, back))
        assert np.hypot(column - expected[0], row - expected[1]) < 4


def test_zoom_rescue_finds_a_small_face_in_a_large_frame(engine: Engine) -> None:
    picture = np.zeros((1080, 1920, 3), np.uint8)
    picture[700:850, 1500:1650] = clips.person_photo("grace", 150)
    assert not len(boxes_with(engine, picture))
    found = boxes_with(engine, picture, zoom_rescue=True)
    assert len(found) == 1
    centre = (found.boxes_xyxy[0, :2] + found.boxes_xyxy[0, 2:]) / 2
    assert np.abs(centre - (1575, 775)).max() < 25


@pytest.fixture(scope="module")
def slides() -> Path:
    """Two seconds of one still picture, two of nobody, and one of another person who moves; a face in 3 of 5."""
    still, nobody = clips.person_photo("grace", 256), np.full((256, 256, 3), 60, np.uint8)
    other = clips.person_photo("carl", 512)

    def frames() -> Iterator[Image]:
        yield from [still] * 16
        yield from [nobody] * 16
        yield from (np.ascontiguousarray(other[100:356, 100 + 4 * n : 356 + 4 * n]) for n in range(8))

    return clips.shared("slides.mp4", lambda path: clips.write_film(path, frames(), 8))[0]


@pytest.fixture(scope="module")
def quick() -> Engine:
    return open_engine(SETTINGS.with_values({"det_size": 256}), threads=1)


class Counted:
    """A detector that counts the pictures it sees."""

    def __init__(self, detector: Any) -> None:
        self._detector, self.pictures = detector, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def detect(self, canvases: Sequence[Image], threshold: float) -> list[Faces]:
        self.pictures += len(canvases)
        found: list[Faces] = self._detector.detect(canvases, threshold)
        return found


def run(film: Path, folder: Path, engine: Engine, **values: Any) -> tuple[ScanResult, int]:
    """The scan's result, and how many pictures its detector saw."""
    detector = Counted(engine.detector)
    counted = Engine(engine.kind, "", "", "", detector, engine.embedder, engine.calibration)
    project = Project.create(folder)
    with project.lock():
        return scan(film, project, SETTINGS.with_values(values), None, lambda: counted), detector.pictures


def faces_by_sample(result: ScanResult) -> dict[int, int]:
    samples, counts = np.unique(result.scan.reader().table()["sample"], return_counts=True)
    return dict(zip(samples.tolist(), counts.tolist(), strict=True))


def test_unchanged_frames_keep_their_faces_without_being_looked_at(tmp_path: Path, slides: Path, quick: Engine) -> None:
    whole, seen = run(slides, tmp_path / "whole", quick)
    spared, fewer = run(slides, tmp_path / "spared", quick, reuse_unchanged=2.0)
    assert whole.samples == spared.samples == seen == 40
    assert faces_by_sample(spared) == faces_by_sample(whole)
    assert fewer <= 4 + 8, "two groups of each still scene, and the moving one"


def test_in_empty_shots_few_samples_are_looked_at_and_no_face_of_others_is_lost(
    tmp_path: Path, slides: Path, quick: Engine
) -> None:
    whole, seen = run(slides, tmp_path / "whole", quick)
    spared, fewer = run(slides, tmp_path / "spared", quick, empty_stride=4)
    assert faces_by_sample(spared) == faces_by_sample(whole)
    assert fewer == seen - 2 * 5, "of eight empty samples 0, 4 and the last are looked at"
    assert whole.samples == spared.samples
