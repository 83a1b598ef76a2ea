"""Fetching a video file that a link names itself, by our own means. Runs in the fetching child."""

from __future__ import annotations

import http.client
import http.cookiejar
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facecrop_core.errors import FetchError, TooLargeError
from facecrop_core.sources import guard
from facecrop_core.sources.links import direct_stem, direct_suffix
from facecrop_core.sources.shelf import Entry, Shelf, disk_errors, hash_url, now_utc

BLOCK_BYTES = 1 << 18
TIMEOUT_SECONDS = 30.0
ATTEMPTS = 3
GO_ON = "Run the same command again: it goes on where it stopped."


class BrokenOffError(Exception):
    """The connection ended before the file did."""


def make_opener(cookies: Path | None) -> urllib.request.OpenerDirector:
    """An opener that knows http and https and nothing else: no proxies of the environment, no files, no FTP."""
    opener = urllib.request.OpenerDirector()
    handlers: list[Any] = [
        urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(), urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(),
    ]  # fmt: skip
    if cookies is not None:
        jar = http.cookiejar.MozillaCookieJar(cookies)
        jar.load(ignore_discard=True, ignore_expires=True)
        handlers.append(urllib.request.HTTPCookieProcessor(jar))
    for handler in handlers:
        opener.add_handler(handler)
    return opener


class DirectDownload:
    """One file, fetched in as many goes as it takes; what came is kept for the next one.

    Args:
        report: called with (bytes so far, bytes in all or None).
    """

    def __init__(
        self, url: str, shelf: Shelf, max_bytes: int, cookies: Path | None, report: Callable[[int, int | None], None]
    ) -> None:
        self._url, self._shelf, self._max_bytes, self._report = url, shelf, max_bytes, report
        self._opener = make_opener(cookies)
        self.stem = direct_stem(url)
        self._file = f"{self.stem}{direct_suffix(url)}"
        self._part = shelf.folder / f"{self._file}.part"
        self._note = shelf.folder / f"{self._file}.part.json"

    def run(self) -> tuple[Path, Entry]:
        """Fetch the file.

        Raises:
            FetchError: refused, not there, too large, or the connection failed. DiskFullError, OutputError.
        """
        for attempt in range(ATTEMPTS):
            before = self._size()
            try:
                self._go_on()
                return self._finish()
            except TooLargeError:
                self._shelf.forget_parts(self.stem)
                raise
            except urllib.error.HTTPError as error:
                raise http_error(error.code) from error
            except (OSError, http.client.HTTPException, BrokenOffError) as error:
                if guard.refused:
                    raise refused_error() from error
                if attempt == ATTEMPTS - 1 or self._size() == before:
                    raise connection_error(error, self._size()) from error
        raise AssertionError("every attempt returns or raises")

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _go_on(self) -> None:
        have, headers = self._size(), {"User-Agent": "Mozilla/5.0 (Facecrop)", "Accept-Encoding": "identity"}
        validator = self._validator()
        if have and validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        request = urllib.request.Request(self._url, headers=headers)
        try:
            response = self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
                raise
            self._part.unlink()  # what lies here is not a beginning of what is there now
            return self._go_on()
        with response:
            start = have if response.status == http.client.PARTIAL_CONTENT and _starts_at(response, have) else 0
            self._check(response, start)
            self._note_validator(response)
            self._receive(response, start)

    def _check(self, response: Any, start: int) -> None:
        kind = response.headers.get_content_type()
        if kind in ("text/html", "application/xhtml+xml"):
            raise FetchError("The link leads to a page and not to a video.", "Copy the address of the video itself.")
        total = _total(response, start)
        if total is not None and total > self._max_bytes:
            raise too_large_error(self._max_bytes)
        self._shelf.make_room(None if total is None else total - start)

    def _receive(self, response: Any, start: int) -> None:
        total, done = _total(response, start), start
        with disk_errors(self._part):
            file = self._part.open("r+b" if start else "wb", buffering=0)
        with file:
            file.seek(start)
            while block := response.read(BLOCK_BYTES):
                done += len(block)
                if done > self._max_bytes:
                    raise too_large_error(self._max_bytes)
                with disk_errors(self._part):
                    while block:
                        block = block[file.write(block) :]
                self._report(done, total)
        if total is not None and done < total:
            raise BrokenOffError(f"{done} of {total} bytes")

    def _finish(self) -> tuple[Path, Entry]:
        target, size = self._shelf.folder / self._file, self._size()
        if not size:
            raise FetchError("The link gave an empty file.", "Open it in a browser to see what it leads to.")
        with disk_errors(target):
            self._part.replace(target)
            self._note.unlink(missing_ok=True)
        page = self._url.partition("?")[0]
        entry = Entry(
            self._file, size, hash_url(self._url), page, page.rpartition("/")[2], "direct", "", None, True, now_utc()
        )
        self._shelf.note(self.stem, entry)
        return target, entry

    def _validator(self) -> str | None:
        """What tells whether the file on the server is still the one that was begun."""
        try:
            note = json.loads(self._note.read_text())
            return str(note["validator"]) if note["url"] == hash_url(self._url) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _note_validator(self, response: Any) -> None:
        tag = response.headers.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
        with disk_errors(self._note):
            if validator:
                self._note.write_text(json.dumps({"url": hash_url(self._url), "validator": validator}))
            else:
                self._note.unlink(missing_ok=True)


def _starts_at(response: Any, start: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")


def _total(response: Any, start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else None


def too_large_error(max_bytes: int) -> TooLargeError:
    return TooLargeError(
        f"The video is larger than {max_bytes / 1e6:.0f} MB, which --max-bytes allows.",
        "Raise --max-bytes, or lower --max-height.",
    )


def refused_error() -> FetchError:
    return FetchError(
        f"The link leads to {guard.refused[-1]}, which is not on the public internet; it was not contacted.",
        "Only public addresses are fetched. Copy the video to this machine by other means.",
    )


def http_error(status: int) -> FetchError:
    if status in (401, 403):
        return FetchError(
            f"The server does not let us have it (HTTP {status}).",
            "It may need you to be signed in: export your browser's cookies to a file and name it with --cookies.",
        )
    if status in (404, 410):
        return FetchError(f"There is nothing at this link any more (HTTP {status}).", "Check the link in a browser.")
    return FetchError(f"The server answered with an error (HTTP {status}).", "Try again later.")


def connection_error(error: BaseException, have: int) -> FetchError:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    if have:
        return FetchError(f"The connection broke off after {have / 1e6:.1f} MB ({reason}).", GO_ON)
    return FetchError(f"There is no connection to the server ({reason}).", "Check the link and your network.")
