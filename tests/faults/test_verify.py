from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import clips
import cv2
import numpy as np
import pytest
from fault_tools import run_stub, use_stub_engine

from facecrop_core.cli import main
from facecrop_core.errors import ProjectBusyError, ProjectError
from facecrop_core.pipeline import looking
from facecrop_core.pipeline.grown import store_grown
from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.verify import verify
from facecrop_core.records import Reference
from facecrop_core.sources.shelf import Entry
from facecrop_core.table import read_samples


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film, its project of three parts, and a dataset of it."""
    folder = tmp_path_factory.mktemp("verify")
    clips.numbered_clip(folder / "film.mp4", 24, 8)
    cv2.imwrite(str(folder / "anna.png"), clips.person_photo("anna"))
    values = {"engine": "builtin", "fps": 4.0, "size": 32, "sim": None}
    with pytest.MonkeyPatch.context() as patch:
        use_stub_engine(patch)
        patch.setattr(looking, "SAMPLES_PER_PART", 4)
        films, photos = (folder / "film.mp4",), (folder / "anna.png",)
        result = run_job(JobRequest("extract", folder / "p", films, photos, out=folder / "out", settings=values))
    assert result["saved"] == 12
    Project.open(folder / "p").scans()[0].reader().store_joined()
    return folder


@pytest.fixture
def project(scanned: Path, tmp_path: Path) -> Path:
    """A copy of the project to be damaged; the film and the dataset stay where they are."""
    shutil.copytree(scanned / "p", tmp_path / "p")
    return tmp_path / "p"


def scan_folder(project: Path) -> Path:
    return next(project.glob("scans/*/*"))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def one(folder: Path, pattern: str) -> Path:
    return next(folder.glob(pattern))


def test_a_project_as_it_was_stored_is_sound(scanned: Path) -> None:
    result = verify(scanned / "p", scanned / "out")
    assert (result["status"], result["scans"], result["findings"]) == ("complete", 1, [])


DAMAGE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "faces part deleted": ("missing", lambda s: (s / "faces/000001.parquet").unlink()),
    "measure deleted": ("missing", lambda s: (s / "measures/pose/000002.parquet").unlink()),
    "embeddings deleted": ("missing", lambda s: one(s, "embeddings/*/000000.npy").unlink()),
    "frames part deleted": ("missing", lambda s: (s / "frames/000001.parquet").unlink()),
    "tracks deleted": ("missing", lambda s: (s / "tracks.parquet").unlink()),
    "thumbnails deleted": ("missing", lambda s: (s / "thumbs.pack").unlink()),
    "the whole scan deleted": ("missing", shutil.rmtree),
    "bit of the embeddings flipped": ("changed", lambda s: flip(one(s, "embeddings/*/000001.npy"), 200)),
    "bit of a thumbnail flipped": ("changed", lambda s: flip(s / "thumbs.pack", 700)),
    "faces part cut": ("changed", lambda s: cut(s / "faces/000000.parquet")),
    "frames part cut": ("damaged", lambda s: cut(s / "frames/000000.parquet")),
    "thumbnails cut": ("damaged", lambda s: cut(s / "thumbs.pack")),
    "tracks cut": ("damaged", lambda s: cut(s / "tracks.parquet")),
    "bit of the tracks flipped": ("damaged", lambda s: flip(s / "tracks.parquet", 20)),
    "scan.json emptied": ("damaged", lambda s: (s / "scan.json").write_text("")),
    "bit of the joined columns flipped": ("damaged", lambda s: flip(s / "joined.parquet", 200)),
    "joined columns cut": ("damaged", lambda s: cut(s / "joined.parquet")),
    "bit of the joined embeddings flipped": ("changed", lambda s: flip(one(s, "embeddings/*/joined.npy"), 200)),
    "people.sqlite cut": ("damaged", lambda s: cut(s.parents[2] / "people.sqlite")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_lost_is_found(project: Path, damage: str) -> None:
    kind, do = DAMAGE[damage]
    do(scan_folder(project))
    result = verify(project)
    assert result["status"] == "damaged"
    assert kind in [finding["kind"] for finding in result["findings"] if not finding["harmless"]], result["findings"]


def test_no_flipped_bit_changes_a_sample_unseen(project: Path) -> None:
    folder = scan_folder(project)
    path = folder / "frames" / "000001.parquet"
    whole, samples = path.read_bytes(), repr(read_samples(folder))
    for at in range(0, len(whole), 151):
        flip(path, at)
        if verify(project)["status"] == "complete":
            assert repr(read_samples(folder)) == samples, f"byte {at}"
        path.write_bytes(whole)


def test_strays_are_harmless(project: Path) -> None:
    folder = scan_folder(project)
    strays = [folder / "faces/000009.parquet", folder / "measures/pose/000001.parquet.part", project / "x.json.part"]
    for stray in strays:
        stray.write_bytes(b"x")
    with (folder / "thumbs.pack").open("ab") as pack:
        pack.write(b"more")
    shutil.copytree(folder, folder.with_name("0" * 16))
    result = verify(project)
    assert result["status"] == "complete"
    assert {str(path) for path in strays} <= {finding["path"] for finding in result["findings"]}
    assert all(finding["kind"] == "orphaned" and finding["harmless"] for finding in result["findings"])


def test_what_only_repeats_the_parts_may_be_lost(project: Path) -> None:
    vectors = one(scan_folder(project), "embeddings/*/joined.npy")
    vectors.unlink()
    result = verify(project)
    assert [(f["path"], f["kind"], f["harmless"]) for f in result["findings"]] == [(str(vectors), "missing", True)]
    (scan_folder(project) / "joined.parquet").unlink()
    assert verify(project)["findings"] == []
    vectors.write_bytes(b"half")
    assert [(f["kind"], f["harmless"]) for f in verify(project)["findings"]] == [("orphaned", True)]


def test_a_video_that_is_gone_or_changed_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_stub_engine(monkeypatch)
    film = clips.numbered_clip(tmp_path / "film.mp4", 8, 8)
    run_stub(film, tmp_path / "p")
    film.rename(tmp_path / "away.mp4")
    assert [f["kind"] for f in verify(tmp_path / "p")["findings"]] == ["missing"]
    film.write_bytes(b"something else")
    assert [f["kind"] for f in verify(tmp_path / "p")["findings"]] == ["changed"]
    assert main(["verify", "--project", str(tmp_path / "p")]) == 1
    assert "film.mp4" in capsys.readouterr().out
    (tmp_path / "away.mp4").replace(film)
    assert main(["verify", "--project", str(tmp_path / "p"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def grow_bank(project: Path) -> Path:
    """Give the scan two references that grew."""
    scan = Project.open(project).scans()[0]
    anna = Reference("anna", "anna.png", np.ones(12, np.float32))
    store_grown(scan, "scan", [anna, anna], [anna])
    scan.save()
    return scan.folder / "bank.parquet"


def test_grown_references_are_looked_at(project: Path) -> None:
    bank = grow_bank(project)
    whole, told = bank.read_bytes(), (bank.parent / "scan.json").read_bytes()
    assert verify(project)["findings"] == []

    def look() -> list[tuple[str, bool]]:
        return [(f["kind"], f["harmless"]) for f in verify(project)["findings"] if f["path"] == str(bank)]

    bank.unlink()
    assert look() == [("missing", False)]
    bank.write_bytes(whole)
    flip(bank, 20)
    assert look() == [("damaged", False)]
    bank.write_bytes(whole)
    cut(bank)
    assert look() == [("damaged", False)]
    bank.write_bytes(whole)  # stored, but the run was killed before scan.json told of it
    for content in (json.loads(told) | {"bank": {"references": "x", "scan": 1}}, json.loads(told) | {"bank": None}):
        (bank.parent / "scan.json").write_text(json.dumps(content))
        assert look() == [("changed" if content["bank"] else "orphaned", True)]


def test_fetched_videos_are_looked_at(project: Path) -> None:
    folder = project / "sources"
    folder.mkdir()
    for name in ("a", "b", "c", "d"):
        (folder / f"{name}.mp4").write_bytes(b"film")
        entry = Entry(f"{name}.mp4", 4, "0" * 32, "https://x.org/a", "A", "direct", name, None, True, "2026-01-01")
        (folder / f"{name}.json").write_text(json.dumps(asdict(entry)))
    assert verify(project)["findings"] == []
    (folder / "a.mp4").unlink()
    (folder / "b.mp4").write_bytes(b"longer")
    cut(folder / "c.json")
    (folder / "e.mp4.part").write_bytes(b"fi")
    (folder / "f.mp4").write_bytes(b"film")
    result = verify(project)
    kinds = {Path(f["path"]).name: (f["kind"], f["harmless"]) for f in result["findings"]}
    assert result["status"] == "damaged" and kinds == {
        "a.mp4": ("missing", False), "b.mp4": ("changed", False), "c.json": ("damaged", False),
        "c.mp4": ("orphaned", True), "e.mp4.part": ("orphaned", True), "f.mp4": ("orphaned", True),
    }  # fmt: skip


def test_a_dataset_is_compared_with_its_list(scanned: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(scanned / "out", tmp_path / "out"))
    (out / "000001.png").unlink()
    cut(out / "000002.png")
    shutil.copy(out / "000003.png", out / "my own.png")
    kinds = {Path(f["path"]).name: f["kind"] for f in verify(scanned / "p", out)["findings"]}
    assert kinds == {"000001.png": "missing", "000002.png": "damaged", "my own.png": "orphaned"}


def test_a_project_in_use_or_none_is_named(project: Path, tmp_path: Path) -> None:
    with Project.open(project).lock(), pytest.raises(ProjectBusyError, match="in use by process"):
        verify(project)
    with pytest.raises(ProjectError, match="is no project"):
        verify(tmp_path)
