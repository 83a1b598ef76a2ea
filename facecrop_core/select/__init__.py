"""Which faces are kept, and why the others are not."""

from facecrop_core.select.rules import GATES, LABELS, reason_counts, select

__all__ = ["GATES", "LABELS", "reason_counts", "select"]
