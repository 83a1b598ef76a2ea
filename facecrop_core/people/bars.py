"""Where means of faces are taken for one person."""

from __future__ import annotations

from dataclasses import dataclass

from facecrop_core.records import Calibration


@dataclass(frozen=True)
class ClusterBars:
    """Similarities from which means of faces are taken for one person. Means are more alike than single faces are."""

    found: float
    """Two tracks, or single faces, become one group."""
    merge: float
    """Two groups become one; below it a track is cut."""
    join: float
    """A single face or a poor one goes to a group that exists."""
    outlier: float
    """A good face less like its own track than this is not of it."""

    @staticmethod
    def of(calibration: Calibration) -> ClusterBars:
        """The bars of a model. Peers' figures for ArcFace packs, whose match is 0.50: found 0.55, merge 0.60."""
        match = calibration.match
        step = min(match - calibration.unsure, (1 - match) / 2)  # never beyond 1, however strict the model
        if calibration.metric == "cosine":
            return ClusterBars(match + step / 2, match + step, match, calibration.unsure)
        # dlib's strangers of one sex and age lie within its matching distance: groups need two thirds of that
        distance = 1 - match
        return ClusterBars(1 - 0.67 * distance, 1 - 0.67 * distance, 1 - 0.8 * distance, calibration.unsure)
