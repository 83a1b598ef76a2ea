"""Which of the faces that pass the gates make a set: no twins, and as many as are asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

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


class ChoosingSettings(Section):
    TITLE = "Choosing"

    target: int | None = setting(
        None, "Balanced set", "So many faces of each person, spread over poses (7 yaw × 3 pitch cells), shots and "
        "light, of good quality and unlike each other.", unit="faces", ge=1, le=100_000, step=10,
    )  # fmt: skip
    top_n: int | None = setting(
        None, "Best of each person", "So many faces of each person, by quality × similarity. face_dataset_pipeline has "
        "10.", unit="faces", ge=1, le=100_000, step=1,
    )  # fmt: skip
    consecutive: int | None = setting(
        None, "Consecutive samples", "With the best of each person, or alone: also so many samples in a row of one "
        "track, where they are best. face_dataset_pipeline has 5.", unit="samples", ge=2, le=1000, step=1,
        off_values=(0,),
    )  # fmt: skip
    max_per_shot: int | None = setting(
        None, "Most of a shot", "At most so many faces of one person from one shot; consecutive samples do not count.",
        unit="faces", ge=1, le=100_000, step=1,
    )  # fmt: skip
    val_share: float | None = setting(
        None, "Validation share", "Shots with about this share of the faces are for validation: metadata.jsonl says "
        "train or validation of each crop. A shot is never in both.", ge=0.01, le=0.9, step=0.05, off_values=(0,),
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_way(self) -> ChoosingSettings:
        if self.target is not None and (self.top_n is not None or self.consecutive is not None):
            raise ValueError("target makes a balanced set; it does not go with top_n or consecutive.")
        return self
