from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from facecrop_core.errors import SourceError
from facecrop_core.records import Image
from facecrop_core.video import Plan, RatePlan, TimesPlan, VideoReader, fingerprint, probe, read_timeline
from facecrop_core.video.images import fit, image_files


def grey(level: int, size: tuple[int, int] = (64, 48)) -> Image:
    return np.full((size[1], size[0], 3), level, np.uint8)


def folder_of(folder: Path, count: int = 12) -> Path:
    """Images 1.png to COUNT.png whose grey level is ten times their number."""
    folder.mkdir(exist_ok=True)
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f"{number}.png"), grey(10 * number))
    return folder


def read(folder: Path, plan: Plan, image_fps: float = 1.0, **how: float) -> list[tuple[int, float, int]]:
    """(frame, time, grey level) of each sample."""
    rows = []
    with VideoReader(probe(folder, image_fps=image_fps), plan, (0, 0), **how) as reader:
        for frame in reader:
            level = (float(frame.luma[24, 32]) - 16) * 255 / 219
            rows.append((frame.frame or 0, frame.time_seconds, round(level / 10) * 10))
            frame.release()
    return rows


def test_images_come_in_natural_order_at_the_given_rate(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "images")
    (folder / "notes.txt").touch()
    (folder / ".hidden.png").touch()
    video = probe(folder, image_fps=4)
    assert (video.width, video.height, video.frame_count, video.duration_seconds) == (64, 48, 12, 3.0)
    assert video.frame_rate == Fraction(4) and video.codec == "images" and video.video_id == fingerprint(folder)
    everything = [(i, i / 4, 10 * (i + 1)) for i in range(12)]
    assert read(folder, RatePlan(8), 4) == everything
    assert read(folder, RatePlan(2), 4) == everything[::2]
    assert read(folder, RatePlan(2), 4, start_seconds=1.5) == everything[6::2]
    assert read(folder, RatePlan(8), 4, end_seconds=1.0) == everything[:4]
    assert read(folder, TimesPlan([0.5, 2.0]), 4) == [everything[2], everything[8]]
    timeline = read_timeline(video)
    assert list(timeline.times) == [time for _, time, _ in everything] == list(timeline.keyframe_times)


def test_coverage_is_complete_and_a_damaged_image_is_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "images", 6)
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:60])
    (folder / "4.png").write_text("no image")
    with VideoReader(probe(folder), RatePlan(8), (0, 0)) as reader:
        numbers = []
        for frame in reader:
            numbers.append(frame.frame)
            frame.release()
        coverage = reader.coverage()
    assert numbers == [0, 1, 4, 5]
    assert coverage.decode_failures == 2 and not coverage.complete
    assert coverage.damaged_ranges == ((1.0, 4.0),)
    with VideoReader(probe(folder_of(tmp_path / "whole", 3)), RatePlan(8), (0, 0)) as reader:
        for frame in reader:
            frame.release()
        assert reader.coverage().complete and reader.coverage().decoded_until_seconds == 3.0


def test_images_are_turned_upright_and_fitted_into_the_first(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (48, 64), (250, 250, 250))
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    picture.save(tmp_path / "1.jpg", exif=exif)
    cv2.imwrite(str(tmp_path / "2.png"), grey(250, (40, 60)))
    cv2.imwrite(str(tmp_path / "3.png"), np.full((30, 40), 65535, np.uint16))
    video = probe(tmp_path)
    assert (video.width, video.height) == (64, 48)
    lumas = []
    with VideoReader(video, RatePlan(1), (32, 24)) as reader:
        for frame in reader:
            assert frame.luma.shape == (48, 64) and frame.canvas.shape == (24, 32, 3)
            lumas.append(frame.luma.copy())
            frame.release()
    assert lumas[0].min() > 200
    assert lumas[1][:, :15].max() < 30 and lumas[1][:, 17:47].min() > 200 and lumas[1][:, 49:].max() < 30
    assert lumas[2].min() > 200


@pytest.mark.parametrize(("size", "bars"), [((32, 24), 0), ((128, 48), 24), ((24, 48), 40)])
def test_fit_keeps_the_shape(size: tuple[int, int], bars: int) -> None:
    fitted = fit(grey(255, size), 64, 48)
    assert fitted.shape == (48, 64, 3)
    black = max(int((fitted.max((1, 2)) == 0).sum()), int((fitted.max((0, 2)) == 0).sum()))
    assert black == bars


def test_bombs_and_disguises_are_refused(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16384, 16384, 1, 0, 0, 0, 0))
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    (tmp_path / "2.png").write_text("#EXTM3U\nhttp://127.0.0.1/x\n")
    (tmp_path / "3.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n")
    with pytest.raises(SourceError, match="can be read"):
        probe(tmp_path)


def test_folders_that_changed_have_another_fingerprint_and_are_not_read(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "images", 3)
    video = probe(folder)
    moved = folder.rename(tmp_path / "moved")
    assert fingerprint(moved) == video.video_id
    cv2.imwrite(str(moved / "4.png"), grey(1))
    assert fingerprint(moved) != video.video_id
    moved.rename(folder)
    with pytest.raises(SourceError, match="4 images now"), VideoReader(video, RatePlan(1), (0, 0)) as reader:
        next(reader)


def test_natural_order(tmp_path: Path) -> None:
    for name in ("b2.png", "b10.png", "B1.png", "a.png", "10.png", "9.png", "x.mp4"):
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == ["9.png", "10.png", "a.png", "B1.png", "b2.png", "b10.png"]
