"""``metadata.jsonl``: what is known of each crop, as Hugging Face's ``imagefolder`` reads it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facecrop_core.export.crops import is_crop_there
from facecrop_core.export.files import LineFile
from facecrop_core.files import write_whole, writing

METADATA_NAME = "metadata.jsonl"
PENDING_NAME = ".metadata.pending.jsonl"


class Metadata:
    """Collects lines beside ``metadata.jsonl`` and merges them into it at the end, or after a kill at the next start.

    A line is written before its crop appears; lines whose crop does not exist (killed in between, or deleted by hand)
    are left out when merging.
    """

    def __init__(self, out: Path) -> None:
        self.path, self._pending = out / METADATA_NAME, out / PENDING_NAME
        self.merge()
        self._lines: LineFile | None = None

    def add(self, file_name: str, values: Mapping[str, Any]) -> None:
        """Note one crop. NaN becomes null. Raises DiskFullError or OutputError."""
        if self._lines is None:
            self._lines = LineFile(self._pending)
        self._lines.append(json.dumps({"file_name": file_name, **plain(values)}, ensure_ascii=False) + "\n")

    def merge(self) -> None:
        """Bring pending lines into ``metadata.jsonl``, which is replaced as a whole."""
        if self._pending.exists():
            self.keep_present()

    def keep_present(self) -> None:
        """Bring pending lines in, and leave out those of crops that are not there any more."""
        lines = {**_by_file(self.path), **_by_file(self._pending)}
        if not lines:
            return
        with writing(self.path):
            present = [line for name, line in lines.items() if is_crop_there(self.path.parent / name)]
            write_whole(self.path, "".join(f"{line}\n" for line in present).encode("utf-8"), durable=True)
            self._pending.unlink(missing_ok=True)

    def rows(self) -> list[dict[str, Any]]:
        """What ``metadata.jsonl`` says of each crop."""
        return [json.loads(line) for line in _by_file(self.path).values()]

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        self.merge()


def _by_file(path: Path) -> dict[str, str]:
    """Lines by the file they speak of; what is not such a line (half of one, say) is left out."""
    lines = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("file_name"), str):
            lines[row["file_name"]] = line
    return lines


def plain(value: Any) -> Any:
    """NumPy's numbers as Python's, and NaN as None."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
