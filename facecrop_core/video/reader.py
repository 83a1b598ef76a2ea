"""Frames of a video, decoded in a child process. Whoever reads them cannot tell."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import IO, Any

from facecrop_core import errors
from facecrop_core.errors import DecodeError, FacecropError
from facecrop_core.records import Coverage, Frame, Video
from facecrop_core.video.child import Job
from facecrop_core.video.container import display_name
from facecrop_core.video.ring import RingLayout, SharedBlock
from facecrop_core.video.sampling import Plan

BOOTSTRAP = "import sys; sys.path[:] = {path!r}; from facecrop_core.video.child import main; main()"
MOST_SLOTS = 255
MOST_THREADS = 8
PATIENCE_SECONDS = 1.0
"""How long a child may take to end by itself before it is killed."""


class VideoReader:
    """Frames that a plan wants, in order of time; a context manager and an iterator.

    Decoding starts with the reader's making, and runs ahead by as many frames as there are slots: a frame's slot is
    free again after ``frame.release()``. A frame's pixels are valid until then.

    Args:
        video: from ``probe``.
        plan: which times are wanted.
        canvas_size: (width, height) of ``frame.canvas``; (0, 0) for none.
        start_seconds: frames before this time are left out; all else, numbers too, is as without it.
        slots: how many frames may be held at once, at most; fewer where frames are very large.
        threads: decoder threads; by default half of the processors, so that the others can look at what was decoded.
        watchdog_seconds: how long the child may be silent.

    Iterating raises:
        SourceError: the file is gone or can no longer be opened.
        DecodeError: the child crashed, hung or failed; frames decoded before are given first.
    """

    def __init__(
        self,
        video: Video,
        plan: Plan,
        canvas_size: tuple[int, int],
        *,
        start_seconds: float = 0.0,
        slots: int = 8,
        threads: int | None = None,
        watchdog_seconds: float = 60.0,
    ) -> None:
        self._video, self._watchdog_seconds = video, watchdog_seconds
        self._frames = 0
        self._until_seconds = 0.0
        self._coverage: Coverage | None = None
        layout = RingLayout.of(video, canvas_size, min(slots, MOST_SLOTS))
        self._block = SharedBlock(layout.slot_bytes * layout.slots)
        self._views = layout.views(self._block.map())
        self._process = _start_child(self._block.descriptor)
        weakref.finalize(self, _end, self._process)
        self._inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._pump = threading.Thread(target=_pump, args=(self._process.stdout, self._inbox), daemon=True)
        self._pump.start()
        job = Job(video, plan, start_seconds, threads or default_threads(), layout, self._block.name)
        self._tell(pickle.dumps(job))

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._process.stdin is None or self._process.stdin.closed:
            raise StopIteration
        while True:
            kind, *rest = self._receive()
            if kind == "frame":
                return self._frame(*rest)
            if kind == "open":
                self._block.forget_file()
            elif kind == "end":
                self._coverage = _coverage_from(rest[0])
                self.close()
                raise StopIteration
            elif kind == "error":
                raise self._fail(_error_from(*rest, name=display_name(self._video.path)))

    def coverage(self) -> Coverage:
        """What was decoded: final once the frames are exhausted, else a lower bound of what was read so far."""
        if self._coverage is not None:
            return self._coverage
        return Coverage(self._frames, self._until_seconds, self._video.duration_seconds)

    def close(self) -> None:
        """End the child, within two seconds and whatever it does. Frames that were given stay valid."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # its pipe may be broken
                self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pump.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._block.forget_file()
        self._views.clear()  # the memory goes with the last frame that is held

    def _frame(self, slot: int, sample: int, index: int, time_seconds: float) -> Frame:
        views = self._views[slot]
        self._frames, self._until_seconds = index + 1, time_seconds
        return Frame(
            sample, index, time_seconds, views.luma, views.chroma_u, views.chroma_v, views.canvas,
            self._video.color_matrix, self._video.full_range, on_release=lambda: self._tell(bytes([slot])),
        )  # fmt: skip

    def _tell(self, message: bytes) -> None:
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError, ValueError):  # a child that is gone says so through its messages' end
                stdin.write(message)
                stdin.flush()

    def _receive(self) -> list[Any]:
        name = display_name(self._video.path)
        try:
            line = self._inbox.get(timeout=self._watchdog_seconds)
        except queue.Empty:
            raise self._fail(
                DecodeError(
                    f"Decoding '{name}' gave nothing for {self._watchdog_seconds:g} s.",
                    "The video may be damaged, or its disk does not answer. What was found before is kept.",
                )
            ) from None
        if not line:
            status = self._process.wait()
            raise self._fail(
                DecodeError(
                    f"The decoder of '{name}' died ({_how(status)}).", "The video may be damaged; try it again."
                )
            )
        return list(json.loads(line))

    def _fail(self, error: FacecropError) -> FacecropError:
        """Note that the video was not read to its end, and end the child."""
        self._process.kill()
        self.close()
        expected = self._video.duration_seconds
        self._coverage = Coverage(self._frames, self._until_seconds, expected, decode_failures=1)
        return error


def default_threads() -> int:
    """Half of the processors that this process may use, 1 to 8."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors // 2, MOST_THREADS))


def _start_child(descriptor: int | None) -> subprocess.Popen[bytes]:
    # Not multiprocessing: it would import the caller's main module again, which may be the whole page.
    command = [sys.executable, "-I", "-S", "-c", BOOTSTRAP.format(path=sys.path)]
    inherit = (descriptor,) if descriptor is not None and os.name != "nt" else ()
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # the child does no algebra, and starts sooner
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=inherit, env=environment)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _pump(stdout: IO[bytes], inbox: queue.SimpleQueue[bytes]) -> None:
    for line in stdout:
        inbox.put(line)
    inbox.put(b"")


def _coverage_from(fields: dict[str, Any]) -> Coverage:
    ranges = tuple((float(a), float(b)) for a, b in fields.pop("damaged_ranges"))
    return Coverage(**fields, damaged_ranges=ranges)


def _error_from(kind: str, message: str, hint: str, *, name: str) -> FacecropError:
    known = getattr(errors, kind, None) if kind else None
    if isinstance(known, type) and issubclass(known, FacecropError):
        return known(message, hint)
    return DecodeError(f"Decoding '{name}' failed ({message}).", hint)


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"
