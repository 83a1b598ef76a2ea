"""How links are fetched."""

from __future__ import annotations

from facecrop_core.settings.controls import setting
from facecrop_core.settings.section import Section


class FetchSettings(Section):
    TITLE = "Links"

    links: bool = setting(True, "Links", "Whether links are taken at all; off refuses every one.")
    fetch_dir: str | None = setting(
        None, "Folder for fetched videos", "Where the videos behind links are kept; off: in the project."
    )
    max_height: int | None = setting(
        None, "Largest height", "The best picture of at most this height is fetched.", unit="px", ge=1, le=8640, step=1
    )
    min_height: int | None = setting(
        None, "Smallest height", "A link whose best picture is lower than this is skipped before it is fetched; a link "
        "that names the file itself can be looked at only afterwards.", unit="px", ge=1, le=8640, step=1,
    )  # fmt: skip
    keep_sound: bool = setting(False, "Keep the sound", "Merges the sound into the fetched film; faces do not need it.")
    cookies: str | None = setting(
        None, "Cookies file", "A cookies.txt in Netscape's format, to sign in with. It is read and never changed."
    )
    playlist: bool = setting(False, "Playlists", "Takes all videos of a playlist and not only the one that is named.")
    playlist_max: int = setting(
        50, "Most videos of a playlist", "So many videos of one playlist are taken, the first ones.", ge=1, le=10_000,
        step=1,
    )  # fmt: skip
    max_bytes: int = setting(
        20 * 10**9, "Largest download", "A video that turns out to be larger is given up.", unit="bytes", ge=1,
        le=10**13, step=10**9,
    )  # fmt: skip
    max_download_seconds: float = setting(
        14_400.0, "Longest download", "Fetching one link is given up after this time; the next try goes on from there.",
        unit="s", ge=1, le=604_800, step=60,
    )  # fmt: skip
