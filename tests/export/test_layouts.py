"""Trees, names and formats of the layouts; erasing a person from each; what other libraries read."""

from __future__ import annotations

import csv
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facecrop_core.errors import DiskFullError, OutputError
from facecrop_core.export import LAYOUTS, DatasetWriter, erase_crops, read_crop, sheet_path, statistics_path
from facecrop_core.export.shards import Shard
from facecrop_core.settings import CONTROLS, Settings

RUN = {
    "layout": "any", "transform": "t1", "settings": {}, "facecrop": "0",
    "models": [{"name": "stub", "licence": "MIT", "detector_sha256": "d" * 64, "embedder_sha256": "e" * 64}],
    "videos": [{"video": "film.mp4", "video_id": "ab" * 16}],
}  # fmt: skip


def row(number: int) -> dict[str, Any]:
    return {
        "face_id": f"{number:032x}", "video": "film.mp4", "video_id": "film", "frame": 30 * (number // 2),
        "time_seconds": number // 2 * 1.0, "similarity": 0.5, "box_xyxy": [1.0, 2.0, 3.0, 4.0], "orig_side": 64,
        "up": 1.0, "face_frac": 0.5, "yaw": float("nan"),
    }  # fmt: skip


def write(
    out: Path, people: list[str | None], start: int = 0, videos: tuple[str, ...] = ("v",), **values: Any
) -> list[str]:
    """A crop of each of them in turn, two to a frame, all different; returns their names."""
    settings = Settings().with_values({"contact_sheet": False, **values})
    names = []
    with DatasetWriter(out, settings, sorted({p for p in people if p}), videos, RUN) as writer:
        writer.start_video(videos[-1])
        for number, person in enumerate(people, start):
            image = np.random.default_rng(number).integers(0, 256, (16, 16, 3)).astype(np.uint8)
            names.append(writer.write(person, image, row(number)))
    return names


def tree(out: Path) -> list[str]:
    files = (p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    return sorted(name for name in files if name not in ("metadata.jsonl", "provenance.json"))


def test_the_setting_names_the_layouts() -> None:
    assert list(CONTROLS["layout"].choices) == list(LAYOUTS)


def test_one_person_has_a_folder_too(tmp_path: Path) -> None:
    assert write(tmp_path / "out", ["Ann"], layout="people") == ["Ann/000001.png"]
    assert write(tmp_path / "out", ["Ann", None], layout="people") == ["Ann/000002.png", "unknown/000001.png"]


def test_kohya_has_repeats_and_captions(tmp_path: Path) -> None:
    write(tmp_path / "out", ["Ann Lee", None], layout="kohya", repeats=4, caption="a {person}, face", prefix="x")
    assert tree(tmp_path / "out") == [
        "4_Ann Lee/000001.png", "4_Ann Lee/000001.txt", "4_unknown/000001.png", "4_unknown/000001.txt"
    ]  # fmt: skip
    assert (tmp_path / "out/4_Ann Lee/000001.txt").read_text() == "a Ann Lee, face\n"
    assert (tmp_path / "out/4_unknown/000001.txt").read_text() == "a person, face\n"


@pytest.mark.parametrize("layout", ["kohya", "imagefolder"])
def test_masks_that_would_be_taken_for_crops_are_refused(tmp_path: Path, layout: str) -> None:
    with pytest.raises(OutputError, match="masks"):
        write(tmp_path / "out", ["Ann"], layout=layout, write_masks=True)


def test_videotofaces_names_frames_and_places(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = write(out, ["Ann", "Bob", None], layout="videotofaces", image_format="jpeg")
    assert first == ["faces/Ann/000000_0.jpg", "faces/Bob/000000_1.jpg", "faces/other/000030_0.jpg"]
    assert write(out, [None], layout="videotofaces") == ["faces/000000_2.png"]
    named = write(tmp_path / "two", ["Ann"], videos=("v", "w"), layout="videotofaces", prefix="vid")
    assert named == ["faces/Ann/vid02_000000_0.png"]


def test_csv_lists_the_crops_of_all_runs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, ["=1+1"], layout="csv")
    write(out, [None], 1, layout="csv")
    rows = list(csv.DictReader((out / "faces.csv").open(encoding="utf-8", newline="")))
    assert [r["file_name"] for r in rows] == ["000001.png", "000002.png"] == tree(out)[:2]
    assert rows[0]["person"] == "'=1+1" and rows[1]["person"] == "" == rows[0]["yaw"]
    assert [rows[0][c] for c in ("x0", "y0", "x1", "y1")] == ["1.0", "2.0", "3.0", "4.0"]


def test_the_card_tells_of_people_sources_and_licences_and_leaves_a_foreign_one_alone(tmp_path: Path) -> None:
    write(tmp_path / "out", ["Ann", "Ann", "Bob"], layout="imagefolder")
    card = (tmp_path / "out/README.md").read_text("utf-8")
    assert card.startswith("---\nlicense: other\n") and 'size_categories: ["n<1K"]' in card
    assert "- Ann: 2" in card and "- Source: film.mp4" in card and "- stub: MIT" in card
    (tmp_path / "out/README.md").write_text("mine")
    write(tmp_path / "out", ["Ann"], 3, layout="imagefolder")
    assert (tmp_path / "out/README.md").read_text() == "mine"


def test_shards_are_numbered_on_hold_whole_samples_and_come_out_alike(tmp_path: Path) -> None:
    for name in ("out", "again"):
        write(tmp_path / name, ["Ann"] * 5, layout="webdataset", shard_samples=2)
    out = tmp_path / "out"
    assert tree(out) == ["000000.tar", "000001.tar", "000002.tar"]
    assert all((out / n).read_bytes() == (tmp_path / "again" / n).read_bytes() for n in tree(out))
    with tarfile.open(out / "000001.tar") as tar:
        assert tar.getnames() == ["000000003.png", "000000003.json", "000000004.png", "000000004.json"]
        sample = json.load(tar.extractfile("000000003.json"))  # type: ignore[arg-type]
    assert sample["face_id"] == row(2)["face_id"] and sample["person"] == "Ann" and sample["yaw"] is None
    assert write(out, ["Bob"], 5, layout="webdataset") == ["000003.tar/000000006.png"]


def test_masks_and_transforms_go_into_a_sample(tmp_path: Path) -> None:
    settings = Settings().with_values({"contact_sheet": False, "layout": "webdataset"})
    with DatasetWriter(tmp_path / "out", settings) as writer:
        writer.write(None, b"picture", row(0), {".mask.png": b"mask", ".json": b'{"matrix": [1]}'})
    with tarfile.open(tmp_path / "out/000000.tar") as tar:
        assert tar.getnames() == ["000000001.png", "000000001.json", "000000001.mask.png"]
        assert json.load(tar.extractfile("000000001.json"))["transform"] == {"matrix": [1]}  # type: ignore[arg-type]
    assert writer.bytes_written == len(b"picturemask") + len(b'{"matrix": [1]}')


def test_a_shard_that_a_killed_run_left_is_gone_with_its_lines(tmp_path: Path) -> None:
    out, settings = tmp_path / "out", Settings().with_values({"layout": "webdataset", "shard_samples": 1})
    killed = DatasetWriter(out, settings, ["Ann"])
    for number in range(2):
        killed.write("Ann", np.zeros((16, 16, 3), np.uint8), row(number))
    assert killed._lock is not None
    killed._lock.release()
    assert (out / "000001.tar.part").exists()
    assert write(out, ["Ann"], 2, layout="webdataset") == ["000001.tar/000000002.png"]
    lines = [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]
    assert [line["file_name"] for line in lines] == ["000000.tar/000000001.png", "000001.tar/000000002.png"]
    assert tree(out) == ["000000.tar", "000001.tar"]


def test_a_sample_that_does_not_fit_on_the_disk_leaves_the_shard_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard, real = Shard(tmp_path / "000000.tar"), Shard._write
    shard.add({"1.png": b"one", "1.json": b"{}"})

    def full(self: Shard, data: bytes) -> None:
        real(self, data[:7])
        raise OSError(28, "full")

    monkeypatch.setattr(Shard, "_write", full)
    for act in (lambda: shard.add({"2.png": b"two"}), shard.finish):
        with pytest.raises(DiskFullError):
            act()
    monkeypatch.undo()
    shard.finish()
    with tarfile.open(tmp_path / "000000.tar") as tar:
        assert tar.getnames() == ["1.png", "1.json"]
    assert read_crop(tmp_path / "000000.tar/1.png") == b"one"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_crop_that_cannot_be_logged_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    def full(text: str) -> None:
        raise OSError(28, "full")

    out = tmp_path / "out"
    settings = Settings().with_values({"contact_sheet": False, "layout": layout, "shard_samples": 2})
    with DatasetWriter(out, settings, ["Ann"]) as writer:
        for number in range(3):
            monkeypatch.setattr(writer._statistics._lines, "_write", full)
            with pytest.raises(DiskFullError):
                writer.write("Ann", b"lost", row(number))
            monkeypatch.undo()
            writer.write("Ann", b"picture", row(number))
    assert [read_crop(out / line["file_name"]) for line in metadata(out)] == [b"picture"] * 3
    assert not any(b"lost" in path.read_bytes() for path in out.rglob("*") if path.is_file())
    if layout == "webdataset":
        assert tree(out) == ["000000.tar", "000001.tar"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_erasing_leaves_nothing_of_a_person_in_any_layout(tmp_path: Path, layout: str) -> None:
    out = tmp_path / "out"
    people: list[str | None] = ["Anna", "Bob", "Anna", None]
    write(out, people, layout=layout, shard_samples=3, contact_sheet=True, archive=True)
    ids = {row(number)["face_id"] for number in (0, 2)}
    for name in ("000009.tar.part", "000009.png.part", "x_000009_0.jpg.part", "metadata.jsonl.part"):
        (out / name).write_bytes(b"Anna")  # of a run that was killed
    (out / "notes.part").write_bytes(b"mine")
    pieces = [read_crop(out / line["file_name"]) for line in metadata(out) if line["person"] == "Anna"]
    assert len(pieces) == 2 and all(pieces)
    assert erase_crops(out, statistics_path(out, None), ["Anna"], ids) == 2
    assert sheet_path(out).exists() and [line["person"] for line in metadata(out)] == ["Bob", None]
    for path in [p for p in tmp_path.rglob("*") if p.is_file()]:
        data = path.read_bytes()
        assert b"Anna" not in data and "Anna" not in str(path.relative_to(out.parent)), path
        assert not any(face_id.encode() in data for face_id in ids), path
        assert not any(piece in data for piece in pieces if piece), path
    assert not any(path.name.endswith("Anna") for path in out.rglob("*"))
    assert erase_crops(out, statistics_path(out, None), ["Bob"], {row(3)["face_id"]}) == 2
    assert metadata(out) == [] and not [name for name in tree(out) if name.endswith((".png", ".tar", ".txt"))]


def test_the_archive_holds_the_folder_and_replaces_only_our_own(tmp_path: Path) -> None:
    out, path = tmp_path / "out", tmp_path / "out.zip"
    for start in (0, 1):
        write(out, ["Ann"], start, archive=True)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["000001.png", "000002.png", "metadata.jsonl", "provenance.json"]
        assert archive.read("000002.png") == (out / "000002.png").read_bytes()
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="not made by Facecrop"):
        write(out, ["Ann"], 2, archive=True)
    assert path.read_bytes() == b"mine" and tree(out) == ["000001.png", "000002.png"]


def test_a_card_and_a_list_stay_true_when_another_layout_is_written(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, ["Ann"], layout="imagefolder")
    write(out, ["Bob"], 1, layout="csv")
    write(out, ["Ann", "Cleo"], 2)
    assert all(f"- {name}" in (out / "README.md").read_text() for name in ("Ann: 2", "Bob: 1", "Cleo: 1"))
    assert len((out / "faces.csv").read_text().splitlines()) == 5


def test_a_crop_that_was_deleted_by_hand_is_forgotten_by_the_provenance(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, ["Ann"])
    (out / "000001.png").unlink()
    write(out, ["Ann"], 5)
    crops = json.loads((out / "provenance.json").read_text())["crops"]
    assert [(crop["file_name"], crop["run"], crop["face_id"]) for crop in crops] == [
        ("000001.png", 1, row(5)["face_id"])
    ]


def test_erasing_reaches_crops_that_only_the_provenance_remembers(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, ["Anna", "Bob"])
    (out / "Anna/000001.png").unlink()
    lines = (out / "metadata.jsonl").read_text().splitlines(keepends=True)
    (out / "metadata.jsonl").write_text(lines[1])
    assert erase_crops(out, statistics_path(out, None), ["Anna"], {row(0)["face_id"]}) == 0
    text = (out / "provenance.json").read_text()
    assert row(0)["face_id"] not in text and "Anna" not in text and row(1)["face_id"] in text


def metadata(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metadata.jsonl").read_text("utf-8").splitlines()]


def test_provenance_knows_every_crop_and_its_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, ["Ann"])
    write(out, ["Ann"], 1, layout="webdataset")
    content = json.loads((out / "provenance.json").read_text())
    assert [crop["run"] for crop in content["crops"]] == [0, 1] and len(content["runs"]) == 2
    assert content["crops"][0] == {
        "file_name": "000001.png", "run": 0, "face_id": row(0)["face_id"], "video_id": "v", "time_seconds": 0.0,
        "box_xyxy": [1.0, 2.0, 3.0, 4.0],
    }  # fmt: skip


@pytest.mark.slow
def test_datasets_reads_the_imagefolder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "out"
    write(out, ["dev patel", "Ann", None], layout="imagefolder", write_sidecars=True)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache"))["train"]
    assert sorted(r["person"] or "" for r in loaded) == ["", "Ann", "dev patel"]
    assert all(r["image"].size == (16, 16) for r in loaded)


def test_webdataset_reads_the_shards(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    write(tmp_path / "out", ["Ann"] * 5, layout="webdataset", shard_samples=2)
    shards = [str(tmp_path / "out" / name) for name in tree(tmp_path / "out")]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("pil").to_tuple("png", "json"))
    assert [sample["face_id"] for _, sample in samples] == [row(number)["face_id"] for number in range(5)]
    assert all(image.size == (16, 16) for image, _ in samples)
