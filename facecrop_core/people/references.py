"""Reference photos → reference faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from facecrop_core.errors import ReferencesError
from facecrop_core.geometry import box_sides
from facecrop_core.names import utf8
from facecrop_core.people.hygiene import SMALL_FACE_PX, blur_confidence, outliers, twins
from facecrop_core.people.photos import HINT, load_photo
from facecrop_core.pixels import encode_image, resize_to
from facecrop_core.records import Calibration, Embedder, Engine, Faces, FloatArray, Image, Reference
from facecrop_core.settings.sections import ReferenceSettings

DOMINANT = 3.0
"""A photo with several faces is still of one person where the largest is this many times the second's area."""
CHIP_PAD = 0.4
CHIP_SIDE_PX = 256
REASONS_SHOWN = 5
NOT = "not "
"""What the name of a folder of negatives begins with: photos in "not ann" are of people who are not ann."""


@dataclass(frozen=True)
class Refused:
    """A photo that became no reference, and why. ``thumb_jpeg`` is its face, or all of it where none was found."""

    source: str
    person: str
    reason: str
    thumb_jpeg: bytes | None = None


@dataclass(frozen=True)
class ReferencesRead:
    """What was taken from photos, and what was not. Only the warnings' words outlive the run."""

    references: list[Reference]
    refused: list[Refused]
    warnings: list[str]


def read_references(
    photos: Sequence[tuple[str, Path]],
    engine: Engine,
    settings: ReferenceSettings,
    before_each: Callable[[], None] = lambda: None,
) -> ReferencesRead:
    """Find and embed the face of each reference photo.

    Photos of a person called ``not NAME`` are NAME's negatives, where there are photos of NAME, too. Photos that only
    repeat another one, and those that most likely show somebody else, are refused (see ``hygiene``). Warnings name
    each photo that was refused, and why. ``before_each`` is called before each photo; what it raises ends the reading.

    Raises:
        ReferencesError: not one photo gave a usable face.
    """
    found: list[Reference] = []
    refused: list[Refused] = []
    photos = [(utf8(person), path) for person, path in photos]
    people = {person for person, _ in photos}
    for name, path in photos:
        before_each()
        negative = name.startswith(NOT) and name.removeprefix(NOT) in people
        person = name.removeprefix(NOT) if negative else name
        try:
            found.append(replace(read_reference(person, path, engine, settings), negative=negative))
        except ReferencesError as error:
            refused.append(Refused(utf8(path), person, error.message, _thumb(path)))
    references, sorted_out = sort_out(found, engine.calibration)
    refused += sorted_out
    warnings = [r.reason for r in refused] + [f"{r.source}: {r.note}." for r in references if r.note]
    usable = {r.person for r in references if not r.negative}
    if not usable:
        reasons = [r.reason for r in refused]
        more = f" … and {len(reasons) - REASONS_SHOWN} more" if len(reasons) > REASONS_SHOWN else ""
        raise ReferencesError(f"No reference photo is usable. {' '.join(reasons[:REASONS_SHOWN])}{more}", HINT)
    for person in dict.fromkeys(person for person, _ in photos):
        if person not in usable and person.removeprefix(NOT) not in people - {person}:
            warnings.append(f"No photo of '{person}' is usable, so that nobody is matched with this name.")
    return ReferencesRead(references, refused, warnings)


def sort_out(references: Sequence[Reference], calibration: Calibration) -> tuple[list[Reference], list[Refused]]:
    """References without twins and outliers, and what was refused."""
    refused: dict[int, str] = {}
    for group in dict.fromkeys((r.person, r.negative) for r in references):
        rows = [i for i, r in enumerate(references) if (r.person, r.negative) == group]
        for row, first in zip(rows, twins(_stack(references, rows), calibration), strict=True):
            if first >= 0:
                refused[row] = f"shows the same as {references[rows[first]].source}, and is skipped"
        if group[1]:
            continue  # negatives are of all kinds of people
        rows = [row for row in rows if row not in refused]
        for row, out in zip(rows, outliers(_stack(references, rows), calibration), strict=True):
            if out:
                refused[row] = f"is unlike the other photos of '{group[0]}', and is skipped"
    kept = [r for i, r in enumerate(references) if i not in refused]
    out_of = [(references[i], why) for i, why in sorted(refused.items())]
    return kept, [Refused(r.source, r.person, f"{r.source} {why}.", r.chip_jpeg) for r, why in out_of]


def _stack(references: Sequence[Reference], rows: Sequence[int]) -> FloatArray:
    return np.stack([references[row].embedding for row in rows]).astype(np.float32)


def _thumb(path: Path) -> bytes | None:
    """The whole photo, small; None where it cannot be read."""
    try:
        photo = load_photo(path)
    except ReferencesError:
        return None
    return _small_jpeg(photo)


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
    notes = []
    if len(faces) > 1:
        if areas[largest] < DOMINANT * np.delete(areas, largest).max():
            raise ReferencesError(f"{path} shows {len(faces)} faces, none much larger than the others, and is skipped.")
        notes.append(f"the largest of its {len(faces)} faces was taken")
    side = float(box_sides(faces.boxes_xyxy)[largest].min())
    if side < SMALL_FACE_PX:
        notes.append(f"the face is only {side:.0f} pixels wide, and may not be told from others'")
    chip = cut_chip(photo, faces.landmarks_xy[largest], engine.embedder)
    return Reference(
        person=person,
        source=utf8(path),
        embedding=engine.embedder.embed(chip[None])[0],
        chip_jpeg=_portrait(photo, faces.boxes_xyxy[largest]),
        det_score=float(faces.scores[largest]),
        note="; ".join(notes),
        confidence=blur_confidence(chip),
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
    return _small_jpeg(photo[y0:y1, x0:x1])


def _small_jpeg(picture: Image) -> bytes:
    scale = min(CHIP_SIDE_PX / max(picture.shape[:2]), 1)
    width, height = max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1)
    return encode_image(resize_to(picture, width, height), "jpeg", 92)
