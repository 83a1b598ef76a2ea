"""Which faces are kept, and why the others are not."""

from facecrop_core.select.candidates import Candidates, concatenate
from facecrop_core.select.choosing import PITCH_BORDERS, YAW_BORDERS, choose, chooses, pose_cells, split_by_shot
from facecrop_core.select.rules import GATES, LABELS, reason_counts, select
from facecrop_core.select.twins import find_twins

__all__ = [
    "GATES",
    "LABELS",
    "PITCH_BORDERS",
    "YAW_BORDERS",
    "Candidates",
    "choose",
    "chooses",
    "concatenate",
    "find_twins",
    "pose_cells",
    "reason_counts",
    "select",
    "split_by_shot",
]
