"""One small rule per gate. A rule says which faces it leaves out; the first rule that does so gives the reason.

A measure that is NaN was not taken: its gate does not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.crop_plan import CropPlan
from facecrop_core.geometry import box_sides
from facecrop_core.records import REASONS, BoolArray, FaceTable, IntArray, Matches
from facecrop_core.settings.sections import GateSettings

Rule = Callable[[FaceTable, Matches, CropPlan, GateSettings], BoolArray | None]
DARK_BELOW = 60.0
"""Mean grey value below which a face counts as dark."""


def no_match(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray | None:
    return matches.person < 0 if matches.names else None


def _crop_reason(name: str) -> Rule:
    code = REASONS.index(name)

    def rule(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray:
        return np.asarray(crops.reasons == code)

    return rule


def min_crop_px(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray | None:
    return crops.side < settings.min_crop_px if settings.min_crop_px else None


def max_upscale(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray | None:
    return None if settings.max_upscale is None else crops.upscale > settings.max_upscale


def min_face_frac_crop(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray | None:
    return crops.face_share < settings.min_face_frac_crop if settings.min_face_frac_crop else None


def min_bbox_frac(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray | None:
    if not settings.min_bbox_frac:
        return None
    sides = box_sides(table.boxes_xyxy)
    return np.asarray(sides[:, 0] * sides[:, 1] < settings.min_bbox_frac * table.video.width * table.video.height)


def min_tenengrad(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray | None:
    if not settings.min_tenengrad or "tenengrad" not in table.columns:
        return None
    need: Any = settings.min_tenengrad
    if settings.dark_relax != 1 and "brightness" in table.columns:
        need = np.where(table["brightness"] < DARK_BELOW, need * settings.dark_relax, need)
    return np.asarray(table["tenengrad"] < need)


def min_brightness(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray | None:
    if not settings.min_brightness or "brightness" not in table.columns:
        return None
    return np.asarray(table["brightness"] < settings.min_brightness)


def min_laplacian(table: FaceTable, matches: Matches, crops: CropPlan, settings: GateSettings) -> BoolArray | None:
    if not settings.min_laplacian or "laplacian" not in table.columns:
        return None
    return np.asarray(table["laplacian"] < settings.min_laplacian)


GATES: dict[str, tuple[str, Rule]] = {
    "no_match": ("nobody you are looking for", no_match),
    "edge": ("crop leaves the frame", _crop_reason("edge")),
    "max_pad": ("too much padding needed", _crop_reason("max_pad")),
    "other_face": ("another face in the crop", _crop_reason("other_face")),
    "min_crop_px": ("crop too small", min_crop_px),
    "max_upscale": ("enlarged too much", max_upscale),
    "min_face_frac_crop": ("face too small in the crop", min_face_frac_crop),
    "min_bbox_frac": ("face too small in the frame", min_bbox_frac),
    "min_tenengrad": ("not sharp enough", min_tenengrad),
    "min_brightness": ("too dark", min_brightness),
    "min_laplacian": ("too blurred to count as visible", min_laplacian),
}
"""Label and rule by the reason's name, in order. ``max_per_frame`` comes after them, because it ranks what is left."""
LABELS: dict[str, str] = {name: label for name, (label, _) in GATES.items()} | {
    "max_per_frame": "enough faces from this frame",
    "size_limit": "the dataset reached its largest size",
    "not_a_face": "you said it is not a face",
    "rejected": "rejected by you",
    "inconsistent": "unlike the other faces of this person",
    "twin": "repeats a better face",
    "min_gap": "too soon before or after a better face",
    "only_best": "not the best face of its frame",
    "not_chosen": "not chosen for the set",
}


def select(
    table: FaceTable,
    matches: Matches,
    crops: CropPlan,
    settings: GateSettings,
    left_out: NDArray[np.int8] | None = None,
) -> NDArray[np.int8]:
    """Why each face is left out: positions in ``records.REASONS`` [n], 0 where it is kept.

    Every rule that is on looks at every face; the first one in ``GATES`` that a face fails gives its one reason.
    ``left_out`` holds the reasons [n] of those that the user left out: they come first, and take no place of a frame.
    """
    reasons = np.zeros(len(table), np.int8) if left_out is None else left_out.astype(np.int8)
    for name, (_, rule) in GATES.items():
        fails = rule(table, matches, crops, settings)
        if fails is not None:
            np.copyto(reasons, REASONS.index(name), where=fails & (reasons == 0))
    if settings.max_per_frame is not None:
        kept = np.flatnonzero(reasons == 0)
        reasons[kept[_beyond(table, matches, kept, settings.max_per_frame)]] = REASONS.index("max_per_frame")
    return reasons


def _beyond(table: FaceTable, matches: Matches, rows: IntArray, most: int) -> BoolArray:
    """Which of these rows are not among the ``most`` best of their person and sample.

    The best are the most similar; without references, those with the largest detection score × box area.
    """
    people = max(len(matches.names), 1)
    group = table["sample"][rows].astype(np.int64) * people
    if matches.names:
        group += matches.person[rows]
        worth = matches.similarity[rows]
    else:
        sides = box_sides(table.boxes_xyxy[rows])
        worth = table["det_score"][rows] * sides[:, 0] * sides[:, 1]
    order = np.lexsort((-worth, group))
    ordered = group[order]
    is_first = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.zeros(0, np.bool_)
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    beyond = np.zeros(len(rows), np.bool_)
    beyond[order[rank >= most]] = True
    return beyond


def reason_counts(reasons: NDArray[np.int8]) -> dict[str, int]:
    """How many faces each reason leaves out, in the order of ``REASONS``; without those that leave out none."""
    counts = np.bincount(reasons, minlength=len(REASONS))
    return {name: int(count) for name, count in zip(REASONS[1:], counts[1:], strict=True) if count}
