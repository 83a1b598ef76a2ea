"""Several sources in one run: fetched, scanned, counted, shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clips
import pytest
from local_web import Web, web

from facecrop_core.cli import main
from facecrop_core.cli.commands import describe_result
from facecrop_core.cli.progress import PlainProgress, TerminalProgress
from facecrop_core.errors import FetchError
from facecrop_core.pipeline.events import Event, Note, Progress, Watch
from facecrop_core.pipeline.produce import write_dataset
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.queue import scan_all
from facecrop_core.settings import Settings
from facecrop_core.sources import Allowance, Link

SITES = ("local_web:LocalSiteIE", "local_web:LocalListIE")
SETTINGS = Settings().with_values({"engine": "builtin", "fps": 1.0, "size": 64, "prefix": "vid"})


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as server:
        yield server


@pytest.fixture(scope="module")
def film() -> Path:
    return clips.shared("queue.mp4", clips.cast_clip, (("anna",), ("grace",)))[0]


@pytest.mark.slow
def test_files_and_links_in_one_queue(site: Web, film: Path, tmp_path: Path) -> None:
    site.serve("/film.mp4", film.read_bytes())
    site.serve("/watch/low", b"Low\n1 mp4 avc1 none 100 http://127.0.0.1:1/", "text/html")
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    other = clips.cast_clip(tmp_path / "other.mp4", (("eric",),)) and tmp_path / "other.mp4"
    links = [Link(site.url("/film.mp4")), Link(site.url("/watch/low")), Link(site.url("/none.mp4"))]
    project, events = Project.create(tmp_path / "p"), list[Event]()
    settings = SETTINGS.with_values({"min_height": 300})
    allowance = Allowance((site.address,), SITES)
    result = scan_all(project, [*links, bad, other], settings, None, Watch(events.append), allowance)
    assert [row["status"] for row in result["videos"]] == ["complete", "skipped", "failed", "failed", "complete"]
    assert result["status"] == "partial" and result["faces"] >= 3
    assert Path(result["videos"][0]["video"]).parent == tmp_path / "p" / "sources"
    assert result["videos"][0]["link"] == site.url("/film.mp4")
    numbers = [(e.stage, e.number, e.count) for e in events if isinstance(e, Progress)]
    assert ("fetch", 1, 5) in numbers and ("scan", 1, 5) in numbers and ("scan", 5, 5) in numbers
    assert sum(isinstance(e, Note) and e.level == "error" for e in events) == 2
    words = describe_result(result | {"project": "p"})
    assert "5 videos: 2 complete, 1 skipped, 2 failed" in words and "Low: skipped. Its best picture is 100 px" in words
    hits = len(site.hits)
    again = scan_all(project, links[:1], settings, None, Watch(), allowance)
    assert again["videos"][0]["reused"] and len(site.hits) == hits
    write_dataset(project, settings, tmp_path / "out")
    prefixes = {path.name[:6] for path in (tmp_path / "out").glob("*.png")}
    assert prefixes == {"vid01_", "vid02_"}


def test_the_only_link_that_fails_ends_the_run(site: Web, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    with pytest.raises(FetchError, match="404"):
        scan_all(project, [Link(site.url("/x.mp4"))], SETTINGS, None, Watch(), Allowance((site.address,)))


@pytest.mark.parametrize("arguments", [("fetch",), ("scan", "--project", "p")])
def test_links_from_the_shell(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    status = main([*arguments, "--json", "http://127.0.0.1:1//x.mp4"])
    printed = capsys.readouterr()
    assert status == 1 and "not on the public internet" in json.loads(printed.out)["error"]
    assert main([*arguments, "--links", "off", "https://example.org/x.mp4"]) == 1
    assert "switched off" in capsys.readouterr().err


def test_fetch_takes_links_only(capsys: pytest.CaptureFixture[str], film: Path) -> None:
    assert main(["fetch", str(film)]) == 1
    assert "is no link" in capsys.readouterr().err


def events_of(count: int) -> Iterator[Event]:
    for number in range(1, count + 1):
        for stage in ("fetch", "scan", "tracks"):
            yield Progress(stage, f"film{number}.mp4", 1e6, 2e6, number=number, count=count)  # type: ignore[arg-type]
    yield Progress("export", "film1.mp4", saved=3)
    yield Progress("done")


def test_progress_has_a_line_for_each_video(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainProgress(1000) as plain:
        for event in events_of(2):
            plain(event)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["[1/2] Fetching film1.mp4", "[1/2] Scanning film1.mp4"]
    assert "[2/2] Fetching film2.mp4" in lines and lines[-1] == "Writing crops film1.mp4"


def test_the_terminal_has_a_bar_for_each_video_and_few_in_sight(capsys: pytest.CaptureFixture[str]) -> None:
    bars: Any = TerminalProgress()
    with bars:
        for event in events_of(30):
            bars(event)
        tasks = bars._bar.tasks
        assert len(tasks) == 31 and sum(task.visible for task in tasks) == 12
