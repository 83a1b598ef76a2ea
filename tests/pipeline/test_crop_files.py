"""Crops in every style through a whole export: formats, masks, sidecars, what erasing and checking make of them."""

from __future__ import annotations

import json
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest

from facecrop_core.cli import main
from facecrop_core.errors import OutputError
from facecrop_core.export import beside, erase_crops, statistics_path, writer
from facecrop_core.pipeline.framing_sheet import STYLES, choose_spread
from facecrop_core.pipeline.produce import produce, write_dataset
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.pipeline.verify import verify
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow, SampleRow, ScanWriter
from facecrop_core.video import probe, video_to_json

ENGINE = {
    "kind": "builtin", "name": "stub", "detector_sha256": "d" * 64, "embedder_sha256": "e" * 64,
    "metric": "cosine", "match": 0.5, "unsure": 0.4, "det_thresh": 0.5,
}  # fmt: skip
FACE = np.array([[-20, -18], [20, -18], [0, 4], [-16, 24], [16, 24]])
FACES = 8


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished scan with one turned face on each of eight samples, more and more to the right."""
    folder = tmp_path_factory.mktemp("styles")
    video = probe(clips.numbered_clip(folder / "film.mp4", 32, 8))
    made = Project.create(folder / "p")
    scan = Scan(made.scan_folder(video.video_id, "0" * 16), {"status": "complete", "engine": ENGINE})
    scan.content["video"] = video_to_json(video)
    scan.save()
    made.use_scan(video, scan.folder.name)
    made.save()
    writer = ScanWriter(scan.folder, video.video_id, "e" * 64)
    for number in range(FACES):
        turn, x, y = 0.1 * number - 0.3, 30.0 + 18 * number, video.height / 2
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        points = (0.4 * FACE @ rotation.T + [x, y]).astype(np.float32)
        box = (x - 16, y - 20, x + 16, y + 20)
        face = FaceRow(box, points, 0.9, np.eye(12, dtype=np.float32)[number], {"yaw": 10.0 * number}, b"jpeg")
        writer.add(SampleRow(number, 2 * number, number / 4, bytes(576), [face]))
    writer.flush()
    return made


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_written_with_mask_and_transform(project: Project, tmp_path: Path, style: str) -> None:
    settings = Settings().with_values(
        {"framing": style, "size": 64, "write_masks": True, "write_sidecars": True, "edge_policy": "pad",
         "max_pad_frac": 1.0}
    )  # fmt: skip
    out = tmp_path / "out"
    assert write_dataset(project, settings, out)["saved"] == FACES
    for crop in (out / f"{number:06d}.png" for number in range(1, FACES + 1)):
        image, mask = cv2.imread(str(crop)), cv2.imread(str(beside(crop, ".mask.png")), cv2.IMREAD_UNCHANGED)
        told = json.loads(beside(crop, ".json").read_text())
        assert image is not None and mask is not None and max(image.shape) == 64
        assert mask.shape == image.shape[:2] == tuple(reversed(told["crop_size_wh"]))
        assert (mask.max() == 255) == (told["pad_share"] > 0) or told["pad_share"] < 0.02
        points = np.array(told["landmarks_crop_xy"])
        if style not in ("square", "portrait", "ratio", "frame"):
            level = np.degrees(np.arctan2(*(points[1] - points[0])[::-1]))
            assert abs(level) < 1.0  # the points are told to a hundredth of a pixel
    assert not [found for found in verify(project.folder, out)["findings"] if str(out) in str(found["path"])]


def test_formats_and_what_a_build_lacks(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for image_format, magic in (("avif", b"ftypavif"), ("webp", b"WEBP"), ("jpeg", b"\xff\xd8")):
        settings = Settings().with_values({"framing": "portrait", "size": 64, "image_format": image_format})
        if not writer.can_encode(image_format):
            continue
        assert write_dataset(project, settings, tmp_path / image_format)["saved"] == FACES
        first = min((tmp_path / image_format).glob("000001.*"))
        assert magic in first.read_bytes()[:16]
    monkeypatch.setattr(writer, "can_encode", lambda name: name != "avif")
    with pytest.raises(OutputError, match="avif"):
        write_dataset(project, Settings().with_values({"image_format": "avif"}), tmp_path / "none")


def test_what_lies_beside_a_crop_goes_with_it_and_counts_for_the_size(project: Project, tmp_path: Path) -> None:
    values = {"size": 64, "write_masks": True, "write_sidecars": True}
    out = tmp_path / "out"
    write_dataset(project, Settings().with_values(values), out)
    total = sum(path.stat().st_size for path in out.glob("0*"))
    some = write_dataset(project, Settings().with_values(values | {"max_total_bytes": total // 2}), tmp_path / "half")
    assert FACES // 2 - 1 <= some["saved"] <= FACES // 2
    again = write_dataset(project, Settings().with_values(values), out)
    assert again["saved"] == FACES and beside(out / f"{2 * FACES:06d}.png", ".json").exists()
    face_id = str(project.scans()[0].reader().table()["face_id"][0])
    assert erase_crops(out, statistics_path(out, None), [], [face_id]) == 2
    assert not list(out.glob("000001.*")) and len(list(out.glob("000002.*"))) == 3


def test_the_sheet_has_a_row_for_each_style(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sheet = tmp_path / "sheet.jpg"
    assert main(["sheet", "--project", str(project.folder), "--out", str(sheet), "--faces", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faces"] == 5
    image = cv2.imread(str(sheet))
    assert image is not None and image.shape[0] > 128 * len(STYLES) and image.shape[1] > 5 * 128
    assert main(["sheet", "--project", str(project.folder), "--out", str(sheet), "--faces", "0"]) == 2
    assert main(["sheet", "--project", str(project.folder), "--out", str(sheet), "--min-crop-px", "5000"]) == 1


def test_a_sheets_faces_are_spread_over_poses(project: Project) -> None:
    everything = produce(project, Settings())
    rows = [face.row for face in choose_spread(everything, 3)]
    assert rows == sorted(rows) and {0, FACES - 1} <= set(rows)
    assert len(choose_spread(everything, 100)) == FACES
