"""One picture with the crops of a dataset, to see at a glance what is in it."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facecrop_core.export.crops import read_crop
from facecrop_core.files import write_whole, writing
from facecrop_core.pixels import resize_to
from facecrop_core.records import Image

MOST_CROPS = 200
THUMB_PX, GAP_PX, MARGIN_PX = 128, 6, 28
TITLE_PX, LABEL_PX = 64, 46
COLUMNS = (6, 14)
BACKGROUND, BRIGHT, DIM = (24, 25, 28), (236, 237, 240), (150, 153, 160)


def sheet_path(out: Path) -> Path:
    """``OUT.contact_sheet.jpg`` beside the dataset's folder."""
    out = out.resolve()
    return out.parent / f"{out.name}.contact_sheet.jpg"


def write_contact_sheet(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the sheet of a dataset.

    Args:
        rows: of metadata.jsonl; ``file_name`` and ``person`` are used.

    Raises:
        OutputError: it cannot be written.
    """
    groups: dict[str, list[Path]] = {}
    for row in rows:
        groups.setdefault(row.get("person") or "", []).append(out / row["file_name"])
    if not groups:
        return
    image = draw_sheet(out.resolve().name, dict(sorted(groups.items(), key=lambda g: (not g[0], g[0].casefold()))))
    with writing(sheet_path(out)):
        write_whole(sheet_path(out), image)


def draw_sheet(title: str, groups: Mapping[str, Sequence[Path]]) -> bytes:
    """The sheet as a JPEG file's bytes: a grid of at most 200 crops, evenly chosen, under each person's name."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    shown = {name: evenly(files, share) for (name, files), share in zip(groups.items(), shares(groups), strict=True)}
    labelled = len(groups) > 1 or "" not in groups
    columns = min(max(math.ceil(math.sqrt(1.4 * sum(map(len, shown.values())))), COLUMNS[0]), COLUMNS[1])
    for name, files in shown.items():
        if columns < len(files) < len(groups[name]):  # chosen anyway, so choose full rows
            shown[name] = evenly(groups[name], len(files) // columns * columns)
    cell = THUMB_PX + GAP_PX
    heights = [(LABEL_PX if labelled else 0) + math.ceil(len(files) / columns) * cell for files in shown.values()]
    width = 2 * MARGIN_PX + columns * cell - GAP_PX
    sheet = Pillow.new("RGB", (width, TITLE_PX + sum(heights) + MARGIN_PX), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    title_font, label_font, small_font = (ImageFont.load_default(size) for size in (24, 19, 15))
    total = sum(map(len, groups.values()))
    draw.text((MARGIN_PX, 38), title, BRIGHT, title_font, anchor="ls")
    draw.text((width - MARGIN_PX, 38), _count(total), DIM, small_font, anchor="rs")
    top = TITLE_PX
    for (name, files), height in zip(shown.items(), heights, strict=True):
        grid_top = top
        if labelled:
            base = top + 30
            draw.text((MARGIN_PX, base), name or "unknown", BRIGHT, label_font, anchor="ls")
            after = MARGIN_PX + draw.textlength(name or "unknown", label_font) + 12
            draw.text((after, base), _count(len(groups[name]), len(files)), DIM, small_font, anchor="ls")
            grid_top += LABEL_PX
        for place, file in enumerate(files):
            x, y = MARGIN_PX + place % columns * cell, grid_top + place // columns * cell
            sheet.paste(Pillow.fromarray(_thumb(file)), (x, y))
        top += height
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=88)
    return data.getvalue()


def shares(groups: Mapping[str, Sequence[Any]]) -> list[int]:
    """How many crops of each group are shown: all of the small groups, and equally many of the others."""
    left, shares = MOST_CROPS, dict.fromkeys(groups, 0)
    by_size = sorted(groups, key=lambda name: len(groups[name]))
    for place, name in enumerate(by_size):
        shares[name] = min(len(groups[name]), left // (len(by_size) - place))
        left -= shares[name]
    return list(shares.values())


def evenly(files: Sequence[Path], count: int) -> list[Path]:
    """``count`` of them at equal distances, with the first and the last."""
    return [files[int(i)] for i in np.linspace(0, len(files) - 1, count).round()]


def _count(total: int, shown: int | None = None) -> str:
    crops = f"{total:,} crop{'' if total == 1 else 's'}"
    return crops if shown is None or shown == total else f"{crops}, {shown} shown"


def _thumb(file: Path) -> Image:
    """A crop at the sheet's size as RGB; an empty field where it cannot be read."""
    data = np.frombuffer(read_crop(file) or b"", np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        return np.full((THUMB_PX, THUMB_PX, 3), 40, np.uint8)
    return np.asarray(cv2.cvtColor(resize_to(np.asarray(image, np.uint8), THUMB_PX, THUMB_PX), cv2.COLOR_BGR2RGB))
