"""Whatever a file does to the decoder costs that file alone: crashes, hangs, memory, processor time."""

from __future__ import annotations

import time
from pathlib import Path

import clips
import pytest

from facecrop_core.errors import DecodeError, FacecropError, SourceError
from facecrop_core.video import RatePlan, VideoReader, probe, process, read_timeline

FAULTS = {
    "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "hang": "import time; time.sleep(60)",
    "memory": "bytearray(64 << 30)",
    "spin": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, -1))\nwhile True: pass",
    "exit": "import os; os._exit(7)",
    "error": "raise RuntimeError('no such thing')",
    "nonsense": "import os; os.write(real_stdout, b'oops\\n'); import time; time.sleep(60)",
}
WORDS = {
    "crash": "died .SIGSEGV",
    "hang": "gave nothing for",
    "memory": "more memory than",
    "spin": "died .SIGXCPU",
    "exit": "died .exit status 7",
    "error": "no such thing",
    "nonsense": "talks nonsense",
}
BROKEN = """
import os, sys; sys.path[:] = {path!r}
real_stdout = os.dup(1)
from facecrop_core.video import child, {module}
def broken(*a, **k):
    exec({fault!r}, dict(real_stdout=real_stdout))
{module}.{name} = child.{name} = broken
child.main()
"""


@pytest.fixture(scope="module")
def film() -> Path:
    return clips.shared("isolation.mp4", clips.numbered_clip, 50, 25)[0]


def break_children(monkeypatch: pytest.MonkeyPatch, fault: str, module: str, name: str) -> None:
    """From here on, children have a decoder that goes wrong."""
    import sys

    monkeypatch.setattr(
        process, "BOOTSTRAP", BROKEN.format(path=sys.path, fault=FAULTS[fault], module=module, name=name)
    )
    monkeypatch.setattr(process, "PATIENCE_SECONDS", 0.2)


@pytest.mark.parametrize("fault", FAULTS)
def test_probing_fails_with_a_reason(monkeypatch: pytest.MonkeyPatch, film: Path, fault: str) -> None:
    break_children(monkeypatch, fault, "headers", "read_headers")
    began = time.monotonic()
    with pytest.raises(SourceError, match=WORDS[fault]) as caught:
        probe(film, watchdog_seconds=1.0 if fault == "hang" else 20.0)
    assert caught.value.hint and time.monotonic() - began < 10


@pytest.mark.parametrize("fault", ["crash", "hang", "memory", "exit"])
def test_reading_fails_with_a_reason(monkeypatch: pytest.MonkeyPatch, film: Path, fault: str) -> None:
    video = probe(film)
    break_children(monkeypatch, fault, "decoding", "Decoding")
    with (
        pytest.raises(DecodeError, match=WORDS[fault]),
        VideoReader(video, RatePlan(5), (0, 0), watchdog_seconds=1.0 if fault == "hang" else 20.0) as reader,
    ):
        next(reader)
    assert not reader.coverage().complete


def test_finding_the_times_fails_with_a_reason(monkeypatch: pytest.MonkeyPatch, film: Path) -> None:
    video = probe(film)
    break_children(monkeypatch, "crash", "decoding", "build_timeline")
    with pytest.raises(DecodeError, match="SIGSEGV"):
        read_timeline(video)


def test_the_queue_goes_on_after_a_film_that_kills_its_decoder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, film: Path
) -> None:
    from facecrop_core.pipeline.jobs import JobRequest, run_job

    for name in ("a-bad.mp4", "good.mp4"):
        (tmp_path / name).write_bytes(film.read_bytes() + name.encode())
    ordinary = process.Child.__init__

    def sometimes(self: process.Child, job: object, name: str, *rest: object) -> None:
        with monkeypatch.context() as patch:
            if name.endswith("a-bad.mp4"):
                break_children(patch, "crash", "decoding", "Decoding")
            ordinary(self, job, name, *rest)

    monkeypatch.setattr(process.Child, "__init__", sometimes)
    result = run_job(
        JobRequest("scan", tmp_path / "p", (tmp_path,), settings={"engine": "builtin", "fps": 2.0}),
    )
    bad, good = result["videos"]
    assert (bad["status"], good["status"], result["status"]) == ("failed", "complete", "partial")
    assert "SIGSEGV" in bad["error"] and good["samples"] == 4


def test_a_child_is_under_limits(monkeypatch: pytest.MonkeyPatch, film: Path) -> None:
    kinds = "(r.RLIMIT_AS, r.RLIMIT_FSIZE, r.RLIMIT_CORE)"
    look = f"import resource as r; raise RuntimeError([r.getrlimit(k) for k in {kinds}])"
    monkeypatch.setitem(FAULTS, "look", look)
    break_children(monkeypatch, "look", "headers", "read_headers")
    with pytest.raises(FacecropError, match=r"\(4294967296, 4294967296\), \(16777216, 16777216\), \(0, 0\)"):
        probe(film)
