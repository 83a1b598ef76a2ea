"""face_extract's layout: OUT/000001.png for one person, OUT/NAME/000001.png for several, with a log beside OUT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facecrop_core.export.files import UNKNOWN, folder_names
from facecrop_core.export.layout import NumberedLayout
from facecrop_core.settings.sections import ExportSettings


class FaceExtractLayout(NumberedLayout):
    def __init__(self, out: Path, export: ExportSettings, persons: Sequence[str], videos: Sequence[str]) -> None:
        super().__init__(out, export, persons, videos)
        self._folders = folder_names(persons) if len(set(persons)) > 1 else {}

    def folder(self, person: str | None) -> str:
        return "." if not self._folders else UNKNOWN if person is None else self._folders[person]
