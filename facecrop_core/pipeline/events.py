"""What a run tells whoever started it. Events are small and can travel between processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from facecrop_core.errors import CancelledError

Stage = Literal[
    "fetch",
    "models",
    "references",
    "prescan",
    "shots",
    "scan",
    "tracks",
    "cluster",
    "embed",
    "export",
    "verify",
    "paused",
    "done",
]


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    ``done`` of ``total`` is in bytes while fetching, in seconds of video while scanning, in faces while embedding and
    in crops while exporting.
    """

    stage: Stage
    video: str = ""
    done: float = 0.0
    total: float | None = None
    samples: int = 0
    faces: int = 0
    saved: int = 0
    samples_per_second: float = 0.0
    seconds_left: float | None = None
    number: int = 0
    """Which source of the queue this is about, from 1 to ``count``; 0 where it is about none of them."""
    count: int = 0


@dataclass(frozen=True)
class Note:
    """A message for the log and for whoever watches."""

    level: Literal["info", "warning", "error"]
    text: str


Event = Progress | Note
EventSink = Callable[[Event], None]


class Flag(Protocol):
    """Something that can be set to ask a run to stop: a threading.Event or a multiprocessing one."""

    def is_set(self) -> bool: ...


def ignore_events(event: Event) -> None:
    """The sink of a caller that does not watch."""


@dataclass
class Watch:
    """Where a run sends its events, and how it is asked to stop."""

    send: EventSink = ignore_events
    stop: Flag | None = None

    def numbered(self, number: int, count: int) -> Watch:
        """The same watch, whose progress is about one source of a queue."""

        def send(event: Event) -> None:
            self.send(replace(event, number=number, count=count) if isinstance(event, Progress) else event)

        return Watch(send, self.stop)

    def check_cancelled(self) -> None:
        """Raises CancelledError once the run was asked to stop."""
        if self.stop is not None and self.stop.is_set():
            raise CancelledError("The run was stopped.", "What was found so far is kept; the same command goes on.")


class Pace:
    """Rate and time left of a stage that goes through seconds of video."""

    def __init__(self, total: float | None, done: float = 0.0) -> None:
        self.started, self.first, self.total = time.perf_counter(), done, total
        self.samples = 0

    def samples_per_second(self) -> float:
        return self.samples / max(time.perf_counter() - self.started, 1e-6)

    def seconds_left(self, done: float) -> float | None:
        passed, gained = time.perf_counter() - self.started, done - self.first
        if self.total is None or gained <= 0:
            return None
        return max(self.total - done, 0.0) * passed / gained
