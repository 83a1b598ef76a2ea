"""Each face to the nearest reference, as video-to-faces does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facecrop_core.people.neighbours import BLOCK_CELLS
from facecrop_core.records import Calibration, FloatArray, IntArray, Reference
from facecrop_core.similarity import similarity_matrix

OTHER = "other"


@dataclass(frozen=True)
class Classification:
    """``names``: the classes in the references' order, and ``other`` at the end where there is a threshold.

    ``labels`` int64 [n]: positions in ``names``; −1 for faces without an embedding. ``distances`` float32
    [n, classes without other]: to the nearest reference of each; NaN without an embedding. ``threshold``: from this
    distance on a face is ``other``; None where there is no such class.
    """

    names: tuple[str, ...]
    labels: IntArray
    distances: FloatArray
    threshold: float | None

    def log_rows(self, file_names: Sequence[str]) -> list[list[str]]:
        """Head and rows of ``log_classification.csv``, one row per face of ``file_names`` [n]."""
        columns = [f"dist_{name}" for name in self.names[: self.distances.shape[1]]]
        extra = "" if self.threshold is None else f"(other_threshold={self.threshold:g})"
        rows = [["file_name", *columns, f"assigned_to_class{extra}"]]
        for name, label, distances in zip(file_names, self.labels, self.distances, strict=True):
            assigned = self.names[label] if label >= 0 else ""
            rows.append([name, *(f"{d:.4f}" for d in distances), assigned])
        return rows


def classify(
    embeddings: FloatArray,
    references: Sequence[Reference],
    calibration: Calibration,
    enc_oth_thr: float | str | None,
) -> Classification:
    """Give each face the class of its nearest reference.

    Distance is 1 − similarity in the model's metric: cosine distance for ``cosine``, Euclidean for ``euclidean``.

    Args:
        embeddings: float32 [n, d], may be a memory map; NaN rows for faces that were not embedded.
        references: at least one, made by the same model; the class is ``person``. Negatives are not asked.
        calibration: of that model.
        enc_oth_thr: from this distance to every reference on, a face is ``other``. ``auto``: where the model is not
            even unsure. None: there is no such class.

    Raises:
        ValueError: there is no reference.
    """
    references = [r for r in references if not r.negative]
    if not references:
        raise ValueError("classify needs at least one reference")
    names = tuple(dict.fromkeys(r.person for r in references))
    ordered = sorted(references, key=lambda r: names.index(r.person))
    vectors = np.stack([r.embedding for r in ordered]).astype(np.float32)
    starts = np.searchsorted([names.index(r.person) for r in ordered], np.arange(len(names)))
    distances = np.full((len(embeddings), len(names)), np.nan, np.float32)
    rows = max(BLOCK_CELLS // max(vectors.shape), 1)
    for start in range(0, len(embeddings), rows):
        alike = similarity_matrix(embeddings[start : start + rows], vectors, calibration.metric)
        distances[start : start + rows] = 1 - np.maximum.reduceat(alike, starts, axis=1)
    labels = np.where(np.isfinite(distances[:, 0]), distances.argmin(axis=1), -1).astype(np.int64)
    threshold = 1 - calibration.unsure if enc_oth_thr == "auto" else enc_oth_thr
    if threshold is None:
        return Classification(names, labels, distances, None)
    labels[distances.min(axis=1) >= float(threshold)] = len(names)
    return Classification((*names, OTHER), labels, distances, float(threshold))
