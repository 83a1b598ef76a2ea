"""Videos behind pages, through yt-dlp as a library with options that are ours only. Runs in the fetching child."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yt_dlp

from facecrop_core.errors import FacecropError, FetchError, TooLargeError
from facecrop_core.sources.direct import too_large_error
from facecrop_core.sources.fetch_job import Fetched, FetchJob
from facecrop_core.sources.formats import Format, NoFormatError, choose_picture, choose_sound
from facecrop_core.sources.links import VIDEO_SUFFIXES, file_stem, harmless
from facecrop_core.sources.merge import merge_sound
from facecrop_core.sources.shelf import Entry, Shelf, hash_url, now_utc
from facecrop_core.sources.site_errors import explain, unsupported_error

quiet = logging.getLogger("yt_dlp")
quiet.setLevel(logging.CRITICAL)  # what goes wrong is raised, too
Report = Callable[[str, int, int | None], None]
PATIENCE_SECONDS, RETRIES = 20, 3


class Site:
    """One link, looked up and fetched.

    Args:
        cookies: a private copy of the cookies file; yt-dlp writes to it.
        report: called with (title, bytes so far, bytes in all or None).
    """

    def __init__(self, job: FetchJob, shelf: Shelf, cookies: Path | None, report: Report) -> None:
        self._job, self._shelf, self._report = job, shelf, report
        self._title, self._before, self._remark = "", 0, ""
        self._ydl: Any = yt_dlp.YoutubeDL(self._options(cookies))
        for name in job.allowance.extractors:
            module, _, kind = name.partition(":")
            self._ydl.add_info_extractor(getattr(importlib.import_module(module), kind)())

    def knows(self, url: str) -> bool:
        """Whether one of yt-dlp's sites takes this link; the one that takes anything is shut out."""
        return any(extractor.suitable(url) for extractor in self._ydl._ies.values())

    def run(self) -> Iterator[Fetched]:
        """Fetch the video, or each one of a playlist; one that fails there costs only itself.

        Raises:
            FetchError, DiskFullError, OutputError: nothing of the link can be had.
        """
        if not self.knows(self._job.url):
            raise unsupported_error()
        info = self._look_up(self._job.url)
        if info.get("_type") != "playlist":
            yield self._fetch(info, self._job.url)
            return
        entries = [entry for entry in info.get("entries") or [] if entry]
        if not entries:
            raise FetchError("The link leads to a list without videos.", "Check it in a browser.")
        if len(entries) > 1 and not self._job.playlist_most:
            raise FetchError(
                "The link is a playlist of several videos.", "Add --playlist on to take them, or name one video's link."
            )
        for entry in entries:
            try:
                yield self._fetch(self._complete(entry), "")
            except FacecropError as error:
                if len(entries) == 1 or not isinstance(error, FetchError):
                    raise
                title = str(entry.get("title") or entry.get("id"))
                yield Fetched("failed", title, reason=error.message, hint=error.hint)

    def _complete(self, entry: dict[str, Any]) -> dict[str, Any]:
        if str(entry.get("_type") or "video") == "video":
            return entry
        info = self._look_up(str(entry.get("url")))
        if info.get("_type") == "playlist":
            raise FetchError("It is a playlist within a playlist.", "Name its own link.")
        return info

    def _look_up(self, url: str) -> dict[str, Any]:
        try:
            info = self._ydl.extract_info(url, download=False)
        except Exception as error:
            raise explain(error, self._shelf.folder) from error
        if not info:
            raise FetchError("The site gave nothing for this link.", "Check it in a browser.")
        return dict(info)

    def _fetch(self, info: dict[str, Any], url: str) -> Fetched:
        """One video, looked up: fetch it unless it is here already or the limits leave it out."""
        site, site_id = str(info.get("extractor_key") or info.get("extractor") or "site"), str(info.get("id") or "")
        self._title, self._before, self._remark = str(info.get("title") or site_id), 0, ""
        stem = file_stem(f"{site.lower()}-{site_id}", f"{site}\n{site_id}")
        there = self._shelf.by_name(stem)
        if there is not None and there[1].keeps(self._job):
            return Fetched("reused", self._title, there[0], there[1].height)
        if info.get("is_live") or info.get("live_status") == "is_upcoming":
            raise FetchError("It is a live stream.", "Wait until it has ended and its recording is there.")
        formats = info.get("formats") or [info]
        try:
            picture = choose_picture(formats, self._job.max_height, self._job.min_height, self._job.keep_sound)
        except NoFormatError as error:
            return Fetched("skipped", self._title, reason=str(error))
        silent = picture.get("acodec") == "none"
        sound = choose_sound(formats) if self._job.keep_sound and silent else None
        path = self._download(stem, info, picture, sound)
        page = str(info.get("webpage_url") or "")
        has_sound = not silent or (sound is not None and not self._remark)
        entry = Entry(
            path.name, path.stat().st_size, hash_url(url), page, self._title, site, site_id,
            picture.get("height"), has_sound, now_utc(),
        )  # fmt: skip
        self._shelf.note(stem, entry)
        return Fetched("fetched", self._title, path, picture.get("height"), self._remark)

    def _download(self, stem: str, info: dict[str, Any], picture: Format, sound: Format | None) -> Path:
        sizes = [f.get("filesize") for f in (picture, sound) if f is not None]
        expected = sum(size for size in sizes if size) or None
        if expected is not None and expected > self._job.max_bytes:
            raise too_large_error(self._job.max_bytes)
        self._shelf.make_room(expected)
        suffix = "." + str(picture.get("ext") or "")
        suffix = suffix if suffix in VIDEO_SUFFIXES else ".mp4"
        film = self._get(f"{stem}.{_format_name(picture)}{suffix}", info, picture)
        target = self._shelf.folder / f"{stem}{suffix}"
        if sound is not None:
            track = self._get(f"{stem}.{_format_name(sound)}.m4a", info, sound)
            target = self._merge(film, track, target.with_suffix(".mp4"))
        else:
            film.replace(target)
        self._shelf.forget_parts(stem)
        return target

    def _get(self, name: str, info: dict[str, Any], chosen: Format) -> Path:
        """One format as a file. Its name holds the format's, so that a part of another one is never gone on with."""
        path = self._shelf.folder / name
        try:
            done, _ = self._ydl.dl(str(path), {**info, **chosen})
        except Exception as error:
            said = explain(error, self._shelf.folder)
            if isinstance(said, TooLargeError):
                self._shelf.forget_parts(path.stem)
            raise said from error
        if not done or not path.is_file():
            raise FetchError("The video could not be fetched.", "Try again later.")
        self._before += path.stat().st_size
        return path

    def _merge(self, film: Path, track: Path, target: Path) -> Path:
        from av.error import FFmpegError

        merged = target.with_name(target.name + ".part")
        try:
            merge_sound(film, track, merged)
            merged.replace(target)
            film.unlink()
        except (FFmpegError, ValueError) as error:
            merged.unlink(missing_ok=True)
            self._remark = f"Its sound could not be merged ({error}); the film is kept without it."
            film.replace(target)
        track.unlink()
        return target

    def _options(self, cookies: Path | None) -> dict[str, Any]:
        """All that yt-dlp is told: no configuration, plugin, cache, browser, proxy or other program plays a part."""
        most = self._job.playlist_most
        return {
            "allowed_extractors": ["default", "-generic"],
            "cachedir": False,
            "color": "never",
            "continuedl": True,
            "cookiefile": None if cookies is None else str(cookies),
            "enable_file_urls": False,
            "external_downloader": {"default": "native"},
            "extract_flat": "in_playlist",
            "extractor_retries": RETRIES,
            "fixup": "never",
            "format": _any_format,
            "fragment_retries": RETRIES,
            "geo_bypass": False,
            "hls_prefer_native": True,
            "ignoreerrors": False,
            "js_runtimes": {},
            "logger": quiet,
            "no_warnings": True,
            "noplaylist": not most,
            "noprogress": True,
            "playlist_items": f"1:{most or 2}",
            "progress_hooks": [self._progress],
            "proxy": "",
            "quiet": True,
            "retries": RETRIES,
            "skip_unavailable_fragments": False,
            "socket_timeout": PATIENCE_SECONDS,
            "updatetime": False,
        }

    def _progress(self, state: dict[str, Any]) -> None:
        done = self._before + int(state.get("downloaded_bytes") or 0)
        if done > self._job.max_bytes:
            raise too_large_error(self._job.max_bytes)
        total = state.get("total_bytes") or state.get("total_bytes_estimate")
        self._report(self._title, done, None if total is None else self._before + int(total))


def _any_format(context: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """yt-dlp wants something chosen when it looks a video up; ``choose_picture`` chooses afterwards."""
    yield context["formats"][-1]


def _format_name(chosen: Format) -> str:
    return "f" + harmless(f"{chosen.get('format_id')}-{chosen.get('height') or ''}")
