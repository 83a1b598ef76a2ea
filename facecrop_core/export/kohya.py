"""Folders as kohya's sd-scripts reads them: OUT/REPEATS_NAME/000001.png, with 000001.txt, its caption, beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facecrop_core.export.files import CAPTION_SUFFIX
from facecrop_core.export.people import PeopleLayout

NOBODY = "person"
"""What a caption calls somebody whose name is not known."""


class KohyaLayout(PeopleLayout):
    MASKS = False

    def folder(self, person: str | None) -> str:
        return f"{self.export.repeats}_{super().folder(person)}"

    def beside(self, row: Mapping[str, Any]) -> dict[str, bytes]:
        person = NOBODY if row["person"] is None else " ".join(str(row["person"]).split())
        return {CAPTION_SUFFIX: (self.export.caption.replace("{person}", person) + "\n").encode("utf-8", "replace")}
