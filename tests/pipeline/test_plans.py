"""From settings to samples: every way of sampling, fragments, areas, limits; and going on after an interruption."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest

from facecrop_core.errors import CancelledError, SettingsError, SkippedError
from facecrop_core.pipeline import looking
from facecrop_core.pipeline import plans as plans_module
from facecrop_core.pipeline.engine import engine_identity
from facecrop_core.pipeline.events import Event, Note, Progress, Watch
from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.pipeline.plans import PLANS
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.scan import ScanResult, scan
from facecrop_core.records import Calibration, Engine, Faces, FloatArray, Image
from facecrop_core.settings import CONTROLS, Settings
from facecrop_core.settings.sampling import SamplingSettings
from facecrop_core.table import read_samples


class Finder:
    """Finds a red patch, wherever it is in the canvas."""

    name, model_sha256, landmarks_estimated = "patch", "a" * 64, False

    def canvas_size(self, width: int, height: int) -> tuple[int, int]:
        return width // 2, height // 2

    def detect(self, canvases: Any, threshold: float) -> list[Faces]:
        return [self._find(canvas) for canvas in canvases]

    def _find(self, canvas: Image) -> Faces:
        red = (canvas[..., 2] > 150) & (canvas[..., 0] < 90)
        if not red.any():
            return Faces.none()
        ys, xs = np.nonzero(red)
        box = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], np.float32)
        points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
        landmarks = box[:, None, :2] + points * (box[:, None, 2:] - box[:, None, :2])
        return Faces(box, landmarks.astype(np.float32), np.ones(1, np.float32))


class Namer:
    """Embeds everything alike."""

    name, dimensions, chip_size = "same", 4, 16
    model_sha256 = engine_identity(Settings().with_values({"engine": "builtin"}))["embedder_sha256"]

    def chip_matrix(self, landmarks_xy: FloatArray) -> FloatArray:
        return np.array([[0.1, 0, 0], [0, 0.1, 0]], np.float32)

    def embed(self, chips: Image) -> FloatArray:
        return np.full((len(chips), 4), 0.5, np.float32)


ENGINE = Engine("builtin", "fake", "for a test", "none", Finder(), Namer(), Calibration("cosine", 0.5, 0.4, 0.5))
WAYS: dict[str, dict[str, Any]] = {
    "rate": {"fps": 4.0},
    "step": {"step_frames": 9},
    "every": {"end": "0:01.6"},
    "keyframes": {},
    "shots": {"shot_frames": 3},
    "sections": {"section_frames": 4},
}


SCENES = ((230, 230, 60), (20, 20, 20), (40, 200, 40), (30, 30, 30))


def make_film(path: Path) -> None:
    """Four seconds and shots, black bars above and below, and a red patch at (100, 60) to (140, 100)."""
    images = np.zeros((100, 160, 240, 3), np.uint8)
    for number, image in enumerate(images):
        image[40:120] = SCENES[number // 25]
        image[60:100, 100:140] = (40, 40, 220)
    clips.write_film(path, images, 25, options={"g": "10", "bf": "2", "sc_threshold": "0"})


@pytest.fixture(scope="module")
def film() -> Path:
    return clips.shared("plans.mp4", make_film)[0]


def run(film: Path, folder: Path, values: dict[str, Any], **watch: Any) -> ScanResult:
    project = Project.create(folder)
    settings = Settings().with_values({"engine": "builtin"} | values)
    with project.lock():
        return scan(film, project, settings, Watch(**watch), lambda: ENGINE)


def samples(result: ScanResult) -> list[tuple[int, int, float]]:
    rows = read_samples(result.scan.folder)
    return [
        (int(s), round(t * 25), round(float(t), 6)) for s, t in zip(rows["sample"], rows["time_seconds"], strict=True)
    ]


def frames(result: ScanResult) -> list[int]:
    return [frame for _, frame, _ in samples(result)]


def test_each_way_of_sampling_has_a_plan_and_its_settings() -> None:
    ways = set(CONTROLS["sampling"].choices)
    assert ways == set(PLANS) == set(SamplingSettings.USED_BY) == set(WAYS)
    assert {name for names in SamplingSettings.USED_BY.values() for name in names} <= set(CONTROLS)


EXPECTED = {
    "rate": [0, 7, 13, 19, 25, 32, 38, 44, 50, 57, 63, 69, 75, 82, 88, 94],
    "step": list(range(0, 100, 9)),
    "every": list(range(40)),
    "keyframes": list(range(0, 100, 10)),
    "shots": [4, 12, 20, 29, 37, 45, 54, 62, 70, 79, 87, 95],
    "sections": [5, 13, 21, 30, 38, 46, 55, 63, 71, 80, 88, 96],
}


@pytest.mark.parametrize("way", [pytest.param(w, marks=pytest.mark.slow) if w in ("rate", "step") else w for w in WAYS])
def test_samples_and_going_on(tmp_path: Path, film: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"sampling": way} | WAYS[way]
    whole = run(film, tmp_path / "whole", values)
    assert whole.status == "complete"
    assert frames(whole) == EXPECTED[way]
    assert len(whole.scan.reader().table()) == whole.samples
    monkeypatch.setattr(looking, "SAMPLES_PER_PART", 3)
    stop = threading.Event()

    def stop_at_five(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "scan" and event.samples >= 5:
            stop.set()

    with pytest.raises(CancelledError):
        run(film, tmp_path / "p", values, send=stop_at_five, stop=stop)
    monkeypatch.setattr(plans_module, "find_shots", None)  # what was found is not looked for again
    again = run(film, tmp_path / "p", values)
    assert samples(again) == samples(whole)
    assert again.scan.content["look"] == whole.scan.content["look"]


def test_shots_are_stored(tmp_path: Path, film: Path) -> None:
    look = run(film, tmp_path / "p", {"sampling": "shots"}).scan.content["look"]
    assert look["shots"] == [[0, 1], [1, 2], [2, 3], [3, 4]] and len(look["shot_samples"]) == 4


@pytest.mark.parametrize("way", ["rate", "shots", *(pytest.param(w, marks=pytest.mark.slow) for w in list(WAYS)[1:4])])
def test_a_fragment_is_part_of_the_whole(tmp_path: Path, film: Path, way: str) -> None:
    values = {"sampling": way} | WAYS[way]
    part = run(film, tmp_path / "part", values | {"start": "0:01", "end": 2.8})
    assert part.status == "complete"
    seen = frames(part)
    assert seen and seen[0] >= 25 and seen[-1] < 70
    if way not in ("shots", "sections"):  # those spread their frames over the fragment
        whole = run(film, tmp_path / "whole", values | {"end": None})
        assert samples(part) == [row for row in samples(whole) if 25 <= row[1] < 70]


def test_a_fragment_that_ends_before_it_starts_is_refused(tmp_path: Path, film: Path) -> None:
    with pytest.raises(SettingsError, match="not after the start"):
        run(film, tmp_path / "p", {"start": "3", "end": "0:02"})


@pytest.mark.parametrize(("area", "found"), [("auto", [0, 40, 240, 120]), ("80,50,150,110", [80, 50, 150, 110])])
def test_boxes_of_an_area_are_of_the_whole_frame(tmp_path: Path, film: Path, area: str, found: list[int]) -> None:
    result = run(film, tmp_path / "p", {"fps": 2.0, "area": area})
    assert result.scan.content["look"]["area"] == found
    table = result.scan.reader().table()
    assert len(table) == 8
    assert np.abs(table.boxes_xyxy - (100, 60, 140, 100)).max() <= 4


def test_what_lies_outside_the_area_is_not_seen(tmp_path: Path, film: Path) -> None:
    assert run(film, tmp_path / "p", {"fps": 2.0, "area": "0,0,90,160"}).faces == 0
    near = {"fps": 2.0, "area": "80,50,150,110", "det_min_border": 9.0}
    assert run(film, tmp_path / "near", near).faces == 8
    assert run(film, tmp_path / "nearer", near | {"det_min_border": 14.0}).faces == 0
    with pytest.raises(SettingsError, match="lies outside"):
        run(film, tmp_path / "p", {"area": "300,0,400,100"})


def test_small_and_short_videos_are_skipped_and_the_others_scanned(tmp_path: Path, film: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(film.read_bytes())
    clips.numbered_clip(folder / "b.mp4", 10, 25)
    request = JobRequest("scan", tmp_path / "p", (folder,), settings={"engine": "builtin", "fps": 1.0})
    with pytest.raises(SkippedError, match="at least 720"):
        run(film, tmp_path / "single", {"min_resolution": 720})
    with pytest.raises(SkippedError, match="fragment starts at 60 s"):
        run(film, tmp_path / "single", {"start": "1:00"})
    notes: list[Event] = []
    import dataclasses

    small = dataclasses.replace(request, settings=(request.settings or {}) | {"min_resolution": 100})
    result = run_job(small, Watch(notes.append))
    assert [row["status"] for row in result["videos"]] == ["complete", "skipped"]
    assert result["status"] == "complete" and "64 pixels" in result["videos"][1]["reason"]
    assert any(isinstance(note, Note) and "64 pixels" in note.text for note in notes)


def test_settings_of_other_ways_of_sampling_cause_no_new_scan(tmp_path: Path, film: Path) -> None:
    run(film, tmp_path / "p", {"fps": 2.0})
    assert run(film, tmp_path / "p", {"fps": 2.0, "section_frames": 5, "shot_thresh": 0.3, "step_frames": 3}).reused
    assert not run(film, tmp_path / "p", {"fps": 2.0, "end": "3"}).reused


def test_export_stops_before_the_dataset_is_too_large(tmp_path: Path, film: Path) -> None:
    run(film, tmp_path / "p", {"fps": 4.0})
    export = JobRequest("export", tmp_path / "p", out=tmp_path / "all", settings={"size": 64})
    whole = run_job(export)
    sizes = sorted((path.stat().st_size for path in (tmp_path / "all").glob("*.png")), reverse=True)
    assert whole["saved"] == len(sizes) == 16 and "size_limit" not in whole["not_kept"]
    notes: list[Event] = []
    limit = sizes[0] * 5
    import dataclasses

    limited = dataclasses.replace(export, out=tmp_path / "few", settings={"size": 64, "max_total_bytes": limit})
    few = run_job(limited, Watch(notes.append))
    written = sum(path.stat().st_size for path in (tmp_path / "few").glob("*.png"))
    assert 5 <= few["saved"] < 16 and written <= limit
    assert few["not_kept"]["size_limit"] == 16 - few["saved"]
    assert any(isinstance(note, Note) and "crops are left out" in note.text for note in notes)
