"""The reader against films whose truth is known: numbers, times, pixels; and its child's end in every case."""

from fractions import Fraction
from pathlib import Path

import clips
import numpy as np
import pytest

from facecrop_core.pixels import region_bgr
from facecrop_core.video.probe import probe
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.sampling import RatePlan, TimesPlan

NTSC = Fraction(30000, 1001)
GOP = {"g": "25", "bf": "3", "b-pyramid": "normal"}


def read(path, plan, canvas=(0, 0), **how):
    """([(sample, frame, time, number that the picture carries)], coverage)"""
    with VideoReader(probe(path), plan, canvas, **how) as reader:
        seen = []
        for frame in reader:
            seen.append((frame.sample, frame.frame, frame.time_seconds, clips.read_number(frame.luma)))
            frame.release()
        return seen, reader.coverage()


def expected(frame_times, fps):
    """The peer's loop: (sample, frame, time, frame) of each wanted frame."""
    wanted, next_sample = [], 0
    for n, t in enumerate(frame_times):
        if t >= next_sample / fps - 1e-6:
            next_sample = int((t + 1e-6) * fps) + 1
            wanted.append((next_sample - 1, n, pytest.approx(t, abs=2e-5), n))
    return wanted


@pytest.mark.parametrize("fps", [25, 30, NTSC])
def test_samples_of_a_film_of_constant_rate(fps):
    path, _ = clips.shared(f"numbered-{float(fps):.0f}-{fps.denominator}.mp4", clips.numbered_clip, 90, fps)
    seen, coverage = read(path, RatePlan(8))
    assert seen == expected([n / fps for n in range(90)], 8)
    assert coverage.complete
    assert coverage.decoded_frames == 90
    assert coverage.decoded_until_seconds == pytest.approx(90 / fps, abs=1e-3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_samples_of_a_film_of_variable_rate(tmp_path, suffix):
    steps = np.random.default_rng(3).choice([0.02, 0.04, 0.1, 0.7], 60)
    times = np.round(np.cumsum(steps) - steps[0], 3).tolist()
    path = clips.numbered_clip(tmp_path / f"vfr.{suffix}", 60, times=times)
    seen, coverage = read(path, RatePlan(8))
    assert seen == expected(times, 8)
    assert coverage.complete


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("mjpeg.avi", {"codec": "mjpeg", "pixel_format": "yuvj420p", "full_range": True}),
        ("vp8.webm", {"codec": "libvpx"}),
        ("ts.ts", {}),
        ("ffv1.mkv", {"codec": "ffv1", "pixel_format": "yuv444p"}),
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("raw.h264", {"options": {"bf": "0"}}),
        ("ten_bit.mkv", {"pixel_format": "yuv420p10le"}),
    ],
)
def test_codecs_and_containers(tmp_path, name, how):
    path = clips.numbered_clip(tmp_path / name, 40, 25, **how)
    seen, coverage = read(path, RatePlan(8), threads=3 if name in ("ts.ts", "hevc.mp4") else 1)
    assert [(s, f, n) for s, f, _, n in seen] == [(s, f, n) for s, f, _, n in expected([n / 25 for n in range(40)], 8)]
    assert coverage.complete
    assert coverage.decoded_frames == 40


def test_every_frame_of_one_that_has_a_single_one(tmp_path):
    seen, coverage = read(clips.numbered_clip(tmp_path / "one.mp4", 1), RatePlan(8))
    assert seen == [(0, 0, 0.0, 0)]
    assert coverage.complete


@pytest.fixture(scope="module")
def long_film():
    """24 s, a keyframe every second, with B frames that refer to each other."""
    return clips.shared("long.mp4", _long_clip)[0]


@pytest.fixture(scope="module")
def whole(long_film):
    return read(long_film, RatePlan(8))[0]


def _long_clip(path: Path) -> None:
    clips.numbered_clip(path, 600, 25, options=GOP)


@pytest.mark.parametrize(
    ("start", "threads"), [(0.01, 1), (4.9, 2), (6.0, 1), (7.37, 2), (17.52, 1), (23.97, 1), (30.0, 2)]
)
def test_a_late_start_gives_what_a_whole_reading_gives(long_film, whole, start, threads):
    seen, coverage = read(long_film, RatePlan(8), start_seconds=start, threads=threads)
    assert seen == [row for row in whole if row[2] >= start - 1e-6]
    assert coverage.complete
    if 6 <= start < 23.9:
        assert coverage.decoded_frames < 600 - start * 25 + 60, "it should have jumped"


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    "options", [{}, {"x264-params": "open-gop=1"}, {"intra-refresh": "1"}], ids=["", "open", "refresh"]
)
def test_jumps_give_the_same_pixels(tmp_path, suffix, options):
    path = clips.numbered_clip(tmp_path / f"film.{suffix}", 400, 25, options=GOP | options)
    times = [0.0, 0.4, 7.0, 7.04, 15.52, 15.96]
    with VideoReader(probe(path), RatePlan(25), (0, 0)) as reader:
        whole = {}
        for frame in reader:
            whole[frame.frame] = (frame.time_seconds, frame.luma.copy(), frame.chroma_u.copy())
            frame.release()
    with VideoReader(probe(path), TimesPlan(times), (0, 0)) as reader:
        for number, frame in enumerate(reader):
            seconds, luma, chroma = whole[frame.frame]
            assert (frame.sample, frame.time_seconds) == (number, seconds)
            assert seconds == pytest.approx(times[number], abs=1e-3)
            assert np.array_equal(frame.luma, luma) and np.array_equal(frame.chroma_u, chroma)
            frame.release()
        assert number == len(times) - 1
        assert reader.coverage().complete
        if suffix != "ts" and "intra-refresh" not in options:
            assert reader.coverage().decoded_frames < 200, "it should have jumped"


def test_exact_times_end_the_reading(long_film):
    seen, coverage = read(long_film, TimesPlan([0.04, 0.08, 1.0]))
    assert [n for *_, n in seen] == [1, 2, 25]
    assert coverage.complete
    assert coverage.decoded_frames < 40
    assert read(long_film, TimesPlan([]))[0] == []


def _corners(image):
    """Colours at the centres of the four quarters: top left, top right, bottom left, bottom right."""
    height, width = image.shape[:2]
    return [image[height * y // 4, width * x // 4].astype(int) for y in (1, 3) for x in (1, 3)]


ORIENTATIONS = [
    (1, 0, 0, 1),
    (0, 1, -1, 0),
    (-1, 0, 0, -1),
    (0, -1, 1, 0),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, -1, -1, 0),
]


@pytest.mark.parametrize("linear", ORIENTATIONS, ids=str)
def test_orientations(tmp_path, linear):
    a, b, c, d = linear
    colours = {(-1, -1): (40, 40, 220), (1, -1): (40, 200, 40), (-1, 1): (220, 60, 40), (1, 1): (210, 210, 210)}
    image = np.zeros((64, 128, 3), np.uint8)
    for (x, y), colour in colours.items():
        image[32 * (y > 0) : 32 + 32 * (y > 0), 64 * (x > 0) : 64 + 64 * (x > 0)] = colour
    one = 1 << 16
    matrix = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
    path = clips.write_film(tmp_path / "turned.mp4", [image] * 3, display_matrix=matrix)
    shown = {(a * x + c * y, b * x + d * y): colour for (x, y), colour in colours.items()}
    video = probe(path)
    assert (video.width, video.height) == ((128, 64) if a else (64, 128))
    with VideoReader(video, RatePlan(25), (video.width // 2, video.height // 2)) as reader:
        frame = next(reader)
        assert frame.luma.shape == (video.height, video.width)
        full = region_bgr(frame, 0, 0, frame.width, frame.height)[0]
        for picture in (full, frame.canvas):
            for seen, at in zip(_corners(picture), [(-1, -1), (1, -1), (-1, 1), (1, 1)], strict=True):
                assert np.abs(seen - shown[at]).max() <= 6


def test_square_pixels_are_given(tmp_path):
    images = np.zeros((1, 64, 96, 3), np.uint8)
    images[:, :, 48:] = 200
    path = clips.write_film(tmp_path / "wide.mp4", images, aspect=Fraction(3, 2))
    with VideoReader(probe(path), RatePlan(8), (72, 32)) as reader:
        frame = next(reader)
        assert (frame.width, frame.height) == (144, 64)
        assert frame.luma[32, 68] < 60 < 150 < frame.luma[32, 76]
        assert frame.canvas.shape == (32, 72, 3)
        assert frame.canvas[16, 34, 0] < 60 < 150 < frame.canvas[16, 38, 0]


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("pixel_format", "size"), [("yuv420p", (96, 64)), ("yuv444p", (95, 63)), ("yuv422p10le", (96, 64))]
)
def test_colours_come_back(tmp_path, matrix, full_range, pixel_format, size):
    image = np.full((size[1], size[0], 3), (40, 90, 200), np.uint8)
    path = clips.write_film(
        tmp_path / "red.mp4", [image], pixel_format=pixel_format, matrix=matrix, full_range=full_range
    )
    with VideoReader(probe(path), RatePlan(8), (32, 32)) as reader:
        frame = next(reader)
        assert (frame.width, frame.height) == size
        full = region_bgr(frame, 0, 0, frame.width, frame.height)[0]
        assert np.abs(full.mean((0, 1)) - (40, 90, 200)).max() <= 3
        assert np.abs(frame.canvas.mean((0, 1)) - (40, 90, 200)).max() <= 3


def test_colours_of_gray_and_rgb(tmp_path):
    for name, codec, pixel_format, colour in (
        ("gray.mkv", "ffv1", "gray", (120, 120, 120)),
        ("rgb.mkv", "ffv1", "bgr0", (40, 90, 200)),
    ):
        images = [np.full((64, 64, 3), colour, np.uint8)]
        path = clips.write_film(tmp_path / name, images, codec=codec, pixel_format=pixel_format, full_range=True)
        with VideoReader(probe(path), RatePlan(8), (32, 32)) as reader:
            frame = next(reader)
            full = region_bgr(frame, 0, 0, 64, 64)[0]
            for picture in (full, frame.canvas):
                assert np.abs(picture.mean((0, 1)) - colour).max() <= 3, name


def test_a_film_that_changes_its_size_keeps_the_first(tmp_path):
    parts = [clips.numbered_clip(tmp_path / f"{w}.ts", 10, size=(w, w // 4)) for w in (256, 512)]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(p.read_bytes() for p in parts))
    with VideoReader(probe(both), RatePlan(25), (64, 16)) as reader:
        shapes, times = [], []
        for frame in reader:
            shapes.append(frame.luma.shape)
            times.append(frame.time_seconds)
            frame.release()
    assert shapes == [(64, 256)] * len(shapes)
    assert len(shapes) >= 18
    assert times == sorted(set(times))


@pytest.mark.slow
@pytest.mark.parametrize(("transfer", "code"), [(16, 0.508), (18, 0.5)], ids=["PQ", "HLG"])
def test_high_dynamic_range_is_mapped_to_what_screens_show(tmp_path, transfer, code):
    """Mid-gray codes of HDR films would come out dull if they were taken for BT.709: PQ's 100 nits as gray 127."""
    import av

    path = tmp_path / "hdr.ts"  # MP4 copies the headers, in which x265 4.2 leaves bits at random
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx265", rate=25, options={"x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p10le"
        planes = np.full((96, 128), 512, np.uint16)
        planes[:64] = int(64 + 876 * code)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
        for tagged in (stream.codec_context, picture):
            tagged.color_trc, tagged.color_primaries, tagged.colorspace, tagged.color_range = transfer, 9, 9, 1
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        film.mux(stream.encode(picture))
        film.mux(stream.encode())
    video = probe(path)
    assert (video.color_matrix, video.full_range) == ("bt709", False)
    with VideoReader(video, RatePlan(8), (64, 32)) as reader:
        frame = next(reader)
        shades = [int(region_bgr(frame, 0, 0, 128, 64)[0][32, 64, 1]), int(frame.canvas[16, 32, 1])]
    low, high = {16: (170, 205), 18: (130, 160)}[transfer]
    assert all(low <= shade <= high for shade in shades), shades
