"""The section about where crops lie: styles of framing, edges, other faces."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from facecrop_core.settings.controls import setting
from facecrop_core.settings.section import Section
from facecrop_core.settings.texts import FOUR_NUMBERS, parse_factors, parse_ratios

Style = Literal["square", "arcface", "ffhq", "face", "whole", "head", "portrait", "ratio", "frame"]


class FramingSettings(Section):
    TITLE = "Framing"

    framing: Style = setting(
        "square", "Framing", "square: around the box, the eyes or the nose. arcface, ffhq: turned and scaled until the "
        "landmarks lie where those datasets have them. face, whole, head: turned, with more and more room, as in "
        "DeepFaceLab. portrait: the box enlarged by det_scale. ratio: the best of the shapes in ratio, with the upper "
        "body. frame: the whole frame.", common=True,
    )  # fmt: skip
    size: int = setting(
        512, "Crop size", "Side of the square that is written; the longer side of other shapes.",
        unit="px", ge=16, le=4096, step=8, common=True,
    )  # fmt: skip
    sizing: Literal["fixed", "native", "bucket"] = setting(
        "fixed", "Sizing", "fixed scales to the crop size. native keeps the source's pixels. bucket: the training "
        "bucket of the nearest shape, in steps of 64 px and of at most size × size pixels, as in kohya's scripts; what "
        "is too much is cut off evenly.",
    )  # fmt: skip
    anchor: Literal["auto", "bbox", "eyes", "nose"] = setting(
        "bbox", "Anchor", "What a square is centred on. auto: the eyes where the face is near frontal, else the box.",
        common=True,
    )  # fmt: skip
    anchor_offset_y: float = setting(
        0.10, "Vertical offset", "Moves a square down by this share of the face box's height.", ge=-2, le=2, step=0.01,
    )  # fmt: skip
    bbox_pad: float = setting(
        0.34,
        "Padding",
        "Room added on each side of a square, as a share of the box's longer side.",
        ge=0,
        le=3,
        step=0.01,
        common=True,
    )
    edge_policy: Literal["shift", "pad", "skip"] = setting(
        "shift",
        "At the frame's edge",
        "shift moves the crop inside, pad fills what lies outside, skip leaves the face out. A turned crop that is "
        "larger than the frame is filled with shift, too.",
    )
    edge_fill: Literal["reflect", "replicate", "black"] = setting(
        "reflect", "Edge fill", "What fills the part of a crop that lies outside the frame."
    )
    max_pad_frac: float = setting(
        0.18, "Largest padded share", "Crops that would need more padding than this share of their side are left out.",
        ge=0, le=1, step=0.01,
    )  # fmt: skip
    yaw_shift: bool = setting(False, "Yaw shift", "Moves a square towards where a turned head looks.")
    yaw_shift_frac: float = setting(
        0.12, "Yaw shift share", "Largest shift, as a share of the crop's side.", ge=0, le=1, step=0.01
    )
    yaw_shift_yawmax: float = setting(
        45.0, "Yaw for the largest shift", "Yaw at which the shift is largest.", unit="degrees", ge=1, le=90, step=1
    )
    solo_mode: Literal["off", "reject", "shrink"] = setting(
        "off",
        "Other faces in the crop",
        "reject leaves out crops that hold another face; shrink crops squares and portraits tighter first.",
    )
    solo_min_other_frac: float = setting(
        0.25, "What counts as another face", "Smallest height of the other face, as a share of this face's height.",
        ge=0, le=1, step=0.01,
    )  # fmt: skip
    solo_shrink_pad: float = setting(
        0.18, "Padding after shrinking", "The padding that shrink falls back to.", ge=0, le=3, step=0.01
    )
    det_scale: str = setting(
        "1.5 1.5 2.2 1.2", "Portrait factors", "How many times as far from the box's middle the left, right, upper and "
        "lower borders are; below 1 they come nearer.", form=FOUR_NUMBERS,
    )  # fmt: skip
    det_square: bool = setting(
        False, "Square portraits", "Then enlarges the shorter side, so that portraits are squares."
    )
    ratio: str = setting(
        "2:3,1:1,3:2", "Ratios", "Shapes to choose from, width to height. For each, the person's box (three faces wide "
        "and seven high) is expanded; the least area with the least penalty wins.", form="W:H,W:H,…",
    )  # fmt: skip
    crop_face_side_margin_frac: float = setting(
        0.30, "Side margin", "Room that a ratio's crop has to leave beside the face, as a share of its width.",
        ge=0, le=3, step=0.05,
    )  # fmt: skip
    crop_top_headroom_max_frac: float = setting(
        0.15, "Largest headroom", "Room above the face, as a share of the crop's height, from which on it costs.",
        ge=0, le=1, step=0.01,
    )  # fmt: skip
    crop_bottom_min_face_heights: float = setting(
        1.5, "Room below", "Room below the face, in face heights, below which it costs.", ge=0, le=10, step=0.1
    )
    crop_penalty_weight: float = setting(
        3.0, "Weight of penalties", "What bad placement costs, against the growth of the area.", ge=0, le=100, step=0.5
    )
    face_anchor_down_frac: float = setting(
        1.1, "Downward bias", "How far below the face's middle a ratio's crop is centred, in face heights.",
        ge=-3, le=5, step=0.1,
    )  # fmt: skip
    face_max_frac_in_crop: float = setting(
        0.42, "Largest face", "A ratio's crop is enlarged until the face takes no more than this share of its height.",
        ge=0.05, le=1, step=0.01,
    )  # fmt: skip
    face_min_frac_in_crop: float | None = setting(
        0.18, "Smallest face in the crop", "A ratio's crop is reduced until the face takes this share of its height.",
        ge=0.01, le=1, step=0.01, off_values=(0,),
    )  # fmt: skip
    crop_min_height_frac: float = setting(
        0.28, "Smallest height", "Least height of a ratio's crop, as a share of the frame's.", ge=0, le=1, step=0.01
    )

    @field_validator("det_scale")
    @classmethod
    def _is_factors(cls, value: str) -> str:
        parse_factors(value)
        return value

    @field_validator("ratio")
    @classmethod
    def _is_ratios(cls, value: str) -> str:
        parse_ratios(value)
        return value
