"""Every odd film of media.MEDIA comes to the status and the coverage that stand in that table."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import media
import pytest
from av.error import FFmpegError
from media import MEDIA, Medium

from facecrop_core.errors import SourceError
from facecrop_core.records import Coverage
from facecrop_core.video import RatePlan, VideoReader, probe

EVERY = RatePlan(1000)


def made(medium: Medium, folder: Path) -> Path:
    path = folder / medium.name
    try:
        medium.make(path)
    except (FFmpegError, ValueError) as error:
        if "codec" not in str(error).lower():
            raise
        pytest.skip(f"{medium.name!a}: this FFmpeg cannot make it ({error})")
    return path


def read(path: Path, **how: Any) -> tuple[list[float], Coverage]:
    with VideoReader(probe(path), EVERY, (32, 32), **how) as reader:
        times = []
        for frame in reader:
            times.append(frame.time_seconds)
            frame.release()
        return times, reader.coverage()


@pytest.mark.parametrize(
    "medium", [pytest.param(m, marks=[pytest.mark.slow] if m.slow else []) for m in MEDIA], ids=lambda m: ascii(m.name)
)
def test_status_and_coverage(tmp_path: Path, medium: Medium) -> None:
    path = made(medium, tmp_path)
    if medium.status == "refused":
        with pytest.raises(SourceError, match=medium.words) as caught:
            probe(path)
        assert caught.value.hint
        return
    times, coverage = read(path)
    assert ("complete" if coverage.complete else "partial") == medium.status, coverage
    assert medium.seconds[0] <= coverage.decoded_until_seconds <= medium.seconds[1], coverage
    assert medium.frames[0] <= len(times) <= medium.frames[1], len(times)
    assert times[0] == 0 or medium.status == "partial"
    assert all(a < b for a, b in itertools.pairwise(times))


def test_names_are_their_own() -> None:
    assert len({m.name for m in media.MEDIA}) == len(media.MEDIA)
