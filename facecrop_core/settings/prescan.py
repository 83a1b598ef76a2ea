"""A coarse pass first, so that only the stretches with wanted people are looked at closely."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pydantic import model_validator

from facecrop_core.settings.controls import setting
from facecrop_core.settings.section import Auto, Section


class PrescanSettings(Section):
    TITLE = "Pre-scan"
    SHAPES_SCAN = True

    prescan: bool = setting(
        False, "Pre-scan", "Looks coarsely at the whole video first and scans only the spans in which people of the "
        "references may appear.", common=True,
    )  # fmt: skip
    prescan_stride: int = setting(
        24, "Pre-scan stride", "The pre-scan looks at every so many-th frame.", unit="frames", ge=1, le=10_000, step=1
    )
    prescan_max_width: int = setting(
        416, "Pre-scan width", "Widest picture that the pre-scan looks for faces in. Larger finds smaller faces.",
        unit="px", ge=64, le=4096, step=32,
    )  # fmt: skip
    prescan_face_conf: float | Auto = setting(
        "auto", "Pre-scan detection threshold", "Detection score from which a box counts as a face in the pre-scan. "
        "auto: the model's own border, which is 0.5 for InsightFace packs.", ge=0, le=2, step=0.01,
    )  # fmt: skip
    prescan_fd_enter: float | Auto = setting(
        "auto", "Enter distance", "A face as near as this to a reference opens a span. Distance is 1 − similarity. "
        "auto: where the model in use takes two faces for one person. PersonCapture has 0.45.", ge=0, le=2, step=0.01,
    )  # fmt: skip
    prescan_fd_add: float | Auto | None = setting(
        "auto", "Add distance", "A face as near as this may become a further reference; below the enter distance. "
        "auto: 0.44 of auto's enter distance, 0.22 for most packs. off: the bank of references does not grow.",
        ge=0, le=2, step=0.01,
    )  # fmt: skip
    prescan_fd_exit: float | Auto = setting(
        "auto", "Exit distance", "Where the nearest face is as far as this, the span ends; above the enter distance. "
        "auto: where the model is not even unsure. PersonCapture has 0.52.", ge=0, le=2, step=0.01,
    )  # fmt: skip
    prescan_pad_sec: float = setting(
        1.5, "Pre-scan padding", "Added before and after each span.", unit="s", ge=0, le=600, step=0.1
    )
    prescan_trim_pad: bool = setting(
        True, "Trim the padding", "Ends a span's padding where the pre-scan saw another shot with nobody wanted in it."
    )
    prescan_min_segment_sec: float = setting(
        1.0,
        "Shortest span",
        "Spans that are shorter with their padding are left out.",
        unit="s",
        ge=0,
        le=600,
        step=0.1,
    )
    prescan_bridge_gap_sec: float = setting(
        1.0, "Bridged gap", "Gaps between padded spans up to this length are looked at, too.",
        unit="s", ge=0, le=600, step=0.1,
    )  # fmt: skip
    prescan_add_cooldown_samples: int = setting(
        5, "Cooldown", "A person gets a further reference at most once in so many samples.",
        unit="samples", ge=1, le=100_000, step=1,
    )  # fmt: skip
    prescan_bank_max: int = setting(
        64, "Largest bank", "Most references of one person, yours and grown ones together; yours are always kept.",
        unit="references", ge=1, le=10_000, step=1,
    )  # fmt: skip
    prescan_bank_dedupe: float = setting(
        0.968, "Alike references", "A face whose cosine to one of its person's references is this or more adds nothing "
        "and is not taken.", ge=-1, le=1, step=0.001,
    )  # fmt: skip
    face_quality_min: float = setting(
        70.0, "Quality of references", "Least sharpness of a face that becomes a reference: the variance of the "
        "Laplacian of its inside at 128 × 128 pixels.", ge=0, le=1_000_000, step=5,
    )  # fmt: skip
    bank_growth: bool = setting(
        False, "Growth in the scan", "The scan's own faces may become further references, too, under the same gates."
    )

    @model_validator(mode="after")
    def _distances_in_order(self) -> PrescanSettings:
        names = ("prescan_fd_add", "prescan_fd_enter", "prescan_fd_exit")
        given = [(name, getattr(self, name)) for name in names if isinstance(getattr(self, name), int | float)]
        for (lower, low), (higher, high) in pairwise(given):
            if low >= high:
                raise ValueError(f"{lower} must be below {higher}; got {low:g} and {high:g}.")
        return self

    def shaping(self) -> dict[str, Any]:
        """Nothing without a pre-scan: growth in the scan changes none of its rows."""
        return self.model_dump(exclude={"bank_growth"}) if self.prescan else {}
