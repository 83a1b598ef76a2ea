"""One crop as files' bytes: the picture, and where asked for its mask and its transform."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from facecrop_core.crop import render_crop, render_mask
from facecrop_core.crop_plan import CropPlan
from facecrop_core.export import MASK_SUFFIX, SIDECAR_SUFFIX
from facecrop_core.geometry import apply_matrix
from facecrop_core.pixels import encode_image
from facecrop_core.records import FaceTable, Frame
from facecrop_core.settings import Settings


@dataclass(frozen=True)
class CropFiles:
    """``beside`` has bytes by what follows the crop's name without its ending."""

    image: bytes
    beside: dict[str, bytes]

    @property
    def size_bytes(self) -> int:
        return len(self.image) + sum(map(len, self.beside.values()))


def crop_files(frame: Frame, table: FaceTable, crops: CropPlan, row: int, settings: Settings) -> CropFiles:
    """Cut and encode the crop of one row from its frame, which is not released yet. Any thread may do that."""
    export, beside = settings.export, {}
    image = encode_image(render_crop(frame, crops, row, settings.framing), export.image_format, export.image_quality)
    if export.write_masks:
        mask = render_mask((table.video.width, table.video.height), crops, row)
        beside[MASK_SUFFIX] = encode_image(mask, "png")
    if export.write_sidecars:
        beside[SIDECAR_SUFFIX] = _sidecar(table, crops, row, settings).encode("utf-8")
    return CropFiles(image, beside)


def _sidecar(table: FaceTable, crops: CropPlan, row: int, settings: Settings) -> str:
    """The transform as JSON. Points are counted at pixels' centres, as OpenCV does; missing landmarks are null."""
    matrix, landmarks = crops.matrix(row), table["landmarks"][row]
    known = bool(np.isfinite(landmarks).all())
    content = {
        "face_id": str(table["face_id"][row]),
        "framing": settings.framing.framing,
        "matrix": matrix.round(6).tolist(),
        "source_size_wh": [table.video.width, table.video.height],
        "crop_size_wh": crops.size_wh[row].tolist(),
        "box_xyxy": table.boxes_xyxy[row].astype(float).round(2).tolist(),
        "landmarks_crop_xy": apply_matrix(matrix, landmarks).astype(float).round(2).tolist() if known else None,
        "pad_share": round(float(crops.pad_share[row]), 4),
        "upscale": round(float(crops.upscale[row]), 4),
    }
    return json.dumps(content) + "\n"
