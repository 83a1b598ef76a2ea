"""Hashes of thumbnails: made once, made again when they are lost, gone with the faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facecrop_core.pipeline.hashing import face_hashes
from facecrop_core.pipeline.project import Scan
from facecrop_core.records import Video
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow, SampleRow, ScanWriter, check_scan_folder, erase_faces, load_hashes
from facecrop_core.video import video_to_json

SHA, VIDEO_ID = "ab" * 32, "cd" * 16
LANDMARKS = np.array([[3, 4], [7, 4], [5, 6], [4, 8], [6, 8]], np.float32) * 12 + 200


def picture(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", cv2.resize(noise, (160, 160), interpolation=cv2.INTER_CUBIC))[1])


def make_scan(folder: Path, thumbs: list[bytes]) -> Scan:
    """A finished scan with one face in each sample."""
    video = Video(folder / "film.mp4", VIDEO_ID, 1000, 1280, 720, None, 60.0, 1500, "h264", "yuv420p")
    engine = {"embedder_sha256": SHA, "metric": "cosine", "match": 0.5, "unsure": 0.4, "det_thresh": 0.5}
    scan = Scan(folder, {"version": 1, "status": "complete", "video": video_to_json(video), "engine": engine})
    scan.save()
    writer = ScanWriter(folder, VIDEO_ID, SHA)
    for sample, thumb in enumerate(thumbs):
        face = FaceRow((200, 200, 320, 320), LANDMARKS, 0.9, np.ones(4, np.float32) / 2, {}, thumb)
        writer.add(SampleRow(sample, sample, sample / 8, bytes(32 * 18), [face]))
    writer.flush()
    return scan


def test_hashes_of_a_finished_scan_are_stored_and_read(tmp_path: Path) -> None:
    scan = make_scan(tmp_path, [picture(1), picture(2), picture(1), b"not a picture"])
    table = scan.reader().table()
    hashes = face_hashes(scan, table, Settings())
    assert load_hashes(tmp_path, table["face_id"]) is not None
    for kind in ("perceptual", "average"):
        assert hashes[kind].dtype == np.uint64
        assert hashes[kind][0] == hashes[kind][2] != hashes[kind][1]
        assert hashes[kind][3] == 0
    (tmp_path / "thumbs.pack").unlink()  # it is not read again
    again = face_hashes(scan, scan.reader().table(), Settings())
    np.testing.assert_array_equal(again["perceptual"], hashes["perceptual"])


def test_only_finished_scans_keep_hashes(tmp_path: Path) -> None:
    scan = make_scan(tmp_path, [picture(1)])
    scan.content["status"] = "running"
    assert face_hashes(scan, scan.reader().table(), Settings())["average"][0] != 0
    assert not (tmp_path / "hashes.parquet").exists()


def test_a_scan_without_faces_has_no_hashes(tmp_path: Path) -> None:
    scan = make_scan(tmp_path, [])
    assert len(face_hashes(scan, scan.reader().table(), Settings())["average"]) == 0


def test_damaged_hashes_are_told_and_made_again(tmp_path: Path) -> None:
    scan = make_scan(tmp_path, [picture(1), picture(2)])
    hashes, path = face_hashes(scan, scan.reader().table(), Settings()), tmp_path / "hashes.parquet"
    harmful = [finding for finding in check_scan_folder(tmp_path, SHA, False) if not finding.harmless]
    assert not harmful
    path.write_bytes(path.read_bytes()[:-40])
    (finding,) = check_scan_folder(tmp_path, SHA, False)
    assert finding.path == path and finding.kind == "damaged" and finding.harmless
    again = face_hashes(scan, scan.reader().table(), Settings())
    np.testing.assert_array_equal(again["average"], hashes["average"])
    assert not list(check_scan_folder(tmp_path, SHA, False))


def test_hashes_go_with_the_faces_they_are_of(tmp_path: Path) -> None:
    scan = make_scan(tmp_path, [picture(1), picture(2)])
    table = scan.reader().table()
    face_hashes(scan, table, Settings())
    erase_faces(tmp_path, SHA, {str(table["face_id"][0])})
    assert not (tmp_path / "hashes.parquet").exists()
    assert len(face_hashes(scan, scan.reader().table(), Settings())["average"]) == 1
