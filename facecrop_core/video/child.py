"""The decoding child: reads a job from stdin, does it under limits, and writes one JSON line per message to stdout.

Bytes that follow the job on stdin are slots given back. When stdin ends, because the reader closed it or its process is
gone, the child ends at once.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import queue
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from facecrop_core.errors import FacecropError
from facecrop_core.records import Video
from facecrop_core.video.convert import Converter
from facecrop_core.video.decoding import Decoding, build_timeline
from facecrop_core.video.hardware import OFF
from facecrop_core.video.headers import read_headers, video_to_json
from facecrop_core.video.images import IMAGES, ImageDecoding, image_timeline, read_image_headers
from facecrop_core.video.limits import PROBE_BYTES, decoding_bytes, limit_process, renew_processor_time
from facecrop_core.video.ring import Area, RingLayout, open_shared
from facecrop_core.video.sampling import Plan

ALIVE_SECONDS = 1.0
FreeSlots = queue.LifoQueue[int]
"""The slot that was given back last is filled first: its memory is still in the processor's cache."""


class Outbox:
    """Messages to the reader; at least one every second while packets are read, so that a hang can be told."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sent = time.monotonic()

    def send(self, *message: object) -> None:
        self._stream.write(json.dumps(message).encode() + b"\n")
        self._sent = time.monotonic()
        renew_processor_time()

    def alive(self) -> None:
        if time.monotonic() - self._sent > ALIVE_SECONDS:
            self.send("alive")


@dataclass(frozen=True)
class ProbeJob:
    """Say what a video is."""

    path: Path

    @property
    def memory_bytes(self) -> int:
        return PROBE_BYTES

    def run(self, free: FreeSlots, outbox: Outbox) -> None:
        read = read_image_headers if self.path.is_dir() else read_headers
        outbox.send("answer", video_to_json(read(self.path, outbox.alive)))


@dataclass(frozen=True)
class TimelineJob:
    """Say when each frame of a video is shown, and which are keyframes."""

    video: Video

    @property
    def memory_bytes(self) -> int:
        return decoding_bytes(self.video, 1, 0)

    def run(self, free: FreeSlots, outbox: Outbox) -> None:
        images = self.video.codec == IMAGES
        timeline = image_timeline(self.video) if images else build_timeline(self.video, outbox.alive)
        times, keyframes = timeline.times, timeline.keyframe_times
        outbox.send("answer", [times.tolist(), keyframes.tolist(), timeline.from_packets])


@dataclass(frozen=True)
class ReadJob:
    """Give the frames that a plan wants."""

    video: Video
    plan: Plan
    start_seconds: float
    end_seconds: float | None
    threads: int
    layout: RingLayout
    area: Area | None
    shared: int | str
    rough: bool = False
    hwaccel: str = OFF

    @property
    def memory_bytes(self) -> int:
        return decoding_bytes(self.video, self.threads, self.layout.slot_bytes * self.layout.slots)

    def run(self, free: FreeSlots, outbox: Outbox) -> None:
        for slot in range(self.layout.slots):
            free.put(slot)
        slots = self.layout.views(open_shared(self.shared, self.layout.slot_bytes * self.layout.slots))
        outbox.send("open")
        converter = Converter(self.video, self.layout.canvas_size, self.area)
        span = self.start_seconds, self.end_seconds
        decoding: Decoding | ImageDecoding
        if self.video.codec == IMAGES:
            decoding = ImageDecoding(self.video, self.plan, *span, on_packet=outbox.alive)
        else:
            decoding = Decoding(
                self.video, self.plan, *span,
                threads=self.threads, rough=self.rough, hwaccel=self.hwaccel, on_packet=outbox.alive,
            )  # fmt: skip
        untold = decoding.hardware if self.hwaccel != OFF and isinstance(decoding, Decoding) else None
        for wanted in decoding.frames():
            if untold is not None:
                outbox.send("hardware", untold.used_for(wanted.picture))
                untold = None
            slot = free.get()
            converter.write(wanted.picture, slots[slot])
            outbox.send("frame", slot, wanted.sample, wanted.frame, wanted.time_seconds)
        outbox.send("end", asdict(decoding.coverage()))


Job = ProbeJob | TimelineJob | ReadJob


def main() -> None:
    """Do the job that stands on stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the reader's to handle
    outbox = Outbox(os.fdopen(os.dup(1), "wb", buffering=0))
    os.dup2(2, 1)  # whatever a library prints must not run into the messages
    job: Job = pickle.load(sys.stdin.buffer)
    limit_process(job.memory_bytes, graphics_driver=isinstance(job, ReadJob) and job.hwaccel != OFF)
    free: FreeSlots = queue.LifoQueue()
    threading.Thread(target=_take_back, args=(sys.stdin.buffer, free), daemon=True).start()
    os._exit(_run(job, free, outbox))  # a thread that waits on stdin would trip Python's own ending


def _run(job: Job, free: FreeSlots, outbox: Outbox) -> int:
    """Returns the exit status."""
    try:
        job.run(free, outbox)
    except FacecropError as error:
        outbox.send("error", type(error).__name__, error.message, error.hint)
    except MemoryError:
        limit = f"{job.memory_bytes / (1 << 30):.1f} GiB"
        outbox.send("error", "", f"it wanted more memory than the {limit} it may take", "The video may be damaged.")
        return 1
    except Exception as error:
        logging.getLogger(__name__).exception("The decoder failed")
        outbox.send("error", "", f"{type(error).__name__}: {error}", "The log has the details.")
        return 1
    return 0


def _take_back(stdin: BinaryIO, free: FreeSlots) -> None:
    while slot := stdin.read(1):
        free.put(slot[0])
    os._exit(0)  # no reader any more; a decoder that hangs must not keep the process
