"""Decoding on a graphics card, with the processor in its place where that does not work. Runs in the child process.

Pictures come back into memory as NV12 or P010, which the converter takes as it takes a decoder's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.video.frame import VideoFrame

OFF = "off"
AUTO_ORDER = ("cuda", "videotoolbox", "d3d11va", "vaapi")
"""Devices that ``auto`` tries; of these, only those that this FFmpeg was built with."""
_FROM_A_DEVICE = ("nv", "p0", "p2", "p4")
"""How the names of pixel formats begin that devices give; FFmpeg's own decoders give planar ones."""


class Hardware:
    """The device of one video's decoding.

    Args:
        wish: ``off``, ``auto``, or FFmpeg's name of a device such as ``cuda`` or, for the second one, ``cuda:1``.
    """

    def __init__(self, wish: str = OFF) -> None:
        self._wish, self._opened_on = wish, ""

    def open(self, open_file: Callable[[HWAccel | None], InputContainer]) -> InputContainer:
        """The file, opened for the first device that starts and knows its codec, else for the processor.

        Raises:
            av.error.FFmpegError: the file cannot be opened.
        """
        from av.codec.hwaccel import HWAccel
        from av.error import FFmpegError

        self._opened_on = ""
        for name in _candidates(self._wish):
            kind, _, index = name.partition(":")
            try:
                container = open_file(HWAccel(kind, index or None, allow_software_fallback=True))
            except FFmpegError:
                continue  # no such device; if it is the file, it is opened once more below
            if any(stream.codec_context.is_hwaccel for stream in container.streams.video):
                self._opened_on = name
                return container
            container.close()
        return open_file(None)

    def used_for(self, picture: VideoFrame) -> str:
        """The device that decoded a picture; empty where the processor did, which FFmpeg may change over to."""
        return self._opened_on if picture.format.name.startswith(_FROM_A_DEVICE) else ""


def _candidates(wish: str) -> tuple[str, ...]:
    if wish == OFF:
        return ()
    return found_devices() if wish == "auto" else (wish,)


def unusable_because(name: str) -> str:
    """Why a device cannot decode H.264 on this machine; empty where it can be opened for that."""
    from av.codec.codec import Codec
    from av.codec.hwaccel import HWAccel, hwdevices_available
    from av.error import FFmpegError

    if name not in hwdevices_available():
        return "this FFmpeg was built without it"
    try:
        HWAccel(name).create(Codec("h264", "r"))
    except NotImplementedError:
        return "this FFmpeg's H.264 decoder does not use it"
    except FFmpegError as error:
        return f"no such device starts ({error.strerror})"
    return ""


def found_devices() -> tuple[str, ...]:
    """Devices that this FFmpeg knows, in the order in which ``auto`` tries them. Whether one is there shows on use."""
    from av.codec.hwaccel import hwdevices_available

    built = hwdevices_available()
    return tuple(name for name in AUTO_ORDER if name in built)
