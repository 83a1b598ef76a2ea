from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import clips
import numpy as np
import pytest
from local_web import Web, web

from facecrop_core.errors import CancelledError, FetchError, SourceError
from facecrop_core.pipeline.events import Watch
from facecrop_core.pipeline.fetch import fetch_all, fetch_videos
from facecrop_core.settings import Settings
from facecrop_core.sources import Allowance, Fetched, Link, fetch_link
from facecrop_core.sources.links import direct_stem

SITES = ("local_web:LocalSiteIE", "local_web:LocalListIE")


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as server:
        yield server


@pytest.fixture
def inner() -> Iterator[Web]:
    """A server that nobody may reach."""
    with web() as server:
        server.serve("/secret.mp4", b"secret" * 1000)
        yield server


def make_film(path: Path, *, size: tuple[int, int] = (256, 64), seed: int = 1) -> Path:
    noise = np.random.default_rng(seed).integers(0, 255, (12, size[1], size[0], 3), np.uint8)
    return clips.write_film(path, list(noise), 12, options={"crf": "1"})


@pytest.fixture(scope="module")
def film() -> bytes:
    return clips.shared("fetched.mp4", make_film)[0].read_bytes()


def fetch(url: str, folder: Path, *servers: Web, stop: Any = lambda: None, **values: Any) -> list[Fetched]:
    settings = Settings().with_values(values).fetch
    allowance = Allowance(tuple(server.address for server in servers), SITES if servers else ())
    return list(fetch_link(Link(url), folder, settings, check_stop=stop, allowance=allowance))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def page(site: Web, video_id: str, *formats: str, title: str = "A film") -> str:
    site.answers.pop(f"/watch/{video_id}", None)
    site.serve(f"/watch/{video_id}", "\n".join([title, *formats]).encode(), "text/html")
    return site.url(f"/watch/{video_id}")


# Files that links name themselves.


def test_a_file_is_fetched_once_and_reused_by_its_link(site: Web, film: bytes, tmp_path: Path) -> None:
    site.serve("/clips/a%20film.mp4", film)
    first = fetch(site.url("/clips/a%20film.mp4"), tmp_path, site)
    assert [f.outcome for f in first] == ["fetched"] and first[0].path is not None
    assert first[0].path.read_bytes() == film and first[0].path.name.startswith("a_film-")
    assert [f.outcome for f in fetch(site.url("/clips/a%20film.mp4"), tmp_path, site)] == ["reused"]
    assert len(site.hits) == 1
    assert [Path(name).suffix for name in names(tmp_path)] == [".json", ".mp4"]


@pytest.mark.slow
def test_what_broke_off_is_gone_on_with(site: Web, film: bytes, tmp_path: Path) -> None:
    half = len(film) // 2
    site.serve("/film.mp4", film, die_after=half)
    [fetched] = fetch(site.url("/film.mp4"), tmp_path, site)
    assert fetched.path is not None and fetched.path.read_bytes() == film
    assert site.ranges[0] is None and site.ranges[1] == f"bytes={half}-"


def test_a_run_that_ended_is_gone_on_with_by_the_next(site: Web, film: bytes, tmp_path: Path) -> None:
    url, half = site.url("/film.mp4"), len(film) // 2
    site.serve("/film.mp4", film, die_after=half)
    whole = site.answers["/film.mp4"]

    def die_once(handler: Any) -> None:
        whole(handler)
        del site.answers["/film.mp4"]  # the next tries find nothing

    site.answers["/film.mp4"] = die_once
    with pytest.raises(FetchError, match="nothing at this link"):
        fetch(url, tmp_path, site)
    assert [path.stat().st_size for path in tmp_path.glob("*.part")] == [half]
    site.answers["/film.mp4"] = whole
    [fetched] = fetch(url, tmp_path, site)
    assert fetched.path is not None and fetched.path.read_bytes() == film
    assert site.ranges[-1] == f"bytes={half}-"
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.slow
def test_a_part_of_another_file_is_not_gone_on_with(site: Web, film: bytes, tmp_path: Path) -> None:
    site.serve("/film.mp4", film)
    stem = direct_stem(site.url("/film.mp4"))
    (tmp_path / f"{stem}.mp4.part").write_bytes(b"something else")
    [fetched] = fetch(site.url("/film.mp4"), tmp_path, site)
    assert fetched.path is not None and fetched.path.read_bytes() == film


def test_an_endless_answer_is_stopped(site: Web, tmp_path: Path) -> None:
    site.endless("/film.mp4")
    with pytest.raises(FetchError, match="larger than"):
        fetch(site.url("/film.mp4"), tmp_path, site, max_bytes=3_000_000)
    assert names(tmp_path) == []


@pytest.mark.slow
def test_a_promised_size_is_looked_at_first(site: Web, film: bytes, tmp_path: Path) -> None:
    site.serve("/film.mp4", film)
    with pytest.raises(FetchError, match="--max-bytes"):
        fetch(site.url("/film.mp4"), tmp_path, site, max_bytes=len(film) - 1)
    assert names(tmp_path) == []


@pytest.mark.slow
def test_time_runs_out_and_stopping_leaves_the_part(site: Web, tmp_path: Path) -> None:
    site.endless("/film.mp4")
    began = time.monotonic()
    with pytest.raises(FetchError, match="--max-download-seconds"):
        fetch(site.url("/film.mp4"), tmp_path, site, max_download_seconds=2, max_bytes=10**12)
    assert time.monotonic() - began < 5

    def stop() -> None:
        if list(tmp_path.glob("*.part")):
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        fetch(site.url("/film.mp4"), tmp_path, site, stop=stop, max_bytes=10**12)
    assert list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_pages_and_missing_files_are_told_apart(site: Web, tmp_path: Path) -> None:
    site.serve("/page.mp4", b"<html>", "text/html")
    with pytest.raises(FetchError, match="leads to a page"):
        fetch(site.url("/page.mp4"), tmp_path, site)
    with pytest.raises(FetchError, match=r"HTTP 404"):
        fetch(site.url("/none.mp4"), tmp_path, site)
    with pytest.raises(FetchError, match="No site is known"):
        fetch(site.url("/page"), tmp_path, site)


def test_what_is_no_video_is_not_kept(site: Web, tmp_path: Path) -> None:
    site.serve("/film.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n")
    allowance = Allowance((site.address,))
    with pytest.raises(FetchError, match="no video"):
        list(fetch_videos(Link(site.url("/film.mp4")), tmp_path, Settings(), Watch(), allowance))
    assert names(tmp_path) == []


@pytest.mark.slow
def test_a_file_that_is_too_low_is_skipped_afterwards(site: Web, film: bytes, tmp_path: Path) -> None:
    site.serve("/film.mp4", film)
    settings = Settings().with_values({"min_height": 720})
    [fetched] = fetch_videos(Link(site.url("/film.mp4")), tmp_path, settings, Watch(), Allowance((site.address,)))
    assert fetched.outcome == "skipped" and "64 px" in fetched.reason


# Addresses that are refused.


def test_this_machine_is_not_reached(inner: Web, tmp_path: Path) -> None:
    for host in ("2130706433", "[::ffff:127.0.0.1]"):
        with pytest.raises(FetchError):
            fetch(f"http://{host}:{inner.address[1]}/secret.mp4", tmp_path)
    assert inner.hits == []


def test_redirects_do_not_lead_inside(site: Web, inner: Web, tmp_path: Path) -> None:
    site.redirect("/film.mp4", inner.url("/secret.mp4"))
    with pytest.raises(FetchError, match="not on the public internet"):
        fetch(site.url("/film.mp4"), tmp_path, site)
    site.redirect("/watch/x", inner.url("/secret.mp4"))
    with pytest.raises(FetchError, match="not on the public internet"):
        fetch(site.url("/watch/x"), tmp_path, site)
    site.redirect("/local.mp4", "file:///etc/passwd")
    with pytest.raises(FetchError):
        fetch(site.url("/local.mp4"), tmp_path, site)
    assert inner.hits == [] and len(site.hits) == 3


def test_formats_and_playlists_of_segments_do_not_lead_inside(site: Web, inner: Web, tmp_path: Path) -> None:
    url = page(site, "direct", f"1 mp4 avc1 none 720 {inner.url('/secret.mp4')}")
    with pytest.raises(FetchError, match="not on the public internet"):
        fetch(url, tmp_path, site)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{inner.url('/secret.mp4')}\n#EXT-X-ENDLIST\n"
    site.serve("/hls.m3u8", playlist.encode(), "application/x-mpegurl")
    with pytest.raises(FetchError, match="not on the public internet"):
        fetch(page(site, "hls", f"1 mp4 avc1 none 720 {site.url('/hls.m3u8')}"), tmp_path, site)
    assert inner.hits == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x.org/a.mp4", "http://user:word@x.org/a.mp4", "http://[1/a.mp4", "https://"]
)
def test_other_schemes_and_passwords_are_no_links(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError):
        fetch(url, tmp_path)


def test_links_can_be_switched_off(site: Web, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="switched off"):
        fetch(site.url("/film.mp4"), tmp_path, site, links=False)
    assert site.hits == []


# Sites.


def test_the_best_avc_within_the_limits_is_fetched_and_reused_by_its_id(site: Web, film: bytes, tmp_path: Path) -> None:
    for name in ("low", "mid", "vp9"):
        site.serve(f"/{name}", film if name == "mid" else b"no")
    formats = [
        f"low mp4 avc1.4d none 360 {site.url('/low')}",
        f"mid mp4 avc1.64 none 720 {site.url('/mid')}",
        f"vp9 webm vp9 none 1080 {site.url('/vp9')}",
        f"top mp4 avc1.64 none 2160 {site.url('/none')}",
    ]
    [fetched] = fetch(page(site, "abc", *formats), tmp_path, site, max_height=1080)
    assert fetched.path is not None and fetched.path.read_bytes() == film and fetched.height == 720
    hits = len(site.hits)
    again = page(site, "abc", *formats) + "?t=5"
    assert [f.outcome for f in fetch(again, tmp_path, site, max_height=1080)] == ["reused"]
    assert site.hits[hits:] == ["/watch/abc?t=5"]
    assert [f.outcome for f in fetch(page(site, "abc"), tmp_path, site)] == ["reused"]  # by the link, no question asked
    assert len(site.hits) == hits + 1


def test_too_low_is_skipped_before_the_download(site: Web, tmp_path: Path) -> None:
    url = page(site, "low", f"1 mp4 avc1 none 360 {site.url('/film')}")
    [fetched] = fetch(url, tmp_path, site, min_height=720)
    assert fetched.outcome == "skipped" and "360 px" in fetched.reason and "--min-height 720" in fetched.reason
    assert site.hits == ["/watch/low"]
    result = fetch_all([url], tmp_path, Settings().with_values({"min_height": 720}), None, allow(site))
    assert result["status"] == "complete" and result["videos"][0]["status"] == "skipped"


def allow(site: Web) -> Allowance:
    return Allowance((site.address,), SITES)


def test_sound_is_merged_where_it_is_wanted(site: Web, film: bytes, tmp_path: Path) -> None:
    site.serve("/film", film)
    site.serve("/sound", clips.sound_clip(tmp_path / "sound.m4a", "aac").read_bytes())
    url = page(site, "s", f"v mp4 avc1 none 64 {site.url('/film')}", f"a m4a none mp4a 0 {site.url('/sound')}")
    [silent] = fetch(url, tmp_path / "silent", site)
    [loud] = fetch(url, tmp_path / "loud", site, keep_sound=True)
    assert silent.path is not None and loud.path is not None and loud.reason == ""
    with av.open(str(silent.path)) as film_silent, av.open(str(loud.path)) as film_loud:
        assert [len(film_silent.streams.audio), len(film_loud.streams.audio)] == [0, 1]
        assert sum(1 for _ in film_loud.decode(video=0)) == 12
    assert len(names(tmp_path / "loud")) == 2


def test_names_are_ours_whatever_a_site_says(site: Web, film: bytes, tmp_path: Path) -> None:
    site.serve("/film", film)
    url = page(site, "..%2F..%2Fevil", f"1 mp4 avc1 none 64 {site.url('/film')}", title="../../x.mp4\x1b[31m")
    [fetched] = fetch(url, tmp_path / "in" / "out", site)
    assert fetched.path is not None and fetched.path.parent == tmp_path / "in" / "out"
    assert names(tmp_path) == ["in"] and names(tmp_path / "in") == ["out"]
    assert fetched.path.name.startswith("localsite-") and "." not in fetched.path.stem


def test_an_endless_format_is_stopped(site: Web, tmp_path: Path) -> None:
    site.endless("/film")
    with pytest.raises(FetchError, match="larger than"):
        fetch(page(site, "e", f"1 mp4 avc1 none 64 {site.url('/film')}"), tmp_path, site, max_bytes=3_000_000)
    assert names(tmp_path) == []


def test_a_format_that_broke_off_is_gone_on_with(site: Web, film: bytes, tmp_path: Path) -> None:
    half = len(film) // 2
    site.serve("/film", film, die_after=half)
    [fetched] = fetch(page(site, "r", f"1 mp4 avc1 none 64 {site.url('/film')}"), tmp_path, site)
    assert fetched.path is not None and fetched.path.read_bytes() == film
    assert any(wanted and 0 < int(wanted[6:-1]) <= half for wanted in site.ranges)


def test_playlists_are_off_unless_asked(site: Web, film: bytes, tmp_path: Path) -> None:
    site.serve("/film", film)
    for video in ("v1", "v3"):
        page(site, video, f"1 mp4 avc1 none 64 {site.url('/film')}", title=video)
    with pytest.raises(FetchError, match="--playlist on"):
        fetch(site.url("/list"), tmp_path, site)
    assert site.hits == []
    rows = fetch(site.url("/list"), tmp_path, site, playlist=True)
    assert [f.outcome for f in rows] == ["fetched", "failed", "fetched"] and "404" in rows[1].reason
    capped = fetch(site.url("/list"), tmp_path, site, playlist=True, playlist_max=1)
    assert [f.outcome for f in capped] == ["reused"]


@pytest.mark.slow
def test_private_videos_ask_for_cookies_and_the_file_is_left_alone(site: Web, film: bytes, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="signed in") as caught:
        fetch(site.url("/watch/private"), tmp_path, site)
    assert "--cookies" in caught.value.hint
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tkey\tvalue\n")
    before = cookies.read_bytes()
    site.serve("/film", film)
    seen: list[str | None] = []
    url = page(site, "c", f"1 mp4 avc1 none 64 {site.url('/film')}")
    give = site.answers["/watch/c"]

    def look(handler: Any) -> None:
        seen.append(handler.headers.get("Cookie"))
        give(handler)

    site.answers["/watch/c"] = look
    fetch(url, tmp_path / "out", site, cookies=str(cookies))
    assert seen == ["key=value"] and cookies.read_bytes() == before
    with pytest.raises(FetchError, match="cookies file"):
        fetch(url, tmp_path / "out", site, cookies=str(tmp_path / "none.txt"))


def test_no_plugin_and_no_configuration_is_loaded(
    site: Web, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, mark = tmp_path / "home", tmp_path / "loaded"
    for place in (home / ".config/yt-dlp/plugins/p", home / ".yt-dlp/plugins/p", home / "yt-dlp-plugins/p"):
        folder = place / "yt_dlp_plugins" / "extractor"
        folder.mkdir(parents=True)
        (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n")
    for config in (home / ".config/yt-dlp/config", home / ".config/yt-dlp.conf", home / "yt-dlp.conf"):
        config.write_text(f"-o {mark}\n--exec 'touch {mark}'\n--proxy http://127.0.0.1:1\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.syspath_prepend(str(home / ".config/yt-dlp/plugins/p"))
    monkeypatch.chdir(home)
    site.serve("/film", film)
    fetch(page(site, "p", f"1 mp4 avc1 none 64 {site.url('/film')}"), tmp_path / "out", site)
    assert not mark.exists()
