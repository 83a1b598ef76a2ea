"""Fetching links in a child process that can be stopped at any time."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from facecrop_core import errors
from facecrop_core.errors import FacecropError, FetchError
from facecrop_core.sources.fetch_job import Allowance, Fetched, FetchJob
from facecrop_core.sources.links import Link, check_link

if TYPE_CHECKING:
    from facecrop_core.settings.fetching import FetchSettings  # the child would wait for pydantic

BOOTSTRAP = "import sys; sys.path[:] = {path!r}; from facecrop_core.sources.fetch_child import main; main()"
KEPT_VARIABLES = ("LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT")
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 1.0
MOST_COOKIE_BYTES = 10_000_000
NOTHING_MORE = Allowance()

Progress = Callable[[str, int, int | None], None]
"""Called with a title, the bytes so far, and the bytes in all or None."""


def fetch_link(
    link: Link,
    folder: Path,
    settings: FetchSettings,
    on_progress: Progress = lambda title, done, total: None,
    check_stop: Callable[[], None] = lambda: None,
    allowance: Allowance = NOTHING_MORE,
) -> Iterator[Fetched]:
    """Fetch what a link leads to into a folder, and give each video as soon as it is whole.

    Args:
        check_stop: called several times a second; whatever it raises ends the child and is raised here.
        allowance: for tests only.

    Raises:
        FetchError: nothing can be had; the message says why. DiskFullError, OutputError: the folder cannot be written.
    """
    if not settings.links:
        raise FetchError("Links are switched off here.", "Download the video by other means and name the file.")
    check_link(link)
    job = FetchJob(
        link.url, folder, settings.max_height, settings.min_height, settings.keep_sound,
        settings.playlist_max if settings.playlist else 0, settings.max_bytes, _read_cookies(settings.cookies),
        allowance,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="facecrop-fetch-") as home:
        process = _start(home)
        inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        pump = threading.Thread(target=_pump, args=(process.stdout, inbox), daemon=True)
        pump.start()
        try:
            assert process.stdin is not None
            with contextlib.suppress(OSError):  # a child that is gone says so through its messages' end
                process.stdin.write(pickle.dumps(job))
                process.stdin.flush()
            yield from _listen(process, inbox, settings.max_download_seconds, on_progress, check_stop)
        finally:
            _end(process)
            pump.join()


def _listen(
    process: subprocess.Popen[bytes],
    inbox: queue.SimpleQueue[bytes],
    most_seconds: float,
    on_progress: Progress,
    check_stop: Callable[[], None],
) -> Iterator[Fetched]:
    began = time.monotonic()
    while True:
        check_stop()
        if time.monotonic() - began > most_seconds:
            raise FetchError(
                f"Fetching took longer than {most_seconds:g} s, which --max-download-seconds allows.",
                "Run the same command again: it goes on where it stopped.",
            )
        try:
            line = inbox.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if not line:
            status = process.wait()
            raise FetchError(f"The fetching process died (exit status {status}).", "Try again.")
        kind, *rest = json.loads(line)
        if kind == "progress":
            on_progress(*rest)
        elif kind == "fetched":
            waited = time.monotonic()
            yield _fetched(rest[0])
            began += time.monotonic() - waited  # what the caller did meanwhile does not count
        elif kind == "error":
            raise _error(*rest)
        else:
            return


def _fetched(content: dict[str, Any]) -> Fetched:
    path = content.pop("path")
    return Fetched(**content, path=None if path is None else Path(path))


def _error(kind: str, message: str, hint: str) -> FacecropError:
    known = getattr(errors, kind, None) if kind else None
    if isinstance(known, type) and issubclass(known, FacecropError):
        return known(message, hint)
    return FetchError(f"Fetching failed ({message}).", hint)


def _read_cookies(name: str | None) -> bytes | None:
    if name is None:
        return None
    try:
        if Path(name).stat().st_size > MOST_COOKIE_BYTES:
            raise FetchError(f"{name} is too large for a cookies file.", "Name a cookies.txt in Netscape's format.")
        return Path(name).read_bytes()
    except OSError as error:
        raise FetchError(
            f"The cookies file {name} cannot be read ({error.strerror}).", "Check the path that --cookies names."
        ) from error


def _start(home: str) -> subprocess.Popen[bytes]:
    """A child that sees nothing of the user's settings: no home, no configuration, no programs, no proxies."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {
        "HOME": home, "USERPROFILE": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home, "XDG_DATA_HOME": home,
        "TMPDIR": home, "TEMP": home, "PATH": "", "YTDLP_NO_PLUGINS": "1",
    }  # fmt: skip
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", BOOTSTRAP.format(path=sys.path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pump(stdout: IO[bytes] | None, inbox: queue.SimpleQueue[bytes]) -> None:
    if stdout is not None:
        with stdout:
            for line in stdout:
                inbox.put(line)
    inbox.put(b"")
