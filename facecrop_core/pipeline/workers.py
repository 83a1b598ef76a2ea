"""How the work of a scan is shared out over threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from facecrop_core.models.sessions import usable_cores
from facecrop_core.settings import Settings

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 8
"""More threads than this wait for each other's Python; the cores that are left go to the models' own threads."""
FRAMES_AT_ONCE = 2
"""On a CPU a model is as quick with one picture as with several, and the next worker gets its share sooner."""


@dataclass(frozen=True)
class Crew:
    """How many workers look at frames at a time, each at ``frames_at_once``, with ``threads_each`` in its models."""

    workers: int
    threads_each: int = 1
    frames_at_once: int = FRAMES_AT_ONCE

    @property
    def slots(self) -> int:
        """How many frames may be held: those in work, as many that wait, and those that are being read."""
        return (2 * self.workers + 1) * self.frames_at_once

    def most(self, slots: int) -> int:
        """How many groups of frames may be in work or wait, where there are so many slots and one group is read."""
        return max(min(2 * self.workers, slots // self.frames_at_once - 1), 1)


def crew_of(settings: Settings) -> Crew:
    """The workers that the settings ask for; by default one for each core, up to eight."""
    if settings.runtime.low_cpu:
        return Crew(1)
    if settings.runtime.workers != "auto":
        return Crew(settings.runtime.workers)
    cores = usable_cores()
    workers = min(cores, MOST_WORKERS)
    return Crew(workers, cores // workers)


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, most: int | None = None
) -> Generator[Result]:
    """``map(function, items)`` by so many threads, in the order of the items.

    Items are taken as they are needed: those that are in work or wait are at most ``most``, or two for each worker. The
    first error, of the function or of the items, is raised in its turn, after the results of all items before it.
    When the iterator is closed, what waits is dropped and what is in work is waited for.
    """
    pending: deque[Future[Result]] = deque()
    source, failed = iter(items), None
    most = most or 2 * workers
    with ThreadPoolExecutor(workers, thread_name_prefix="look") as pool:
        try:
            while True:
                try:
                    item = next(source)
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001 - whatever it is, it is raised below
                    failed = error
                    break
                pending.append(pool.submit(function, item))
                while pending and (len(pending) >= most or pending[0].done()):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
    if failed is not None:
        raise failed
