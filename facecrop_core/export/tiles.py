"""One picture of faces with words under each: people's covers, a person's faces, faces that are in doubt."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facecrop_core.export.contact_sheet import (
    BACKGROUND,
    BRIGHT,
    DIM,
    GAP_PX,
    LABEL_PX,
    MARGIN_PX,
    THUMB_PX,
    TITLE_PX,
)
from facecrop_core.files import write_whole, writing
from facecrop_core.pixels import resize_to
from facecrop_core.records import Image

LINE_PX, STRIPE_PX = 17, 4
LEAST_COLUMNS, MOST_COLUMNS = 4, 10


@dataclass(frozen=True)
class Tile:
    """One face. ``lines`` stand under it, the first bright; ``color`` is that of a stripe on its edge, or None."""

    jpeg: bytes
    lines: tuple[str, ...]
    color: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class TileGroup:
    """Faces under a heading; ``detail`` stands beside it, dim."""

    title: str
    detail: str
    tiles: Sequence[Tile]


def write_tiles(path: Path, title: str, detail: str, groups: Sequence[TileGroup], columns: int | None = None) -> None:
    """Write the picture as a JPEG file; without ``columns``, with as many as look well.

    Raises:
        OutputError, DiskFullError: it cannot be written.
    """
    data = draw_tiles(title, detail, groups, columns)
    with writing(path):
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)


def draw_tiles(title: str, detail: str, groups: Sequence[TileGroup], columns: int | None = None) -> bytes:
    """The picture as a JPEG file's bytes; without a face it says so."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    total = sum(len(group.tiles) for group in groups)
    columns = columns or _columns(groups)
    lines = max((len(tile.lines) for group in groups for tile in group.tiles), default=0)
    cell_width, cell_height = THUMB_PX + 2 * GAP_PX, THUMB_PX + 6 + lines * LINE_PX + 2 * GAP_PX
    heads = [LABEL_PX if group.title else 0 for group in groups]
    heights = [head + math.ceil(len(g.tiles) / columns) * cell_height for head, g in zip(heads, groups, strict=True)]
    width = 2 * MARGIN_PX + columns * cell_width - 2 * GAP_PX
    sheet = Pillow.new("RGB", (width, TITLE_PX + max(sum(heights), LABEL_PX) + MARGIN_PX), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    fonts = [ImageFont.load_default(size) for size in (24, 19, 15, 13)]
    _heading(draw, 38, title, detail, fonts[0], fonts[2], width)
    if not total:
        draw.text((MARGIN_PX, TITLE_PX + 24), "no faces", DIM, fonts[1], anchor="ls")
    top = TITLE_PX
    for group, head, height in zip(groups, heads, heights, strict=True):
        if head:
            _heading(draw, top + 30, group.title, group.detail, fonts[1], fonts[2], width)
        for place, tile in enumerate(group.tiles):
            x, y = MARGIN_PX + place % columns * cell_width, top + head + place // columns * cell_height
            sheet.paste(Pillow.fromarray(_picture(tile)), (x, y))
            for number, line in enumerate(tile.lines):
                color = BRIGHT if number == 0 else DIM
                text = _shortened(draw, line, fonts[3], cell_width - 4)
                draw.text((x, y + THUMB_PX + 4 + number * LINE_PX), text, color, fonts[3], anchor="la")
        top += height
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=90)
    return data.getvalue()


def _columns(groups: Sequence[TileGroup]) -> int:
    sizes = [len(group.tiles) for group in groups]
    wanted = max(sizes) if len(sizes) > 1 else math.ceil(math.sqrt(1.6 * sum(sizes)))
    return min(max(wanted, LEAST_COLUMNS), MOST_COLUMNS)


def _heading(draw: Any, base: int, title: str, detail: str, font: Any, small: Any, width: int) -> None:
    """A heading with its detail behind it, both cut to the sheet's width."""
    room = width - 2 * MARGIN_PX
    title = _shortened(draw, title, font, room)
    draw.text((MARGIN_PX, base), title, BRIGHT, font, anchor="ls")
    used = draw.textlength(title, font) + 12
    if used < room:
        draw.text((MARGIN_PX + used, base), _shortened(draw, detail, small, room - used), DIM, small, anchor="ls")


def _shortened(draw: Any, text: str, font: Any, width: float) -> str:
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "…", font) > width:
        text = text[:-1]
    return text + "…"


def _picture(tile: Tile) -> Image:
    """The face at the tile's size as RGB, whole, on the sheet's colour; an empty field where it cannot be read."""
    field = np.full((THUMB_PX, THUMB_PX, 3), 40, np.uint8)
    data = np.frombuffer(tile.jpeg, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is not None:
        scale = THUMB_PX / max(image.shape[:2])
        height, width = (max(round(side * scale), 1) for side in image.shape[:2])
        small = cv2.cvtColor(resize_to(np.asarray(image, np.uint8), width, height), cv2.COLOR_BGR2RGB)
        y, x = (THUMB_PX - height) // 2, (THUMB_PX - width) // 2
        field[y : y + height, x : x + width] = small
    if tile.color is not None:
        field[-STRIPE_PX:] = tile.color
    return field
