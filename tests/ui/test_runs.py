"""Runs: taking files in, starting, going on, and finding them again after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facecrop_core.errors import FacecropError, ReferencesError, SourceError
from facecrop_core.pipeline.jobs import JobRequest
from facecrop_core.pipeline.runner import Job, Runner
from facecrop_core.settings import Settings
from facecrop_ui.runs import Runs, Source, clean_path, safe_name


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[JobRequest]:
    """What would have been started; no process is."""
    requests: list[JobRequest] = []

    def start(runner: Runner, request: JobRequest) -> Job:
        requests.append(request)
        job = runner._jobs[str(len(requests))] = Job(str(len(requests)), request)
        runner._save(job)
        return job

    monkeypatch.setattr(Runner, "start", start)
    return requests


def sent(folder: Path, name: str, content: bytes = b"x") -> Path:
    """A file as Gradio hands it over."""
    path = folder / "cache" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_files_that_the_browser_sent_are_moved_into_the_run(tmp_path: Path, started: list[JobRequest]) -> None:
    runs = Runs(tmp_path / "data")
    video, photos = sent(tmp_path, "my film.MP4"), [sent(tmp_path, "a.jpg"), sent(tmp_path, "b.png")]
    run = runs.start(Source(upload=video, photos=photos, name="../Ann/B"), Settings().with_values({"fps": 2.0}))
    assert not any((tmp_path / "cache").iterdir())
    folder = tmp_path / "data" / "runs" / run.token
    assert started[0].videos == (folder / "uploads" / "video" / "my film.mp4",)
    assert started[0].references == (folder / "uploads" / "people",)
    assert [p.name for p in (folder / "uploads" / "people").iterdir()] == ["Ann B"]
    assert len(list((folder / "uploads" / "people" / "Ann B").iterdir())) == 2
    assert started[0].settings == {"fps": 2.0} and started[0].project == folder / "project.facecrop"
    assert len(run.token) == 32


def test_paths_are_used_where_they_lie(tmp_path: Path, started: list[JobRequest]) -> None:
    film, photos = tmp_path / "film.mp4", tmp_path / "people"
    film.touch()
    photos.mkdir()
    Runs(tmp_path / "data").start(Source(video_path=f' "{film}" ', photos_path=str(photos)), Settings())
    assert started[0].videos == (film,) and started[0].references == (photos,)


def test_missing_files_start_nothing(tmp_path: Path, started: list[JobRequest]) -> None:
    runs = Runs(tmp_path / "data")
    film = tmp_path / "film.mp4"
    film.touch()
    with pytest.raises(SourceError, match="No video"):
        runs.start(Source(), Settings())
    with pytest.raises(SourceError, match="does not exist"):
        runs.start(Source(video_path=str(tmp_path / "none.mp4")), Settings())
    with pytest.raises(ReferencesError, match="does not exist"):
        runs.start(Source(video_path=str(film), photos_path=str(tmp_path / "nobody")), Settings())
    assert not started and not runs.recent() and not list((tmp_path / "data" / "runs").iterdir())


def test_a_restart_finds_the_run_and_goes_on(tmp_path: Path, started: list[JobRequest]) -> None:
    film = tmp_path / "film.mp4"
    film.touch()
    run = Runs(tmp_path / "data").start(Source(video_path=str(film)), Settings().with_values({"fps": 3.0}), "fast")
    again = Runs(tmp_path / "data")
    found = again.get(run.token)
    assert found == run and [r.token for r in again.recent()] == [run.token]
    job = again.scan_job(found)
    assert job is not None and job.state == "interrupted"
    again.choose(found, {"sim": 0.4})
    again.resume(found)
    assert started[1].settings == {"fps": 3.0, "sim": 0.4} and started[1].videos == started[0].videos
    again.resume(found)  # it runs already
    assert len(started) == 2


def test_exports_have_folders_of_their_own_and_wait_for_the_scan(tmp_path: Path, started: list[JobRequest]) -> None:
    film = tmp_path / "film.mp4"
    film.touch()
    runs = Runs(tmp_path / "data")
    run = runs.start(Source(video_path=str(film)), Settings())
    with pytest.raises(FacecropError, match="still working"):
        runs.export(run)
    finish(runs, run.scan_job)
    runs.choose(run, {"min_tenengrad": 90.0})
    outs = []
    for _ in range(2):
        job = runs.export(run)
        assert job.request.settings == {"min_tenengrad": 90.0} and job.request.out is not None
        job.request.out.mkdir(parents=True)
        outs.append(str(job.request.out.relative_to(runs.run_folder(run))))
        finish(runs, job.token)
    assert outs == ["exports/film-1/film", "exports/film-2/film"]


def finish(runs: Runs, token: str) -> None:
    job: Any = runs.runner.get(token)
    job.state = "done"


@pytest.mark.parametrize(
    ("written", "name"),
    [("Ann", "Ann"), ("", "person"), ("../..", "person"), (".hidden", "hidden"), ("a/b\\c:d", "a b c d"),
     ("Zoë Ångström", "Zoë Ångström"), ("x" * 99, "x" * 64), ("\n\0", "person")],
)  # fmt: skip
def test_names_make_safe_folders(written: str, name: str) -> None:
    assert safe_name(written, "person") == name


def test_paths_as_people_paste_them() -> None:
    assert clean_path("  ") is None
    assert clean_path("'/a/b c.mp4' ") == Path("/a/b c.mp4")
    assert clean_path("file:///a/b.mp4") == Path("/a/b.mp4")
    assert clean_path("~/x.mp4") == Path.home() / "x.mp4"
