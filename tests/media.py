"""Films of every odd kind, made at test time, each with what reading it must come to.

``MEDIA`` is the table: status, coverage and words. ``complete`` is decoded whole; ``partial`` is decoded as far as it
goes, and that is said; ``refused`` is a SourceError with the given words, and nothing is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import clips
import numpy as np
from av.bitstream import BitStreamFilterContext

FRAMES, FPS = 50, 25


@dataclass(frozen=True)
class Medium:
    """One film. ``seconds`` and ``frames`` are (least, most) of what is decoded."""

    name: str
    make: Callable[[Path], object]
    status: str = "complete"
    seconds: tuple[float, float] = (1.9, 2.1)
    frames: tuple[int, int] = (FRAMES, FRAMES)
    words: str = ""
    slow: bool = False


def numbered(**how: Any) -> Callable[[Path], object]:
    count, fps = how.pop("count", FRAMES), how.pop("fps", FPS)
    return lambda path: clips.numbered_clip(path, count, fps, **how)


def x265(**how: Any) -> Callable[[Path], object]:
    return numbered(codec="libx265", options={"x265-params": "log-level=none"}, **how)


def cut(share: float, **how: Any) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        whole = path.with_name("whole-" + path.name)
        numbered(options={"g": "10"}, **how)(whole)
        clips.cut_short(whole, path, share)

    return make


def filtered(words: str, count: int = FRAMES) -> Callable[[Path], object]:
    """A film whose packets went through one of FFmpeg's bitstream filters."""

    def make(path: Path) -> None:
        whole = path.with_name("whole-" + path.name)
        clips.numbered_clip(whole, count, FPS, options={"g": "10", "bf": "0"})
        with av.open(str(whole)) as source, av.open(str(path), "w") as film:
            stream = source.streams.video[0]
            target = film.add_stream_from_template(stream)
            noise = BitStreamFilterContext(words, stream, target)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    for changed in noise.filter(packet):
                        changed.stream = target
                        film.mux(changed)

    return make


def shifted(seconds: float) -> Callable[[Path], object]:
    """A film whose clock starts at another time."""
    return numbered(container_options={"output_ts_offset": str(seconds)})


def bytes_of(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def joined(sizes: tuple[int, ...]) -> Callable[[Path], object]:
    """A transport stream that changes its size in the middle."""

    def make(path: Path) -> None:
        parts = []
        for number, width in enumerate(sizes):
            part = path.with_name(f"part-{number}.ts")
            numbered(count=25, size=(width, width // 4), container_options={"output_ts_offset": str(number)})(part)
            parts.append(part.read_bytes())
        path.write_bytes(b"".join(parts))

    return make


def streams(*sizes: tuple[int, int]) -> Callable[[Path], object]:
    """A film with one stream of pictures for each size."""

    def make(path: Path) -> None:
        with av.open(str(path), "w") as film:
            tracks: list[Any] = []
            for width, height in sizes:
                track: Any = film.add_stream("mpeg4", rate=FPS)
                track.width, track.height, track.pix_fmt = width, height, "yuv420p"
                tracks.append(track)
            for number in range(FRAMES):
                for track, size in zip(tracks, sizes, strict=True):
                    image = next(iter(clips.numbered_images(1, size))) if number == 0 else np.full(
                        (size[1], size[0], 3), number, np.uint8)  # fmt: skip
                    picture = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
                    picture.pts, picture.time_base = number, Fraction(1, FPS)
                    film.mux(track.encode(picture))
            for track in tracks:
                film.mux(track.encode())

    return make


def tagged(codec: str = "libx265", bits: int = 10, **tags: int) -> Callable[[Path], object]:
    """Gray frames of ten bits with colour tags (FFmpeg's numbers): color_trc, color_primaries, colorspace."""

    def make(path: Path) -> None:
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        with av.open(str(path), "w") as film:
            stream: Any = film.add_stream(codec, rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt = 128, 64, f"yuv420p{bits}le"
            planes = np.full((96, 128), 512, np.uint16)
            for number in range(FRAMES):
                picture = av.VideoFrame.from_ndarray(planes, format=stream.pix_fmt)
                for target in (stream.codec_context, picture):
                    for tag, value in {"color_range": 1, **tags}.items():
                        setattr(target, tag, value)
                picture.pts, picture.time_base = number, Fraction(1, FPS)
                film.mux(stream.encode(picture))
            film.mux(stream.encode())

    return make


def interlaced(path: Path) -> None:
    """A bar that moves between the fields of each frame: top field first, combed where it is not deinterlaced."""
    images = np.full((FRAMES, 96, 320, 3), 60, np.uint8)
    for number in range(FRAMES):
        for field in (0, 1):
            left = 20 + number * 4 + field * 2
            images[number, field::2, left : left + 60] = 220
    options = {"crf": "8", "flags": "+ildct+ilme", "x264-params": "tff=1", "g": "25"}
    clips.write_film(path, images, FPS, options=options)


def cover_art(path: Path) -> None:
    with av.open(str(path), "w") as film:
        stream: Any = film.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        stream.disposition = av.stream.Disposition.attached_pic
        film.mux(stream.encode(av.VideoFrame(64, 64, "yuvj420p")))
        film.mux(stream.encode())


def large_png(path: Path) -> None:
    """The header of a picture of 16384 × 16384."""
    header = struct.pack(">IIBBBBB", 16384, 16384, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(64))


VFR = [*np.arange(0, 0.5, 1 / 60), *np.arange(0.5, 1, 1 / 5), 1.0, 2.0, 3.0]
GAP = [n / FPS + (10 if n >= 25 else 0) for n in range(FRAMES)]
FAST_START = {"movflags": "faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
NOISE = "noise=amount=200"
DROP = "noise=drop='not(mod(n,7))'"

MEDIA = (
    Medium("plain.mp4", numbered()),
    Medium("faststart.mp4", numbered(container_options=FAST_START), slow=True),
    Medium("fragmented.mp4", numbered(container_options=FRAGMENTED)),
    Medium("plain.mkv", numbered(), slow=True),
    Medium("mjpeg.avi", numbered(codec="mjpeg", pixel_format="yuvj420p", full_range=True), slow=True),
    Medium("plain.ts", numbered(), slow=True),
    Medium("vp9.webm", numbered(codec="libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"}), slow=True),
    Medium("av1.mp4", numbered(codec="libsvtav1", options={"preset": "12"}), slow=True),
    Medium("film.gif", numbered(codec="gif", pixel_format="rgb8"), slow=True),
    Medium("raw.h264", numbered(options={"bf": "0"})),
    Medium("alpha.mov", numbered(codec="qtrle", pixel_format="argb"), slow=True),
    Medium("magicyuv.avi", numbered(codec="magicyuv", pixel_format="yuv420p"), "refused", words="coded as magicyuv"),
    Medium("zero.mp4", bytes_of(b""), "refused", words="is empty"),
    Medium("noise.mp4", bytes_of(np.random.default_rng(1).bytes(5000)), "refused", words="is not a video"),
    Medium("cut.mp4", cut(0.6), "refused", words="is not a video"),
    Medium("cut-faststart.mp4", cut(0.7, container_options=FAST_START), "partial", (0.3, 1.6), (8, 40)),
    Medium("cut-fragmented.mp4", cut(0.55, container_options=FRAGMENTED), "partial", (0.6, 1.6), (15, 40)),
    Medium("cut.mkv", cut(0.6), "partial", (0.6, 1.6), (15, 40)),
    Medium("cut.ts", cut(0.6), "complete", (0.6, 1.6), (15, 40)),  # it promises nothing
    Medium("flipped.mp4", filtered(NOISE), "partial", (1.5, 2.1), (1, 50)),
    Medium("dropped.mkv", filtered(DROP), "partial", (1.0, 2.1), (10, 50)),
    Medium("variable.mp4", numbered(times=VFR, count=len(VFR)), seconds=(3.0, 5.1), frames=(len(VFR), len(VFR))),
    Medium("gap.mp4", numbered(times=GAP), seconds=(11.9, 12.1)),
    Medium("open-gop.mp4", numbered(options={"x264-params": "open-gop=1", "bf": "3", "g": "25"}), slow=True),
    Medium("offset.ts", shifted(3600), slow=True),
    Medium("negative.ts", shifted(-0.5), slow=True),
    Medium("wrap.ts", shifted(2**33 / 90000 - 1)),
    Medium("slow.mp4", numbered(fps=Fraction(1, 10), count=5), seconds=(49, 51), frames=(5, 5), slow=True),
    Medium("quick.mp4", numbered(fps=240, count=240), seconds=(0.9, 1.1), frames=(240, 240), slow=True),
    Medium("six-hours.mp4", numbered(fps=1, count=21600, codec="mpeg4"), seconds=(21599, 21601),
           frames=(21600, 21600), slow=True),
    Medium("one.mp4", numbered(count=1), seconds=(0.03, 0.05), frames=(1, 1)),
    Medium("ten-bit.mkv", numbered(pixel_format="yuv420p10le"), slow=True),
    Medium("hdr10.mp4", tagged(color_trc=16, color_primaries=9, colorspace=9), slow=True),
    Medium("hlg.mp4", tagged(color_trc=18, color_primaries=9, colorspace=9), slow=True),
    Medium("444.mp4", numbered(pixel_format="yuv444p"), slow=True),
    Medium("gray.mkv", numbered(codec="ffv1", pixel_format="gray"), slow=True),
    Medium("full-range.mp4", numbered(full_range=True), slow=True),
    Medium("interlaced.mp4", interlaced),
    Medium("anamorphic.mp4", numbered(aspect=Fraction(4, 3)), slow=True),
    Medium("tiny.mkv", numbered(size=(16, 16), codec="ffv1"), slow=True),
    Medium("eight-k.mp4", numbered(size=(7680, 4320), count=3, options={"preset": "ultrafast", "crf": "40"}),
           seconds=(0.1, 0.2), frames=(3, 3), slow=True),
    Medium("resized.ts", joined((256, 512))),
    Medium("sound.mp4", lambda path: clips.sound_clip(path, "aac"), "refused", words="holds no video"),
    Medium("cover.mp4", cover_art, "refused", words="holds no video"),
    Medium("two.mkv", streams((64, 48), (320, 240)), slow=True),
    Medium("sixty.mkv", streams(*[(32, 32)] * 60), slow=True),
    Medium("bomb.png", large_png, "refused", words="is not a video"),
    Medium("bomb.mp4", large_png, "refused", words="is not a video"),
    Medium("name %03d\n\u202e\udce9.mp4", numbered()),
)  # fmt: skip
