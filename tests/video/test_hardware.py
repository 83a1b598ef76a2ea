"""Hardware decoding: the processor takes its place, pixels are the same, and what was used is told."""

import mmap

import clips
import numpy as np
import pytest

from facecrop_core.video import hardware
from facecrop_core.video.container import open_video
from facecrop_core.video.convert import Converter
from facecrop_core.video.hardware import Hardware
from facecrop_core.video.probe import probe
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.ring import RingLayout
from facecrop_core.video.sampling import RatePlan


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return clips.numbered_clip(tmp_path_factory.mktemp("films") / "film.mp4", 30)


def read(path, hwaccel):
    """([(frame, luma, chroma, canvas)], device)"""
    with VideoReader(probe(path), RatePlan(8), (64, 16), hwaccel=hwaccel) as reader:
        seen = []
        for frame in reader:
            seen.append((frame.frame, frame.luma.copy(), frame.chroma_u.copy(), frame.canvas.copy()))
            frame.release()
        return seen, reader.hardware


@pytest.mark.parametrize("wish", ["cuda", "cuda:7", "vaapi", "videotoolbox", "auto"])
def test_frames_are_the_same_whatever_decodes(film, wish):
    (plain, _), (seen, _) = read(film, "off"), read(film, wish)
    assert len(seen) == len(plain) > 5
    for one, other in zip(plain, seen, strict=True):
        assert one[0] == other[0]
        for a, b in zip(one[1:], other[1:], strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_device_that_works_is_told(film):
    _, device = read(film, "auto")
    if not device:
        pytest.skip("no device decodes here")
    assert device in hardware.AUTO_ORDER


def _pictures(film, layout):
    with open_video(film) as (container, stream):
        for picture, _ in zip(container.decode(stream), range(3), strict=False):
            yield picture.reformat(format=layout, dst_color_range=picture.color_range) if layout else picture


def test_pictures_of_a_device_are_converted_alike(film):
    video = probe(film)
    layout = RingLayout.of(video, (64, 16), 2)
    slots = layout.views(mmap.mmap(-1, layout.slot_bytes * layout.slots))
    for own, devices in zip(_pictures(film, None), _pictures(film, "nv12"), strict=True):
        for picture, slot in zip((own, devices), slots, strict=False):
            Converter(video, (64, 16)).write(picture, slot)
        for plane in ("luma", "chroma_u", "chroma_v", "canvas"):
            np.testing.assert_array_equal(getattr(slots[0], plane), getattr(slots[1], plane))


class FakeFile:
    """An opened file of one stream."""

    def __init__(self, accelerated):
        context = type("Context", (), {"is_hwaccel": accelerated})
        self.streams = type("Streams", (), {"video": [type("Stream", (), {"codec_context": context})]})
        self.closed = False

    def close(self):
        self.closed = True


def test_devices_are_tried_in_turn_and_what_decoded_is_told(film, monkeypatch):
    from av.error import PermissionError as NoDevice

    monkeypatch.setattr(hardware, "found_devices", lambda: ("cuda", "vaapi", "qsv"))
    asked, files = [], []

    def open_file(device):
        asked.append(device and (device.device_id, device))
        if len(asked) == 1:
            raise NoDevice(1, "no such device")
        files.append(FakeFile(accelerated=len(asked) == 3))
        return files[-1]

    chosen = Hardware("auto")
    assert chosen.open(open_file) is files[1] and files[0].closed and len(asked) == 3
    software, device = next(_pictures(film, None)), next(_pictures(film, "nv12"))
    assert chosen.used_for(device) == "qsv" and chosen.used_for(software) == ""
    asked.clear()
    second = Hardware("cuda:1")
    asked.append(None)
    second.open(open_file)
    assert asked[1][0] == 1
    asked.clear()
    assert Hardware("off").open(lambda device: device) is None and Hardware().used_for(device) == ""
