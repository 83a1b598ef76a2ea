"""A plain folder per person, also where there is but one: OUT/NAME/000001.png."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facecrop_core.export.files import UNKNOWN, folder_names
from facecrop_core.export.layout import NumberedLayout
from facecrop_core.settings.sections import ExportSettings


class PeopleLayout(NumberedLayout):
    def __init__(self, out: Path, export: ExportSettings, persons: Sequence[str], videos: Sequence[str]) -> None:
        super().__init__(out, export, persons, videos)
        self._folders = folder_names(persons)

    def folder(self, person: str | None) -> str:
        return UNKNOWN if person is None else self._folders[person]
