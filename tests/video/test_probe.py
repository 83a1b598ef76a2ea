"""Probing: what a video is, and clear words for what is none."""

import os
from fractions import Fraction
from pathlib import Path

import clips
import numpy as np
import pytest

from facecrop_core.errors import SourceError
from facecrop_core.video.container import display_name
from facecrop_core.video.probe import fingerprint, probe


@pytest.fixture(scope="module")
def film():
    return clips.shared("probe.mp4", clips.numbered_clip, 12, 25)[0]


def test_what_a_plain_film_is(film):
    video = probe(film)
    assert (video.width, video.height, video.frame_rate) == (256, 64, Fraction(25))
    assert video.duration_seconds == pytest.approx(0.48)
    assert (video.frame_count, video.codec, video.pixel_format) == (12, "h264", "yuv420p")
    assert (video.quarter_turns, video.flipped, video.sample_aspect_ratio) == (0, False, 1)
    assert video.size_bytes == film.stat().st_size
    assert len(video.video_id) == 32


@pytest.mark.parametrize("suffix", ["mkv", "avi", "ts", "mov", "webm", "flv"])
def test_containers(tmp_path, suffix):
    codec = "libvpx" if suffix == "webm" else "libx264"
    video = probe(clips.numbered_clip(tmp_path / f"film.{suffix}", 10, 25, codec=codec))
    assert (video.width, video.height) == (256, 64)
    assert video.duration_seconds == pytest.approx(0.4, abs=0.1)


def test_a_gif_is_a_film(tmp_path):
    video = probe(clips.numbered_clip(tmp_path / "film.gif", 5, 10, codec="gif", pixel_format="rgb8"))
    assert (video.width, video.height, video.full_range) == (256, 64, False)


def test_one_frame_and_odd_sizes(tmp_path):
    image = np.full((33, 47, 3), 90, np.uint8)
    video = probe(clips.write_film(tmp_path / "one.mp4", [image], pixel_format="yuv444p"))
    assert (video.width, video.height) == (47, 33)


def test_square_pixels(tmp_path):
    video = probe(clips.numbered_clip(tmp_path / "anamorphic.mp4", 3, aspect=Fraction(4, 3)))
    assert (video.width, video.height, video.sample_aspect_ratio) == (341, 64, Fraction(4, 3))


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full_range", [False, True])
def test_colour_tags(tmp_path, matrix, full_range):
    video = probe(clips.numbered_clip(tmp_path / "film.mp4", 2, matrix=matrix, full_range=full_range))
    assert (video.color_matrix, video.full_range) == (matrix, full_range)


def test_matroska_length_is_that_of_the_pictures(tmp_path):
    assert probe(clips.numbered_clip(tmp_path / "film.mkv", 50)).duration_seconds == pytest.approx(2.0, abs=0.001)


def test_fingerprint_sees_size_and_blocks(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"abc")
    assert fingerprint(small) != fingerprint(_written(tmp_path / "other", b"abd"))
    data = bytearray(40 << 20)
    before = fingerprint(_written(large, data))
    data[-1] = 1
    assert fingerprint(_written(large, data)) != before
    data[-1] = 0
    assert fingerprint(_written(large, data)) == before
    assert fingerprint(_written(large, data + b"\0")) != before


NAMES = ["with space.mp4", 'it\'s "quoted".mp4', "-leading.mp4", "%03d.mp4", "colon:x.mp4", "two\nlines.mp4", "‮rtl.mp4"]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"caf\xe9.mp4")], ids=ascii)
def test_hostile_names_open(tmp_path, monkeypatch, film, name):
    (tmp_path / name).write_bytes(film.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert probe(Path(name)).width == 256


def test_names_are_shown_on_one_printable_line():
    assert display_name(Path("a\nb‮\udce9.mp4")) == "a\\nb\\u202e\\udce9.mp4"


def test_missing_folder_and_empty(tmp_path):
    (tmp_path / "empty.mp4").touch()
    for path, words in (
        (tmp_path / "no.mp4", "does not exist"),
        (tmp_path, "folder"),
        (tmp_path / "empty.mp4", "is empty"),
    ):
        with pytest.raises(SourceError, match=words) as caught:
            probe(path)
        assert caught.value.hint


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(SourceError, match="not a regular file"):
        probe(tmp_path / "pipe.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path, film):
    path = _written(tmp_path / "secret.mp4", film.read_bytes())
    path.chmod(0)
    with pytest.raises(SourceError, match="may not be read"):
        probe(path)


@pytest.mark.parametrize(("name", "codec"), [("sound.wav", "pcm_s16le"), ("sound.mp4", "aac")])
def test_sound_alone_is_no_video(tmp_path, name, codec):
    with pytest.raises(SourceError, match="holds no video"):
        probe(clips.sound_clip(tmp_path / name, codec))


def test_cover_art_is_no_video(tmp_path):
    import av

    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        stream.disposition = av.stream.Disposition.attached_pic
        film.mux(stream.encode(av.VideoFrame(64, 64, "yuvj420p")))
        film.mux(stream.encode())
    with pytest.raises(SourceError, match="holds no video"):
        probe(path)


def _polyglots(film: Path) -> dict[str, bytes]:
    name = film.name.encode()
    return {
        "text": b"this is not a film\n" * 40,
        "ffconcat": b"ffconcat version 1.0\nfile " + name + b"\n",
        "m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + name + b"\n#EXT-X-ENDLIST\n",
        "mpd": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>',
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "png": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "noise": np.random.default_rng(1).bytes(5000),
    }


@pytest.mark.parametrize("kind", _polyglots(Path("x")))
@pytest.mark.parametrize("suffix", ["mp4", "txt"])
def test_what_only_claims_to_be_a_video_is_refused(tmp_path, film, kind, suffix):
    neighbour = _written(tmp_path / "neighbour.mp4", film.read_bytes())
    path = _written(tmp_path / f"claims.{suffix}", _polyglots(neighbour)[kind])
    with pytest.raises(SourceError, match=r"is not a video|holds no video|can be decoded") as caught:
        probe(path)
    assert caught.value.hint


def test_a_film_without_its_index_is_refused(tmp_path, film):
    with pytest.raises(SourceError, match="is not a video"):
        probe(clips.cut_short(film, tmp_path / "cut.mp4", 0.5))


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
