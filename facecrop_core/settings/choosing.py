"""Which of the faces that pass the gates make a set: no twins, and as many as are asked for."""

from __future__ import annotations

from typing import Literal

from facecrop_core.settings.controls import setting
from facecrop_core.settings.section import Section


class TwinSettings(Section):
    TITLE = "Twins"

    hash_thr: int | None = setting(
        None, "Twins by picture", "Faces of one person whose hashes differ in at most so many of 64 bits are twins; "
        "the best stays. 5 finds what hardly differs, 8 is video-to-faces' value.",
        unit="bits", ge=0, le=32, step=1, off_values=(-1,),
    )  # fmt: skip
    hash_kind: Literal["perceptual", "average"] = setting(
        "perceptual", "Hash", "perceptual: by the coarse waves of the face's picture (DCT). average: by its 8 × 8 "
        "brightness, as in video-to-faces.",
    )  # fmt: skip
    enc_dup_thr: float | None = setting(
        None, "Twins by embedding", "Faces of one person whose embeddings are nearer than this are twins. Distance is "
        "1 − similarity; video-to-faces has 0.25. Embeddings ignore expression and light.",
        ge=0, le=2, step=0.01, off_values=(-1,),
    )  # fmt: skip
    twins_need: Literal["either", "both"] = setting(
        "either", "Twins need", "Where both of these are on: either of them makes a twin, or it takes both."
    )
    twins_across: bool = setting(
        False, "Twins across shots", "Compares faces of all shots and videos, not only those of one shot."
    )
    only_best: bool = setting(
        False, "Only the best of a frame", "Of each frame only the best face is kept, whoever it shows."
    )
    min_gap_sec: float | None = setting(
        None, "Smallest gap", "Crops of one person lie at least so far apart; the best stay. PersonCapture has 1.5.",
        unit="s", ge=0, le=86400, step=0.1, off_values=(0,),
    )  # fmt: skip
    iou_gate: float | None = setting(
        None, "Gap where boxes overlap", "The gap holds only between boxes that overlap by more than this IoU; "
        "PersonCapture has 0.05. off: between all.", ge=0, le=1, step=0.01,
    )  # fmt: skip
