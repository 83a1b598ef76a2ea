"""face_extract's layout, its log, metadata.jsonl and the contact sheet."""

import csv
import errno
import json
import os

import cv2
import numpy as np
import pytest

from facecrop_core.errors import DiskFullError, OutputError
from facecrop_core.export import DatasetWriter, contact_sheet, crops, sheet_path
from facecrop_core.export.contact_sheet import evenly, shares
from facecrop_core.export.files import folder_names, safe_name
from facecrop_core.export.statistics import guard
from facecrop_core.settings import Settings

IMAGE = np.full((16, 16, 3), 90, np.uint8)


def row(**more):
    return {
        "video": "film one.mp4",
        "video_id": "film one",
        "frame": 30,
        "time_seconds": 1.0,
        "box_xyxy": [1.0, 2.0, 3.0, 4.5],
        "similarity": 0.61234567,
        "orig_side": 320,
        "up": 1.6,
        "face_frac": 0.5952,
        "yaw": float("nan"),
        **more,
    }


def writer(out, persons=(), **values):
    return DatasetWriter(out, Settings().with_values({"contact_sheet": False, **values}), persons)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def metadata(out):
    return [json.loads(line) for line in (out / "metadata.jsonl").read_text("utf-8").splitlines()]


def statistics(out):
    return list(csv.reader((out.parent / "logs" / "video" / "video_stats.csv").open(encoding="utf-8")))


@pytest.mark.parametrize("persons", [(), ("ann",)])
def test_one_person_or_none_fills_the_folder_itself(tmp_path, persons):
    out = tmp_path / "deep" / "out"
    with writer(out, persons) as dataset:
        names = [dataset.write(persons[0] if persons else None, IMAGE, row()) for _ in range(2)]
    assert names == ["000001.png", "000002.png"]
    assert files(out) == ["000001.png", "000002.png", "metadata.jsonl"]
    assert (cv2.imread(str(out / "000001.png")) == IMAGE).all()


def test_several_people_get_a_folder_each(tmp_path):
    with writer(tmp_path / "out", ["ann", "../bob", "unknown"]) as dataset:
        names = [dataset.write(p, IMAGE, row()) for p in ("ann", "../bob", "ann", None, "unknown")]
    assert names == ["ann/000001.png", "bob/000001.png", "ann/000002.png", "unknown/000001.png", "unknown_2/000001.png"]
    assert [m["person"] for m in metadata(tmp_path / "out")] == ["ann", "../bob", "ann", None, "unknown"]


def test_a_second_run_continues_and_overwrites_nothing(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "000041.jpg").write_bytes(b"mine")
    (out / "000099.txt").write_bytes(b"no crop")
    for _ in range(2):
        with writer(out) as dataset:
            dataset.write(None, IMAGE, row())
    assert files(out) == ["000041.jpg", "000042.png", "000043.png", "000099.txt", "metadata.jsonl"]
    assert (out / "000041.jpg").read_bytes() == b"mine"
    assert [m["file_name"] for m in metadata(out)] == ["000042.png", "000043.png"]
    assert len(statistics(out)) == 3


@pytest.mark.parametrize(("image_format", "magic"), [("jpeg", b"\xff\xd8"), ("webp", b"RIFF"), ("png", b"\x89PNG")])
def test_formats_and_encoded_bytes(tmp_path, image_format, magic):
    with writer(tmp_path / "out", image_format=image_format) as dataset:
        names = [dataset.write(None, image, row()) for image in (IMAGE, dataset.encode(IMAGE))]
    first, second = ((tmp_path / "out" / name).read_bytes() for name in names)
    assert first == second
    assert first.startswith(magic)
    assert names[0] == "000001." + {"jpeg": "jpg"}.get(image_format, image_format)


def test_statistics_are_face_extracts(tmp_path):
    with writer(tmp_path / "out") as dataset:
        dataset.write(None, IMAGE, row())
        dataset.write(None, IMAGE, row(frame=None, similarity=None, video_id="=cmd|' /C calc'!A0"))
        dataset.write(None, IMAGE, row(similarity=float("nan"), video_id='a, "b"'))
    raw = (tmp_path / "logs/video/video_stats.csv").read_text("utf-8").splitlines()
    assert raw[0] == "file,frame_idx,sim,orig_side,up,face_frac,video_id"
    assert raw[1] == "000001.png,30,0.6123,320,1.6000,0.5952,film one"
    assert statistics(tmp_path / "out")[2:] == [
        ["000002.png", "", "", "320", "1.6000", "0.5952", "'=cmd|' /C calc'!A0"],
        ["000003.png", "30", "", "320", "1.6000", "0.5952", 'a, "b"'],
    ]


def test_the_log_folder_can_be_named(tmp_path):
    with writer(tmp_path / "out", log_dir=str(tmp_path / "elsewhere")) as dataset:
        dataset.write(None, IMAGE, row())
        found = dataset.close()
    assert found["statistics"] == str(tmp_path / "elsewhere/video/video_stats.csv")
    assert (tmp_path / "elsewhere/video/video_stats.csv").exists()
    assert not (tmp_path / "logs").exists()


def test_a_log_that_ends_in_half_a_line_is_gone_on_with(tmp_path):
    log = tmp_path / "logs/video/video_stats.csv"
    log.parent.mkdir(parents=True)
    log.write_text("file,frame_idx,sim,orig_side,up,face_frac,video_id\n000001.png,3")
    with writer(tmp_path / "out") as dataset:
        dataset.write(None, IMAGE, row())
    assert log.read_text().splitlines()[1:] == ["000001.png,3", "000001.png,30,0.6123,320,1.6000,0.5952,film one"]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_formulas_are_guarded(text):
    assert guard(text) == "'" + text
    assert guard("x" + text) == "x" + text


def test_metadata_lists_everything_that_is_known(tmp_path):
    with writer(tmp_path / "out") as dataset:
        dataset.write("ann", IMAGE, row(score=np.float32(0.5), box_xyxy=np.array([1, 2, 3, 4], np.float32)))
    (line,) = metadata(tmp_path / "out")
    assert line.pop("similarity") == pytest.approx(0.612346)
    assert line == {
        "file_name": "000001.png", "person": "ann", "video": "film one.mp4", "video_id": "film one", "frame": 30,
        "time_seconds": 1.0, "box_xyxy": [1, 2, 3, 4], "orig_side": 320, "up": 1.6, "face_frac": 0.5952, "yaw": None,
        "score": 0.5,
    }  # fmt: skip


def test_after_a_kill_the_next_run_brings_the_metadata_up_to_date(tmp_path):
    out = tmp_path / "out"
    killed = writer(out)
    killed.write(None, IMAGE, row())
    killed.write(None, IMAGE, row())
    killed._lock.release()  # as the system does when a process ends
    (out / "000003.png.part").write_bytes(b"half")
    with (out / ".metadata.pending.jsonl").open("a") as pending:
        pending.write('{"file_name": "000003.png"}\n{"file_name": "0000')
    with writer(out) as dataset:
        assert [m["file_name"] for m in metadata(out)] == ["000001.png", "000002.png"]
        assert dataset.write(None, IMAGE, row(frame=99)) == "000003.png"
    assert [(m["file_name"], m["frame"]) for m in metadata(out)][2:] == [("000003.png", 99)]
    assert files(out) == ["000001.png", "000002.png", "000003.png", "metadata.jsonl"]


def test_crops_that_were_deleted_by_hand_leave_the_metadata(tmp_path):
    out = tmp_path / "out"
    with writer(out) as dataset:
        dataset.write(None, IMAGE, row())
        dataset.write(None, IMAGE, row())
    (out / "000001.png").unlink()
    with writer(out) as dataset:
        dataset.write(None, IMAGE, row())
    assert [m["file_name"] for m in metadata(out)] == ["000002.png", "000003.png"]


def test_a_full_disk_leaves_what_was_written_whole(tmp_path, monkeypatch):
    out, whole = tmp_path / "out", crops.write_whole

    def full_at_third(path, data, **more):
        if path.name == "000003.png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(path, data, **more)

    monkeypatch.setattr(crops, "write_whole", full_at_third)
    with pytest.raises(DiskFullError, match=r"000003\.png") as error, writer(out) as dataset:
        for _ in range(4):
            dataset.write(None, IMAGE, row())
    assert "same command" in error.value.hint
    assert files(out) == ["000001.png", "000002.png", "metadata.jsonl"]
    assert len(metadata(out)) == 2
    assert len(statistics(out)) == 3


def test_no_part_is_left_when_writing_fails(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError(errno.ENOSPC, "full")

    with writer(tmp_path / "out") as dataset:
        monkeypatch.setattr("pathlib.Path.replace", fail)
        with pytest.raises(DiskFullError):
            dataset.write(None, IMAGE, row())
        monkeypatch.undo()
    assert not [f for f in files(tmp_path / "out") if not f.endswith("metadata.jsonl")]


def test_a_crop_that_cannot_be_logged_is_taken_back(tmp_path, monkeypatch):
    with writer(tmp_path / "out") as dataset:
        monkeypatch.setattr(
            dataset._statistics._lines, "_write", lambda text: (_ for _ in ()).throw(OSError(28, "full"))
        )
        with pytest.raises(DiskFullError):
            dataset.write(None, IMAGE, row())
        monkeypatch.undo()
        assert dataset.write(None, IMAGE, row()) == "000001.png"
    assert len(metadata(tmp_path / "out")) == 1


def test_an_unwritable_folder_is_found_before_anything_is_done(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        writer(tmp_path / "file")
    with pytest.raises(OutputError):
        writer(tmp_path / "file" / "below")
    with pytest.raises(OutputError):
        writer(tmp_path / "out", log_dir=str(tmp_path / "file"))
    with writer(tmp_path / "out"):
        pass  # the failed start above gave the folder back


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission(tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="Permission"):
        writer(tmp_path / "out")


def test_two_runs_cannot_write_to_one_folder(tmp_path):
    with writer(tmp_path / "out"), pytest.raises(OutputError, match="Another run"):
        writer(tmp_path / "out")
    with writer(tmp_path / "out"):
        pass


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Ann Lee", "Ann Lee"),
        ("Zoë Müller-Özil", "Zoë Müller-Özil"),
        ("李小龍", "李小龍"),
        ("../../etc/passwd", "etc_passwd"),
        (".hidden", "hidden"),
        ("a/b\\c:d*e", "a_b_c_d_e"),
        ("=1+1", "1_1"),
        ("CON", "CON_"),
        ("nul.txt", "nul.txt_"),
        ("dots...", "dots"),
        ("???", "person"),
        ("", "person"),
        ("dev patel", "Dev patel"),  # datasets would take it for a validation split
        ("val", "Val"),
        ("Valerie", "Valerie"),
        ("contest", "contest"),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(name) == safe


def test_long_names_are_cut_between_letters():
    assert len(safe_name("é" * 300).encode()) <= 200


def test_folders_differ_even_where_case_does_not_count():
    names = folder_names(["Ann", "ann", "a/b", "a:b"])
    assert len({n.casefold() for n in names.values()}) == 4


def test_the_contact_sheet_lies_beside_the_dataset(tmp_path):
    out = tmp_path / "out"
    with writer(out, ["ann", "bob"], contact_sheet=True) as dataset:
        for number in range(30):
            dataset.write("ann" if number % 3 else "bob", np.full((32, 32, 3), 8 * number, np.uint8), row())
        (out / "ann/000002.png").write_bytes(b"damaged")
    assert sheet_path(out) == tmp_path / "out.contact_sheet.jpg"
    sheet = cv2.imread(str(sheet_path(out)))
    assert sheet.shape[1] > 500
    assert not list(out.rglob("*sheet*"))


def test_no_sheet_when_nothing_was_written_or_a_run_failed(tmp_path):
    with writer(tmp_path / "out", contact_sheet=True):
        pass
    with pytest.raises(KeyboardInterrupt), writer(tmp_path / "out", contact_sheet=True) as dataset:
        dataset.write(None, IMAGE, row())
        raise KeyboardInterrupt
    assert not sheet_path(tmp_path / "out").exists()
    assert len(metadata(tmp_path / "out")) == 1


def test_a_sheet_shows_few_of_many_and_all_of_few():
    assert shares({"a": range(3), "b": range(5)}) == [3, 5]
    assert shares({"a": range(1000), "b": range(5), "c": range(1000)}) == [97, 5, 98]
    assert sum(shares({str(i): range(9) for i in range(500)})) == contact_sheet.MOST_CROPS
    assert evenly(list(range(11)), 3) == [0, 5, 10]
    assert evenly(list(range(11)), 0) == []


def load(folder, tmp_path):
    import datasets

    return datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache"))


@pytest.mark.slow
def test_datasets_reads_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "test set"
    people = ["ann", "dev patel", "train", "../évil"]
    for _ in range(2):
        with writer(out, people, contact_sheet=True) as dataset:
            for number, person in enumerate([*people, None]):
                dataset.write(person, np.full((16, 16, 3), number, np.uint8), row(similarity=None, frame=number))
    loaded = load(out, tmp_path)
    assert list(loaded) == ["train"]
    rows = [loaded["train"][i] for i in range(loaded["train"].num_rows)]
    assert sorted((r["person"] or "", r["frame"]) for r in rows) == sorted(
        [(p or "", n) for n, p in enumerate([*people, None])] * 2
    )
    assert all(np.asarray(r["image"]).mean() == r["frame"] for r in rows)
