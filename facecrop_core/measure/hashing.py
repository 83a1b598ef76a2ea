"""Hashes of 64 bits by which pictures of faces are compared: alike pictures differ in few bits."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import Image

HASHED_SIZE = 32
"""Side in pixels of the grey pictures that are hashed."""
_BITS = 8

Hashes = NDArray[np.uint64]


def read_face(jpeg: bytes, box_xyxy: tuple[float, float, float, float], side: int) -> Image | None:
    """The face in a JPEG thumbnail as a grey picture [HASHED_SIZE, HASHED_SIZE]; None where it cannot be decoded.

    It is decoded at half size, which is quicker and enough. ``box_xyxy`` is in pixels of the whole thumbnail, whose
    side is ``side``.
    """
    data = np.frombuffer(jpeg, np.uint8)
    grey = cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_2) if len(data) else None
    if grey is None:
        return None
    scale = grey.shape[0] / side
    x1, y1, x2, y2 = (round(value * scale) for value in box_xyxy)
    x1, y1 = min(max(x1, 0), grey.shape[1] - 1), min(max(y1, 0), grey.shape[0] - 1)
    inside = grey[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
    return np.asarray(cv2.resize(inside, (HASHED_SIZE, HASHED_SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def perceptual_hashes(greys: Image) -> Hashes:
    """pHash of pictures [n, HASHED_SIZE, HASHED_SIZE]: which of the 8 × 8 lowest DCT terms exceed their median.

    As ImageHash's ``phash``. A picture of one colour has 0.
    """
    basis = _dct_basis()
    terms = np.matmul(np.matmul(basis, greys.astype(np.float32)), basis.T).reshape(len(greys), _BITS * _BITS)
    bits = terms > np.median(terms, axis=1, keepdims=True)
    return _packed(bits, greys)


def average_hashes(greys: Image) -> Hashes:
    """Average hash of pictures [n, HASHED_SIZE, HASHED_SIZE]: which of 8 × 8 squares are lighter than their mean.

    As ImageHash's ``average_hash``. A picture of one colour has 0.
    """
    step = HASHED_SIZE // _BITS
    means = greys.reshape(len(greys), _BITS, step, _BITS, step).mean(axis=(2, 4), dtype=np.float32)
    means = means.reshape(len(greys), _BITS * _BITS)
    return _packed(means > means.mean(axis=1, keepdims=True), greys)


def _packed(bits: NDArray[np.bool_], greys: Image) -> Hashes:
    flat = greys.reshape(len(greys), -1)
    hashes = np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)
    hashes[flat.min(axis=1) == flat.max(axis=1)] = 0
    return np.asarray(hashes)


def _dct_basis() -> NDArray[np.float32]:
    """The first 8 rows of the DCT-II's matrix [8, HASHED_SIZE]."""
    angles = np.pi / HASHED_SIZE * np.outer(np.arange(_BITS), np.arange(HASHED_SIZE) + 0.5)
    return np.asarray(np.cos(angles), np.float32)
