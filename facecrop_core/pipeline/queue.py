"""Several videos, one after the other. One that fails costs only itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facecrop_core.errors import FacecropError, SkippedError
from facecrop_core.pipeline.events import Note, Watch
from facecrop_core.pipeline.fetch import describe_fetched, fetch_videos
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.scan import ScanResult, scan
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
    """Fetch and scan each source; a result ready for JSON.

    Args:
        allowance: for tests only.

    Raises:
        FacecropError: the only source's own error; or the run was stopped, or the disk is full.
    """
    rows: list[dict[str, Any]] = []
    for number, source in enumerate(sources, 1):
        numbered = watch.numbered(number, len(sources))
        forgiving = len(sources) > 1
        if not isinstance(source, Link):
            rows.append(_scan(source, project, settings, numbered, engine, forgiving))
            continue
        try:
            for fetched in fetch_videos(source, _fetch_folder(project, settings), settings, numbered, allowance):
                row = describe_fetched(source, fetched)
                if fetched.path is not None:
                    several = forgiving or settings.fetch.playlist
                    row |= _scan(fetched.path, project, settings, numbered, engine, several)
                rows.append({"video": fetched.title} | row)
        except FacecropError as error:
            rows.append(_give_up(error, source.display, numbered, forgiving))
    partial = any(row["status"] not in ("complete", "skipped") for row in rows)
    return {
        "status": "partial" if partial else "complete",
        "videos": rows,
        "samples": sum(row.get("samples", 0) for row in rows),
        "faces": sum(row.get("faces", 0) for row in rows),
        "seconds": round(sum(row.get("seconds", 0.0) for row in rows), 3),
    }


def _scan(
    path: Path, project: Project, settings: Settings, watch: Watch, engine: Engine | None, forgiving: bool
) -> dict[str, Any]:
    try:
        return _describe(path, scan(path, project, settings, watch, engine))
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
        "seconds": round(result.seconds, 3),
        "coverage": result.scan.content["coverage"],
        "engine": result.scan.engine["name"],
        **{name: result.scan.content[name] for name in ("prescan", "bank") if name in result.scan.content},
    }
