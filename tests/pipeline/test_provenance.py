"""provenance.json of real exports: what it says, repeating an export from it, and adding only what is new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_produce import ENGINE, SETTINGS, contents, project

from facecrop_core.cli import main
from facecrop_core.errors import OutputError, ProjectError
from facecrop_core.export import LAYOUTS
from facecrop_core.pipeline.produce import write_dataset
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.provenance import settings_to_repeat, transform_key
from facecrop_core.pipeline.verify import verify

__all__ = ["project"]
VALUES: dict[str, Any] = {"sim": None, "contact_sheet": False}


def provenance(out: Path) -> Any:
    return json.loads((out / "provenance.json").read_text("utf-8"))


def test_it_says_where_crops_came_from_and_holds_no_embeddings(project: Project, tmp_path: Path) -> None:
    write_dataset(project, SETTINGS.with_values(VALUES), tmp_path / "out")
    text, content = (tmp_path / "out/provenance.json").read_text(), provenance(tmp_path / "out")
    (run,), scan = content["runs"], project.scans()[0]
    assert run["settings"] == SETTINGS.with_values(VALUES).changed() and run["layout"] == "face-extract"
    assert run["models"][0]["embedder_sha256"] == ENGINE["embedder_sha256"]
    assert run["videos"][0]["video_id"] == scan.video.video_id and run["videos"][0]["scan"] == scan.folder.name
    assert len(content["crops"]) == 24 and "embedding" not in text
    crop, table = content["crops"][5], scan.reader().table()
    assert crop["face_id"] == table["face_id"][5] and crop["video_id"] == scan.video.video_id
    assert crop["time_seconds"] == table["time_seconds"][5] and crop["box_xyxy"] == table.boxes_xyxy[5].tolist()


def test_an_export_is_repeated_from_the_shell(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = SETTINGS.with_values(VALUES | {"layout": "people", "size": 48, "image_format": "webp"})
    (scan,) = project.scans()
    scan.content["faces"] = 24
    scan.save()
    write_dataset(project, settings, tmp_path / "out")
    command = ["export", "--project", project.folder, "--from", tmp_path / "out/provenance.json"]
    assert main([str(a) for a in [*command, "--out", tmp_path / "again", "--json"]]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["saved"] == 24
    for folder in ("", "unknown"):
        first, again = ({p.name: p for p in (tmp_path / name / folder).iterdir()} for name in ("out", "again"))
        assert list(first) and sorted(first) == sorted(again)
    assert contents(tmp_path / "out/unknown") == contents(tmp_path / "again/unknown")
    assert main([str(a) for a in [*command, "--out", tmp_path / "other", "--layout", "csv"]]) == 0
    assert (tmp_path / "other/faces.csv").exists()


def test_what_cannot_be_repeated_is_said(project: Project, tmp_path: Path) -> None:
    write_dataset(project, SETTINGS.with_values(VALUES), tmp_path / "out")
    path, content = tmp_path / "out/provenance.json", provenance(tmp_path / "out")
    assert settings_to_repeat(path, project)[1] == []
    content["runs"][0]["videos"][0]["scan"] = "another"
    path.write_text(json.dumps(content))
    assert "other settings" in settings_to_repeat(path, project)[1][0]
    content["runs"][0]["videos"][0]["video_id"] = "f" * 32
    path.write_text(json.dumps(content))
    with pytest.raises(ProjectError, match=r"film\.mp4"):
        settings_to_repeat(path, project)
    for text in ("{", "[]", '{"runs": [], "crops": [], "version": 99}', '{"runs": [], "crops": [], "version": 1}'):
        path.write_text(text)
        with pytest.raises(OutputError):
            settings_to_repeat(path, project)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_dataset_of_any_layout_is_verified(project: Project, tmp_path: Path, layout: str) -> None:
    out = tmp_path / "out"
    write_dataset(project, SETTINGS.with_values(VALUES | {"layout": layout}), out)
    assert not [f for f in verify(project.folder, out)["findings"] if f["path"].startswith(str(out))]
    (crop, *_) = provenance(out)["crops"]
    path = out / crop["file_name"]
    (path.parent if layout == "webdataset" else path).unlink()
    assert str(path) in [f["path"] for f in verify(project.folder, out)["findings"] if f["kind"] == "missing"]


@pytest.mark.parametrize("layout", ["face-extract", "webdataset"])
def test_only_what_is_new_is_added(project: Project, tmp_path: Path, layout: str) -> None:
    settings, out = SETTINGS.with_values(VALUES | {"only_new": True, "layout": layout}), tmp_path / "out"
    few = write_dataset(project, settings.with_values({"max_total_bytes": 1500}), out)["saved"]
    assert 0 < few < 24
    more = write_dataset(project, settings, out)
    assert more["saved"] == 24 - few and more["not_kept"]["exported_before"] == few
    assert write_dataset(project, settings, out)["saved"] == 0
    assert len({crop["face_id"] for crop in provenance(out)["crops"]}) == len(provenance(out)["crops"]) == 24
    larger = settings.with_values({"size": 40})
    assert transform_key(larger) != transform_key(settings) and write_dataset(project, larger, out)["saved"] == 24
