"""From what a user names to videos: files, folders, lists, patterns, folders of images, and links."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from facecrop_core.errors import SourceError
from facecrop_core.names import IMAGE_SUFFIXES, readable
from facecrop_core.sources.links import VIDEO_SUFFIXES, Link, check_link, is_link
from facecrop_core.sources.lists import read_list

Source = Path | Link
LIST_SUFFIX = ".txt"
PROJECT_SUFFIX = ".facecrop"


def find_sources(names: Sequence[str | Path], extensions: str | None = None) -> list[Source]:
    """Videos and links in the order given, none twice.

    A folder stands for the videos in it and below it, sorted by path; one without videos for the folders of images in
    it, each of which is one video. A .txt file is a list of all that may be named, but for other lists. What does not
    exist as it is written and holds ``*``, ``?`` or ``[`` is a pattern; ``**`` in it stands for any folders.

    Args:
        extensions: endings of the files that are taken from folders and patterns, such as ``mp4;mkv``.

    Raises:
        SourceError: something does not exist, or holds no video.
    """
    wanted = parse_extensions(extensions)
    found = [source for name in names for source in _expand(os.fspath(name), wanted, may_be_list=True)]
    return list(dict.fromkeys(found))


def absolute_name(name: str, base: Path) -> str:
    """A name that means from anywhere what it means in the folder ``base``; links stay as they are."""
    if is_link(name):
        return name
    path = base / Path(name).expanduser() if name.startswith("~") else base / name
    if glob.has_magic(name) and not os.path.lexists(path) and not os.path.isabs(name):
        return os.path.join(glob.escape(os.fspath(base)), name)
    return os.fspath(path)


def parse_extensions(text: str | None) -> frozenset[str]:
    """``mp4;.MKV`` → {".mp4", ".mkv"}; None is all that are known."""
    if text is None:
        return VIDEO_SUFFIXES | IMAGE_SUFFIXES
    return frozenset("." + word.lstrip("*").lstrip(".").lower() for word in re.split(r"[;,\s]+", text) if word)


def _expand(name: str, wanted: frozenset[str], may_be_list: bool) -> Iterator[Source]:
    if is_link(name):
        link = Link(name)
        check_link(link)
        yield link
        return
    path = Path(name)
    if path.is_dir():
        yield from _in_folder(path, wanted)
    elif path.suffix.lower() == LIST_SUFFIX and path.is_file() and may_be_list:
        yield from _in_list(path, wanted)
    elif path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
        raise SourceError(
            f"{readable(path)} is a single image.", "Name its folder: the images of a folder are taken as frames."
        )
    elif os.path.lexists(path):
        yield path
    elif glob.has_magic(name):
        yield from _matching(name, wanted)
    else:
        raise SourceError(f"There is no file {readable(name)}.", "Check the path.")


def _in_folder(folder: Path, wanted: frozenset[str]) -> list[Path]:
    videos = _videos_below(folder, wanted)
    if not videos:
        known = " ".join(sorted(suffix[1:] for suffix in wanted))
        raise SourceError(
            f"The folder {readable(folder)} holds no video.", f"Files with these endings are taken: {known}."
        )
    return videos


def _videos_below(folder: Path, wanted: frozenset[str]) -> list[Path]:
    videos: list[Path] = []
    image_folders: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not name.endswith(PROJECT_SUFFIX)]
        visible = [Path(place, name) for name in files if not name.startswith(".")]
        chosen = [path for path in visible if path.suffix.lower() in wanted and path.is_file()]
        videos += [path for path in chosen if path.suffix.lower() not in IMAGE_SUFFIXES]
        if any(path.suffix.lower() in IMAGE_SUFFIXES for path in chosen):
            image_folders.append(Path(place))
    return sorted(videos or image_folders)


def _in_list(path: Path, wanted: frozenset[str]) -> Iterator[Source]:
    for number, entry in read_list(path):
        try:
            name = absolute_name(entry, path.parent)
            if Path(name).suffix.lower() == LIST_SUFFIX and os.path.isfile(name):
                raise SourceError(f"{readable(name)} is a list itself.", "Name it beside this one, not in it.")
            yield from _expand(name, wanted, may_be_list=False)
        except SourceError as error:
            raise SourceError(f"{readable(path)}, line {number}: {error.message}", error.hint) from None


def _matching(pattern: str, wanted: frozenset[str]) -> list[Path]:
    """What a pattern matches: files that are videos by their ending, or by the pattern's own, and folders as if named.

    A pattern with ``**`` reaches the files in folders by itself.
    """
    named = Path(pattern).suffix.lower()
    suffixes = (wanted if glob.has_magic(named) or not named else wanted | {named}) - IMAGE_SUFFIXES
    videos: list[Path] = []
    images = False
    for match in sorted(glob.glob(pattern, recursive=True)):
        path = Path(match)
        images = images or path.suffix.lower() in IMAGE_SUFFIXES
        if path.is_dir():
            videos += [] if "**" in pattern else _videos_below(path, wanted)
        elif path.suffix.lower() in suffixes:
            videos.append(path)
    if not videos:
        hint = (
            "Name the images' folder: all images of a folder are taken as frames." if images else "Check the pattern."
        )
        raise SourceError(f"No video matches {readable(pattern)}.", hint)
    return videos
