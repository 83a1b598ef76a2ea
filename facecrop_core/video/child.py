"""The decoding child: reads a job from stdin, writes frames into shared memory and one JSON line for each to stdout.

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
from typing import BinaryIO

from facecrop_core.errors import FacecropError
from facecrop_core.records import Video
from facecrop_core.video.convert import Converter
from facecrop_core.video.decoding import Decoding
from facecrop_core.video.ring import RingLayout, open_shared
from facecrop_core.video.sampling import Plan

ALIVE_SECONDS = 1.0


@dataclass(frozen=True)
class Job:
    """What a child has to do."""

    video: Video
    plan: Plan
    start_seconds: float
    threads: int
    layout: RingLayout
    shared: int | str


class Outbox:
    """Messages to the reader; at least one every second while packets are read, so that a hang can be told."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sent = time.monotonic()

    def send(self, *message: object) -> None:
        self._stream.write(json.dumps(message).encode() + b"\n")
        self._sent = time.monotonic()

    def alive(self) -> None:
        if time.monotonic() - self._sent > ALIVE_SECONDS:
            self.send("alive")


def main() -> None:
    """Run the job that stands on stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the reader's to handle
    outbox = Outbox(os.fdopen(os.dup(1), "wb", buffering=0))
    os.dup2(2, 1)  # whatever a library prints must not run into the messages
    job: Job = pickle.load(sys.stdin.buffer)
    free: queue.SimpleQueue[int] = queue.SimpleQueue()
    for slot in range(job.layout.slots):
        free.put(slot)
    threading.Thread(target=_take_back, args=(sys.stdin.buffer, free), daemon=True).start()
    os._exit(_run(job, free, outbox))  # the waiting thread holds stdin, which Python's own ending would trip over


def _run(job: Job, free: queue.SimpleQueue[int], outbox: Outbox) -> int:
    """Returns the exit status."""
    try:
        _decode(job, free, outbox)
    except FacecropError as error:
        outbox.send("error", type(error).__name__, error.message, error.hint)
    except Exception as error:
        logging.getLogger(__name__).exception("The decoder failed")
        outbox.send("error", "", f"{type(error).__name__}: {error}", "The log has the details.")
        return 1
    return 0


def _decode(job: Job, free: queue.SimpleQueue[int], outbox: Outbox) -> None:
    slots = job.layout.views(open_shared(job.shared, job.layout.slot_bytes * job.layout.slots))
    outbox.send("open")
    converter = Converter(job.video, job.layout.canvas_size)
    decoding = Decoding(job.video, job.plan, job.start_seconds, job.threads, outbox.alive)
    for wanted in decoding.frames():
        slot = free.get()
        converter.write(wanted.picture, slots[slot])
        outbox.send("frame", slot, wanted.sample, wanted.frame, wanted.time_seconds)
    outbox.send("end", asdict(decoding.coverage()))


def _take_back(stdin: BinaryIO, free: queue.SimpleQueue[int]) -> None:
    while slot := stdin.read(1):
        free.put(slot[0])
    os._exit(0)  # no reader any more; a decoder that hangs must not keep the process
