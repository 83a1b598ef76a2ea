"""video_to_faces' tree: OUT/faces/NAME/FFFFFF_I.jpg: the frame's number and the face's place in that frame, from 0.

As with its classification, folders are called as people, and faces of nobody lie in ``other``; without people all lie
in ``faces``. Of several videos each has its number before that: ``vidKK_FFFFFF_I.jpg`` with the prefix ``vid``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facecrop_core.export.files import folder_names
from facecrop_core.export.layout import Layout
from facecrop_core.files import PART_SUFFIX, writing
from facecrop_core.settings.sections import ExportSettings

ROOT, OTHER = "faces", "other"
NAMED = re.compile(r"((?:.*_)?\d{6,}_\d+)\.\w+(?:\.\w+)*")


class VideoToFacesLayout(Layout):
    def __init__(self, out: Path, export: ExportSettings, persons: Sequence[str], videos: Sequence[str]) -> None:
        super().__init__(out, export, persons, videos)
        self._folders = {p: f"{ROOT}/{n}_" if n == OTHER else f"{ROOT}/{n}" for p, n in folder_names(persons).items()}
        self._taken: set[str] = set()
        with writing(out):
            for path in (out / ROOT).rglob("*"):
                if match := NAMED.fullmatch(path.name):
                    if path.name.endswith(PART_SUFFIX):
                        path.unlink()
                    else:
                        self._taken.add(match[1].casefold())

    def start_video(self, video_id: str) -> None:
        if len(self.videos) > 1:
            self.label = self.numbered_label(video_id)

    def name(self, row: Mapping[str, Any]) -> str:
        """Where frames cannot be counted, FFFFFF is the time in milliseconds."""
        folder = ROOT if not self._folders else f"{ROOT}/{OTHER}"
        if row["person"] is not None:
            folder = self._folders[row["person"]]
        with writing(self.out / folder):
            (self.out / folder).mkdir(parents=True, exist_ok=True)
        frame = round(1000 * row["time_seconds"]) if row["frame"] is None else int(row["frame"])
        start, number = f"{self.label}_{frame:06d}" if self.label else f"{frame:06d}", 0
        while f"{start}_{number}".casefold() in self._taken:
            number += 1
        return f"{folder}/{start}_{number}.{self.suffix}"

    def done(self, name: str) -> None:
        self._taken.add(Path(name).stem.casefold())
