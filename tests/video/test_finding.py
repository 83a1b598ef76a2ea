"""What is found out about a video before it is looked at: its timeline, keyframes, shots and black bars."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import clips
import numpy as np
import pytest

from facecrop_core.video import (
    RatePlan,
    TimesPlan,
    VideoReader,
    find_picture,
    find_shots,
    keyframes_plan,
    probe,
    read_timeline,
    step_plan,
)
from facecrop_core.video.shots import ContentCuts, SceneScoreCuts

GOP = {"g": "12", "bf": "3", "sc_threshold": "0"}


def numbers(path: Path, plan, **how):
    with VideoReader(probe(path), plan, (0, 0), **how) as reader:
        seen = []
        for frame in reader:
            seen.append((frame.frame, round(frame.time_seconds * 25), clips.read_number(frame.luma)))
            frame.release()
        return seen, reader.coverage()


FILMS = {
    "mp4": {"options": GOP},
    "mkv": {"options": GOP},
    "ts": {"options": GOP},
    "open.mp4": {"options": GOP | {"x264-params": "open-gop=1"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=12:scenecut=0"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "12", "sc_threshold": "1000000000"}},
    "vp8.webm": {"codec": "libvpx", "options": {"g": "12"}},
    "raw.h264": {"options": GOP | {"bf": "0"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p", "full_range": True},
}


OFTEN = ("mp4", "open.mp4", "vp8.webm")


@pytest.mark.parametrize("name", [n if n in OFTEN else pytest.param(n, marks=pytest.mark.slow) for n in FILMS])
def test_keyframes_and_steps_are_exact_whether_packets_tell_or_not(tmp_path, name):
    path = clips.numbered_clip(tmp_path / f"film.{name}", 50, 25, **FILMS[name])
    timeline = read_timeline(probe(path))
    assert [round(t * 25) for t in timeline.times] == list(range(50))
    assert timeline.from_packets == (name not in ("vp8.webm", "raw.h264"))
    keyframes, coverage = numbers(path, keyframes_plan(timeline))
    assert coverage.complete, coverage
    assert keyframes == [(n, n, n) for n in (round(t * 25) for t in timeline.keyframe_times)]
    assert len(keyframes) == 50 if name == "mjpeg.avi" else 2 <= len(keyframes) <= 6
    steps, coverage = numbers(path, step_plan(timeline, 7))
    assert steps == [(n, n, n) for n in range(0, 50, 7)]
    assert coverage.complete


def test_the_decoder_leaves_out_what_is_no_keyframe(tmp_path, monkeypatch):
    from facecrop_core.video import decoding

    path = clips.numbered_clip(tmp_path / "film.mp4", 100, 25, options=GOP)
    video = probe(path)
    plan = keyframes_plan(decoding.build_timeline(video))
    seen = []

    def counted(pictures, mode):
        for near in decoded(pictures, mode):
            seen.append(near.picture.key_frame)
            yield near

    from facecrop_core.video import decode_pass

    decoded = decode_pass.with_neighbours
    monkeypatch.setattr(decode_pass, "with_neighbours", counted)
    assert len(list(decoding.Decoding(video, plan).frames())) == len(seen) == 9
    assert all(seen)


@pytest.mark.parametrize("sampling", [keyframes_plan, pytest.param(step_plan, marks=pytest.mark.slow)])
def test_a_film_cut_short_is_partial_for_plans_that_know_only_what_is_there(tmp_path, sampling):
    whole = clips.numbered_clip(tmp_path / "whole.mkv", 200, 25, options=GOP)
    path = clips.cut_short(whole, tmp_path / "cut.mkv", 0.6)
    coverage = numbers(path, sampling(read_timeline(probe(path))))[1]
    assert not coverage.complete
    assert coverage.expected_seconds == pytest.approx(8.0, abs=0.1)
    early = numbers(path, sampling(read_timeline(probe(path))), end_seconds=2.0)[1]
    assert early.complete and early.expected_seconds <= 2.0
    late = numbers(path, sampling(read_timeline(probe(path))), end_seconds=7.0)[1]
    assert not late.complete and late.expected_seconds == 7.0


def test_a_fragment_is_decoded_alone(tmp_path):
    path = clips.numbered_clip(tmp_path / "film.mp4", 600, 25, codec="mpeg4", options={"g": "12"})
    seen, coverage = numbers(path, RatePlan(5), start_seconds=12.0, end_seconds=14.0)
    assert [n for *_, n in seen] == list(range(300, 350, 5))
    assert coverage.complete and coverage.decoded_frames < 80
    gone, coverage = numbers(path, RatePlan(5), start_seconds=30.0, end_seconds=40.0)
    assert gone == [] and coverage.complete, "the video promised no more than 24 s"


@pytest.mark.parametrize("method", ["content", "scene"])
def test_shots_begin_where_the_film_was_cut(tmp_path, method):
    path = tmp_path / "cast.mp4"
    truth = clips.cast_clip(path, (("anna", "carl"), ("grace",), (), ("bella",)), size=(320, 180))
    threshold = {"content": None, "scene": 0.12}[method]
    shots = find_shots(probe(path), method, threshold, 2)
    assert [(shot.start_seconds, shot.end_seconds) for shot in shots] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [round(t * 25) for shot in shots for t in shot.sample_times] == [
        25 * s + f for s in range(4) for f in (6, 18)
    ]
    assert {truth[round(t * 25)].scene for t in shots[1].sample_times} == {1}
    part = find_shots(probe(path), method, threshold, 1, start_seconds=1.4, end_seconds=2.6)
    assert [(round(s.start_seconds, 2), round(s.end_seconds, 2)) for s in part] == [(1.4, 2.0), (2.0, 2.6)]


def test_thresholds_and_scores_of_cuts():
    levels = [0] * 20 + [120] * 20 + [160] * 20
    frames = [clips.frame_from_bgr(np.full((36, 64, 3), level, np.uint8)) for level in levels]

    def cuts(finder):
        found = [cut for n, frame in enumerate(frames) for cut in finder.look(n, frame)]
        return found + finder.finish(len(frames) - 1)

    assert cuts(SceneScoreCuts(0.4)) == [20], "a step of 120 scores 1, one of 40 scores 0.4, which is not above it"
    assert cuts(SceneScoreCuts(0.39)) == [20, 40]
    assert cuts(ContentCuts(27)) == [20], "the mean of hue, saturation and value: 40 and 13"
    assert cuts(ContentCuts(13)) == [20, 40]


def boxed(path: Path, **how) -> Path:
    images = np.full((30, 120, 160, 3), 16, np.uint8)
    noise = np.random.default_rng(2).integers(60, 200, (70, 130, 3)).astype(np.uint8)
    for n, image in enumerate(images):
        image[24:94, 11:141] = 0 if n < 5 else noise
    return clips.write_film(path, np.where(images == 16, 0, images), 25, **how)


@pytest.mark.parametrize("how", [{}, {"full_range": True, "options": {"g": "1"}}], ids=["", "full"])
def test_black_bars_are_found(tmp_path, how):
    assert find_picture(probe(boxed(tmp_path / "film.mp4", **how))) == (12, 24, 140, 94)


def test_a_film_without_bars_or_light_has_no_picture_to_cut_out(tmp_path):
    bright = clips.write_film(tmp_path / "bright.mp4", np.full((10, 64, 96, 3), 120, np.uint8))
    dark = clips.write_film(tmp_path / "dark.mp4", np.zeros((10, 64, 96, 3), np.uint8))
    assert find_picture(probe(bright)) is None
    assert find_picture(probe(dark)) is None


@pytest.mark.parametrize("turned", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_canvas_shows_the_area(tmp_path, turned):
    one = 1 << 16
    matrix = [0, one, 0, -one, 0, 0, 0, 0, 1 << 30] if turned else None
    image = np.full((96, 160, 3), 60, np.uint8)
    image[20:60, 40:100] = (40, 90, 200)
    path = clips.write_film(tmp_path / "film.mp4", [image], display_matrix=matrix)
    area = (36, 40, 76, 100) if turned else (40, 20, 100, 60)
    size = (20, 30) if turned else (30, 20)
    video = probe(path)
    with VideoReader(video, RatePlan(1), size, area=area) as reader:
        frame = next(reader)
        assert frame.canvas.shape == (size[1], size[0], 3)
        assert np.abs(frame.canvas[2:-2, 2:-2].astype(int) - (40, 90, 200)).max() <= 6
        assert (frame.width, frame.height) == (video.width, video.height)


def test_interlaced_frames_are_made_whole(tmp_path):
    import dataclasses

    import media

    path = tmp_path / "interlaced.mp4"
    media.interlaced(path)
    video = probe(path)

    def combing(mode):
        with VideoReader(dataclasses.replace(video, deinterlace=mode), TimesPlan([1.0]), (40, 12)) as reader:
            luma = next(reader).luma.astype(int)
            return np.abs(luma[1:] - luma[:-1])[20:-20].mean(), luma[40:42, 60:260]

    (combed, before), (whole, after), (forced, _) = combing("off"), combing("auto"), combing("on")
    assert combed > 8 * whole and forced == whole
    assert np.abs(before - after).max(axis=1).min() < 12, "the lines of one field stay as they are"


def test_resuming_an_interlaced_film_gives_the_same_pixels(tmp_path):
    import media

    path = tmp_path / "interlaced.mp4"
    media.interlaced(path)

    def lumas(start):
        with VideoReader(probe(path), RatePlan(5), (0, 0), start_seconds=start) as reader:
            return {f.frame: (f.sample, f.luma.copy(), f.release())[:2] for f in reader}

    whole = lumas(0.0)
    for frame, (sample, luma) in lumas(1.2).items():
        assert whole[frame][0] == sample and np.array_equal(whole[frame][1], luma)


def test_a_progressive_film_is_left_alone(tmp_path):
    path = clips.numbered_clip(tmp_path / "film.mp4", 30, 25, options=GOP)
    assert [n for *_, n in numbers(path, RatePlan(25))[0]] == list(range(30))


@pytest.mark.parametrize("seconds", [-0.5, 2**33 / 90000 - 1], ids=["negative", "wrap"])
def test_time_starts_at_zero_whatever_the_clock_says(tmp_path, seconds):
    import media

    path = tmp_path / "film.ts"
    media.shifted(seconds)(path)
    assert numbers(path, RatePlan(5))[0] == [(n, n, n) for n in range(0, 50, 5)]


def test_missing_timestamps_go_on_at_the_frame_rate(tmp_path):
    path = clips.numbered_clip(tmp_path / "film.h264", 50, Fraction(25), options={"bf": "0"})
    assert numbers(path, RatePlan(5))[0] == [(n, n, n) for n in range(0, 50, 5)]


def test_the_larger_of_two_streams_is_the_film(tmp_path):
    import media

    path = tmp_path / "two.mkv"
    media.streams((64, 48), (320, 240))(path)
    assert (probe(path).width, probe(path).height) == (320, 240)


@pytest.mark.slow
def test_wide_colours_of_usual_brightness_are_mapped(tmp_path):
    """The red of BT.709 in a BT.2020 film: shown unmapped it would be a pale orange."""
    import av

    from facecrop_core.pixels import region_bgr

    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p10le"
        planes = np.zeros((96, 128), np.uint16)
        # linear BT.709 red is (0.6274, 0.0691, 0.0164) in BT.2020; coded with the curve of BT.709
        red, green, blue = (1.099 * v**0.45 - 0.099 for v in (0.6274, 0.0691, 0.0164))
        luma = 0.2627 * red + 0.678 * green + 0.0593 * blue
        planes[:64] = round(64 + 876 * luma)
        chroma = planes[64:].reshape(2, 16, 128)
        chroma[0], chroma[1] = round(512 + 896 * (blue - luma) / 1.8814), round(512 + 896 * (red - luma) / 1.4746)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
        for tagged in (stream.codec_context, picture):
            tagged.color_trc, tagged.color_primaries, tagged.colorspace, tagged.color_range = 14, 9, 9, 1
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        film.mux(stream.encode(picture))
        film.mux(stream.encode())
    video = probe(path)
    assert video.color_matrix == "bt709" and not video.color_note
    with VideoReader(video, RatePlan(8), (0, 0)) as reader:
        blue, green, red = region_bgr(next(reader), 0, 0, 128, 64)[0][32, 64]
    assert red > 220 and green < 45 and blue < 45, (red, green, blue)


def test_colours_that_are_made_for_grading_are_flagged(tmp_path):
    import media

    path = tmp_path / "log.mkv"
    media.tagged("ffv1", color_trc=9)(path)
    assert "logarithmic" in probe(path).color_note
    media.tagged("ffv1", color_trc=1)(path)
    assert probe(path).color_note == ""
