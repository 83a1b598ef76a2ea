"""One picture of what was taken from each reference photo, and of what was refused and why."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from facecrop_core.export import Tile, TileGroup, write_tiles
from facecrop_core.people import Refused
from facecrop_core.records import Reference

TAKEN, NEGATIVE, REFUSED = (84, 170, 110), (222, 165, 60), (200, 84, 84)
LINE_CHARACTERS, MOST_LINES = 21, 5


def write_reference_sheet(path: Path, taken: Sequence[Reference], refused: Sequence[Refused]) -> None:
    """Draw a JPEG: under each person's name the faces that say who it is, who it is not, and the photos refused.

    Raises:
        OutputError, DiskFullError: it cannot be written.
    """
    people = dict.fromkeys([*(r.person for r in taken), *(r.person for r in refused)])
    groups = [_group(person, taken, refused) for person in people]
    write_tiles(path, "References", f"{len(taken)} taken, {len(refused)} refused", groups)


def _group(person: str, taken: Sequence[Reference], refused: Sequence[Refused]) -> TileGroup:
    mine, out = [r for r in taken if r.person == person], [r for r in refused if r.person == person]
    tiles = [_taken_tile(r) for r in sorted(mine, key=lambda r: r.negative)]
    tiles += [Tile(r.thumb_jpeg or b"", _lines(r.source, "refused: " + _without_path(r)), REFUSED) for r in out]
    negatives = sum(r.negative for r in mine)
    counts = {"taken": len(mine) - negatives, "not this person": negatives, "refused": len(out)}
    return TileGroup(person, ", ".join(f"{count} {what}" for what, count in counts.items() if count), tiles)


def _taken_tile(reference: Reference) -> Tile:
    words = "not this person, " if reference.negative else ""
    words += f"score {reference.det_score:.2f}, confidence {reference.confidence:.2f}"
    if reference.note:
        words += f"; {reference.note}"
    return Tile(reference.chip_jpeg, _lines(reference.source, words), NEGATIVE if reference.negative else TAKEN)


def _without_path(refused: Refused) -> str:
    """The reason without the folders that it names."""
    folder = str(Path(refused.source).parent)
    return refused.reason.replace(refused.source, "it").replace(f"{folder}/", "").removesuffix(", and is skipped.")


def _lines(source: str, words: str) -> tuple[str, ...]:
    """The file's name, and the words in lines that fit under a face."""
    return (Path(source).name, *textwrap.wrap(words, LINE_CHARACTERS, max_lines=MOST_LINES, placeholder=" …"))
