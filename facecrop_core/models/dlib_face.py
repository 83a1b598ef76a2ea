"""What detector and embedder of the built-in engine share: dlib's files and its five-point face.

dlib's five points are four eye corners and the base of the nose. Facecrop's are the eyes' centres, the tip of the nose
and the corners of the mouth; ``NOSE_TIP`` leads from one nose to the other, both ways.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from facecrop_core.errors import ModelError
from facecrop_core.records import FloatArray

LANDMARKS_FILE = "shape_predictor_5_face_landmarks.dat"
EMBEDDER_FILE = "dlib_face_recognition_resnet_model_v1.dat"

MEAN_CORNERS = np.array([[0.1205750620789, 0.2137274526848], [0.3340850613712, 0.2290642403242],
                         [0.6460604764104, 0.2289674387677], [0.8595674595992, 0.2134981538014]])  # fmt: skip
"""The mean face's eye corners in a unit square, the subject's right eye first (dlib, get_face_chip_details)."""
MEAN_NOSE_BASE = np.array([0.4901123135679, 0.6277975316475])

NOSE_TIP = 0.76
"""The tip of the nose lies at this share of the way from the middle between the eyes to the nose's base (median over
26 photos on which SCRFD's landmarks give the tip)."""


def model_file(name: str) -> Path:
    """A file of the package ``face_recognition_models``, which is not imported (it needs setuptools).

    Raises:
        ModelError: the package or the file is missing.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise ModelError(
        f"The built-in engine's file {name} is missing.", "Install it: pip install face_recognition_models"
    )


def nose_tip(eyes_xy: FloatArray, base_xy: FloatArray) -> FloatArray:
    """The nose's tip from two eye centres [2, 2] and the nose's base [2]."""
    middle = eyes_xy.mean(axis=0)
    return np.asarray(middle + NOSE_TIP * (base_xy - middle), np.float32)


def nose_base(eyes_xy: FloatArray, tip_xy: FloatArray) -> FloatArray:
    """The nose's base from two eye centres [2, 2] and the nose's tip [2]."""
    middle = eyes_xy.mean(axis=0)
    return np.asarray(middle + (tip_xy - middle) / NOSE_TIP, np.float32)
