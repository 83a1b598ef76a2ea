"""Each gate on hand-made tables."""

from pathlib import Path

import numpy as np
import pytest

from facecrop_core.crop_plan import CropPlan
from facecrop_core.records import REASONS, FaceTable, Matches, Video
from facecrop_core.select import GATES, LABELS, reason_counts, select
from facecrop_core.settings import Settings

N = 4


def table(**columns):
    x1 = np.array([0, 0, 0, 0], np.float32)
    given = {
        "sample": np.array([0, 1, 2, 3], np.int64),
        "time_seconds": np.arange(N) / 8,
        "x1": x1,
        "y1": x1,
        "x2": x1 + 100,
        "y2": x1 + 50,
        "det_score": np.array([0.9, 0.8, 0.7, 0.6], np.float32),
        **{name: np.array(values) for name, values in columns.items()},
    }
    video = Video(Path("film.mp4"), "id", 1, 1000, 500, None, None, None, "h264", "yuv420p")
    return FaceTable(video, given, np.zeros((N, 0), np.float32))


def crops(side=(200,) * N, upscale=(1,) * N, face_share=(0.5,) * N, reasons=(0,) * N):
    extent = np.stack([np.array(side, np.float64)] * 2, axis=1)
    return CropPlan(
        np.zeros((N, 2)),
        extent,
        np.zeros(N),
        extent.astype(np.int64),
        np.zeros(N, np.float32),
        np.array(face_share, np.float32),
        np.array(upscale, np.float32),
        np.array(reasons, np.int8),
    )


def matches(person=(), similarity=(), names=()):
    person = np.array(person or [-1] * N, np.int64)
    scores = np.array(similarity or [np.nan] * N, np.float32)
    return Matches(tuple(names), person, person, scores, scores)


def why(table_, matches_=None, crops_=None, **values):
    codes = select(table_, matches_ or matches(), crops_ or crops(), Settings().with_values(values).gate)
    assert codes.dtype == np.int8
    return [REASONS[code] for code in codes]


def test_the_order_of_the_rules_is_the_order_of_the_reasons():
    assert ("", *LABELS) == REASONS
    assert list(GATES) == list(REASONS[1:-9])  # the others are not decided face by face


def test_by_default_everything_is_kept():
    assert why(table()) == [""] * N


def test_without_references_nobody_fails_to_match_and_with_them_strangers_do():
    assert why(table(), matches()) == [""] * N
    assert why(table(), matches([0, -1, 1, -1], names="ab")) == ["", "no_match", "", "no_match"]


def test_the_crops_own_reasons():
    codes = [REASONS.index(name) for name in ("edge", "max_pad", "other_face")]
    assert why(table(), crops_=crops(reasons=[0, *codes])) == ["", "edge", "max_pad", "other_face"]


@pytest.mark.parametrize(
    ("setting", "value", "measured"),
    [
        ("min_crop_px", 200, {"side": [199, 200, 201, 400]}),
        ("max_upscale", 1.5, {"upscale": [1.6, 1.5, 1.0, 0.5]}),
        ("min_face_frac_crop", 0.25, {"face_share": [0.2, 0.25, 0.3, 1.0]}),
    ],
)
def test_gates_on_crops_are_inclusive(setting, value, measured):
    assert why(table(), crops_=crops(**measured), **{setting: value}) == [setting, "", "", ""]


@pytest.mark.parametrize(
    ("setting", "value", "column", "measured"),
    [
        ("min_tenengrad", 50.0, "tenengrad", [49.9, 50, 51, np.nan]),
        ("min_brightness", 40.0, "brightness", [39.9, 40, 41, np.nan]),
        ("min_laplacian", 70.0, "laplacian", [69.9, 70, 71, np.nan]),
    ],
)
def test_gates_on_measures_leave_alone_what_was_not_measured(setting, value, column, measured):
    assert why(table(**{column: measured}), **{setting: value}) == [setting, "", "", ""]
    assert why(table(), **{setting: value}) == [""] * N


def test_face_share_of_the_frame_is_by_area():
    # 100 × 50 of 1000 × 500 is 0.01; the first face is half as wide
    faces = table(x2=np.array([50, 100, 100, 100], np.float32))
    assert why(faces, min_bbox_frac=0.01) == ["min_bbox_frac", "", "", ""]


def test_dark_faces_need_less_sharpness():
    faces = table(tenengrad=[60, 60, 40, 60], brightness=[59, 60, 59, np.nan])
    expected = ["", "min_tenengrad", "min_tenengrad", "min_tenengrad"]
    assert why(faces, min_tenengrad=100.0, dark_relax=0.5) == expected


def test_the_first_failing_rule_gives_the_reason():
    faces = table(tenengrad=[0.0] * N, brightness=[0.0] * N)
    who = matches([-1, 0, 0, 0], [0.1, 0.9, 0.9, 0.9], names="a")
    got = why(
        faces, who, crops(side=[1, 1, 200, 200]), min_crop_px=10, min_tenengrad=1.0, min_brightness=1.0, max_per_frame=1
    )
    assert got == ["no_match", "min_crop_px", "min_tenengrad", "min_tenengrad"]


def test_most_per_frame_without_references_prefers_large_and_sure_faces():
    faces = table(sample=[7, 7, 7, 8])
    assert why(faces, max_per_frame=1) == ["", "max_per_frame", "max_per_frame", ""]
    faces = table(sample=[7, 7, 7, 8], y2=np.array([50, 50, 90, 50], np.float32))
    assert why(faces, max_per_frame=1) == ["max_per_frame", "max_per_frame", "", ""]
    assert why(faces, max_per_frame=2) == ["", "max_per_frame", "", ""]


def test_most_per_frame_counts_each_person_and_prefers_the_most_similar():
    faces = table(sample=[7, 7, 7, 7])
    who = matches([0, 0, 1, 0], [0.5, 0.8, 0.6, 0.7], names="ab")
    assert why(faces, who, max_per_frame=1) == ["max_per_frame", "", "", "max_per_frame"]


def test_most_per_frame_counts_only_what_is_left():
    faces = table(sample=[7, 7, 7, 7], tenengrad=[0, 9, 9, 9])
    assert why(faces, max_per_frame=1, min_tenengrad=5.0) == ["min_tenengrad", "", "max_per_frame", "max_per_frame"]


def test_counts():
    codes = np.array([0, 1, 1, REASONS.index("min_crop_px")], np.int8)
    assert reason_counts(codes) == {"no_match": 2, "min_crop_px": 1}
    assert reason_counts(np.zeros(0, np.int8)) == {}
