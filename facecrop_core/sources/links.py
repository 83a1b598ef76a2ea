"""What counts as a link, and what a fetched file is called."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from facecrop_core.errors import SourceError

_ENDINGS = "mp4 m4v mov mkv webm avi ts m2ts mts mpg mpeg wmv flv ogv 3gp h264 hevc"
VIDEO_SUFFIXES = frozenset(f".{ending}" for ending in _ENDINGS.split())
LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
MOST_NAME_CHARACTERS = 60
LONGEST_SHOWN_QUERY = 40


@dataclass(frozen=True)
class Link:
    """An address on the web that stands for a video."""

    url: str

    @property
    def display(self) -> str:
        """The link without a long query, which may hold a key, and without what could garble a terminal."""
        address, mark, query = self.url.partition("?")
        shown = address + mark + query if len(query) <= LONGEST_SHOWN_QUERY else f"{address}?…"
        return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]


def is_link(name: str) -> bool:
    """Whether a name is an address with a scheme, and no path."""
    return LINK.match(name) is not None


def check_link(link: Link) -> None:
    """Raises SourceError unless it is an http or https address without a password in it."""
    try:
        parts = urlsplit(link.url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SourceError(f"{link.display} is not a well-formed link.", "Copy it again from the browser.") from None
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise SourceError(f"{link.display} is not a link to the web.", "Links begin with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise SourceError(
            f"The link to {host} holds a user name.",
            "Take the part before @ out; a cookies file can sign in: --cookies.",
        )


def direct_suffix(url: str) -> str | None:
    """The ending of a link that names a video file itself (``.mp4``), else None."""
    path = urlsplit(url).path
    suffix = "." + path.rpartition("/")[2].rpartition(".")[2].lower()
    return suffix if suffix in VIDEO_SUFFIXES else None


def direct_stem(url: str) -> str:
    """What a file that a link names itself is called here, without its ending."""
    stem = Link(url).file_name.rpartition(".")[0]
    return file_stem(stem or "video", url)


def file_stem(text: str, identity: str) -> str:
    """A harmless file name: what is harmless of the text, and a hash of the identity that keeps names apart."""
    return f"{harmless(text)}-{hashlib.blake2b(identity.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"


def harmless(text: str) -> str:
    """Letters, digits, dashes and underscores of a text, for a part of a file name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:MOST_NAME_CHARACTERS] or "video"
