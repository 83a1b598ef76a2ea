from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facecrop_core.export import DatasetWriter
from facecrop_core.settings import Settings

IMAGE = np.full((16, 16, 3), 90, np.uint8)
ROW = {"frame": 1, "similarity": None, "orig_side": 32, "up": 0.5, "face_frac": 0.5, "video_id": "film"}


def write(out: Path, prefix: str | None, videos: list[str], persons: tuple[str, ...] = ()) -> list[str]:
    values: dict[str, Any] = {"contact_sheet": False, "prefix": prefix}
    names = []
    with DatasetWriter(out, Settings().with_values(values), persons, videos) as dataset:
        for video in videos:
            dataset.start_video(video)
            names += [dataset.write(persons[0] if persons else None, IMAGE, ROW) for _ in range(2)]
    return names


def test_several_videos_are_numbered_each_on_its_own(tmp_path: Path) -> None:
    first = ["vid01_000001.png", "vid01_000002.png", "vid02_000001.png", "vid02_000002.png"]
    assert write(tmp_path / "out", "vid", ["a", "b"]) == first
    again = ["vid01_000003.png", "vid01_000004.png", "vid02_000003.png", "vid02_000004.png"]
    assert write(tmp_path / "out", "vid", ["a", "b"]) == again
    assert write(tmp_path / "out", None, ["a", "b"])[::3] == ["000001.png", "000004.png"]
    assert write(tmp_path / "out", None, ["a", "b"])[0] == "000005.png"
    assert write(tmp_path / "out", "vid", ["a", "b"])[3] == "vid02_000006.png"


def test_people_have_their_folders_still(tmp_path: Path) -> None:
    assert write(tmp_path / "out", "v_", ["a", "b"], ("ann", "bob"))[2] == "ann/v_02_000001.png"


@pytest.mark.parametrize(("prefix", "videos"), [(None, ["a", "b"]), ("vid", ["a"])])
def test_no_prefix_or_one_video_give_plain_numbers(tmp_path: Path, prefix: str | None, videos: list[str]) -> None:
    assert write(tmp_path / "out", prefix, videos)[0] == "000001.png"


def test_a_prefix_stays_inside_the_folder(tmp_path: Path) -> None:
    assert write(tmp_path / "out", "../../x y", ["a", "b"])[0] == "_.._x_y01_000001.png"
