"""What went wrong at a site, in words that help. Runs in the fetching child."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import GeoRestrictedError, UnsupportedError

from facecrop_core.errors import FacecropError, FetchError
from facecrop_core.sources import guard
from facecrop_core.sources.direct import connection_error, http_error, refused_error
from facecrop_core.sources.shelf import disk_error

NETWORK = (TransportError, socket.gaierror, TimeoutError, http.client.HTTPException)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PRIVATE = re.compile(r"private|log ?in|sign ?in|cookies|members.only|authenticat|age.restrict|confirm your age", re.I)
GONE = re.compile(r"unavailable|removed|deleted|does not exist|not exist|not found|no longer", re.I)


def explain(error: BaseException, folder: Path) -> FacecropError:
    """Turn what yt-dlp raised into an error for a person."""
    if guard.refused:
        return refused_error()
    chain = list(_chain(error))
    words = _words(error)
    for link in chain:
        if isinstance(link, FacecropError):
            return link
        if isinstance(link, UnsupportedError):
            return unsupported_error()
        if isinstance(link, GeoRestrictedError):
            return FetchError("The site does not show it in this country.", words)
        if isinstance(link, HTTPError):
            return http_error(int(link.status))
    if any(isinstance(link, NETWORK) for link in chain):
        causes = [link for link in chain if isinstance(link, OSError) and link.strerror]
        return connection_error(causes[-1] if causes else error, 0)
    for link in chain:
        if isinstance(link, MemoryError):
            return FetchError("What the site sent needs too much memory.", "Take another link to the same video.")
        if isinstance(link, OSError) and link.errno is not None:
            return disk_error(link, folder)
    if PRIVATE.search(words):
        return FetchError(
            f"The video is private or needs you to be signed in ({words}).",
            "Export your browser's cookies to a file and name it with --cookies.",
        )
    if GONE.search(words):
        return FetchError(f"The video is not there any more ({words}).", "Check the link in a browser.")
    return FetchError(
        f"The site could not be read ({words}).",
        "It may have changed since; a newer yt-dlp often helps: pip install -U yt-dlp.",
    )


def unsupported_error() -> FetchError:
    return FetchError(
        "No site is known that this link belongs to.",
        "Links to video files themselves work too; they end in .mp4, .mkv or the like.",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it was made of, the outermost first."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        info = getattr(one, "exc_info", None) or (None, None, None)
        further = (info[1], getattr(one, "cause", None), getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [link for link in further if isinstance(link, BaseException)]


def _words(error: BaseException) -> str:
    """yt-dlp's own message, without colours, its invitation to report bugs, and line ends."""
    text = COLOURS.sub("", str(error)).removeprefix("ERROR: ").partition("; please report")[0]
    return " ".join(text.split())[:300]
