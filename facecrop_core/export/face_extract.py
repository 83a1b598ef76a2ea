"""face_extract's layout: OUT/000001.png for one person, OUT/NAME/000001.png for several, with a log beside OUT."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from facecrop_core.errors import FacecropError, OutputError
from facecrop_core.export.contact_sheet import sheet_path, write_contact_sheet
from facecrop_core.export.files import UNKNOWN, beside, folder_names
from facecrop_core.export.metadata import Metadata
from facecrop_core.export.statistics import VideoStatistics, statistics_path
from facecrop_core.files import PART_SUFFIX, take_lock, write_whole, writing
from facecrop_core.pixels import can_encode, encode_image
from facecrop_core.records import Image
from facecrop_core.settings import Settings
from facecrop_core.volumes import check_mounted

LOG = logging.getLogger(__name__)
LOCK_NAME = ".facecrop.lock"
NUMBERED = re.compile(
    r"(?:(?P<label>.*)_)?(?P<number>\d{6,})\.(?:png|jpe?g|webp|avif|mask\.png|json)(?:\.part)?",
    re.IGNORECASE | re.DOTALL,
)


class DatasetWriter:
    """Writes crops, numbered after what the folder holds already. One thread, one writer per folder.

    Every crop is whole or absent, also after a kill. ``close`` brings metadata.jsonl up to date and makes the contact
    sheet, ``OUT.contact_sheet.jpg`` beside the folder, where ``imagefolder`` does not take it for a crop.

    Args:
        out: the dataset's folder; made if missing.
        persons: everybody who may be written; more than one gives each a folder.
        videos: ids of the videos whose crops are written; more than one, and a prefix in the settings, make names such
            as ``vid01_000001.png``.

    Raises:
        OutputError: the folder or the log cannot be written, another run is writing there, or its volume is not
            mounted.
    """

    def __init__(self, out: Path, settings: Settings, persons: Sequence[str] = (), videos: Sequence[str] = ()) -> None:
        if not can_encode(settings.export.image_format):
            raise OutputError(
                f"This build of OpenCV cannot write {settings.export.image_format} files.",
                "Choose another --image-format, or install a newer opencv-python-headless.",
            )
        self.out = out
        self.written = self.bytes_written = 0
        self._export = settings.export
        self._closed = False
        self._folders = folder_names(persons) if len(set(persons)) > 1 else {}
        self._videos = list(videos) if settings.export.prefix is not None and len(videos) > 1 else []
        self._label = ""
        self._next: dict[tuple[str, str], int] = {}
        check_mounted(out)
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
        self._lock = take_lock(out / LOCK_NAME, lambda: _busy(out))
        if self._lock is None:
            LOG.warning("%s knows no locks: let only one run write there at a time.", out)
        try:
            self._metadata = Metadata(out)
            self._statistics = VideoStatistics(statistics_path(out, settings.logging.log_dir))
        except FacecropError:
            self._unlock()
            raise

    def start_video(self, video_id: str) -> None:
        """Say whose crops come next."""
        if self._videos:
            prefix = re.sub(r"[^\w.-]", "_", self._export.prefix or "").lstrip(".-")
            self._label = f"{prefix}{self._videos.index(video_id) + 1:02d}"

    def write(
        self,
        person: str | None,
        image: Image | bytes,
        row: Mapping[str, Any],
        others: Mapping[str, bytes] = MappingProxyType({}),
    ) -> str:
        """Save one crop and what is known of it; returns its path below ``out``.

        Args:
            image: BGR [size, size, 3], or the bytes of an image file in the format that the settings name.
            row: ``frame`` (or None), ``similarity`` (or None), ``orig_side``, ``up``, ``face_frac`` and ``video_id``,
                which the statistics list. All of it, with what else is given (the same keys for every crop), goes to
                metadata.jsonl as it is; NaN as null.
            others: the bytes of files beside the crop, by their suffixes in ``BESIDE_SUFFIXES``.

        Raises:
            DiskFullError: nothing of this crop is left behind; the ones before it are complete.
            OutputError: it cannot be written for another reason.
        """
        data = image if isinstance(image, bytes) else self.encode(image)
        name = self._next_name(person)
        path = self.out / name
        self._metadata.add(name, {"person": person, **row})
        try:
            for suffix, content in others.items():
                with writing(path):
                    write_whole(beside(path, suffix), content)
            with writing(path):
                write_whole(path, data)
            self._statistics.add(name, row)
        except OutputError:
            for suffix in others:
                beside(path, suffix).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise
        self._next[str(Path(name).parent), self._label] += 1
        self.written += 1
        self.bytes_written += len(data) + sum(map(len, others.values()))
        return name

    def encode(self, image: Image) -> bytes:
        """A crop as an image file's bytes; may be called from other threads."""
        return encode_image(image, self._export.image_format, self._export.image_quality)

    def _next_name(self, person: str | None) -> str:
        folder = "." if not self._folders else UNKNOWN if person is None else self._folders[person]
        series = folder, self._label
        if series not in self._next:
            with writing(self.out / folder):
                (self.out / folder).mkdir(exist_ok=True)
                self._next[series] = _first_free_number(self.out / folder, self._label)
        suffix = "jpg" if self._export.image_format == "jpeg" else self._export.image_format
        label = f"{self._label}_" if self._label else ""
        file = f"{label}{self._next[series]:06d}.{suffix}"
        return file if folder == "." else f"{folder}/{file}"

    def close(self, sheet: bool = True) -> dict[str, str]:
        """Finish, and name the files beside the crops: metadata, statistics, and the contact sheet where one is made.

        Closing a second time does nothing more. Raises OutputError or DiskFullError; it can be tried again then.
        """
        files = {"metadata": str(self._metadata.path), "statistics": str(self._statistics.path)}
        sheet = sheet and self._export.contact_sheet and self.written > 0
        if sheet:
            files["contact_sheet"] = str(sheet_path(self.out))
        if self._closed:
            return files
        self._statistics.close()
        self._metadata.close()
        if sheet:
            write_contact_sheet(self.out, self._metadata.rows())
        self._closed = True
        self._unlock()
        return files

    def _unlock(self) -> None:
        if self._lock is not None:
            with suppress(OSError):
                (self.out / LOCK_NAME).unlink()
            self._lock.release()
            self._lock = None

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close(sheet=kind is None)
        except OutputError as second:
            if kind is None:
                raise
            LOG.warning("%s", second.message)  # the error that ended the run says more
        finally:
            self._unlock()


def _first_free_number(folder: Path, label: str) -> int:
    """One more than the highest number in use after this label. Removes parts that a killed run left."""
    numbers = [0]
    for path in folder.iterdir():
        if match := NUMBERED.fullmatch(path.name):
            if path.name.endswith(PART_SUFFIX):
                path.unlink()
            elif (match["label"] or "").casefold() == label.casefold():
                numbers.append(int(match["number"]))
    return max(numbers) + 1


def _busy(out: Path) -> OutputError:
    return OutputError(f"Another run is writing to {out}.", "Wait until it is done, or choose another folder.")
