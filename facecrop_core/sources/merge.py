"""Putting a film's picture and its sound into one file, without coding either again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,mpegts,matroska,webm,aac"


def merge_sound(picture: Path, sound: Path, target: Path) -> None:
    """Write an MP4 with the streams of both files.

    Raises:
        av.error.FFmpegError: one of them cannot be read, or does not fit into an MP4.
    """
    import av

    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    with (
        av.open(f"file:{picture.absolute()}", options=options) as film,
        av.open(f"file:{sound.absolute()}", options=options) as track,
        av.open(f"file:{target.absolute()}", "w", format="mp4") as out,
    ):
        sources: list[Any] = [film.streams.video[0], track.streams.audio[0]]
        targets = [out.add_stream_from_template(stream) for stream in sources]
        readers: list[Any] = [film.demux(sources[0]), track.demux(sources[1])]
        waiting = [_next(reader) for reader in readers]
        while any(packet is not None for packet in waiting):
            which = min(
                (i for i, packet in enumerate(waiting) if packet is not None),
                key=lambda i: float(waiting[i].dts * waiting[i].time_base),
            )
            waiting[which].stream = targets[which]
            out.mux(waiting[which])
            waiting[which] = _next(readers[which])


def _next(packets: Any) -> Any:
    """The next packet with a time; the last ones are empty."""
    return next((packet for packet in packets if packet.dts is not None), None)
