"""Crops by landmarks: where the points come to lie, what the warp does to fine patterns, and the frame's edges."""

import clips
import cv2
import numpy as np
import pytest
from framing_tables import face_at, in_crop, plan, reasons, table_of, turned_table

from facecrop_core.crop import render_crop, render_mask
from facecrop_core.crop.aligned import MEAN_FACE
from facecrop_core.geometry import ARCFACE_112, similarity_fit, similarity_fits
from facecrop_core.pixels import cut_turned, encode_image
from facecrop_core.settings import Settings

ALIGNED = ["arcface", "ffhq", "face", "whole", "head"]


@pytest.mark.parametrize("style", ALIGNED)
def test_eyes_are_level_and_in_the_middle_however_the_face_is_turned(style):
    table = turned_table()
    crops = plan(table, framing=style, edge_policy="pad", max_pad_frac=1.0, size=256)
    assert crops.size_wh.tolist() == [[256, 256]] * 4
    tilt = -0.317 if style == "arcface" else 0.0  # that template's own
    middles = []
    for row in range(4):
        right, left, _, *mouth = in_crop(crops, row, table["landmarks"][row])
        assert abs(np.degrees(np.arctan2(*(left - right)[::-1])) - tilt) < 0.1
        assert right[0] < left[0] and mouth[0][1] > right[1]
        middles.append((left + right) / 2)
    assert np.ptp(middles, axis=0).max() < 0.05  # the same place in each
    assert abs(middles[0][0] - 127.5) < 3


@pytest.mark.parametrize("size", [112, 128, 512])
def test_arcfaces_template_at_any_size(size):
    scale = 1.7
    points = (ARCFACE_112 - 56) * scale + [500, 300]
    crops = plan(table_of([[400, 200, 600, 400]], [points]), framing="arcface", size=size)
    wanted = (ARCFACE_112 + 0.5) * size / 112 - 0.5  # the same places, counted at pixels' centres
    assert np.abs(in_crop(crops, 0, points) - wanted).max() < 0.01
    assert crops.side[0] == pytest.approx(112 * scale, abs=0.01)
    assert crops.upscale[0] == pytest.approx(size / 112 / scale, rel=1e-4)


def test_at_112_pixels_the_crop_is_what_the_embedder_sees():
    points, box = face_at(scale=1.3, degrees=25)
    points[2] += [6, -3]  # no perfect fit
    crops = plan(table_of([box], [points]), framing="arcface", size=112)
    assert np.abs(crops.matrix(0) - similarity_fit(points, ARCFACE_112)).max() < 1e-3


def test_many_fits_are_each_its_own_fit():
    rng = np.random.default_rng(3)
    faces = rng.normal(0, 50, (20, 5, 2))
    for matrix, face in zip(similarity_fits(faces, ARCFACE_112), faces, strict=True):
        wanted, *_ = np.linalg.lstsq(_similarity_rows(face), ARCFACE_112.astype(float).ravel(), rcond=None)
        a, b, x, y = wanted
        assert np.abs(matrix - [[a, -b, x], [b, a, y]]).max() < 1e-6


def _similarity_rows(points):
    rows = [[[x, -y, 1, 0], [y, x, 0, 1]] for x, y in points]
    return np.array(rows).reshape(-1, 4)


def test_ffhqs_square_by_hand():
    # eyes 80 apart, mouth 84 below: half-side max(160, 151.2); centre 0.1 × 84 below the eyes' middle
    points, box = face_at(scale=2.0)
    crops = plan(table_of([box], [points]), framing="ffhq", size=512)
    assert crops.side[0] == pytest.approx(320, abs=1e-3)
    eyes, centre = points[:2].mean(axis=0), crops.origin_xy[0] + crops.extent_wh[0] / 2 - 0.5
    assert centre == pytest.approx(np.add(eyes, [0, 8.4]), abs=1e-3)


@pytest.mark.parametrize(("style", "padding", "up"), [("face", 0.21, 0), ("whole", 0.40, 0.07), ("head", 0.70, 0.5)])
def test_faceset_paddings_around_the_mean_face(style, padding, up):
    points = MEAN_FACE * 100 + [450, 250]
    crops = plan(table_of([[440, 230, 560, 380]], [points]), framing=style, size=512)
    assert crops.side[0] == pytest.approx(100 * (1 + 2 * 2**0.5 * padding), abs=1e-3)
    centre = crops.origin_xy[0] + crops.extent_wh[0] / 2 - 0.5
    assert centre == pytest.approx([500, 300 - 100 * up], abs=1e-2)


def test_without_landmarks_the_box_says_where_they_may_be():
    crops = plan(table_of([[400, 200, 500, 330], [400, 200, 500, 330]]), framing="ffhq")
    assert crops.angle.tolist() == [0, 0]
    assert 130 < crops.side[0] < 260
    assert len(plan(table_of([]), framing="arcface").side) == 0


def test_shift_moves_turned_crops_inside_where_they_fit():
    table = turned_table(scale=1.5, centre=(60, 590))
    moved, kept = (plan(table, framing="ffhq", edge_policy=policy) for policy in ("shift", "pad"))
    assert moved.pad_share.tolist() == [0] * 4 and reasons(moved) == [""] * 4
    assert np.allclose(moved.extent_wh, kept.extent_wh) and np.allclose(moved.angle, kept.angle)
    assert (kept.pad_share > 0.18).all() and reasons(kept) == ["max_pad"] * 4
    assert reasons(plan(table, framing="ffhq", edge_policy="skip")) == ["edge"] * 4
    for row in range(4):
        assert not render_mask((1000, 600), moved, row).any()
        assert render_mask((1000, 600), kept, row).any()


def test_a_turned_crop_larger_than_the_frame_keeps_its_size_and_covers_it():
    crops = plan(turned_table(scale=5.0, angles=(10,)), framing="ffhq", max_pad_frac=1.0)
    assert crops.side[0] == pytest.approx(800, abs=0.01)
    assert 0.1 < crops.pad_share[0] < 0.3


@pytest.mark.parametrize("side", [100, 260, 900])
def test_a_zone_plate_leaves_no_moire(side):
    """Rings that are finer than the crop's pixels become even grey, as with area averaging; coarse ones stay."""
    y, x = np.mgrid[-450:450, -450:450].astype(float)
    image = np.uint8(127.5 + 127.5 * np.cos((x * x + y * y) * np.pi / 1800))
    image = cv2.merge([image] * 3)
    turn, scale = np.deg2rad(15), 112 / side
    linear = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = np.hstack([linear, (55.5 - linear @ [449.5, 449.5])[:, None]])
    cut = cut_turned(clips.frame_from_bgr(image), matrix, (112, 112), "reflect")[..., 0].astype(float)
    radius = np.hypot(*(np.mgrid[:112, :112] - 55.5)) / scale
    period = 1800 / np.maximum(radius, 1)  # of the rings, in source pixels
    if side == 900:
        finer = (period < 0.9 / scale) & (radius < 420)
        assert finer.any() and cut[finer].std() < 26 and abs(cut[finer].mean() - 127.5) < 4
        naive = cv2.warpAffine(image, matrix, (112, 112))[..., 0].astype(float)
        assert naive[finer].std() > 60
    coarse = period > 6 / scale
    assert cut[coarse].std() > 60 and cut[coarse].min() < 45 and cut[coarse].max() > 210


def test_a_turned_cut_puts_pixels_where_the_matrix_says():
    image = np.zeros((400, 600, 3), np.uint8)
    cv2.circle(image, (300, 150), 6, (255, 255, 255), -1)
    frame = clips.frame_from_bgr(image)
    for scale in (0.3, 0.8, 1.0, 2.5):
        turn = np.deg2rad(-35)
        linear = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        matrix = np.hstack([linear, ([60, 50] - linear @ [300, 150])[:, None]])
        cut = cut_turned(frame, matrix, (128, 96), "black")[..., 0].astype(float)
        weights = np.where(cut > 30, cut, 0)
        y, x = (weights.sum(axis=1 - axis) @ np.arange(cut.shape[axis]) / weights.sum() for axis in (0, 1))
        assert (x, y) == pytest.approx((60, 50), abs=0.15), scale


@pytest.mark.parametrize("fill", ["reflect", "replicate", "black"])
def test_what_lies_outside_is_filled_and_masked(fill):
    table = turned_table(scale=2.0, angles=(20,), centre=(40, 300))
    values = {"framing": "ffhq", "edge_policy": "pad", "max_pad_frac": 1.0, "edge_fill": fill, "size": 128}
    crops = plan(table, **values)
    image = np.full((600, 1000, 3), 180, np.uint8)
    image[:, :3] = 90
    cut = render_crop(clips.frame_from_bgr(image), crops, 0, Settings().with_values(values).framing)
    mask = render_mask((1000, 600), crops, 0)
    assert set(np.unique(mask)) == {0, 255} and mask.shape == (128, 128)
    deep = cv2.erode(mask, np.ones((15, 15), np.uint8), borderValue=255) > 0
    expected = {"reflect": 180, "replicate": 90, "black": 0}[fill]
    assert np.abs(np.median(cut[deep]) - expected) < 6
    assert np.median(cut[mask == 0]) == pytest.approx(180, abs=6)


def test_upright_masks_are_exact():
    table = table_of([[10, 250, 110, 350]])
    values = {"anchor_offset_y": 0.0, "bbox_pad": 0.5, "edge_policy": "pad", "max_pad_frac": 1.0, "size": 100}
    mask = render_mask((1000, 600), plan(table, **values), 0)  # side 200 at (−40, 200): a fifth is outside
    assert (mask[:, :20] == 255).all() and not mask[:, 20:].any()
    assert encode_image(mask, "png").startswith(b"\x89PNG")
