"""Whole pictures from interlaced ones, by FFmpeg's bwdif, which looks at the frames before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from facecrop_core.records import Deinterlace

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

FILTER, OPTIONS = "bwdif", "mode=send_frame:parity=auto:deint=all"


@dataclass
class Neighbours:
    """A decoded picture and, where it is interlaced, the ones before and after it."""

    picture: VideoFrame
    before: VideoFrame | None = None
    after: VideoFrame | None = None
    interlaced: bool = False

    def progressive(self) -> VideoFrame:
        """The picture, deinterlaced where it is interlaced."""
        if not self.interlaced:
            return self.picture
        near = [p for p in (self.before, self.picture, self.after) if p is not None and _alike(p, self.picture)]
        return _filtered(near)[near.index(self.picture)]


def with_neighbours(pictures: Iterator[VideoFrame], mode: Deinterlace) -> Iterator[Neighbours]:
    """Each picture; one that is interlaced (or, with ``on``, any) is given once the one after it is there."""
    before: VideoFrame | None = None
    picture = next(pictures, None)
    while picture is not None:
        if mode == "on" or (mode == "auto" and picture.interlaced_frame):
            after = next(pictures, None)
            yield Neighbours(picture, before, after, interlaced=True)
        else:
            yield Neighbours(picture)
            after = next(pictures, None)
        before, picture = picture, after


def _alike(one: VideoFrame, other: VideoFrame) -> bool:
    return (one.width, one.height, one.format.name) == (other.width, other.height, other.format.name)


def _filtered(pictures: list[VideoFrame]) -> list[VideoFrame]:
    from av.error import FFmpegError
    from av.filter import Graph

    first, graph = pictures[0], Graph()
    graph.threads = 1
    source = graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=Fraction(1, 1000))
    bwdif, sink = graph.add(FILTER, OPTIONS), graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    for picture in (*pictures, None):
        source.push(picture)
    filtered: list[VideoFrame] = []
    while len(filtered) < len(pictures):
        try:
            filtered.append(sink.pull())  # type: ignore[arg-type]
        except FFmpegError:  # it has no more
            return pictures
    return filtered
