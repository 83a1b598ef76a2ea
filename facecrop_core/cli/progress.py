"""Progress on a terminal, and as plain lines where there is none. Everything goes to stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from facecrop_core.names import readable
from facecrop_core.pipeline.events import Event, Note, Progress

BARS_SHOWN = 12
STAGE_WORDS = {
    "fetch": "Fetching",
    "models": "Loading models",
    "references": "Reading references",
    "prescan": "Looking for wanted people in",
    "shots": "Finding shots",
    "scan": "Scanning",
    "tracks": "Linking tracks",
    "cluster": "Grouping faces by person",
    "embed": "Embedding faces of",
    "export": "Writing crops",
    "verify": "Verifying",
    "paused": "Waiting for free disk space:",
    "done": "Done",
}


class PlainProgress:
    """A line at the beginning of each stage of each video and every ``print_every`` samples."""

    def __init__(self, print_every: int) -> None:
        self.print_every, self._stage, self._next = print_every, ("", 0), print_every

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: Event) -> None:
        if isinstance(event, Note):
            say(event)
            return
        if (event.stage, event.number) != self._stage:
            self._stage, self._next = (event.stage, event.number), self.print_every
            if event.stage != "done":
                print(_words(event), file=sys.stderr, flush=True)
        elif event.stage == "scan" and event.samples >= self._next:
            self._next = event.samples + self.print_every
            print(describe(event), file=sys.stderr, flush=True)


class TerminalProgress:
    """A live bar for each video of the queue, and one for what is about all of them: export, say."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._console = Console(stderr=True)
        self._bar: Any = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[int, Any] = {}
        self._stages: dict[int, str] = {}

    def __enter__(self) -> TerminalProgress:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Note):
            say(event)
            return
        words = _words(event)
        if event.number not in self._tasks:
            self._begin(event, words)
        task = self._tasks[event.number]
        if event.stage != self._stages[event.number]:
            self._stages[event.number] = event.stage
            self._bar.reset(task, total=event.total)
        self._bar.update(task, description=words, completed=event.done, total=event.total, detail=describe(event))

    def _begin(self, event: Progress, words: str) -> None:
        """A new bar below the others; theirs stand still, and only the last few stay in sight."""
        for number, task in self._tasks.items():
            self._bar.stop_task(task)
            self._bar.update(task, visible=len(self._tasks) - list(self._tasks).index(number) < BARS_SHOWN)
        self._tasks[event.number] = self._bar.add_task(words, total=event.total, detail="")
        self._stages[event.number] = event.stage


def _words(event: Progress) -> str:
    place = f"[{event.number}/{event.count}] " if event.count > 1 else ""
    return f"{place}{STAGE_WORDS[event.stage]} {readable(event.video)}".rstrip()


def describe(event: Progress) -> str:
    """The numbers of a progress event in words."""
    if event.stage == "export":
        return f"SAVED {event.saved}"
    if event.stage == "fetch":
        total = "" if event.total is None else f" of {event.total / 1e6:.1f}"
        return f"{event.done / 1e6:.1f}{total} MB"
    if event.stage != "scan":
        return ""
    left = "" if event.seconds_left is None else f", {clock(event.seconds_left)} left"
    rate = f"{event.samples_per_second:.1f}/s"
    return f"frames {event.samples}, faces {event.faces}, SAVED {event.saved}, {rate}{left}"


def clock(seconds: float) -> str:
    """90 → 1:30."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def say(note: Note) -> None:
    words = {"info": "", "warning": "Warning: ", "error": "Error: "}[note.level]
    print(words + readable(note.text), file=sys.stderr, flush=True)


def make_progress(print_every: int) -> PlainProgress | TerminalProgress:
    return TerminalProgress() if sys.stderr.isatty() else PlainProgress(print_every)
