from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest

from facecrop_core.errors import CancelledError, ProjectBusyError, ProjectError, ProjectTooNewError
from facecrop_core.pipeline import looking
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.pipeline.events import Event, Progress, Watch
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.pipeline.scan import ScanResult, scan
from facecrop_core.records import Engine
from facecrop_core.settings import Settings

SETTINGS = Settings().with_values({"engine": "builtin", "fps": 5.0})
SCENES = (("anna", "carl"), (), ("grace",))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(SETTINGS)


@pytest.fixture(scope="module")
def film() -> tuple[Path, list[clips.TrueFrame]]:
    return clips.shared("scan.mp4", clips.cast_clip, SCENES)


def run(film: Path, folder: Path, engine: Engine, settings: Settings = SETTINGS, **watch: Any) -> ScanResult:
    project = Project.create(folder)
    with project.lock():
        return scan(film, project, settings, Watch(**watch), lambda: engine)


def rows(result: ScanResult | Scan) -> dict[str, Any]:
    record = result.scan if isinstance(result, ScanResult) else result
    table = record.reader().table()
    return {name: values.tolist() for name, values in table.columns.items()} | {"e": table.embeddings.tolist()}


def test_scan_stores_every_face_it_sees(tmp_path: Path, film: Any, engine: Engine) -> None:
    path, truth = film
    events: list[Event] = []
    result = run(path, tmp_path / "p", engine, send=events.append)
    assert (result.status, result.samples, result.reused) == ("complete", 15, False)
    table = result.scan.reader().table()
    for row in range(len(table)):
        frame = truth[int(table["frame"][row])]
        centre = (table.boxes_xyxy[row, :2] + table.boxes_xyxy[row, 2:]) / 2
        assert any((f.box_xyxy[0] < centre[0] < f.box_xyxy[2]) for f in frame.faces), "a face where none is"
        assert table["time_seconds"][row] == pytest.approx(frame.time_seconds)
    assert len(table) >= 13  # two of five, none of five, one of five
    assert np.isfinite(table["tenengrad"]).all() and np.isfinite(table["yaw"]).all()
    scenes = np.array([truth[int(f)].scene for f in table["frame"]])
    for track in set(table["track"].tolist()):
        assert len(set(scenes[table["track"] == track].tolist())) == 1, "a track goes over a cut"
    seen = [e for e in events if isinstance(e, Progress) and e.stage == "scan"]
    assert seen[-1].samples == 15 and seen[-1].faces == len(table)


def test_a_second_scan_does_nothing_and_other_settings_do_not_mix(tmp_path: Path, film: Any, engine: Engine) -> None:
    first = run(film[0], tmp_path / "p", engine)
    before = rows(first)
    assert run(film[0], tmp_path / "p", engine).reused
    assert run(film[0], tmp_path / "p", engine, SETTINGS.with_values({"sim": 0.1, "size": 64})).reused
    other = run(film[0], tmp_path / "p", engine, SETTINGS.with_values({"fps": 2.0}))
    assert not other.reused and other.samples == 6
    assert repr(rows(first)) == repr(before)
    assert [s.folder for s in Project.open(tmp_path / "p").scans()] == [other.scan.folder]


def test_a_stopped_scan_goes_on_to_the_table_of_an_uninterrupted_one(
    tmp_path: Path, film: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = rows(run(film[0], tmp_path / "whole", engine))
    monkeypatch.setattr(looking, "SAMPLES_PER_PART", 4)
    for _ in range(3):
        stop = threading.Event()

        def stop_soon(event: Event, stop: threading.Event = stop) -> None:
            if isinstance(event, Progress) and event.stage == "scan":
                stop.set()

        with pytest.raises(CancelledError):
            run(film[0], tmp_path / "p", engine, send=stop_soon, stop=stop)
        interrupted = Project.open(tmp_path / "p").scans()[0]
        assert interrupted.status == "cancelled" and len(interrupted.reader().table()) <= len(expected["x1"])
    result = run(film[0], tmp_path / "p", engine)
    assert result.status == "complete" and result.samples == 15
    assert repr(rows(result)) == repr(expected)


def test_a_stage_that_raises_stops_the_run_and_is_raised(tmp_path: Path, film: Any, engine: Engine) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(engine.embedder, name)

        def embed(self, chips: Any) -> Any:
            raise RuntimeError("broken embedder")

    import dataclasses

    broken = dataclasses.replace(engine, embedder=Broken())
    with pytest.raises(RuntimeError, match="broken embedder"):
        run(film[0], tmp_path / "p", broken)
    assert run(film[0], tmp_path / "p", engine).status == "complete"


def test_a_film_cut_short_is_partial_and_keeps_its_faces(tmp_path: Path, engine: Engine) -> None:
    whole = tmp_path / "film.mkv"
    clips.cast_clip(whole, (("anna",), ("carl",)))
    short = clips.cut_short(whole, tmp_path / "short.mkv", 0.6)
    result = run(short, tmp_path / "p", engine)
    assert result.status == "partial" and result.faces > 0
    assert result.scan.content["coverage"]["complete"] is False


def test_a_film_without_faces_is_complete_and_empty(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "empty.mp4"
    clips.cast_clip(path, ((), ()))
    result = run(path, tmp_path / "p", engine)
    assert (result.status, result.samples, result.faces) == ("complete", 10, 0)
    assert run(path, tmp_path / "p", engine).reused and len(result.scan.reader().table()) == 0


def test_two_processes_cannot_use_one_project(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    with (
        project.lock(),
        pytest.raises(ProjectBusyError, match="in use by process"),
        Project.open(tmp_path / "p").lock(),
    ):
        pass
    with project.lock():
        pass


def test_project_folders_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ProjectError, match="is not empty and is no project"):
        Project.create(tmp_path / "other")
    with pytest.raises(ProjectError, match="is no project"):
        Project.open(tmp_path)
    project = Project.create(tmp_path / "p")
    (project.folder / "project.json").write_text('{"version": 99}')
    with pytest.raises(ProjectTooNewError, match="newer Facecrop"):
        Project.open(tmp_path / "p")
    (project.folder / "project.json").write_text("{")
    with pytest.raises(ProjectError, match=r"project\.json"):
        Project.open(tmp_path / "p")
