"""Turning a frame's planes into the pixels that embedding, measuring and cropping need, and encoding them."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from facecrop_core.geometry import apply_matrix, invert_matrix
from facecrop_core.records import ColorMatrix, FloatArray, Frame, Image

Fill = Literal["reflect", "replicate", "black"]
BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}
QUALITY_FLAGS = {
    "jpeg": cv2.IMWRITE_JPEG_QUALITY,
    "webp": cv2.IMWRITE_WEBP_QUALITY,
    "avif": cv2.IMWRITE_AVIF_QUALITY,
}
LUMA_WEIGHTS: dict[ColorMatrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
"""Weights of red and blue in the luma of each standard (ITU-R BT.601, BT.709, BT.2020)."""


def yuv_to_bgr_matrix(standard: ColorMatrix, full_range: bool) -> FloatArray:
    """The 3 × 4 matrix from (Y, U, V, 1) to (B, G, R), all 0 to 255."""
    red, blue = LUMA_WEIGHTS[standard]
    green = 1 - red - blue
    y_gain, c_gain, y_zero = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    u_to_blue, v_to_red = 2 * (1 - blue), 2 * (1 - red)
    linear = np.array(
        [
            [y_gain, c_gain * u_to_blue, 0],
            [y_gain, -c_gain * u_to_blue * blue / green, -c_gain * v_to_red * red / green],
            [y_gain, 0, c_gain * v_to_red],
        ]
    )
    shift = -linear @ np.array([y_zero, 128, 128])
    return np.hstack([linear, shift[:, None]]).astype(np.float32)


def region_bgr(frame: Frame, x0: int, y0: int, x1: int, y1: int) -> tuple[Image, int, int]:
    """Convert only a rectangle of the frame. Returns the image and the source position of its top left pixel.

    The rectangle is clipped to the frame and grown to even coordinates, which chroma needs, so that the image may be
    a pixel larger on each side than asked for.
    """
    x0, y0 = max(int(x0), 0) // 2 * 2, max(int(y0), 0) // 2 * 2
    x1, y1 = min(math.ceil(x1 / 2) * 2, frame.width), min(math.ceil(y1 / 2) * 2, frame.height)
    if x1 <= x0 or y1 <= y0:
        return np.zeros((0, 0, 3), np.uint8), x0, y0
    luma = frame.luma[y0:y1, x0:x1]
    chroma = np.s_[y0 // 2 : (y1 + 1) // 2, x0 // 2 : (x1 + 1) // 2]
    wide = ((x1 - x0 + 1) // 2 * 2, (y1 - y0 + 1) // 2 * 2)
    u, v = (
        cv2.resize(plane[chroma], wide, interpolation=cv2.INTER_LINEAR)[: y1 - y0, : x1 - x0]
        for plane in (frame.chroma_u, frame.chroma_v)
    )
    image = cv2.transform(cv2.merge([luma, u, v]), yuv_to_bgr_matrix(frame.color_matrix, frame.full_range))
    return np.asarray(image, np.uint8), x0, y0


def covered_region(matrix: FloatArray, size: int) -> tuple[int, int, int, int]:
    """The source rectangle (x0, y0, x1, y1) that a warp by a 2 × 3 matrix into a square of ``size`` reads."""
    corners = apply_matrix(invert_matrix(matrix), np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float32))
    low, high = np.floor(corners.min(axis=0)) - 2, np.ceil(corners.max(axis=0)) + 3
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def warp(image: Image, image_xy: tuple[int, int], matrix: FloatArray, size: int) -> Image:
    """The square [size, size] that a 2 × 3 matrix from source pixels cuts out, bilinear, black outside the image.

    ``image`` holds part of the source, its top left pixel at ``image_xy``.
    """
    if not image.size:
        return np.zeros((size, size, 3), np.uint8)
    shifted = matrix.astype(np.float64)
    shifted[:, 2] += shifted[:, :2] @ np.array(image_xy)
    return np.asarray(cv2.warpAffine(image, shifted, (size, size)), np.uint8)


def cut_rectangle(
    frame: Frame, origin_xy: tuple[int, int], extent_wh: tuple[int, int], size_wh: tuple[int, int], fill: Fill
) -> Image:
    """An upright rectangle of whole source pixels, scaled; what lies outside the frame is filled.

    Area averaging when it shrinks, Lanczos when it grows.
    """
    (x0, y0), (wide, high) = origin_xy, extent_wh
    image, left, top = region_bgr(frame, x0, y0, x0 + wide, y0 + high)
    if not image.size:
        return np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    inner_x0, inner_y0 = max(x0, 0), max(y0, 0)
    inner_x1, inner_y1 = min(x0 + wide, frame.width), min(y0 + high, frame.height)
    image = image[inner_y0 - top : inner_y1 - top, inner_x0 - left : inner_x1 - left]
    pads = (inner_y0 - y0, y0 + high - inner_y1, inner_x0 - x0, x0 + wide - inner_x1)
    if any(pads):
        border = BORDERS[fill]
        if fill == "reflect" and (max(pads[:2]) >= image.shape[0] or max(pads[2:]) >= image.shape[1]):
            border = cv2.BORDER_REPLICATE  # a reflection cannot be wider than what it mirrors
        image = np.asarray(cv2.copyMakeBorder(image, *pads, borderType=border), np.uint8)
    return resize_to(image, *size_wh)


def cut_turned(frame: Frame, matrix: NDArray[np.float64], size_wh: tuple[int, int], fill: Fill) -> Image:
    """What a 2 × 3 matrix from source pixels cuts out, in one warp; what lies outside the frame is filled.

    Bicubic, since a Lanczos warp takes four times as long. OpenCV's warps do not average: when it shrinks, the warp
    goes to so many times the size that no source pixel is left out, and that is averaged over whole blocks.
    """
    inverse = invert_matrix(matrix)
    corners = np.array([[x, y] for x in (-0.5, size_wh[0] - 0.5) for y in (-0.5, size_wh[1] - 0.5)], np.float32)
    low, high = np.array([f(apply_matrix(inverse, corners), axis=0) for f in (np.min, np.max)])
    frame_wh = np.array([frame.width, frame.height])
    low, high = np.minimum(low, 2 * frame_wh - high) - 6, np.maximum(high, -low) + 6  # with what a reflection shows
    image, left, top = region_bgr(frame, int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    if not image.size:
        return np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    times = max(math.ceil(np.sqrt(abs(np.linalg.det(inverse[:, :2]))) - 1e-3), 1)
    finer = np.asarray(matrix, np.float64) * times
    finer[:, 2] += finer[:, :2] @ np.array([left, top]) + (times - 1) / 2
    wide = (size_wh[0] * times, size_wh[1] * times)
    warped = cv2.warpAffine(image, finer, wide, flags=cv2.INTER_CUBIC, borderMode=BORDERS[fill])
    return resize_to(np.asarray(warped, np.uint8), *size_wh)


def padded_mask(frame_wh: tuple[int, int], matrix: NDArray[np.float64], size_wh: tuple[int, int]) -> Image:
    """[height, width], 255 where the middle of a crop's pixel lies outside the frame, else 0."""
    inverse = invert_matrix(matrix).astype(np.float64)
    x, y = np.arange(size_wh[0])[None, :], np.arange(size_wh[1])[:, None]
    source_x = inverse[0, 0] * x + (inverse[0, 1] * y + inverse[0, 2])
    source_y = inverse[1, 0] * x + (inverse[1, 1] * y + inverse[1, 2])
    outside = (np.minimum(source_x, source_y) < -0.501) | (source_x > frame_wh[0] - 0.499)
    return np.where(outside | (source_y > frame_wh[1] - 0.499), 255, 0).astype(np.uint8)


def resize_to(image: Image, width: int, height: int) -> Image:
    """Area averaging when it shrinks, Lanczos when it grows."""
    if image.shape[1] == width and image.shape[0] == height:
        return np.ascontiguousarray(image)
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)


def encode_image(image: Image, image_format: str, quality: int = 95) -> bytes:
    """A PNG, JPEG, WebP or AVIF file's bytes."""
    flag = QUALITY_FLAGS.get(image_format)
    suffix = ".jpg" if image_format == "jpeg" else f".{image_format}"
    ok, data = cv2.imencode(suffix, image, [] if flag is None else [flag, quality])
    if not ok:
        raise ValueError(f"OpenCV could not encode a {image.shape} image as {image_format}")
    return bytes(data.tobytes())


def can_encode(image_format: str) -> bool:
    """Whether this OpenCV writes such files; not every build has AVIF."""
    return bool(cv2.haveImageWriter(f"x.{image_format}"))
