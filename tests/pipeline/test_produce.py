"""Produce: what is remembered between two evaluations, and crops that are rendered by several threads."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest

from facecrop_core.errors import CancelledError
from facecrop_core.export import statistics_path
from facecrop_core.people import Curation, PeopleStore
from facecrop_core.pipeline import matching
from facecrop_core.pipeline import produce as module
from facecrop_core.pipeline.curation import face_keys
from facecrop_core.pipeline.events import Progress, Watch
from facecrop_core.pipeline.produce import evaluate, write_dataset
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.records import Reference
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow, SampleRow, ScanWriter
from facecrop_core.video import probe, video_to_json

SETTINGS = Settings().with_values({"size": 32, "sim": -0.9, "margin": 0.0})


ENGINE = {
    "kind": "builtin", "name": "stub", "detector_sha256": "d" * 64, "embedder_sha256": "e" * 64,
    "metric": "cosine", "match": 0.5, "unsure": 0.4, "det_thresh": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished scan of twenty-four faces, one on each sample, four samples a second."""
    folder = tmp_path_factory.mktemp("produce")
    video, random = probe(clips.numbered_clip(folder / "film.mp4", 48, 8)), np.random.default_rng(0)
    made = Project.create(folder / "p")
    scan = Scan(made.scan_folder(video.video_id, "0" * 16), {"status": "complete", "engine": ENGINE})
    scan.content["video"] = video_to_json(video)
    scan.save()
    made.use_scan(video, scan.folder.name)
    made.save()
    writer = ScanWriter(scan.folder, video.video_id, "e" * 64)
    for number in range(24):
        vector = random.standard_normal(12).astype(np.float32)
        box = (8.0 + number % 5, 8.0, 48.0 + number % 7, 56.0)
        face = FaceRow(box, np.full((5, 2), 30, np.float32), 0.9, vector / np.linalg.norm(vector), {}, b"jpeg")
        writer.add(SampleRow(number, 2 * number, number / 4, bytes(576), [face]))
    writer.flush()
    return made


def reference(person: str, seed: int) -> Reference:
    vector = np.random.default_rng(seed).standard_normal(12).astype(np.float32)
    return Reference(person, f"{person}.png", vector / np.linalg.norm(vector))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is computed."""
    calls: list[str] = []
    for part, name in ((matching, "match"), (module, "frame_crops")):
        real = getattr(part, name)

        def count(*args: Any, name: str = name, real: Any = real, **kwargs: Any) -> Any:
            calls.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(part, name, count)
    return calls


def test_moving_a_gate_matches_and_plans_nothing_again(project: Project, counted: list[str]) -> None:
    scan: Scan = project.scans()[0]
    table, anna = scan.reader().table(), reference("anna", 1)

    def again(references: list[Reference], **values: Any) -> list[str]:
        counted.clear()
        settings = SETTINGS.with_values(values)
        found = evaluate(scan, table, references, settings)
        counted_now = list(counted)
        fresh = evaluate(scan, scan.reader().table(), references, settings)
        assert np.array_equal(found.reasons, fresh.reasons) and found.matches.names == fresh.matches.names
        assert np.array_equal(found.matches.person, fresh.matches.person)
        assert np.array_equal(found.matches.similarity, fresh.matches.similarity)
        assert np.array_equal(found.crops.side, fresh.crops.side)
        return counted_now

    assert again([anna]) == ["match", "frame_crops"]
    assert again([anna], min_crop_px=60) == []
    assert again([anna], min_crop_px=60, bbox_pad=0.5) == ["frame_crops"]
    assert again([anna], sim=0.2) == ["match"]
    assert again([reference("anna", 2)]) == ["match"]
    both = [anna, reference("bella", 2)]
    assert again(both) == ["match"] and again(both[::-1]) == ["match"]  # people are numbered as they come
    for number in range(10):
        again([anna], bbox_pad=0.1 + number / 100)
    assert again([anna], bbox_pad=0.19) == [] and again(both, bbox_pad=0.19) == [
        "match"
    ]  # only the last few are remembered


def test_what_the_user_says_changes_what_is_exported(project: Project, tmp_path: Path) -> None:
    settings = SETTINGS.with_values({"sim": 0.95})
    faces = project.scans()[0].reader().table()
    keys = face_keys(faces, range(6))
    anna = Reference("anna", "anna.png", faces.embeddings[0])

    def exported(name: str, **values: Any) -> tuple[dict[str, int], dict[str, int]]:
        result = write_dataset(project, settings.with_values(values), tmp_path / name)
        return result["people"], result["not_kept"]

    with PeopleStore(project.people_path) as store:
        store.replace_references([anna], "e" * 64)
        assert exported("before") == ({"anna": 1}, {"no_match": 23})
        said = Curation(store)
        said.say_is(keys[1:3], "anna")
        said.say_is(keys[3:4], "bella")
        said.reject(keys[2:3])
        assert exported("named") == ({"anna": 2, "bella": 1}, {"no_match": 20, "rejected": 1})
        said.keep(keys[4:5])
        assert exported("kept", min_crop_px=4000) == ({"": 1}, {"no_match": 19, "rejected": 1, "min_crop_px": 3})
        said.say_not(keys[:1], "anna")
        assert exported("not")[0] == {"": 1, "anna": 1, "bella": 1}
        assert exported("off", sim=None) == ({"": 23}, {"rejected": 1})
        said.undo()
        assert exported("undone")[0] == {"": 1, "anna": 2, "bella": 1}
    assert (tmp_path / "named", statistics_path(tmp_path / "named", None)) in Project.open(project.folder).exports
    project.people_path.unlink()


def contents(folder: Path) -> dict[str, bytes]:
    """All files but provenance.json, which holds the time and all settings."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "provenance.json"}


def test_several_workers_write_what_one_writes(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, threads = module.crop_files, set()

    def dawdling(frame: Any, *rest: Any) -> Any:
        threads.add(threading.current_thread().name)
        time.sleep(0.01 * (frame.sample % 3))  # later frames are done first
        return real(frame, *rest)

    limit = None
    for saved in (24, 12):
        values = {"sim": None, "max_total_bytes": limit}
        one = write_dataset(project, SETTINGS.with_values({"workers": 1} | values), tmp_path / f"one{limit}")
        with monkeypatch.context() as patch:
            patch.setattr(module, "crop_files", dawdling)
            many = write_dataset(project, SETTINGS.with_values({"workers": 4} | values), tmp_path / f"many{limit}")
        assert one["saved"] == many["saved"] and one["not_kept"] == many["not_kept"]
        assert saved - 2 <= one["saved"] <= saved + 2
        files = contents(tmp_path / f"one{limit}")
        assert files == contents(tmp_path / f"many{limit}")
        limit = sum(len(data) for name, data in files.items() if name.endswith(".png")) // 2
    assert len(threads) > 1


def test_the_first_error_ends_the_export_and_crops_before_it_are_there(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module.crop_files

    def failing(frame: Any, *rest: Any) -> Any:
        if frame.sample >= 9:
            raise MemoryError(f"sample {frame.sample}")
        return real(frame, *rest)

    monkeypatch.setattr(module, "crop_files", failing)
    with pytest.raises(MemoryError, match="sample 9"):
        write_dataset(project, SETTINGS.with_values({"sim": None, "workers": 4}), tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.png"))) == 9


def test_few_frames_are_rendered_ahead_and_a_stop_is_heeded(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rendered, stop = module.crop_files, list[int](), threading.Event()

    def noting(frame: Any, *rest: Any) -> Any:
        rendered.append(frame.sample)
        return real(frame, *rest)

    def send(event: Any) -> None:
        if isinstance(event, Progress) and event.saved == 2:
            stop.set()

    monkeypatch.setattr(module, "crop_files", noting)
    with pytest.raises(CancelledError):
        settings = SETTINGS.with_values({"sim": None, "workers": 2})
        write_dataset(project, settings, tmp_path / "out", Watch(send, stop))
    assert len(list((tmp_path / "out").glob("*.png"))) == 2 and len(rendered) <= 2 + 2 * 2 + 1
