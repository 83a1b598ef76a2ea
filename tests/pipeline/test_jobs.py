from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import clips
import cv2
import pandas as pd
import pytest

from facecrop_core.errors import FacecropError, OutputError, ReferencesError, SourceError
from facecrop_core.pipeline import jobs, queue
from facecrop_core.pipeline.events import Event, Note, Watch
from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.report import faces_frame, save_faces

VALUES = {"engine": "builtin", "fps": 5.0, "size": 96}
SCENES = (("anna", "carl"), ("grace",), ("eric",))


def references(folder: Path, *names: str) -> tuple[Path, ...]:
    """A folder of folders with one photo each."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name / "photo.png"), clips.person_photo(name))
    return (folder,)


@pytest.fixture(scope="module")
def film() -> tuple[Path, list[clips.TrueFrame]]:
    return clips.shared("jobs.mp4", clips.cast_clip, SCENES)


@pytest.fixture(scope="module")
def extracted(film: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One extraction of two people, that the tests below look at and export again."""
    folder = tmp_path_factory.mktemp("extracted")
    refs = references(folder / "refs", "anna", "grace")
    request = JobRequest("extract", folder / "p", (film[0],), refs, out=folder / "out", settings=VALUES)
    return folder, run_job(request)


def test_extract_keeps_the_wanted_people_and_nobody_else(extracted: Any, film: Any) -> None:
    folder, result = extracted
    assert result["status"] == "complete" and set(result["people"]) == {"anna", "grace"}
    assert result["saved"] + sum(result["not_kept"].values()) == result["faces"]
    assert result["not_kept"]["no_match"] >= 6  # carl and eric
    lines = [json.loads(line) for line in (folder / "out" / "metadata.jsonl").read_text().splitlines()]
    assert len(lines) == result["saved"] >= 8
    for line in lines:
        names = [face.name for face in film[1][line["frame"]].faces]
        assert line["person"] in names
        assert cv2.imread(str(folder / "out" / line["file_name"])).shape == (96, 96, 3)
    assert (folder / "out.contact_sheet.jpg").is_file()
    rows = pd.read_csv(folder / "logs" / "video" / "video_stats.csv")
    assert list(rows.columns) == ["file", "frame_idx", "sim", "orig_side", "up", "face_frac", "video_id"]
    assert len(rows) == result["saved"] and set(rows["video_id"]) == {"jobs"}


def test_exporting_again_opens_no_engine_and_overwrites_nothing(
    extracted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("an export opened the engine")

    monkeypatch.setattr(jobs, "open_engine", never)
    monkeypatch.setattr(queue, "open_engine", never)
    folder, first = extracted
    values = VALUES | {"image_format": "jpeg", "bbox_pad": 0.1, "sim": 0.5}
    result = run_job(JobRequest("export", folder / "p", out=tmp_path / "again", settings=values))
    assert 0 < result["saved"] <= first["saved"]
    names = sorted(path.name for path in (tmp_path / "again" / "grace").iterdir())
    assert names[0] == "000001.jpg"
    before = {path: path.read_bytes() for path in (tmp_path / "again" / "grace").iterdir()}
    run_job(JobRequest("export", folder / "p", out=tmp_path / "again", settings=values))
    after = sorted((tmp_path / "again" / "grace").iterdir())
    assert len(after) == 2 * len(names) and all(path.read_bytes() == data for path, data in before.items())


def test_the_table_of_faces_lists_every_face(extracted: Any, tmp_path: Path) -> None:
    folder, result = extracted
    project = Project.open(folder / "p")
    run_job(JobRequest("export", folder / "p", out=tmp_path / "o", settings=VALUES))
    faces = faces_frame(project)
    promised = {"face_id", "video", "frame", "time_seconds", "x1", "y1", "x2", "y2", "landmarks", "det_score", "yaw"}
    promised |= {"pitch", "roll", "sharpness", "brightness", "track", "cluster", "person", "similarity", "margin"}
    promised |= {"band"}
    promised |= {"kept", "reason"}
    assert promised <= set(faces.columns) and len(faces) == result["faces"]
    assert faces["kept"].sum() == result["saved"] and faces.loc[~faces["kept"], "reason"].notna().all()
    assert faces.loc[faces["kept"], "reason"].isna().all() and faces["pitch"].isna().all()
    for name in ("faces.parquet", "faces.csv", "faces.jsonl"):
        assert save_faces(project, tmp_path / name, with_embeddings=name.endswith("parquet")) == len(faces)
    assert len(pd.read_parquet(tmp_path / "faces.parquet")["embedding"][0]) == 128
    assert len(pd.read_csv(tmp_path / "faces.csv")) == len(faces)
    with pytest.raises(FacecropError, match="no known ending"):
        save_faces(project, tmp_path / "faces.xls")


def test_without_references_every_face_is_kept(film: Any, tmp_path: Path) -> None:
    request = JobRequest("extract", tmp_path / "p", (film[0],), out=tmp_path / "out", settings=VALUES)
    result = run_job(request)
    assert result["saved"] == result["faces"] > 0 and (tmp_path / "out" / "000001.png").is_file()
    table = faces_frame(Project.open(tmp_path / "p"))
    assert table["person"].isna().all() and table["similarity"].isna().all()


def test_a_bad_photo_is_named_and_the_run_goes_on(film: Any, tmp_path: Path) -> None:
    (refs,) = references(tmp_path / "refs", "grace")
    cv2.imwrite(str(refs / "grace" / "wall.png"), clips.person_photo("grace")[:8, :8].repeat(20, 0).repeat(20, 1))
    notes: list[Event] = []
    request = JobRequest("extract", tmp_path / "p", (film[0],), (refs,), out=tmp_path / "out", settings=VALUES)
    assert run_job(request, Watch(notes.append))["saved"] > 0
    assert any(isinstance(note, Note) and "wall.png" in note.text and note.level == "warning" for note in notes)
    assert "wall.png" in (tmp_path / "p" / "logs" / "facecrop.log").read_text()


def test_what_a_stage_warns_of_is_shown_once(film: Any, tmp_path: Path) -> None:
    events: list[Event] = []
    (tmp_path / "refs" / "grace").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "refs" / "grace" / "a.png"), clips.person_photo("grace"))
    cv2.imwrite(str(tmp_path / "refs" / "loose.png"), clips.person_photo("anna"))
    request = JobRequest("scan", tmp_path / "p", (film[0],), (tmp_path / "refs",), settings=VALUES)
    run_job(request, Watch(events.append))
    warnings = [e.text for e in events if isinstance(e, Note) and e.level == "warning"]
    assert len([text for text in warnings if "beside folders" in text]) == 1


def test_references_without_a_face_end_the_run(film: Any, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    cv2.imwrite(str(wall), clips.person_photo("grace")[:8, :8].repeat(20, 0).repeat(20, 1))
    with pytest.raises(ReferencesError, match=r"wall\.png"):
        run_job(JobRequest("extract", tmp_path / "p", (film[0],), (wall,), out=tmp_path / "out", settings=VALUES))


def test_one_bad_video_among_several_costs_only_itself(film: Any, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    request = JobRequest("scan", tmp_path / "p", (text, film[0]), settings=VALUES)
    result = run_job(request)
    assert result["status"] == "partial"
    assert [row["status"] for row in result["videos"]] == ["failed", "complete"]
    with pytest.raises(SourceError, match=r"text\.mp4"):
        run_job(JobRequest("scan", tmp_path / "q", (text,), settings=VALUES))


def test_an_output_that_cannot_be_written_is_told_before_scanning(film: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        run_job(JobRequest("extract", tmp_path / "p", (film[0],), out=tmp_path / "file", settings=VALUES))
    assert not (tmp_path / "p").exists()
