"""Embedding only the best faces of each track, and the rest later."""

from __future__ import annotations

import threading
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clips
import cv2
import fault_tools
import numpy as np
import pytest
from fault_tools import run_stub, use_stub_engine

from facecrop_core.errors import CancelledError
from facecrop_core.pipeline import late, looking, scan
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.scan import ScanResult
from facecrop_core.pipeline.verify import verify
from facecrop_core.records import FaceTable, Reference
from facecrop_core.settings import Settings
from facecrop_core.table import read_samples


@pytest.fixture(autouse=True)
def _stub(monkeypatch: pytest.MonkeyPatch) -> None:
    use_stub_engine(monkeypatch)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.numbered_clip(tmp_path_factory.mktemp("late") / "film.mp4", 48, 8)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("late") / "anna.png"
    cv2.imwrite(str(path), clips.person_photo("anna"))
    return path


@pytest.fixture
def detections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many pictures each call of the detector was given."""
    calls: list[int] = []
    detect = fault_tools.StubDetector.detect

    def counting(self: Any, canvases: Any, threshold: float) -> Any:
        calls.append(len(canvases))
        return detect(self, canvases, threshold)

    monkeypatch.setattr(fault_tools.StubDetector, "detect", counting)
    yield calls


def table_of(result: ScanResult) -> Any:
    return result.scan.reader().table()


def known(result: ScanResult) -> Any:
    return np.isfinite(table_of(result).embeddings).all(axis=1)


def rows(result: ScanResult) -> str:
    table = table_of(result)
    return repr({name: values.tolist() for name, values in table.columns.items()} | {"e": table.embeddings.tolist()})


def test_a_track_has_an_embedding_a_second_at_least(film: Path, tmp_path: Path) -> None:
    every, some = run_stub(film, tmp_path / "all"), run_stub(film, tmp_path / "track", embed="track")
    embedded = known(some)
    assert every.faces == some.faces == 24 and known(every).all()
    assert 6 <= embedded.sum() < 20 and embedded[0]
    assert np.diff(table_of(some)["time_seconds"][embedded]).max() <= 1.0 + 1e-6
    assert np.allclose(table_of(some).embeddings[embedded], table_of(every).embeddings[embedded])
    assert (every.scan.folder.name, every.scan.content["embedded"]) == (some.scan.folder.name, 24)
    assert some.scan.content["embedded"] == embedded.sum()
    assert len(set(table_of(some)["track"].tolist())) == len(set(table_of(every)["track"].tolist()))


def test_what_was_left_out_is_embedded_later_without_detecting(
    film: Path, tmp_path: Path, detections: list[int]
) -> None:
    every = run_stub(film, tmp_path / "all")
    some = run_stub(film, tmp_path / "p", embed="track")
    open_reader = some.scan.reader()
    before = open_reader.table().embeddings.copy()
    detections.clear()
    events: list[Any] = []
    completed = run_stub(film, tmp_path / "p", send=events.append)
    assert not detections and not completed.reused and completed.status == "complete"
    ours, theirs = table_of(completed).embeddings, table_of(every).embeddings
    assert ((ours * theirs).sum(axis=1) > 0.9999).all()
    assert table_of(completed)["track"].tolist() == table_of(every)["track"].tolist()
    assert completed.scan.content["embedded"] == 24
    assert [e.done for e in events if isinstance(e, Progress) and e.stage == "embed"][-1] == 24 - known_count(before)
    assert any(isinstance(e, Note) and "embedded later" in e.text for e in events)
    assert np.isnan(before).any() and open_reader.refresh() and np.isfinite(open_reader.table().embeddings).all()
    assert run_stub(film, tmp_path / "p").reused and run_stub(film, tmp_path / "p", embed="track").reused
    assert verify(tmp_path / "p")["findings"] == []


def known_count(embeddings: Any) -> int:
    return int(np.isfinite(embeddings).all(axis=1).sum())


def test_a_stopped_scan_embeds_the_same_faces(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rows(run_stub(film, tmp_path / "whole", embed="track"))
    monkeypatch.setattr(looking, "SAMPLES_PER_PART", 4)
    for most in (3, 9, 14):
        stop_at(most, film, tmp_path / "p", "scan", embed="track")
    assert 0 < len(read_samples(Project.open(tmp_path / "p").scans()[0].folder)["sample"]) < 24
    assert rows(run_stub(film, tmp_path / "p", embed="track")) == expected


def test_a_stopped_completion_goes_on(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rows(run_stub(film, tmp_path / "all"))
    monkeypatch.setattr(late, "FACES_PER_PART", 4)
    run_stub(film, tmp_path / "p", embed="track")
    stop_at(5, film, tmp_path / "p", "embed")
    project = Project.open(tmp_path / "p")
    part = next(project.folder.rglob("late-000000.npy"))
    assert 4 <= len(np.load(part)) < 12 and verify(project.folder)["status"] == "complete"
    content = part.read_bytes()
    assert close_to(rows(run_stub(film, tmp_path / "p")), expected) and part.read_bytes() == content


def close_to(ours: str, theirs: str) -> bool:
    """Whether both tables are the same but for noise in the embeddings."""
    a, b = (literal_eval(text.replace("nan", "None")) for text in (ours, theirs))
    return bool(np.allclose(a.pop("e"), b.pop("e"), atol=1e-3)) and a == b


def stop_at(faces: int, film: Path, folder: Path, stage: str, **settings: Any) -> None:
    """Run until so many samples are there, or faces are embedded, and stop."""
    stop = threading.Event()

    def stop_soon(event: Any) -> None:
        if isinstance(event, Progress) and event.stage == stage and max(event.samples, event.done) >= faces:
            stop.set()

    project = Project.create(folder)
    values = Settings().with_values({"engine": "builtin", "fps": 4.0} | settings)
    with project.lock(), pytest.raises(CancelledError):
        scan.scan(film, project, values, Watch(stop_soon, stop))


VALUES = {"engine": "builtin", "fps": 4.0, "size": 32}


def job(kind: Any, film: Path, folder: Path, photo: Path | None = None, **settings: Any) -> dict[str, Any]:
    photos = () if photo is None else (photo,)
    films = () if kind == "export" else (film,)
    out = None if kind == "scan" else folder / "out"
    return run_job(JobRequest(kind, folder / "p", films, photos, out=out, settings=VALUES | settings))


def test_new_references_have_the_tracks_that_may_match_embedded(
    film: Path, photo: Path, tmp_path: Path, detections: list[int]
) -> None:
    first = job("scan", film, tmp_path, embed="needed")
    assert (first["faces"], first["videos"][0]["faces"]) == (24, 24) and first["embedded"] < 20, (
        "there are no references"
    )
    detections.clear()
    job("scan", film, tmp_path, photo, embed="track")
    looked = len(detections)  # at the photo alone
    assert looked < 5
    exported = job("export", film, tmp_path, photo, embed="needed", sim=-1.0 + 1e-6)
    assert len(detections) == 2 * looked and exported["saved"] == 24
    assert Project.open(tmp_path / "p").scans()[0].content["embedded"] == 24


def test_extract_completes_what_another_scan_left_out(film: Path, tmp_path: Path, detections: list[int]) -> None:
    job("scan", film, tmp_path, embed="track")
    detections.clear()
    assert job("extract", film, tmp_path, sim=None)["embedded"] == 24 and not detections


def test_with_another_model_nothing_is_embedded(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_stub(film, tmp_path / "p", embed="track")
    monkeypatch.setattr(fault_tools.StubEmbedder, "model_sha256", "f" * 64)
    said: list[Any] = []
    settings = Settings().with_values({"engine": "builtin"})
    late.complete_project(Project.open(tmp_path / "p"), settings, fault_tools.stub_engine, Watch(said.append))
    assert "scanned with another model" in said[0].text and not known(result).all()


def test_which_rows_need_an_embedding(film: Path, tmp_path: Path) -> None:
    record = run_stub(film, tmp_path / "p").scan
    near, far, unknown = np.eye(4, dtype=np.float32)[0], np.eye(4, dtype=np.float32)[1], np.full(4, np.nan, np.float32)
    unsure = np.array([0.32, np.sqrt(1 - 0.32**2), 0, 0], np.float32)  # 0.4 is unsure
    vectors = [near, unknown, far, unknown, unsure, unknown, unknown]
    tracks = np.array([0, 0, 1, 1, 2, 2, -1])
    table = FaceTable(record.video, {"track": tracks, "time_seconds": np.arange(7.0)}, np.stack(vectors))
    references = [Reference("ann", "", near)]

    def rows(mode: str, references: list[Reference] = references, **values: Any) -> list[int]:
        settings = Settings().with_values({"embed": mode} | values)
        return late.rows_to_embed(record, table, references, settings).tolist()

    assert rows("all") == [1, 3, 5, 6] and rows("track") == []
    assert rows("needed") == [1, 5] and rows("needed", []) == []
    assert rows("needed", sim=0.0 + 1e-3) == [1, 3, 5], "below a lower border, more may match"
