"""What the reader does when videos are damaged and processes die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import clips
import pytest

from facecrop_core.errors import DecodeError, SourceError
from facecrop_core.video import ring
from facecrop_core.video.probe import probe
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.sampling import RatePlan

EVERY_FRAME = RatePlan(25)


def _film(path: Path) -> None:
    clips.numbered_clip(path, 200, 25, options={"g": "20"}, container_options={"movflags": "faststart"})


@pytest.fixture(scope="module")
def film():
    return clips.shared("failures.mp4", _film)[0]


def numbers(reader):
    seen = []
    for frame in reader:
        seen.append((frame.frame, clips.read_number(frame.luma)))
        frame.release()
    return seen


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_soon(pid):
    deadline = time.monotonic() + 3
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def open_files():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_film_that_was_cut_short_is_not_complete(tmp_path, film, suffix, threads):
    if suffix == "mkv":
        film, _ = clips.shared("failures.mkv", _film)
    video = probe(clips.cut_short(film, tmp_path / f"cut.{suffix}", 0.6))
    with VideoReader(video, EVERY_FRAME, (0, 0), threads=threads) as reader:
        seen = numbers(reader)
    coverage = reader.coverage()
    assert not coverage.complete
    assert coverage.expected_seconds == pytest.approx(8.0)
    assert 3 < coverage.decoded_until_seconds < 7
    assert len(seen) > 70
    assert all(index == number for index, number in seen[:-1])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("fps", [25, 8])
def test_damage_inside_is_counted_located_and_left_out(tmp_path, film, threads, fps):
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 900] = bytes(900)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with VideoReader(probe(path), RatePlan(fps), (0, 0), threads=threads) as reader:
        seen = numbers(reader)
    coverage = reader.coverage()
    assert not coverage.complete
    assert coverage.damaged_ranges
    assert coverage.decoded_until_seconds == pytest.approx(8.0, abs=0.05)
    start, end = coverage.damaged_ranges[0][0], coverage.damaged_ranges[-1][1]
    assert 1.5 < start < end < 6
    assert len(seen) > (100 if fps == 25 else 40)
    assert [i for i, n in seen if not start <= i / 25 <= end and i != n] == []
    assert seen[-1][0] >= 195


def test_slots_are_given_back(film):
    video = probe(film)
    with VideoReader(video, EVERY_FRAME, (64, 16), slots=6) as reader:
        held = [next(reader) for _ in range(6)]
        assert [clips.read_number(f.luma) for f in held] == [0, 1, 2, 3, 4, 5]
        time.sleep(0.3)  # the child may not run ahead into what is held
        assert [clips.read_number(f.luma) for f in held] == [0, 1, 2, 3, 4, 5]
        addresses = {f.luma.ctypes.data for f in held}
        for frame in held:
            frame.release()
            frame.release()
        rest = numbers(reader)
        assert [number for _, number in rest] == list(range(6, 200))
    assert len(addresses) == 6


def test_frames_outlive_the_reader(film):
    with VideoReader(probe(film), EVERY_FRAME, (64, 16)) as reader:
        frames = [next(reader), next(reader)]
    del reader
    assert [clips.read_number(f.luma) for f in frames] == [0, 1]
    for frame in frames:
        frame.release()


def test_holding_all_frames_is_found_out(film):
    with VideoReader(probe(film), EVERY_FRAME, (0, 0), slots=6, watchdog_seconds=1) as reader:
        held = [next(reader) for _ in range(6)]
        with pytest.raises(DecodeError, match="gave nothing for 1 s"):
            next(reader)
    assert len(held) == 6


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "crashed"])
def test_a_child_that_dies_is_an_error_after_what_it_gave(film, how):
    before = open_files()
    reader = VideoReader(probe(film), EVERY_FRAME, (0, 0), slots=6)
    with reader:
        frame = next(reader)
        frame.release()
        time.sleep(0.5)
        os.kill(reader._child.pid, how)
        given = 1
        with pytest.raises(DecodeError, match=how.name):
            for frame in reader:
                given += 1
                frame.release()
    assert 6 <= given <= 8
    assert not reader.coverage().complete
    assert reader.coverage().decoded_until_seconds > 0
    assert not alive(reader._child.pid)
    with pytest.raises(StopIteration):
        next(reader)
    del frame
    assert open_files() == before


def test_a_child_that_hangs_is_killed(film):
    with VideoReader(probe(film), EVERY_FRAME, (0, 0), watchdog_seconds=0.5) as reader:
        os.kill(reader._child.pid, signal.SIGSTOP)
        with pytest.raises(DecodeError, match="gave nothing"):
            numbers(reader)
        assert not alive(reader._child.pid)


@pytest.mark.parametrize("stopped", [False, True])
def test_closing_early_ends_the_child_and_leaves_nothing(film, stopped):
    before = open_files()
    started = time.monotonic()
    with VideoReader(probe(film), EVERY_FRAME, (64, 16)) as reader:
        next(reader)
        if stopped:
            os.kill(reader._child.pid, signal.SIGSTOP)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert not alive(reader._child.pid)
    assert open_files() == before
    assert list(reader) == []


def test_a_reader_that_is_forgotten_takes_its_child_along(film):
    reader = VideoReader(probe(film), EVERY_FRAME, (0, 0))
    pid = reader._child.pid
    del reader
    assert gone_soon(pid)


def test_the_child_ends_with_its_parent(film):
    script = f"""
import sys; sys.path[:] = {sys.path!r}
from pathlib import Path
from facecrop_core.video.probe import probe
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.sampling import RatePlan
reader = VideoReader(probe(Path({str(film)!r})), RatePlan(25), (0, 0))
next(reader)
print(reader._child.pid, flush=True)
import time; time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone_soon(pid)


def test_a_script_without_a_main_guard_may_read(tmp_path, film):
    script = tmp_path / "script.py"
    script.write_text(f"""
from pathlib import Path
from facecrop_core.video.probe import probe
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.sampling import RatePlan
with VideoReader(probe(Path({str(film)!r})), RatePlan(1), (32, 8)) as reader:
    for frame in reader:
        print(frame.frame)
        frame.release()
""")
    paths = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, env=os.environ | {"PYTHONPATH": paths}, text=True
    )
    assert done.stdout.split() == [str(25 * n) for n in range(8)]
    assert done.stderr == ""


def test_a_film_that_is_gone_by_now(tmp_path, film):
    path = tmp_path / "film.mp4"
    path.write_bytes(film.read_bytes())
    video = probe(path)
    path.unlink()
    with VideoReader(video, EVERY_FRAME, (0, 0)) as reader, pytest.raises(SourceError, match="does not exist"):
        next(reader)


class BrokenPlan(RatePlan):
    """Goes wrong in the child."""

    def number_at(self, time_seconds):
        if time_seconds > 1:
            raise RuntimeError("no such time")
        return super().number_at(time_seconds)


def test_an_unexpected_error_of_the_child_says_what_it_was(film, capfd):
    with (
        VideoReader(probe(film), BrokenPlan(25), (0, 0)) as reader,
        pytest.raises(DecodeError, match=r"failed.*no such time"),
    ):
        numbers(reader)
    assert "Traceback" in capfd.readouterr().err


def test_a_temporary_file_serves_where_there_is_no_anonymous_memory(film, monkeypatch, tmp_path):
    monkeypatch.setattr(ring, "_memory_file", lambda size: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with VideoReader(probe(film), EVERY_FRAME, (64, 16)) as reader:
        assert [number for _, number in numbers(reader)] == list(range(200))
        assert os.listdir(tmp_path) == []


def test_a_ring_has_fewer_slots_for_larger_frames(film):
    from dataclasses import replace

    video = probe(film)
    assert ring.RingLayout.of(video, (64, 16), 8).slots == 8
    assert ring.RingLayout.of(replace(video, width=7680, height=3240), (640, 384), 8).slots == 7
    assert ring.RingLayout.of(replace(video, width=8192, height=8192), (640, 384), 8).slots == 6
