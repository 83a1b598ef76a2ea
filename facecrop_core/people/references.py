"""Reference photos → reference faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from facecrop_core.errors import ReferencesError
from facecrop_core.geometry import box_sides
from facecrop_core.names import utf8
from facecrop_core.people.photos import HINT, load_photo
from facecrop_core.pixels import encode_image, resize_to
from facecrop_core.records import Embedder, Engine, Faces, FloatArray, Image, Reference
from facecrop_core.settings.sections import ReferenceSettings

DOMINANT = 3.0
"""A photo with several faces is still of one person where the largest is this many times the second's area."""
CHIP_PAD = 0.4
CHIP_SIDE_PX = 256
REASONS_SHOWN = 5


def read_references(
    photos: Sequence[tuple[str, Path]],
    engine: Engine,
    settings: ReferenceSettings,
    before_each: Callable[[], None] = lambda: None,
) -> tuple[list[Reference], list[str]]:
    """Find and embed the face of each reference photo.

    Returns the references and warnings that name each photo that was skipped, and why. ``before_each`` is called
    before each photo; what it raises ends the reading.

    Raises:
        ReferencesError: not one photo gave a usable face.
    """
    references: list[Reference] = []
    warnings: list[str] = []
    photos = [(utf8(person), path) for person, path in photos]
    for person, path in photos:
        before_each()
        try:
            references.append(read_reference(person, path, engine, settings))
        except ReferencesError as error:
            warnings.append(error.message)
            continue
        if references[-1].note:
            warnings.append(f"{path}: {references[-1].note}.")
    if not references:
        more = f" … and {len(warnings) - REASONS_SHOWN} more" if len(warnings) > REASONS_SHOWN else ""
        raise ReferencesError(f"No reference photo is usable. {' '.join(warnings[:REASONS_SHOWN])}{more}", HINT)
    found = {reference.person for reference in references}
    for person in dict.fromkeys(person for person, _ in photos):
        if person not in found:
            warnings.append(f"No photo of '{person}' is usable, so that nobody is matched with this name.")
    return references, warnings


def read_reference(person: str, path: Path, engine: Engine, settings: ReferenceSettings) -> Reference:
    """The one face of a reference photo.

    The prepared picture serves to find the face. Its embedding is made from the photo's own pixels, which are more like
    a film's: on two test films, true pairs then scored 0.02 and 0.05 more on average than with prepared pixels.

    Raises:
        ReferencesError: the photo is unreadable, or has no face, or several of which none is clearly the largest.
    """
    photo = load_photo(path)
    threshold = engine.calibration.det_thresh if settings.ref_det_thresh == "auto" else float(settings.ref_det_thresh)
    faces = find_faces(photo, engine, threshold, settings)
    if not len(faces):
        raise ReferencesError(f"{path} shows no face that could be found, and is skipped.")
    areas = np.prod(box_sides(faces.boxes_xyxy), axis=1)
    largest = int(areas.argmax())
    note = ""
    if len(faces) > 1:
        if areas[largest] < DOMINANT * np.delete(areas, largest).max():
            raise ReferencesError(f"{path} shows {len(faces)} faces, none much larger than the others, and is skipped.")
        note = f"the largest of its {len(faces)} faces was taken"
    chip = cut_chip(photo, faces.landmarks_xy[largest], engine.embedder)
    return Reference(
        person=person,
        source=utf8(path),
        embedding=engine.embedder.embed(chip[None])[0],
        chip_jpeg=_portrait(photo, faces.boxes_xyxy[largest]),
        det_score=float(faces.scores[largest]),
        note=note,
    )


def find_faces(photo: Image, engine: Engine, threshold: float, settings: ReferenceSettings) -> Faces:
    """Faces of a photo, in its pixels: found in the prepared picture, or if that shows none in the photo itself."""
    faces = _detect(photo, engine, threshold, settings.ref_pad, settings)
    return faces if len(faces) else _detect(photo, engine, threshold, 0.0, None)


def _detect(
    photo: Image, engine: Engine, threshold: float, pad_share: float, prepare: ReferenceSettings | None
) -> Faces:
    """Detect on the photo with a border of ``pad_share`` × longer side, in which tight crops are found.

    Shrinks first and pads then, so that a large photo costs no more than a small one.
    """
    height, width = photo.shape[:2]
    pad = pad_share * max(width, height)
    canvas_width, canvas_height = engine.detector.canvas_size(round(width + 2 * pad), round(height + 2 * pad))
    scale_x, scale_y = canvas_width / (width + 2 * pad), canvas_height / (height + 2 * pad)
    inner_width, inner_height = max(round(width * scale_x), 1), max(round(height * scale_y), 1)
    left, top = (canvas_width - inner_width) // 2, (canvas_height - inner_height) // 2
    picture = resize_to(photo, inner_width, inner_height)
    if prepare is not None:
        picture = even_light(picture, prepare)
    right, bottom = canvas_width - inner_width - left, canvas_height - inner_height - top
    canvas = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_REPLICATE)
    faces = engine.detector.detect([np.asarray(canvas, np.uint8)], threshold)[0]
    shift = np.array([left, top], np.float32)
    inside = Faces(faces.boxes_xyxy - np.tile(shift, 2), faces.landmarks_xy - shift, faces.scores)
    return inside.scaled(width / inner_width, height / inner_height)


def even_light(picture: Image, settings: ReferenceSettings) -> Image:
    """Brighten by a gamma and even out the light (CLAHE on the lightness of CIELAB), as settings say."""
    if settings.ref_gamma != 1:
        curve = 255 * (np.arange(256) / 255) ** (1 / settings.ref_gamma)
        picture = np.asarray(cv2.LUT(picture, np.rint(curve).astype(np.uint8)), np.uint8)
    if settings.ref_clahe:
        lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)
        lab[..., 0] = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(lab[..., 0])
        picture = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), np.uint8)
    return picture


def cut_chip(photo: Image, landmarks_xy: FloatArray, embedder: Embedder) -> Image:
    """The aligned square that the embedder takes, from a photo; black beyond its edge, as in ``pixels.warp``."""
    size = (embedder.chip_size, embedder.chip_size)
    return np.asarray(cv2.warpAffine(photo, embedder.chip_matrix(landmarks_xy), size), np.uint8)


def _portrait(photo: Image, box_xyxy: FloatArray) -> bytes:
    """A JPEG of the face with some room around it, at most 256 px wide and high."""
    pad = CHIP_PAD * float((box_xyxy[2:] - box_xyxy[:2]).max())
    height, width = photo.shape[:2]
    x0, y0 = (max(int(v - pad), 0) for v in box_xyxy[:2])
    x1, y1 = min(int(box_xyxy[2] + pad) + 1, width), min(int(box_xyxy[3] + pad) + 1, height)
    crop = photo[y0:y1, x0:x1]
    scale = min(CHIP_SIDE_PX / max(crop.shape[:2]), 1)
    crop = resize_to(crop, max(round(crop.shape[1] * scale), 1), max(round(crop.shape[0] * scale), 1))
    return encode_image(crop, "jpeg", 92)
