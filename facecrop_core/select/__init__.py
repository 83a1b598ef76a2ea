"""Which faces are kept, and why the others are not."""

from facecrop_core.select.candidates import Candidates, concatenate
from facecrop_core.select.choosing import choose, chooses, split_by_shot
from facecrop_core.select.rules import GATES, LABELS, reason_counts, select
from facecrop_core.select.twins import find_twins

__all__ = [
    "GATES",
    "LABELS",
    "Candidates",
    "choose",
    "chooses",
    "concatenate",
    "find_twins",
    "reason_counts",
    "select",
    "split_by_shot",
]
