"""What every layout of an exported folder answers, and numbering, which most of them share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from facecrop_core.export.crops import save_crop, take_back_crop
from facecrop_core.files import PART_SUFFIX, writing
from facecrop_core.settings.sections import ExportSettings

NUMBERED = re.compile(
    r"(?:(?P<label>.*)_)?(?P<number>\d{6,})\.(?:(?:png|jpe?g|webp|avif|mask\.png|json)(?:\.part)?|txt\.part)",
    re.IGNORECASE | re.DOTALL,
)


class Layout:
    """The shape of an exported folder. One object per run, used by one thread.

    Args:
        out: the dataset's folder, which is there.
        persons: everybody who may be written.
        videos: ids of the videos whose crops are written.
    """

    MASKS: ClassVar[bool] = True
    """Whether masks may lie beside the crops; False where whoever reads the folder would take them for crops."""

    def __init__(self, out: Path, export: ExportSettings, persons: Sequence[str], videos: Sequence[str]) -> None:
        self.out, self.export = out, export
        self.suffix = "jpg" if export.image_format == "jpeg" else export.image_format
        self.videos = list(videos)
        self.label = ""

    def start_video(self, video_id: str) -> None:
        """Say whose crops come next."""
        if self.export.prefix is not None and len(self.videos) > 1:
            self.label = self.numbered_label(video_id)

    def numbered_label(self, video_id: str) -> str:
        """The prefix, made safe, with the video's number from 1."""
        prefix = re.sub(r"[^\w.-]", "_", self.export.prefix or "").lstrip(".-")
        return f"{prefix}{self.videos.index(video_id) + 1:02d}"

    def name(self, row: Mapping[str, Any]) -> str:
        """The path of the next crop below ``out``, free, with its folder made. ``row`` is its line of the metadata.

        Raises:
            OutputError: the folder cannot be made.
        """
        raise NotImplementedError

    def beside(self, row: Mapping[str, Any]) -> dict[str, bytes]:
        """More files beside the crop, by their suffixes in ``BESIDE_SUFFIXES``."""
        return {}

    def save(self, name: str, data: bytes, others: Mapping[str, bytes], row: Mapping[str, Any]) -> None:
        """Write a crop and what lies beside it. Raises DiskFullError or OutputError; nothing of it is left then."""
        save_crop(self.out / name, data, others)

    def take_back(self, name: str, others: Mapping[str, bytes]) -> None:
        """Remove what was saved last."""
        take_back_crop(self.out / name, others)

    def done(self, name: str) -> None:
        """The crop of that name is there for good."""

    def close(self) -> None:
        """Finish what is open. Raises DiskFullError or OutputError; it can be tried again."""

    @classmethod
    def describe(cls, out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the files that tell of all crops together, from the lines of the metadata."""

    @classmethod
    def describe_again(cls, out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        """``describe``, where the folder holds such files of ours."""


class NumberedLayout(Layout):
    """Crops with running numbers, counted on from what each folder holds already."""

    def __init__(self, out: Path, export: ExportSettings, persons: Sequence[str], videos: Sequence[str]) -> None:
        super().__init__(out, export, persons, videos)
        self._next: dict[tuple[str, str], int] = {}

    def folder(self, person: str | None) -> str:
        """The folder of somebody's crops below ``out``; ``.`` is ``out`` itself."""
        raise NotImplementedError

    def name(self, row: Mapping[str, Any]) -> str:
        folder = self.folder(row["person"])
        series = folder, self.label
        if series not in self._next:
            with writing(self.out / folder):
                (self.out / folder).mkdir(exist_ok=True)
                self._next[series] = first_free_number(self.out / folder, self.label)
        label = f"{self.label}_" if self.label else ""
        file = f"{label}{self._next[series]:06d}.{self.suffix}"
        return file if folder == "." else f"{folder}/{file}"

    def done(self, name: str) -> None:
        self._next[str(Path(name).parent), self.label] += 1


def first_free_number(folder: Path, label: str) -> int:
    """One more than the highest number in use after this label. Removes parts that a killed run left."""
    numbers = [0]
    for path in folder.iterdir():
        if match := NUMBERED.fullmatch(path.name):
            if path.name.endswith(PART_SUFFIX):
                path.unlink()
            elif (match["label"] or "").casefold() == label.casefold():
                numbers.append(int(match["number"]))
    return max(numbers) + 1
