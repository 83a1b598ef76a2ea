"""Crops that are turned and scaled by the five landmarks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facecrop_core.crop.regions import Regions
from facecrop_core.geometry import ARCFACE_112, similarity_fits
from facecrop_core.records import FaceTable
from facecrop_core.settings.framing import FramingSettings

MEAN_FACE = np.array(
    [[0.225492, 0.215990], [0.754761, 0.215990], [0.490127, 0.515625], [0.254149, 0.780233], [0.726104, 0.780233]]
)
"""Eyes' centres, nose tip and mouth corners of dlib's mean face (``get_face_chip_details``, Boost licence), whose unit
square reaches from brow to lower lip and over the brows' width; DeepFaceLab's face types are paddings around it."""
PADDINGS: dict[str, tuple[float, float]] = {"face": (0.21, 0.0), "whole": (0.40, 0.07), "head": (0.70, 0.50)}
"""DeepFaceLab's padding of full face, whole face and head, and how far up the middle moves, in units of the mean face.
Half the diagonal is that of the unit × (1 + 2 √2 × padding)."""
BOX_LANDMARKS = np.array([[0.30, 0.40], [0.70, 0.40], [0.50, 0.58], [0.34, 0.77], [0.66, 0.77]])
"""Where a frontal upright face has the five points within its detection box; for faces without landmarks."""


def arcface_regions(table: FaceTable, settings: FramingSettings) -> Regions:
    """Squares in which the landmarks lie as in ArcFace's aligned 112-pixel chip, at any size."""
    return _fitted(table, (ARCFACE_112 + 0.5) / 112)


def faceset_regions(table: FaceTable, settings: FramingSettings) -> Regions:
    """DeepFaceLab's full face, whole face and head (``settings.framing``), by five instead of 68 points."""
    padding, up = PADDINGS[settings.framing]
    side = 1 + 2 * math.sqrt(2) * padding
    return _fitted(table, (MEAN_FACE - [0.5, 0.5 - up]) / side + 0.5)


def ffhq_regions(table: FaceTable, settings: FramingSettings) -> Regions:
    """FFHQ's squares (T. Karras et al., CVPR 2019; ``dataset_tool`` of CelebA-HQ), from five points.

    Half the side is max(2 × distance of the eyes, 1.8 × from eyes to mouth), the centre 0.1 × eyes to mouth below the
    eyes' middle; the crop is turned to the mean of the eyes' line and what is square to the line from eyes to mouth.
    """
    points = usable_landmarks(table)
    eyes, mouth = (points[:, 0] + points[:, 1]) / 2, (points[:, 3] + points[:, 4]) / 2
    across, down = points[:, 1] - points[:, 0], mouth - eyes
    axis = across + np.stack([down[:, 1], -down[:, 0]], axis=1)
    lengths = np.hypot(across[:, 0], across[:, 1]), np.hypot(down[:, 0], down[:, 1])
    side = 2 * np.maximum(2 * lengths[0], 1.8 * lengths[1])
    angle = np.arctan2(axis[:, 1], axis[:, 0])
    return Regions(eyes + 0.1 * down + 0.5, np.stack([side, side], axis=1), angle, aligned=True)


def usable_landmarks(table: FaceTable) -> NDArray[np.float64]:
    """The five points [n, 5, 2], at pixels' centres; from the box where they are missing or all one."""
    boxes = table.boxes_xyxy.astype(np.float64)
    guessed = boxes[:, None, :2] + BOX_LANDMARKS * (boxes[:, None, 2:] - boxes[:, None, :2]) - 0.5
    points = table["landmarks"].astype(np.float64)
    spread = np.ptp(points[:, :, 0], axis=1) + np.ptp(points[:, :, 1], axis=1) if len(points) else np.zeros(0)
    with np.errstate(invalid="ignore"):
        return np.where((spread > 1)[:, None, None], points, guessed)


def _fitted(table: FaceTable, template: NDArray[np.float64]) -> Regions:
    """Squares in which the landmarks lie nearest to a template, which is given as shares of the side."""
    points = usable_landmarks(table) + 0.5
    matrices = similarity_fits(points, template)
    a, b = matrices[:, 0, 0], matrices[:, 1, 0]
    scale = np.hypot(a, b)
    rest = 0.5 - matrices[:, :, 2]  # the crop's middle, from which the linear part is undone
    x, y = (a * rest[:, 0] + b * rest[:, 1]) / scale**2, (a * rest[:, 1] - b * rest[:, 0]) / scale**2
    side = 1 / scale
    return Regions(np.stack([x, y], axis=1), np.stack([side, side], axis=1), np.arctan2(-b, a), aligned=True)
