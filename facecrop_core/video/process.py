"""The near side of a decoding child: starting it, giving it a job, hearing from it, and ending it."""

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
from typing import IO, Any

from facecrop_core import errors
from facecrop_core.errors import DecodeError, FacecropError

BOOTSTRAP = "import sys; sys.path[:] = {path!r}; from facecrop_core.video.child import main; main()"
PATIENCE_SECONDS = 1.0
"""How long a child may take to end by itself before it is killed."""
WATCHDOG_SECONDS = 60.0


class Child:
    """A process that has one job. Everything that a hostile file reaches runs in one of these.

    Args:
        job: see ``child``; it is pickled.
        name: of the video, for messages.
        watchdog_seconds: how long the child may be silent.
        inherit: a file descriptor that the child needs.
    """

    def __init__(
        self, job: object, name: str, watchdog_seconds: float = WATCHDOG_SECONDS, inherit: int | None = None
    ) -> None:
        self._name, self._watchdog_seconds = name, watchdog_seconds
        self._process = _start(inherit)
        weakref.finalize(self, _end, self._process)
        self._inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._pump = threading.Thread(target=_pump, args=(self._process.stdout, self._inbox), daemon=True)
        self._pump.start()
        self.tell(pickle.dumps(job))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether ``close`` or ``kill`` was called."""
        return self._process.stdin is None or self._process.stdin.closed

    def receive(self) -> list[Any]:
        """The child's next message: its kind and what belongs to it.

        Raises:
            FacecropError: the child says what went wrong. DecodeError: it was silent for too long, or died.
        """
        while True:
            try:
                line = self._inbox.get(timeout=self._watchdog_seconds)
            except queue.Empty:
                raise DecodeError(
                    f"Decoding '{self._name}' gave nothing for {self._watchdog_seconds:g} s.",
                    "The video may be damaged, or its disk does not answer. What was found before is kept.",
                ) from None
            if not line:
                raise DecodeError(
                    f"The decoder of '{self._name}' died ({_how(self._process.wait())}).",
                    "The video may be damaged; try it again.",
                )
            kind, *rest = self._parse(line)
            if kind == "error":
                raise _error_from(*rest, name=self._name)
            if kind != "alive":
                return [kind, *rest]

    def _parse(self, line: bytes) -> list[Any]:
        try:
            return list(json.loads(line))
        except (ValueError, TypeError, RecursionError):
            raise DecodeError(f"The decoder of '{self._name}' talks nonsense.", "The video may be harmful.") from None

    def tell(self, message: bytes) -> None:
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError, ValueError):  # a child that is gone says so through its messages' end
                stdin.write(message)
                stdin.flush()

    def close(self) -> None:
        """End the child, within two seconds and whatever it does."""
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

    def kill(self) -> None:
        """End the child at once."""
        self._process.kill()
        self.close()


class Question:
    """A job with one answer, which a child works on until ``answer`` waits for it."""

    def __init__(self, job: object, name: str, watchdog_seconds: float = WATCHDOG_SECONDS) -> None:
        self._child = Child(job, name, watchdog_seconds)

    def answer(self) -> Any:
        """Raises FacecropError: see ``Child.receive``."""
        try:
            return self._child.receive()[1]
        finally:
            self._child.kill()


def _start(inherit: int | None) -> subprocess.Popen[bytes]:
    # Not multiprocessing: it would import the caller's main module again, which may be the whole page.
    command = [sys.executable, "-I", "-S", "-c", BOOTSTRAP.format(path=sys.path)]
    inherited = (inherit,) if inherit is not None and os.name != "nt" else ()
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # the child does no algebra, and starts sooner
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=inherited, env=environment)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _pump(stdout: IO[bytes], inbox: queue.SimpleQueue[bytes]) -> None:
    for line in stdout:
        inbox.put(line)
    inbox.put(b"")


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
