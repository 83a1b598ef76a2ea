"""Links as a step of a run, or alone: fetched, looked at, and given as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facecrop_core.errors import FacecropError, FetchError, SourceError
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.settings import Settings
from facecrop_core.sources import Allowance, Fetched, Link, absolute_name, fetch_link, find_sources
from facecrop_core.video import probe

__all__ = ["absolute_name", "describe_fetched", "fetch_all", "fetch_videos"]


def fetch_videos(
    link: Link, folder: Path, settings: Settings, watch: Watch, allowance: Allowance | None = None
) -> Iterator[Fetched]:
    """Fetch what a link leads to, and look whether it is a video; each one is given as soon as it is whole.

    Args:
        allowance: for tests only.

    Raises:
        FetchError, DiskFullError, OutputError: nothing of it can be had. CancelledError: ``watch.stop`` was set.
    """
    watch.send(Progress("fetch", link.display))

    def report(title: str, done: int, total: int | None) -> None:
        watch.send(Progress("fetch", title, float(done), None if total is None else float(total)))

    given = {} if allowance is None else {"allowance": allowance}
    for fetched in fetch_link(link, folder.absolute(), settings.fetch, report, watch.check_cancelled, **given):
        if fetched.outcome == "fetched" and fetched.reason:
            watch.send(Note("warning", f"{fetched.title}: {fetched.reason}"))
        fetched = _looked_at(fetched, settings)
        if fetched.path is None:
            watch.send(Note("warning", f"{fetched.title}: {fetched.reason}"))
        yield fetched


def _looked_at(fetched: Fetched, settings: Settings) -> Fetched:
    """The same, but failed where it is no video, and skipped where it is smaller than its site did not say."""
    if fetched.path is None:
        return fetched
    try:
        height = probe(fetched.path).height
    except SourceError as error:
        if fetched.outcome == "fetched":
            fetched.path.unlink(missing_ok=True)
            fetched.path.with_suffix(".json").unlink(missing_ok=True)
        raise FetchError(
            f"What the link leads to is no video: {error.message}", "Check the link in a browser."
        ) from error
    least = settings.fetch.min_height
    if fetched.height is None and least is not None and height < least:
        reason = f"Its picture is {height} px high, less than --min-height {least}."
        return replace(fetched, outcome="skipped", path=None, height=height, reason=reason)
    return replace(fetched, height=height)


def fetch_all(
    names: Sequence[str],
    folder: Path,
    settings: Settings,
    watch: Watch | None = None,
    allowance: Allowance | None = None,
) -> dict[str, Any]:
    """Fetch links, and lists of links, into a folder; a result ready for JSON.

    Raises:
        FacecropError: a name is no link; the only link's own error; or the run was stopped.
    """
    watch = watch or Watch()
    links = find_sources(names)
    others = [str(source) for source in links if not isinstance(source, Link)]
    if others:
        raise SourceError(f"{others[0]} is no link.", "Links begin with https:// or http://.")
    rows: list[dict[str, Any]] = []
    for number, link in enumerate(links, 1):
        assert isinstance(link, Link)
        numbered = watch.numbered(number, len(links))
        try:
            for fetched in fetch_videos(link, folder, settings, numbered, allowance):
                rows.append(describe_fetched(link, fetched))
        except FacecropError as error:
            if len(links) == 1 or error.exit_status != 1:
                raise
            watch.send(Note("error", f"{link.display}: {error.message}"))
            rows.append({"link": link.display, "status": "failed", "error": error.message, "hint": error.hint})
    failed = any(row["status"] == "failed" for row in rows)
    watch.send(Progress("done"))
    return {"status": "failed" if failed else "complete", "out": str(folder), "videos": rows}


def describe_fetched(link: Link, fetched: Fetched) -> dict[str, Any]:
    row: dict[str, Any] = {"link": link.display, "title": fetched.title, "status": fetched.outcome}
    if fetched.path is not None:
        row |= {"video": str(fetched.path), "height": fetched.height}
    elif fetched.outcome == "skipped":
        row |= {"reason": fetched.reason}
    else:
        row |= {"error": fetched.reason, "hint": fetched.hint}
    return row
