"""Framing, with numbers worked out by hand."""

from pathlib import Path

import clips
import numpy as np
import pytest

from facecrop_core.crop import frame_crops, render_crop
from facecrop_core.crop.neighbours import pairs_within
from facecrop_core.crop_plan import CropPlan
from facecrop_core.records import REASONS, FaceTable, Video
from facecrop_core.settings import Settings


def table_of(boxes, sample=None, landmarks=None, yaw=None, width=1000, height=600):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    n = len(boxes)
    columns = {
        "sample": np.array(range(n) if sample is None else sample, np.int64),
        "time_seconds": np.zeros(n),
        "landmarks": np.full((n, 5, 2), np.nan, np.float32) if landmarks is None else np.array(landmarks, np.float32),
        "yaw": np.array([np.nan] * n if yaw is None else yaw, np.float32),
        **{name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
    }
    video = Video(Path("film.mp4"), "id", 1, width, height, None, None, None, "h264", "yuv420p")
    return FaceTable(video, columns, np.zeros((n, 0), np.float32))


def plan(table, **values) -> CropPlan:
    return frame_crops(table, Settings().with_values({"anchor_offset_y": 0.0, **values}).framing)


def reasons(crops):
    return [REASONS[code] for code in crops.reasons]


def test_the_square_is_centred_on_the_box_and_padded_on_each_side():
    # box 100 × 200 around (450, 300): side 200 × (1 + 2 × 0.25) = 300, corner (450 − 150, 300 − 150)
    crops = plan(table_of([[400, 200, 500, 400]]), bbox_pad=0.25, size=600)
    assert crops.side.tolist() == [300]
    assert crops.origin_xy.tolist() == [[300, 150]]
    assert crops.face_share[0] == pytest.approx(200 / 300)
    assert crops.upscale[0] == pytest.approx(2.0)
    assert crops.pad_share.tolist() == [0]
    assert reasons(crops) == [""]


def test_the_vertical_offset_is_a_share_of_the_boxs_height():
    crops = plan(table_of([[400, 200, 500, 400]]), bbox_pad=0.25, anchor_offset_y=0.1)
    assert crops.origin_xy.tolist() == [[300, 170]]


LANDMARKS = [[430, 260], [490, 262], [455, 300], [435, 350], [485, 350]]


@pytest.mark.parametrize(
    ("anchor", "yaw", "corner"),
    [
        ("eyes", 0, [310, 111]),  # eyes' middle (460, 261)
        ("nose", 0, [305, 150]),  # nose (455, 300)
        ("auto", 24.9, [310, 111]),
        ("auto", -24.9, [310, 111]),
        ("auto", 25.1, [300, 150]),
        ("auto", np.nan, [300, 150]),
    ],
)
def test_anchors(anchor, yaw, corner):
    table = table_of([[400, 200, 500, 400]], landmarks=[LANDMARKS], yaw=[yaw])
    assert plan(table, bbox_pad=0.25, anchor=anchor).origin_xy.tolist() == [corner]


@pytest.mark.parametrize("anchor", ["eyes", "nose", "auto"])
def test_without_landmarks_the_anchor_is_the_boxs_centre(anchor):
    table = table_of([[400, 200, 500, 400]], yaw=[0])
    assert plan(table, bbox_pad=0.25, anchor=anchor).origin_xy.tolist() == [[300, 150]]


def test_yaw_moves_the_crop_where_the_head_looks():
    table = table_of([[400, 200, 500, 400]] * 5, yaw=[22.5, -22.5, 90, 0, np.nan])
    crops = plan(table, bbox_pad=0.25, yaw_shift=True, yaw_shift_frac=0.1, yaw_shift_yawmax=45.0)
    # side 300 × 0.1 × half = 15 px; beyond 45 degrees it stays at 30 px
    assert crops.origin_xy[:, 0].tolist() == [315, 285, 330, 300, 300]
    assert plan(table, bbox_pad=0.25).origin_xy[:, 0].tolist() == [300] * 5


NEAR_LEFT = [[10, 250, 110, 350]]  # pad 0.5: side 200 at (−40, 200), 40 px or 20 % outside


def test_shift_moves_the_crop_inside():
    crops = plan(table_of(NEAR_LEFT), bbox_pad=0.5, edge_policy="shift")
    assert crops.origin_xy.tolist() == [[0, 200]]
    assert crops.pad_share.tolist() == [0]


def test_pad_measures_the_worst_edge_and_has_a_cap():
    crops = plan(table_of(NEAR_LEFT), bbox_pad=0.5, edge_policy="pad", max_pad_frac=0.25)
    assert crops.origin_xy.tolist() == [[-40, 200]]
    assert crops.pad_share[0] == pytest.approx(0.2)
    assert reasons(crops) == [""]
    assert reasons(plan(table_of(NEAR_LEFT), bbox_pad=0.5, edge_policy="pad", max_pad_frac=0.19)) == ["max_pad"]


def test_skip_allows_nothing_outside():
    touching = [[50, 250, 150, 350]]  # side 200 at (0, 200)
    one_out = [[49, 250, 149, 350]]
    assert reasons(plan(table_of(touching + one_out), bbox_pad=0.5, edge_policy="skip")) == ["", "edge"]


def test_a_crop_larger_than_the_frame_becomes_the_largest_square():
    crops = plan(table_of([[300, 50, 800, 550]]), bbox_pad=0.5, size=300)
    assert crops.side.tolist() == [600]
    assert crops.origin_xy.tolist() == [[250, 0]]  # still centred on x = 550
    assert crops.upscale[0] == pytest.approx(0.5)


def test_shifted_crops_are_always_inside():
    rng = np.random.default_rng(1)
    corner, sides = rng.uniform(-50, 1000, (2000, 2)), rng.uniform(1, 900, (2000, 2))
    table = table_of(np.hstack([corner, corner + sides]), yaw=rng.uniform(-90, 90, 2000))
    for pad in (0.0, 0.34, 2.0):
        crops = plan(table, bbox_pad=pad, yaw_shift=True, anchor_offset_y=0.5)
        assert (crops.origin_xy >= 0).all()
        assert (crops.origin_xy + crops.side[:, None] <= [1000, 600]).all()
        assert (crops.side >= 1).all()


# Box A is 100 px at x 400 to 500. Its crop with pad 0.5 covers x 350 to 550, with 0.1 x 390 to 510.
ALONE = [400, 250, 500, 350]


@pytest.mark.parametrize(
    ("other", "mode", "expected"),
    [
        ([520, 250, 620, 350], "reject", "other_face"),  # 30 % of the other box is inside
        ([535, 250, 635, 350], "reject", ""),  # 15 %
        ([520, 250, 620, 350], "off", ""),
        ([520, 290, 540, 310], "reject", ""),  # 20 px high: below a quarter of 100
        ([520, 250, 620, 350], "shrink", ""),  # after shrinking nothing is inside
        ([460, 250, 560, 350], "shrink", "other_face"),  # still 50 %
    ],
)
def test_another_face_in_the_crop(other, mode, expected):
    table = table_of([ALONE, other], sample=[3, 3])
    crops = plan(table, bbox_pad=0.5, solo_mode=mode, solo_shrink_pad=0.1)
    assert reasons(crops)[0] == expected


def test_shrinking_touches_only_crowded_crops_and_never_grows_one():
    table = table_of([ALONE, [520, 250, 620, 350], ALONE], sample=[3, 3, 4])
    assert plan(table, bbox_pad=0.5, solo_mode="shrink", solo_shrink_pad=0.1).side.tolist() == [120, 120, 200]
    assert plan(table, bbox_pad=0.5, solo_mode="shrink", solo_shrink_pad=2.0).side.tolist() == [200, 200, 200]


def test_a_face_of_another_sample_is_no_neighbour():
    assert reasons(plan(table_of([ALONE, [460, 250, 560, 350]], sample=[3, 4]), solo_mode="reject")) == ["", ""]


def test_the_edges_reason_comes_before_the_other_faces():
    table = table_of([[10, 250, 110, 350], [60, 250, 160, 350]], sample=[1, 1])
    assert reasons(plan(table, bbox_pad=0.5, edge_policy="skip", solo_mode="reject")) == ["edge", "other_face"]


@pytest.mark.parametrize("groups", [[], [1], [1, 1, 1, 2, 3, 3], [5, 1, 5, 2, 1, 5]])
def test_pairs_are_all_of_one_group_and_each_once(groups):
    groups = np.array(groups, np.int64)
    found = [frozenset(p) for left, right in pairs_within(groups) for p in zip(left.tolist(), right.tolist())]  # noqa: B905
    n = len(groups)
    wanted = {frozenset((i, j)) for i in range(n) for j in range(i) if groups[i] == groups[j]}
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_no_faces_at_all():
    crops = plan(table_of([]), solo_mode="shrink", edge_policy="pad", anchor="auto", yaw_shift=True)
    assert len(crops.side) == 0
    assert crops.origin_xy.shape == (0, 2)


@pytest.mark.parametrize(("origin", "expected"), [((30, 20), (197, 203)), ((-20, 20), (0, 3))])
def test_render_cuts_the_planned_square(origin, expected):
    image = np.zeros((60, 100, 3), np.uint8)
    image[20:40, 30:50] = 200
    settings = Settings().with_values({"size": 16, "edge_fill": "black"}).framing
    square = np.full((1, 2), 20.0)
    one = np.ones(1, np.float32)
    crops = CropPlan(
        np.array([origin], float), square, np.zeros(1), np.full((1, 2), 16), one, one, one, np.zeros(1, np.int8)
    )
    cut = render_crop(clips.frame_from_bgr(image), crops, 0, settings)
    assert cut.shape == (16, 16, 3)
    assert expected[0] <= cut.mean() <= expected[1]
