"""Fetching a file whose SHA-256 is known: into a ``.part`` file, resumed after an interruption, checked at the end."""

from __future__ import annotations

import errno
import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from facecrop_core.errors import DiskFullError, ModelError

log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]
"""Called with bytes that are there and bytes in all (0 where the server does not say)."""

BLOCK_BYTES, TIMEOUT_SECONDS, TRIES = 1 << 20, 30.0, 4


def fetch(url: str, target: Path, sha256: str, progress: Progress | None = None) -> None:
    """Fetch a file; ``target`` appears whole and checked, or not at all.

    What was received before a failure stays in ``target`` with ``.part`` behind its name and is continued by the next
    call.

    Raises:
        ModelError: the server does not give the file, breaks off again and again, or gives another one.
        DiskFullError: no room.
    """
    part = target.with_name(target.name + ".part")
    reason = ""
    for _ in range(TRIES):
        before = part.stat().st_size if part.exists() else 0
        try:
            _receive(url, part, progress)
            break
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                break  # everything is there already, which the check below confirms or not
            raise ModelError(f"{url} answered {error.code} {error.reason}.", _BY_HAND) from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFullError(f"The disk of {part.parent} is full.", "Make room and run it again.") from None
            reason = str(getattr(error, "reason", error))
        except (http.client.HTTPException, EOFError) as error:
            reason = str(error) or type(error).__name__
        log.info("%s broke off (%s); going on.", url, reason)
        if (part.stat().st_size if part.exists() else 0) <= before:
            raise ModelError(f"{url} cannot be fetched: {reason}.", _BY_HAND)
    else:
        raise ModelError(f"{url} broke off {TRIES} times: {reason}.", "Run it again; it goes on where it stopped.")
    found = _sha256(part)
    if found != sha256:
        part.unlink()
        raise ModelError(
            f"{url} gave a file that is not the published one (SHA-256 {found[:12]}…, expected {sha256[:12]}…).",
            "It was deleted. Run it again; if this repeats, something on the way alters downloads.",
        )
    part.replace(target)


_BY_HAND = "Check the connection and run it again, or fetch the pack elsewhere and name its folder with --pack."


def _receive(url: str, part: Path, progress: Progress | None) -> None:
    """Receive what is missing of a file. Raises what urllib raises, and EOFError when the server stops early."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "facecrop"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        continues = response.status == http.client.PARTIAL_CONTENT and _range_start(response) == have
        have = have if continues else 0  # a server that ignores the range begins anew
        total = have + int(response.headers.get("Content-Length") or 0)
        with part.open("ab" if continues else "wb") as file:
            have = _copy(response, file, have, total, progress)
    if have < total:
        raise EOFError(f"only {have} of {total} bytes came")


def _copy(response: http.client.HTTPResponse, file: BinaryIO, have: int, total: int, progress: Progress | None) -> int:
    while block := response.read1(BLOCK_BYTES):
        file.write(block)
        have += len(block)
        if progress is not None:
            progress(have, total)
    file.flush()
    os.fsync(file.fileno())
    return have


def _range_start(response: http.client.HTTPResponse) -> int:
    """Where a partial answer begins, from ``Content-Range: bytes START-END/TOTAL``; −1 where it does not say."""
    start = (response.headers.get("Content-Range") or "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdigit() else -1


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
