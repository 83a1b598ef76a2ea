"""How the work of a scan is shared out over threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from facecrop_core.models.runtime import CPU_BATCH, detection_batch, runs_on_gpu
from facecrop_core.models.sessions import usable_cores
from facecrop_core.records import Engine
from facecrop_core.settings import Settings

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 8
"""More threads than this wait for each other's Python; the cores that are left go to the models' own threads."""
GPU_WORKERS = 3


@dataclass(frozen=True)
class Crew:
    """How many workers look at frames at a time, each at ``frames_at_once``."""

    workers: int
    frames_at_once: int = CPU_BATCH

    @property
    def slots(self) -> int:
        """How many frames may be held: those in work, as many that wait, and those that are being read."""
        return (2 * self.workers + 1) * self.frames_at_once

    def most(self, slots: int) -> int:
        """How many groups of frames may be in work or wait, where there are so many slots and one group is read."""
        return max(min(2 * self.workers, slots // self.frames_at_once - 1), 1)


def crew_of(settings: Settings, engine: Engine) -> Crew:
    """The workers that the settings ask for; by default one for each core, up to eight, or three for a GPU.

    While a GPU works for one of them, the others prepare its next pictures and cut out faces.
    """
    runtime, on_gpu = settings.runtime, runs_on_gpu(engine.providers)
    workers = GPU_WORKERS if on_gpu and runtime.workers == "auto" else cpu_workers(settings)
    return Crew(workers, detection_batch(settings, engine.providers))


def cpu_workers(settings: Settings) -> int:
    """Threads for work that the processor does."""
    if settings.runtime.low_cpu:
        return 1
    return min(usable_cores(), MOST_WORKERS) if settings.runtime.workers == "auto" else settings.runtime.workers


def model_threads(settings: Settings) -> int:
    """How many threads a model may use for one worker, so that all workers together use every core once."""
    alone = settings.runtime.low_cpu or settings.runtime.workers != "auto"
    return 1 if alone else max(usable_cores() // cpu_workers(settings), 1)


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
