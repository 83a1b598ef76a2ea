"""The one place that opens video files. The decoding child imports it, so it stays light."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from facecrop_core.errors import SourceError
from facecrop_core.video.hardware import Hardware

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.video.stream import VideoStream

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,live_flv,ogg,asf,h264,hevc,vvc,obu,ivf,"
    "gif,mxf,nut,dv,rm,wtv,vc1,yuv4mpegpipe,mp3,wav,flac,aac"
)
"""FFmpeg's demuxers that may open a file. Playlists (concat, hls, dash, sdp) and the text and image demuxers, which
read other files or make frames out of anything, are left out; a few of sound alone are in for a clear message."""

DECODERS = (
    "h264,hevc,vvc,av1,libdav1d,vp8,vp9,libvpx,libvpx-vp9,mpeg1video,mpeg2video,mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,"
    "h261,h263,h263p,flv,wmv1,wmv2,wmv3,vc1,mjpeg,mjpegb,jpeg2000,prores,dnxhd,cfhd,ffv1,ffvhuff,huffyuv,utvideo,"
    "rawvideo,v210,v410,qtrle,rpza,svq1,svq3,cinepak,theora,dvvideo,rv10,rv20,rv30,rv40,vp6,vp6f,gif,png"
)
"""FFmpeg's decoders of pictures that may run: those of films that people have. The three hundred others are seldom
looked after, and MagicYUV (CVE-2026-8461) was not the first of them to write where it should not."""
SOUND_DECODERS = "aac,mp2,mp3,mp3float,ac3,eac3,opus,libopus,vorbis,flac,alac,wmav1,wmav2,pcm_s16le,pcm_s16be,pcm_s24le"
"""Needed only to open some containers; sound is never decoded."""
MAX_PIXELS = 8192 * 8192
"""Frames with more pixels are refused, so that a forged header cannot take all memory."""

USUAL_PIXELS = 5_000_000
"""How much larger a stream must be to be taken before the usual one (ffmpeg_mux_init.c)."""
NO_PICTURES = ("attached_pic", "timed_thumbnails", "still_image")


def display_name(path: Path) -> str:
    """The path with whatever could garble a terminal or a page escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in os.fspath(path))


def open_container(path: Path, hwaccel: HWAccel | None = None) -> InputContainer:
    """Open a file and nothing but that file: no other protocol, and no format that points to other files.

    Raises:
        av.error.FFmpegError: FFmpeg cannot open it.
    """
    import av

    options = {
        "format_whitelist": FORMATS,
        "protocol_whitelist": "file",
        "codec_whitelist": f"{DECODERS},{SOUND_DECODERS}",
        "max_pixels": str(MAX_PIXELS),
    }
    name = "file:" + os.path.abspath(os.fspath(path))
    return av.open(name, "r", options=options, metadata_errors="replace", hwaccel=hwaccel)


@contextmanager
def open_video(
    path: Path, threads: int = 1, rough: bool = False, hardware: Hardware | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The opened file and its picture stream, ready to decode.

    ``rough`` leaves out the filter that smooths the borders of blocks, a fifth of H.264's decoding time. ``hardware``
    decodes instead of the processor, where it can.

    Raises:
        SourceError: missing, a folder, empty, not readable, not a video, or without a picture stream.
    """
    from av.error import FFmpegError

    check_readable(path)
    name = display_name(path)
    try:
        container = (hardware or Hardware()).open(lambda device: open_container(path, device))
    except FFmpegError as error:
        raise SourceError(
            f"'{name}' is not a video that can be read ({error.strerror}).",
            "Check that it plays in a video player; if it was downloaded or copied, do that again. "
            "Playlists and image files are not taken for videos.",
        ) from error
    with container:
        stream = find_video_stream(container)
        if stream is None:
            raise SourceError(f"'{name}' holds no video.", "It may be sound only; choose a file with moving pictures.")
        if stream.codec_context.name not in DECODERS.split(","):
            raise SourceError(
                f"'{name}' is coded as {stream.codec_context.name}, which is not decoded here.",
                "Convert it to H.264 or FFV1 first, on a machine that may run any decoder.",
            )
        # Faults of single frames that frame threads keep to themselves are found by the decoding loop.
        stream.codec_context.thread_type = "AUTO" if threads > 1 else "NONE"
        stream.codec_context.thread_count = threads
        shortcut = {"skip_loop_filter": "all"} if rough else {}
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS), **shortcut}
        yield container, stream


def check_readable(path: Path) -> None:
    """Raises SourceError unless the path is a file with something in it that may be read."""
    name = display_name(path)
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise SourceError(f"'{name}' is a folder.", "Name a video file in it.")
        if not stat.S_ISREG(info.st_mode):
            raise SourceError(f"'{name}' is not a regular file.", "Save the video to a file first.")
        if info.st_size == 0:
            raise SourceError(f"'{name}' is empty (0 bytes).", "Copy or download it again.")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise SourceError(f"'{name}' does not exist.", "Check the spelling of the path.") from error
    except PermissionError as error:
        raise SourceError(f"'{name}' may not be read.", "Give yourself permission to read it.") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"'{name}' cannot be read ({error}).", "Check the path and the disk.") from error


def find_video_stream(container: InputContainer) -> VideoStream | None:
    """The stream of moving pictures that ffmpeg, too, would take: the largest, where none is marked as the usual one.

    Cover art is none. Other streams are not even read.
    """
    from av.stream import Discard

    videos = [s for s in container.streams.video if s.codec_context and not any(d in _words(s) for d in NO_PICTURES)]
    if not videos:
        return None
    chosen = max(videos, key=lambda s: s.width * s.height + USUAL_PIXELS * ("default" in _words(s)))
    for stream in container.streams:
        if stream is not chosen:
            stream.discard = Discard.all
    return chosen


def _words(stream: VideoStream) -> set[str]:
    return {flag.name or "" for flag in stream.disposition}
