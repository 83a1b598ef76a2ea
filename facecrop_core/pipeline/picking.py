"""Only the best faces of each track are embedded while a video is scanned, where the settings ask for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people import face_quality
from facecrop_core.records import FaceTable, FloatArray
from facecrop_core.table import MEASURES, FaceRow, SampleRow
from facecrop_core.track import FacePicker

_MEASURED = tuple(column for wanted in MEASURES.values() for column in wanted)


class Picking:
    """Takes their chips from the faces that are not to be embedded. Rows have to come in the order of time.

    The choice follows from what is stored of faces, so that a scan that goes on makes the same one (``replay``).
    """

    def __init__(self, det_thresh: float) -> None:
        self._picker, self._det_thresh = FacePicker(), det_thresh

    def rows(self, rows: list[SampleRow]) -> list[SampleRow]:
        return [self._row(row) for row in rows]

    def replay(self, table: FaceTable, samples: Mapping[str, NDArray[Any]]) -> None:
        """Go through what was stored before, from the last sample on that showed no face.

        Args:
            samples: as ``read_samples`` gives them.
        """
        empty = np.flatnonzero(samples["faces"] == 0)
        for place in range(int(empty[-1]) + 1 if len(empty) else 0, len(samples["sample"])):
            number = samples["sample"][place]
            rows = slice(*np.searchsorted(table["sample"], [number, number + 1]))
            faces = {name: values[rows] for name, values in table.columns.items()}
            signature = samples["signature"][place].tobytes()
            boxes = np.stack([faces[name] for name in ("x1", "y1", "x2", "y2")], axis=1)
            self._picker.pick(float(samples["time_seconds"][place]), signature, boxes, self._quality(faces))

    def _row(self, row: SampleRow) -> SampleRow:
        boxes = np.array([face.box_xyxy for face in row.faces], np.float32).reshape(-1, 4)
        quality = self._quality(_columns(row.faces, boxes))
        chosen = self._picker.pick(row.time_seconds, row.signature, boxes, quality)
        if chosen.all():
            return row
        faces = zip(row.faces, chosen, strict=True)
        return replace(row, faces=[face if is_chosen else replace(face, chip=None) for face, is_chosen in faces])

    def _quality(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        return face_quality(columns, self._det_thresh)


def _columns(faces: list[FaceRow], boxes: FloatArray) -> dict[str, NDArray[Any]]:
    """The faces as columns of the types that are stored, so that both give the same quality."""
    columns = dict(zip(("x1", "y1", "x2", "y2"), boxes.T, strict=True))
    columns["det_score"] = np.array([face.det_score for face in faces], np.float32)
    columns |= {name: np.array([face.measures.get(name, np.nan) for face in faces], np.float32) for name in _MEASURED}
    return columns
