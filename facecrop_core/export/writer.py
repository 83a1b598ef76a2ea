"""Writing a dataset: crops in the layout that is asked for, and what is known of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from facecrop_core.errors import FacecropError, OutputError
from facecrop_core.export.archive import archive_path, check_archive, write_archive
from facecrop_core.export.contact_sheet import sheet_path, write_contact_sheet
from facecrop_core.export.layouts import LAYOUTS
from facecrop_core.export.metadata import Metadata
from facecrop_core.export.provenance import Provenance
from facecrop_core.export.statistics import VideoStatistics, statistics_path
from facecrop_core.files import take_lock, writing
from facecrop_core.pixels import can_encode, encode_image
from facecrop_core.records import Image
from facecrop_core.settings import Settings
from facecrop_core.settings.sections import ExportSettings
from facecrop_core.volumes import check_mounted

LOG = logging.getLogger(__name__)
LOCK_NAME = ".facecrop.lock"


class DatasetWriter:
    """Writes crops beside what the folder holds already. One thread, one writer per folder.

    Every crop is whole or absent, also after a kill. ``close`` brings metadata.jsonl and what the layout adds up to
    date and makes the contact sheet, ``OUT.contact_sheet.jpg`` beside the folder, where ``imagefolder`` does not take
    it for a crop.

    Args:
        out: the dataset's folder; made if missing.
        persons: everybody who may be written.
        videos: ids of the videos whose crops are written; more than one, and a prefix in the settings, make names such
            as ``vid01_000001.png``.
        run: what ``provenance.json`` says of this run; None writes none.

    Raises:
        OutputError: the folder or the log cannot be written, another run is writing there, or its volume is not
            mounted.
    """

    def __init__(
        self,
        out: Path,
        settings: Settings,
        persons: Sequence[str] = (),
        videos: Sequence[str] = (),
        run: Mapping[str, Any] | None = None,
    ) -> None:
        layout = LAYOUTS[settings.export.layout]
        _check(settings.export, layout.MASKS)
        self.out = out
        self.written = self.bytes_written = 0
        self._export = settings.export
        self._closed = False
        self._video_id: str | None = None
        self._sources: dict[str, str] = {}
        check_mounted(out)
        if settings.export.archive:
            check_archive(out)
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
        self._lock = take_lock(out / LOCK_NAME, lambda: _busy(out))
        if self._lock is None:
            LOG.warning("%s knows no locks: let only one run write there at a time.", out)
        try:
            self._layout = layout(out, settings.export, persons, videos)
            self._metadata = Metadata(out)
            self._statistics = VideoStatistics(statistics_path(out, settings.logging.log_dir))
            self._provenance = None if run is None else Provenance(out)
            if self._provenance is not None and run is not None:
                self._metadata.keep_present()  # what was deleted by hand is lacking
                self._provenance.begin(run, self._metadata.rows())
        except FacecropError:
            self._unlock()
            raise

    def faces(self, transform: str) -> set[str]:
        """Ids of the faces that the folder holds already, cut in that way, as far as provenance.json knows."""
        return self._provenance.faces(transform) if self._provenance is not None else set()

    def start_video(self, video_id: str) -> None:
        """Say whose crops come next."""
        self._video_id = video_id
        self._layout.start_video(video_id)

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
        known = {"person": person, **row}
        name = self._layout.name(known)
        others = {**others, **self._layout.beside(known)}
        self._metadata.add(name, known)
        self._layout.save(name, data, others, known)
        try:
            self._statistics.add(name, row)
        except OutputError:
            self._layout.take_back(name, others)
            raise
        self._layout.done(name)
        if self._video_id is not None and self._provenance is not None:
            self._sources[name] = self._video_id
        self.written += 1
        self.bytes_written += len(data) + sum(map(len, others.values()))
        return name

    def encode(self, image: Image) -> bytes:
        """A crop as an image file's bytes; may be called from other threads."""
        return encode_image(image, self._export.image_format, self._export.image_quality)

    def close(self, whole: bool = True) -> dict[str, str]:
        """Finish, and name the files beside the crops: metadata, statistics, and the contact sheet where one is made.

        ``whole``: the run came to its end; contact sheet and archive are made only then. Closing a second time does
        nothing more. Raises OutputError or DiskFullError; it can be tried again then.
        """
        files = {"metadata": str(self._metadata.path), "statistics": str(self._statistics.path)}
        if self._provenance is not None:
            files["provenance"] = str(self._provenance.path)
        sheet = whole and self._export.contact_sheet and self.written > 0
        if sheet:
            files["contact_sheet"] = str(sheet_path(self.out))
        archive = whole and self._export.archive
        if archive:
            files["archive"] = str(archive_path(self.out))
        if self._closed:
            return files
        self._layout.close()
        self._statistics.close()
        self._metadata.close()
        rows = self._metadata.rows()
        if self._provenance is not None:
            self._provenance.follow(rows, self._sources)
            self._provenance.save()
        self._layout.describe(self.out, rows)
        for layout in LAYOUTS.values():  # what earlier exports into this folder wrote
            if layout is not type(self._layout):
                layout.describe_again(self.out, rows)
        if sheet:
            write_contact_sheet(self.out, rows)
        if archive:
            write_archive(self.out)
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
            self.close(whole=kind is None)
        except OutputError as second:
            if kind is None:
                raise
            LOG.warning("%s", second.message)  # the error that ended the run says more
        finally:
            self._unlock()


def _check(export: ExportSettings, masks: bool) -> None:
    if not can_encode(export.image_format):
        raise OutputError(
            f"This build of OpenCV cannot write {export.image_format} files.",
            "Choose another --image-format, or install a newer opencv-python-headless.",
        )
    if export.write_masks and not masks:
        raise OutputError(
            f"Whoever reads the layout {export.layout} would take masks for crops.",
            "Leave --write-masks out, or choose another --layout.",
        )


def _busy(out: Path) -> OutputError:
    return OutputError(f"Another run is writing to {out}.", "Wait until it is done, or choose another folder.")
