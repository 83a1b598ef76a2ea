"""The fetching child: reads a job from stdin, fetches under guard and limits, and writes JSON lines to stdout.

When stdin ends, because whoever started it closed it or is gone, the child ends at once; what was fetched so far stays.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from facecrop_core.errors import FacecropError
from facecrop_core.sources import guard
from facecrop_core.sources.fetch_job import Fetched, FetchJob
from facecrop_core.sources.links import Link, check_link, direct_suffix
from facecrop_core.sources.shelf import Shelf

MEMORY_BYTES = 4 << 30
SLACK_BYTES = 1 << 20
SECONDS_BETWEEN_REPORTS = 0.2


class Outbox:
    """Messages to whoever started the child."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._reported = stream, 0.0

    def send(self, *message: object) -> None:
        self._stream.write(json.dumps(message).encode() + b"\n")

    def report(self, title: str, done: int, total: int | None) -> None:
        """How far a download is; a few times a second at most."""
        if time.monotonic() - self._reported >= SECONDS_BETWEEN_REPORTS:
            self._reported = time.monotonic()
            self.send("progress", title, done, total)


def main() -> None:
    """Run the job that stands on stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the starter's to handle
    outbox = Outbox(os.fdopen(os.dup(1), "wb", buffering=0))
    os.dup2(2, 1)  # whatever a library prints must not run into the messages
    logging.basicConfig(level=logging.ERROR)
    job: FetchJob = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_starter, args=(sys.stdin.buffer,), daemon=True).start()
    status = 0
    try:
        set_limits(job.max_bytes)
        guard.install(job.allowance.addresses)
        for fetched in fetch(job, outbox):
            content = asdict(fetched) | {"path": None if fetched.path is None else str(fetched.path)}
            outbox.send("fetched", content)
        outbox.send("end")
    except FacecropError as error:
        outbox.send("error", type(error).__name__, error.message, error.hint)
    except Exception as error:
        logging.getLogger(__name__).exception("Fetching failed")
        outbox.send("error", "", f"{type(error).__name__}: {error}", "The log has the details.")
        status = 1
    os._exit(status)  # the waiting thread holds stdin, which Python's own ending would trip over


def fetch(job: FetchJob, outbox: Outbox) -> Iterator[Fetched]:
    """The videos behind the job's link, as they come.

    Raises:
        FetchError, DiskFullError, OutputError: see ``Site`` and ``DirectDownload``.
    """
    check_link(Link(job.url))
    shelf = Shelf(job.folder)
    there = shelf.by_url(job.url)
    if there is not None and there[1].keeps(job):
        yield Fetched("reused", there[1].title, there[0], there[1].height)
        return
    cookies = _private_cookies(job)
    from facecrop_core.sources.direct import DirectDownload
    from facecrop_core.sources.sites import Site

    site = Site(job, shelf, cookies, outbox.report)
    if direct_suffix(job.url) is None or site.knows(job.url):
        yield from site.run()
        return
    title = Link(job.url).file_name
    path, entry = DirectDownload(
        job.url, shelf, job.max_bytes, cookies, lambda done, total: outbox.report(title, done, total)
    ).run()
    yield Fetched("fetched", entry.title, path)


def set_limits(max_bytes: int) -> None:
    """No file larger than is allowed, whatever a server sends, and no more memory than a page can need."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        for limit, most in ((resource.RLIMIT_FSIZE, max_bytes + SLACK_BYTES), (resource.RLIMIT_AS, MEMORY_BYTES)):
            with contextlib.suppress(ValueError, OSError):  # a system that knows no such limit, or holds a lower one
                resource.setrlimit(limit, (most, resource.getrlimit(limit)[1]))


def _private_cookies(job: FetchJob) -> Path | None:
    """A copy of the cookies in this child's own home, because yt-dlp writes to the file that it is given."""
    if job.cookies is None:
        return None
    path = Path.home() / "cookies.txt"
    path.touch(mode=0o600)
    path.write_bytes(job.cookies)
    return path


def _end_with_starter(stdin: BinaryIO) -> None:
    stdin.read(1)
    os._exit(0)
