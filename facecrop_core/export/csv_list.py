"""face_extract's folders, and faces.csv: a row for each crop with all that is known of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facecrop_core.export.face_extract import FaceExtractLayout
from facecrop_core.export.statistics import guard
from facecrop_core.files import write_whole, writing

CSV_NAME = "faces.csv"
FIRST_COLUMNS = ("file_name", "person")
BOX_COLUMNS = ("x0", "y0", "x1", "y1")


class CsvLayout(FaceExtractLayout):
    @classmethod
    def describe(cls, out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        """Columns as in metadata.jsonl; ``box_xyxy`` in four. What is not measured stays empty."""
        names = dict.fromkeys([*FIRST_COLUMNS, *(name for row in rows for name in row)])
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow([column for name in names for column in (BOX_COLUMNS if name == "box_xyxy" else (name,))])
        for row in rows:
            cells: list[Any] = []
            for name in names:
                value = row.get(name)
                cells += (value or [None] * len(BOX_COLUMNS)) if name == "box_xyxy" else [value]
            table.writerow([guard(cell) if isinstance(cell, str) else cell for cell in cells])
        with writing(out / CSV_NAME):
            write_whole(out / CSV_NAME, text.getvalue().encode("utf-8"), durable=True)

    @classmethod
    def describe_again(cls, out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        path = out / CSV_NAME
        if path.is_file() and path.open(encoding="utf-8", errors="replace").readline().startswith("file_name,person,"):
            cls.describe(out, rows)
