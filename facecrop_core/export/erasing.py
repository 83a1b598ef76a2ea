"""Taking crops out of datasets that were written before."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from facecrop_core.export.archive import delete_archive, write_archive
from facecrop_core.export.contact_sheet import sheet_path, write_contact_sheet
from facecrop_core.export.crops import delete_crops
from facecrop_core.export.files import folder_names
from facecrop_core.export.layouts import LAYOUTS
from facecrop_core.export.metadata import Metadata
from facecrop_core.export.provenance import keep_crops
from facecrop_core.export.statistics import guard
from facecrop_core.files import PART_SUFFIX, write_whole, writing

UNFINISHED = re.compile(
    r"((.*_)?\d{6,}(_\d+)?(\.\w+)+|metadata\.jsonl|provenance\.json|faces\.csv|README\.md)\.part", re.DOTALL
)
"""What a killed run can leave in a dataset: it counts for nothing, but may show anybody."""


def erase_crops(out: Path, statistics: Path, names: Collection[str], face_ids: Collection[str]) -> int:
    """Delete a dataset's crops of these people or faces, with what its files say of them; returns how many.

    The contact sheet is made again without them. It may be done again after it was cut short; a folder that is gone is
    no error.

    Raises:
        OutputError, DiskFullError: something cannot be deleted or written.
    """
    people, faces = set(names), set(face_ids)
    archived = delete_archive(out)
    if not out.is_dir():
        _erase_statistics(statistics, [], people)
        return 0
    with writing(out):
        for path in [path for path in out.rglob(f"*{PART_SUFFIX}") if UNFINISHED.fullmatch(path.name)]:
            path.unlink(missing_ok=True)
    metadata = Metadata(out)
    rows = metadata.rows()
    gone = [row for row in rows if row.get("person") in people or row.get("face_id") in faces]
    with writing(out):
        delete_crops(out / row["file_name"] for row in gone)
        folders = {folder_names([name])[name] for name in people} | {str(Path(row["file_name"]).parent) for row in gone}
        for folder in sorted(folders - {"."}):
            _remove_if_empty(out / folder)
    _erase_statistics(statistics, gone, people)
    sheet = sheet_path(out)
    left = [row for row in rows if row not in gone]
    keep_crops(out, left)
    for layout in LAYOUTS.values():
        layout.describe_again(out, left)
    if gone and sheet.exists():
        if left:
            write_contact_sheet(out, left)
        else:
            with writing(sheet):
                sheet.unlink()
    metadata.keep_present()  # late: until then the rows say what is still to be done
    if archived and left:
        write_archive(out)
    return len(gone)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _erase_statistics(path: Path, gone: Sequence[dict[str, Any]], names: Collection[str]) -> None:
    """Leave out the lines of crops that are gone, and those in the folders of these people.

    The file is shared by the datasets beside each other, so that its line has to agree in the frame and video as well.
    """
    if not path.exists():
        return
    keys = {(guard(str(r["file_name"])), _text(r.get("frame")), guard(str(r.get("video_id", "")))) for r in gone}
    folders = {f"{folder_names([name])[name]}/" for name in names}
    kept = []
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True):
        cells = next(csv.reader(io.StringIO(line)), [])
        if cells and ((cells[0], *cells[1:2], cells[-1]) in keys or cells[0].startswith(tuple(folders))):
            continue
        kept.append(line)
    with writing(path):
        write_whole(path, "".join(kept).encode("utf-8", "surrogateescape"), durable=True)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
