"""``video_stats.csv``: face_extract's log, one row per saved crop."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facecrop_core.export.files import LineFile

COLUMNS = ("file", "frame_idx", "sim", "orig_side", "up", "face_frac", "video_id")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def statistics_path(out: Path, log_dir: str | None) -> Path:
    """``LOG_DIR/video/video_stats.csv``, or that in ``logs`` beside the output folder."""
    return (Path(log_dir) if log_dir else out.resolve().parent / "logs") / "video" / "video_stats.csv"


class VideoStatistics:
    """Appends to the CSV; writes the header where the file is new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = LineFile(path, ",".join(COLUMNS) + "\n")

    def add(self, file_name: str, row: Mapping[str, Any]) -> None:
        """One row; what was not measured stays empty. Raises DiskFullError or OutputError."""
        frame, similarity = row["frame"], row["similarity"]
        known = similarity is not None and math.isfinite(similarity)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(
            (
                guard(file_name),
                "" if frame is None else int(frame),
                f"{similarity:.4f}" if known else "",
                int(row["orig_side"]),
                f"{row['up']:.4f}",
                f"{row['face_frac']:.4f}",
                guard(str(row["video_id"])),
            )
        )
        self._lines.append(text.getvalue())

    def close(self) -> None:
        self._lines.close()


def guard(text: str) -> str:
    """Text that a spreadsheet would take for a formula, with an apostrophe before it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
