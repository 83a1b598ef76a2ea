from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError

from facecrop_core.errors import DiskFullError, FacecropError, FetchError, OutputError, TooLargeError
from facecrop_core.sources.site_errors import explain


def wrapped(error: Exception) -> DownloadError:
    """As yt-dlp raises it."""
    return DownloadError(f"ERROR: \x1b[0;31m{error}\x1b[0m; please report this", (type(error), error, None))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError, "disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFullError, "disk is full"),
        (OSError(errno.EFBIG, "File too large"), TooLargeError, "--max-bytes"),
        (PermissionError(errno.EACCES, "Permission denied"), OutputError, "cannot be written"),
        (TransportError(cause=socket.gaierror(-2, "Name not known")), FetchError, "no connection .*Name not known"),
        (UnsupportedError("https://x.org"), FetchError, "No site is known"),
        (GeoRestrictedError("Not in your country"), FetchError, "in this country"),
        (ExtractorError("This video is private", expected=True), FetchError, "private or needs you"),
        (ExtractorError("Sign in to confirm your age", expected=True), FetchError, "signed in"),
        (ExtractorError("Video unavailable", expected=True), FetchError, "not there any more"),
        (ExtractorError("Unable to extract title"), FetchError, "could not be read"),
        (MemoryError(), FetchError, "too much memory"),
    ],
)
def test_what_went_wrong_is_said_in_words(
    error: Exception, kind: type[FacecropError], words: str, tmp_path: Path
) -> None:
    said = explain(wrapped(error), tmp_path)
    assert type(said) is kind and said.hint
    with pytest.raises(kind, match=words) as caught:
        raise said
    assert "\x1b" not in str(caught.value) and "please report" not in str(caught.value)
