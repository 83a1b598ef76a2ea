"""Portraits, shapes by ratio, whole frames, and sizes: by hand."""

import numpy as np
import pytest
from framing_tables import plan, reasons, table_of, turned_table

from facecrop_core.crop.ratio import placement_penalty
from facecrop_core.crop.regions import upright
from facecrop_core.crop.sizes import training_buckets
from facecrop_core.errors import SettingsError
from facecrop_core.settings import Settings, normalise
from facecrop_core.settings.framing import FramingSettings
from facecrop_core.settings.texts import parse_factors

FACE = [400, 200, 500, 320]  # 100 × 120 around (450, 260)


def rectangle(crops, row=0):
    return [*crops.origin_xy[row], *(crops.origin_xy[row] + crops.extent_wh[row])]


def test_portraits_by_four_factors():
    # half 50 × 60: left 1.5 × 50, right 1.5 × 50, up 2.2 × 60, down 1.2 × 60
    crops = plan(table_of([FACE]), framing="portrait", size=408)
    assert rectangle(crops) == [375, 128, 525, 332]
    assert crops.size_wh.tolist() == [[300, 408]] and crops.upscale[0] == pytest.approx(2.0)
    assert rectangle(plan(table_of([FACE]), framing="portrait", det_scale="1 1 1 1")) == FACE
    smaller = plan(table_of([FACE]), framing="portrait", det_scale="0.5,0.5,0.5,0.5")
    assert rectangle(smaller) == [425, 230, 475, 290]


def test_square_portraits_grow_on_the_shorter_side_and_move_inside():
    assert rectangle(plan(table_of([FACE]), framing="portrait", det_square=True)) == [348, 128, 552, 332]
    near = [0, 200, 100, 320]  # wanted −52 … 152
    assert rectangle(plan(table_of([near]), framing="portrait", det_square=True)) == [0, 128, 204, 332]


def test_portraits_that_are_too_high_keep_their_width_unless_they_are_squares():
    close = [300, 100, 700, 580]  # 480 high: 816 wanted, 600 there
    assert rectangle(plan(table_of([close]), framing="portrait")) == [200, 0, 800, 600]
    square = plan(table_of([close]), framing="portrait", det_square=True)
    assert square.extent_wh.tolist() == [[600, 600]]


@pytest.mark.parametrize("words", [["1.2", "1.2", "2", "1.2"], ["1.2 1.2 2 1.2"], ["1.2,1.2,2,1.2"]])
def test_the_factors_flag_is_video_to_faces_own(words):
    tokens = normalise(["export", "--det_scale", *words, "--det-square", "5"])
    assert tokens[:2] == ["export", "--det-scale"] and tokens[3:] == ["--det-square=on", "5"]
    assert parse_factors(tokens[2]) == (1.2, 1.2, 2, 1.2)
    assert normalise(["--det-scale", "1", "2", "--size", "64"]) == ["--det-scale", "1", "2", "--size", "64"]


@pytest.mark.parametrize("text", ["1 1 1", "1 2 3 x", "0 1 1 1", "", "1 1 1 99"])
def test_factors_that_are_none(text):
    with pytest.raises(SettingsError):
        Settings().with_values({"det_scale": text})


@pytest.mark.parametrize("text", ["2:3,", "2", "0:1", "20:1", "a:b", "1:-1"])
def test_ratios_that_are_none(text):
    with pytest.raises(SettingsError):
        Settings().with_values({"ratio": text})


def test_penalties_by_hand():
    face = np.array([[100, 100, 200, 220.0]])
    crop = upright(np.array([[150, 250.0]]), np.array([[160, 400.0]]))  # x 70 … 230, y 50 … 450
    # beside 30 of 100: none missing; above 50 ÷ 400 = 0.125: fine; below 230 ÷ 120 = 1.917: fine
    assert placement_penalty(crop, face, FramingSettings())[0] == pytest.approx(0)
    crop = upright(np.array([[150, 160.0]]), np.array([[120, 320.0]]))  # x 90 … 210, y 0 … 320
    # beside 10: 0.3 − 0.1; above 100 ÷ 320 − 0.15; below 100 ÷ 120: 1.5 − 0.833
    assert placement_penalty(crop, face, FramingSettings())[0] == pytest.approx(0.2 + 0.1625 + 2 / 3, abs=1e-4)


def test_the_shape_with_the_least_growth_and_penalty_wins():
    small = [480, 100, 510, 140]  # person 90 × 280: 2:3 grows least
    crops = plan(table_of([small]), framing="ratio", ratio="3:2,1:1,2:3", face_min_frac_in_crop=None)
    wide, high = crops.extent_wh[0]
    assert wide / high == pytest.approx(2 / 3, abs=0.01) and high == pytest.approx(280, abs=1)
    low = [480, 480, 580, 600]  # at the frame's bottom, little below: the person's box is broad
    wide, high = plan(table_of([low]), framing="ratio", ratio="1:3,3:2").extent_wh[0]
    assert wide / high == pytest.approx(3 / 2, abs=0.01)


def test_guards_against_too_much_and_too_little_zoom():
    large = [350, 100, 650, 460]  # 360 of at most 0.42: more than the frame, so all of its height
    assert plan(table_of([large]), framing="ratio", ratio="1:1").extent_wh.tolist() == [[600, 600]]
    free = {"framing": "ratio", "ratio": "1:1", "crop_min_height_frac": 0.0}
    middle = [480, 250, 530, 310]  # 60 high: at most 60 ÷ 0.18, at least 60 ÷ 0.42
    assert plan(table_of([middle]), **free).side[0] == pytest.approx(60 / 0.18, abs=1)
    assert plan(table_of([middle]), **free, face_min_frac_in_crop=0.9).side[0] == pytest.approx(60 / 0.42, abs=1)
    tiny = [480, 250, 490, 262]
    assert plan(table_of([tiny]), framing="ratio", ratio="1:1").side[0] == pytest.approx(0.28 * 600, abs=1)


def test_the_face_with_its_margin_is_always_inside_and_the_shape_exact():
    rng = np.random.default_rng(2)
    low, sides = rng.uniform(0, [800, 400], (500, 2)), rng.uniform(10, 190, (500, 2))
    boxes = np.hstack([low, low + sides])
    for policy in ("shift", "pad", "skip"):
        crops = plan(table_of(boxes), framing="ratio", edge_policy=policy)
        high = crops.origin_xy + crops.extent_wh
        assert (crops.origin_xy >= 0).all() and (high <= [1000, 600]).all()
        assert set(reasons(crops)) == {""}
        assert (crops.origin_xy <= boxes[:, :2] + 1).all() and (high >= boxes[:, 2:] - 1).all()
        shapes = crops.extent_wh[:, :1] / crops.extent_wh[:, 1:]
        assert np.abs(shapes - [2 / 3, 1, 3 / 2]).min(axis=1).max() < 0.02


def test_whole_frames():
    crops = plan(table_of([FACE, [0, 0, 50, 50]]), framing="frame", size=500)
    assert rectangle(crops, 0) == rectangle(crops, 1) == [0, 0, 1000, 600]
    assert crops.size_wh.tolist() == [[500, 300]] * 2


STYLES = ["square", "arcface", "ffhq", "face", "whole", "head", "portrait", "ratio", "frame"]


@pytest.mark.parametrize("style", STYLES)
def test_native_size_scales_nothing(style):
    crops = plan(turned_table(scale=1.5), framing=style, sizing="native")
    assert np.abs(crops.upscale - 1).max() < 0.01
    assert np.abs(crops.size_wh - crops.extent_wh).max() <= 0.5


@pytest.mark.parametrize("style", STYLES)
def test_other_faces_count_in_every_style(style):
    table = turned_table(angles=(15, 15), centre=(500, 300))
    table.columns["sample"] = np.zeros(2, np.int64)
    near = {name: table[name].copy() for name in ("x1", "x2", "landmarks")}
    for apart, expected in ((30, "other_face"), (460, "other_face" if style == "frame" else "")):
        for name, values in near.items():
            moved = values.copy()
            moved[1] += [apart, 0] if name == "landmarks" else apart
            table.columns[name] = moved
        assert reasons(plan(table, framing=style, solo_mode="reject", ratio="2:3"))[0] == expected


def test_a_turned_crop_is_asked_for_faces_where_it_really_lies():
    """A square of side s, turned by 45 degrees, reaches 0.71 s to the right: an upright one only half of it."""
    table = turned_table(angles=(45, 0), centre=(400, 300))
    table.columns["sample"] = np.zeros(2, np.int64)
    crops = plan(table, framing="ffhq")
    middle, side = (crops.origin_xy + crops.extent_wh / 2)[0], crops.side[0]
    for reach, corner, expected in ((0.6, False, "other_face"), (0.6, True, ""), (0.8, False, "")):
        x, y = middle + reach * side * np.array([1, 0] if not corner else [0.7071, 0.7071])
        for name, value in (("x1", x - 10), ("x2", x + 10), ("y1", y - 15), ("y2", y + 15)):
            table.columns[name][1] = value
        found = plan(table, framing="ffhq", solo_mode="reject", solo_min_other_frac=0.1)
        assert reasons(found)[0] == expected, (reach, corner)


def test_buckets_are_kohyas():
    buckets = training_buckets(512).tolist()
    assert [512, 512] in buckets and [384, 640] in buckets and [256, 1024] in buckets
    assert all(w % 64 == h % 64 == 0 and w * h <= 512 * 512 and 256 <= w <= 1024 for w, h in buckets)
    assert [1024, 1024] in training_buckets(1024).tolist()
    assert training_buckets(16).tolist() == [[64, 64]]


def test_crops_have_exactly_their_buckets_shape():
    crops = plan(table_of([FACE]), framing="portrait", sizing="bucket", size=512)  # 150 × 204: 0.735
    assert crops.size_wh.tolist() == [[448, 576]]  # 0.778; 384 × 640 would be 0.6
    wide, high = crops.extent_wh[0]
    bucket = crops.size_wh[0]
    assert wide / high == pytest.approx(bucket[0] / bucket[1], abs=0.01)
    assert wide <= 150 and high <= 204
    assert plan(table_of([FACE]), framing="arcface", sizing="bucket", size=500).size_wh.tolist() == [[448, 448]]
