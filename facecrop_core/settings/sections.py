"""The sections of the settings schema: every setting with its default, limits, unit and help.

``"auto"`` means the calibration of the model in use, ``None`` (spelt ``off``) means off, 0 is a number. Field names are
unique over all sections. A section says in ``SHAPES_SCAN`` whether its values can change what a scan stores.
"""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from facecrop_core.settings.controls import setting
from facecrop_core.settings.section import Auto, Section
from facecrop_core.settings.texts import parse_area


class EngineSettings(Section):
    TITLE = "Engine"
    SHAPES_SCAN = True

    engine: Literal["auto", "pack", "builtin"] = setting(
        "auto", "Engine", "auto takes the pack that is named or installed, else the built-in engine.", common=True
    )
    pack: str | None = setting(
        None,
        "Pack",
        "An InsightFace pack: a folder of ONNX models, or the name of an installed pack such as buffalo_l.",
    )


class SourceSettings(Section):
    TITLE = "Sources"

    extensions: str | None = setting(
        None, "Extensions", "Which files of a folder are taken, such as 'mp4;mkv'; off: all kinds that are known.",
        form="endings parted by ; or spaces",
    )  # fmt: skip
    min_resolution: int | None = setting(
        None, "Smallest video", "Videos whose shorter side is below this are skipped, with a word.",
        unit="px", ge=1, le=16384, step=1, off_values=(0,),
    )  # fmt: skip


class DetectionSettings(Section):
    TITLE = "Detection"
    SHAPES_SCAN = True

    det_size: int | Auto = setting(
        "auto", "Detection size",
        "Longest side of the picture that the detector sees, rounded up to a multiple of 32. auto: 640 joined with a "
        "128-pixel pass, so that close-ups are found. Larger finds smaller faces and takes longer.",
        unit="px", ge=64, le=4096, step=32,
    )  # fmt: skip
    det_thresh: float | Auto = setting(
        "auto", "Detection threshold", "Detection score from which a box counts as a face. Lower finds more, and more "
        "that are none.", ge=0, le=2, step=0.01,
    )  # fmt: skip
    det_min_size: float = setting(
        20.0, "Smallest face", "Faces whose shorter box side is below this many source pixels are not stored.",
        unit="px", ge=0, le=4096, step=1,
    )  # fmt: skip
    det_min_border: float | None = setting(
        None, "Distance to the border", "Faces whose box comes closer than this to the frame's border are not stored.",
        unit="px", ge=0, le=4096, step=1,
    )  # fmt: skip
    zoom_rescue: bool = setting(
        False, "Zoom rescue", "Looks again, in four enlarged parts, at frames over 1280 pixels in which no face was "
        "found. Finds small faces; a frame without faces takes five times as long.",
    )  # fmt: skip
    det_rotate: Literal["off", "sides", "all"] = setting(
        "off", "Turned faces", "sides also looks at the picture turned left and right, all upside down as well: for "
        "faces of people who lie or hang. Each pass takes as long as the first.",
    )  # fmt: skip
    reuse_unchanged: float | None = setting(
        None, "Reuse unchanged frames", "Frames that differ from the one before them by no more than this anywhere get "
        "its faces without being looked at. For slides and still pictures; 2 is hardly visible noise.",
        unit="grey levels", ge=0, le=64, step=0.5,
    )  # fmt: skip
    empty_stride: int | None = setting(
        None, "Stride in empty shots", "Within a shot, only every so many-th sample is looked at first; where eight "
        "samples show nobody, the others are taken for empty.", unit="samples", ge=2, le=8, step=1,
    )  # fmt: skip
    area: str | Auto | None = setting(
        None, "Area", "Faces are looked for only in this rectangle, in pixels of the upright frame; boxes and crops "
        "still belong to the whole frame. auto: black bars are found and left out.", form="x0,y0,x1,y1",
    )  # fmt: skip

    @field_validator("area")
    @classmethod
    def _is_area(cls, value: str | None) -> str | None:
        if value not in (None, "auto"):
            parse_area(str(value))
        return value


class ReferenceSettings(Section):
    TITLE = "References"

    ref_pad: float = setting(
        0.60, "Reference padding", "Border added around a reference photo before its face is looked for, as a share of "
        "its longer side.", ge=0, le=2, step=0.05,
    )  # fmt: skip
    ref_gamma: float = setting(
        1.35, "Reference gamma", "Brightens dark reference photos before detection; 1 leaves them alone.",
        ge=0.2, le=5, step=0.05,
    )  # fmt: skip
    ref_clahe: bool = setting(True, "Reference CLAHE", "Evens out the light of reference photos before detection.")
    ref_det_thresh: float | Auto = setting(
        "auto", "Reference threshold", "Detection score from which a box in a reference photo counts as a face.",
        ge=0, le=2, step=0.01,
    )  # fmt: skip


class MatchingSettings(Section):
    TITLE = "Matching"

    sim: float | Auto | None = setting(
        "auto", "Similarity", "Smallest similarity to a reference that counts as that person. auto: the model's own "
        "border. off: references are ignored.", ge=-1, le=1, step=0.01, off_values=(0, -1), common=True,
    )  # fmt: skip
    margin: float = setting(
        0.05, "Margin", "How much nearer the best person must be than the second best.", ge=0, le=1, step=0.01
    )
    grown_references: bool = setting(
        False, "Grown references", "Matches with the references that the pre-scan or the scan found, too. They are "
        "stored with the scan, so that this needs no new one.",
    )  # fmt: skip


class GateSettings(Section):
    TITLE = "Gates"

    max_per_frame: int | None = setting(
        None, "Most crops per frame", "At most this many crops of one person from one frame, the best first.",
        ge=1, le=1000, step=1,
    )  # fmt: skip
    min_crop_px: float = setting(
        0, "Smallest crop", "Crops with a shorter side than this in source pixels are left out.",
        unit="px", ge=0, le=8192, step=8,
    )  # fmt: skip
    max_upscale: float | None = setting(
        None, "Largest enlargement", "Crops enlarged more than this are left out.", ge=0.1, le=100, step=0.1
    )
    min_face_frac_crop: float = setting(
        0.0, "Smallest face share of the crop", "Face's longer side ÷ crop's side.", ge=0, le=1, step=0.01
    )
    min_bbox_frac: float = setting(
        0.0, "Smallest face share of the frame", "Area of the face box ÷ area of the frame.", ge=0, le=1, step=0.001
    )
    min_tenengrad: float = setting(
        0.0,
        "Sharpness (Tenengrad)",
        "Faces that are less sharp are left out.",
        ge=0,
        le=1_000_000,
        step=10,
        common=True,
    )
    dark_relax: float = setting(
        1.0, "Relax sharpness in the dark", "Dark faces (mean below 60) need only this share of the sharpness.",
        ge=0, le=1, step=0.05,
    )  # fmt: skip
    min_brightness: float = setting(
        0.0, "Smallest brightness", "Mean grey value of the face, 0 to 255.", ge=0, le=255, step=1
    )
    min_laplacian: float = setting(
        0.0, "Sharpness (Laplacian)", "Faces whose Laplacian's variance is lower do not count as visible. "
        "PersonCapture asks for 70 (its face_quality_min).", ge=0, le=1_000_000, step=5,
    )  # fmt: skip


class ExportSettings(Section):
    TITLE = "Export"

    layout: Literal["face-extract", "people", "imagefolder", "kohya", "webdataset", "csv", "videotofaces"] = setting(
        "face-extract", "Layout", "The folder's shape. face-extract: numbered crops, a folder each where there are "
        "several people; people: a folder per person always; imagefolder: that with a dataset card for Hugging Face; "
        "kohya: REPEATS_NAME folders with captions; webdataset: tar shards; csv: face-extract with faces.csv; "
        "videotofaces: faces/NAME/FFFFFF_I, frame and place in it.",
    )  # fmt: skip
    caption: str = setting(
        "photo of {person}", "Caption", "What kohya's layout writes beside each crop; {person} is the person's name.",
        form="a line of text",
    )  # fmt: skip
    repeats: int = setting(
        10, "Repeats", "How often a trainer shows each crop in an epoch; kohya's layout puts it before the names.",
        ge=1, le=10_000, step=1,
    )  # fmt: skip
    shard_samples: int = setting(
        1000, "Shard size", "How many crops WebDataset's layout puts into one tar file.",
        unit="crops", ge=1, le=1_000_000, step=100,
    )  # fmt: skip
    image_format: Literal["png", "jpeg", "webp", "avif"] = setting(
        "png", "Image format", "What the crops are written as.", common=True
    )
    image_quality: int = setting(95, "Image quality", "For JPEG, WebP and AVIF.", ge=1, le=100, step=1)
    only_new: bool = setting(
        False, "Only new", "Writes only crops of faces that the folder lacks, or holds in another framing or format."
    )
    write_masks: bool = setting(
        False,
        "Masks",
        "Writes NAME.mask.png beside each crop: white where the crop lies outside the frame and was filled.",
    )
    write_sidecars: bool = setting(
        False,
        "Sidecars",
        "Writes NAME.json beside each crop: the matrix from source to crop, the box and the landmarks.",
    )
    prefix: str | None = setting(
        None, "Prefix", "Where a project holds several videos, crops are named PREFIX, the video's number, _ and their "
        "own: vid01_000001.png.",
    )  # fmt: skip
    contact_sheet: bool = setting(True, "Contact sheet", "Writes one picture with all crops beside the dataset.")
    archive: bool = setting(False, "Archive", "Writes the whole folder as OUT.zip beside it, too, of any size.")
    max_total_bytes: int | None = setting(
        None, "Largest dataset", "Export stops, whole and tidy, before its crops would take more than this; "
        "1000000000 is 1 GB.", unit="bytes", ge=1, le=10**15, step=1_000_000, off_values=(0,),
    )  # fmt: skip


class LoggingSettings(Section):
    TITLE = "Logging"

    print_every: int = setting(
        1000, "Progress line every", "Without a terminal, a progress line every so many samples.",
        unit="samples", ge=1, le=10_000_000, step=1,
    )  # fmt: skip
    debug_every: int | None = setting(
        None, "Debug line every", "Writes details of every so many-th sample to the log.", unit="samples",
        ge=1, le=10_000_000, step=1, off_values=(0,),
    )  # fmt: skip
    log_dir: str | None = setting(
        None, "Statistics folder", "Where video/video_stats.csv is written; off: logs beside the output folder."
    )
