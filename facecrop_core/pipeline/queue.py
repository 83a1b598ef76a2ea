"""Several videos. One that fails costs only itself."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from facecrop_core.errors import CancelledError, FacecropError, SkippedError
from facecrop_core.models.runtime import Device, devices
from facecrop_core.models.sessions import usable_cores
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.pipeline.events import Event, Note, Watch
from facecrop_core.pipeline.fetch import describe_fetched, fetch_videos
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.scan import ScanResult, scan
from facecrop_core.pipeline.workers import MOST_WORKERS, in_order, model_threads
from facecrop_core.records import Engine
from facecrop_core.settings import Settings
from facecrop_core.sources import Allowance, Link, Source

FETCHED_FOLDER = "sources"


def scan_all(
    project: Project,
    sources: Sequence[Source],
    settings: Settings,
    engine: Engine | None,
    watch: Watch,
    allowance: Allowance | None = None,
) -> dict[str, Any]:
    """Fetch and scan each source, several at a time where there are many cores; a result ready for JSON.

    The models are opened once, when the first video needs them, and shared.

    Args:
        engine: where it is open already.
        allowance: for tests only.

    Raises:
        FacecropError: the only source's own error; or the run was stopped, or the disk is full.
    """
    one_watch = _OneWatch(watch)
    engines = _Engines(settings, engine, len(sources), one_watch)
    run = _Run(project, settings, len(sources), one_watch, engines, allowance)
    try:
        with closing(in_order(run.source, enumerate(sources, 1), engines.lanes)) as results:
            rows = [row for result in results for row in result]
    except CancelledError as error:
        raise run.watch.failure or error from None
    partial = any(row["status"] not in ("complete", "skipped") for row in rows)
    return {
        "status": "partial" if partial else "complete",
        "videos": rows,
        "samples": sum(row.get("samples", 0) for row in rows),
        "faces": sum(row.get("faces", 0) for row in rows),
        "embedded": sum(row.get("embedded", 0) for row in rows),
        "seconds": round(sum(row.get("seconds", 0.0) for row in rows), 3),
    }


def lanes(videos: int, device_count: int) -> int:
    """How many videos are scanned at a time: as many as it takes for all cores and devices to have work."""
    return max(1, min(videos, max(usable_cores() // MOST_WORKERS, device_count)))


class _Engines:
    """Models for each device, opened by the first lane that needs them."""

    def __init__(self, settings: Settings, engine: Engine | None, videos: int, watch: Watch) -> None:
        """``engine`` is that of the first device, where it is open already."""
        self._settings, self._watch, self._lock = settings, watch, threading.Lock()
        named = devices(settings)
        self._open = {} if engine is None else {named[0]: engine}
        self.lanes = lanes(videos, len(named))
        self._free: queue.LifoQueue[Device] = queue.LifoQueue()
        for lane in reversed(range(self.lanes)):
            self._free.put(named[lane % len(named)])

    @contextmanager
    def lent(self) -> Iterator[Callable[[], Engine]]:
        """What gives a lane its models."""
        device = self._free.get()
        try:
            yield partial(self._get, device)
        finally:
            self._free.put(device)

    def _get(self, device: Device) -> Engine:
        with self._lock:
            if device not in self._open:
                self._open[device] = open_engine(
                    self._settings, device=device, threads=model_threads(self._settings), on_notice=self._tell
                )
            return self._open[device]

    def _tell(self, text: str) -> None:
        self._watch.send(Note("warning", text))


class _OneWatch(Watch):
    """A watch for several lanes: one event at a time, and a lane that fails stops the others."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(self._send_alone, self)
        self._watch, self._lock = watch, threading.Lock()
        self.failure: BaseException | None = None

    def _send_alone(self, event: Event) -> None:
        with self._lock:
            self._watch.send(event)

    def is_set(self) -> bool:
        return self.failure is not None or (self._watch.stop is not None and self._watch.stop.is_set())


@dataclass(frozen=True)
class _Run:
    """What all sources of a run share."""

    project: Project
    settings: Settings
    count: int
    watch: _OneWatch
    engines: _Engines
    allowance: Allowance | None

    def source(self, numbered: tuple[int, Source]) -> list[dict[str, Any]]:
        """Rows of all videos that a source leads to."""
        number, source = numbered
        watch = self.watch.numbered(number, self.count)
        watch.check_cancelled()
        try:
            if isinstance(source, Link):
                return self._link(source, watch)
            return [self._scan(source, watch, self.count > 1)]
        except BaseException as error:
            self.watch.failure = self.watch.failure or error
            raise

    def _link(self, link: Link, watch: Watch) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        several = self.count > 1 or self.settings.fetch.playlist
        folder = _fetch_folder(self.project, self.settings)
        try:
            for fetched in fetch_videos(link, folder, self.settings, watch, self.allowance):
                row = describe_fetched(link, fetched)
                if fetched.path is not None:
                    row |= self._scan(fetched.path, watch, several)
                rows.append({"video": fetched.title} | row)
        except FacecropError as error:
            rows.append(_give_up(error, link.display, watch, self.count > 1))
        return rows

    def _scan(self, path: Path, watch: Watch, forgiving: bool) -> dict[str, Any]:
        try:
            with self.engines.lent() as engine_of:
                return _describe(path, scan(path, self.project, self.settings, watch, engine_of))
        except FacecropError as error:
            return _give_up(error, str(path), watch, forgiving)


def _give_up(error: FacecropError, name: str, watch: Watch, forgiving: bool) -> dict[str, Any]:
    """What is reported of a source that failed; raises its error again where that is the run's."""
    if not forgiving or error.exit_status != 1:
        raise error
    if isinstance(error, SkippedError):
        watch.send(Note("warning", error.message))
        return {"video": name, "status": "skipped", "reason": error.message}
    watch.send(Note("error", f"{name}: {error.message}"))
    return {"video": name, "status": "failed", "error": error.message}


def _fetch_folder(project: Project, settings: Settings) -> Path:
    named = settings.fetch.fetch_dir
    return project.folder / FETCHED_FOLDER if named is None else Path(named).expanduser()


def _describe(path: Path, result: ScanResult) -> dict[str, Any]:
    return {
        "video": str(path),
        "status": result.status,
        "reused": result.reused,
        "samples": result.samples,
        "faces": result.faces,
        "embedded": result.scan.content.get("embedded", result.faces),
        "seconds": round(result.seconds, 3),
        "coverage": result.scan.content["coverage"],
        "engine": result.scan.engine["name"],
        **{name: result.scan.content[name] for name in ("prescan", "bank") if name in result.scan.content},
    }
