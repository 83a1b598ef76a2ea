"""Hugging Face's imagefolder: a folder per person, metadata.jsonl with ``file_name``, and README.md, a dataset card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facecrop_core.export.people import PeopleLayout
from facecrop_core.export.provenance import PROVENANCE_NAME, Provenance
from facecrop_core.files import write_whole, writing

CARD_NAME = "README.md"
MARK = "<!-- Written by Facecrop; it is written again with every export and erasing. -->"
SOURCE_START = "- Source: "
"""How lines begin that name videos, whose names are the user's own."""
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


class ImageFolderLayout(PeopleLayout):
    MASKS = False

    @classmethod
    def describe(cls, out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the card; one that somebody else wrote stays."""
        path = out / CARD_NAME
        if path.exists() and not is_our_card(path):
            return
        with writing(path):
            write_whole(path, _card(out, rows).encode("utf-8"), durable=True)

    @classmethod
    def describe_again(cls, out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        if is_our_card(out / CARD_NAME):
            cls.describe(out, rows)


def is_our_card(path: Path) -> bool:
    return path.is_file() and MARK in path.read_text(encoding="utf-8", errors="replace")


def _card(out: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """Front matter in YAML, texts of which are quoted as JSON does, and what the crops are in words."""
    people = Counter(_one_line(row.get("person") or "nobody in particular") for row in rows)
    runs = Provenance(out).runs if (out / PROVENANCE_NAME).exists() else []
    models = {m["embedder_sha256"]: m for run in runs for m in run.get("models", [])}
    licences = [f"{m['name']}: {m.get('licence') or 'licence unknown'}" for m in models.values()]
    sources = {v["video_id"]: v["video"] for run in runs for v in run.get("videos", [])}
    size = next((word for limit, word in SIZES if len(rows) < limit), "10M<n<100M")
    head = [
        "---",
        "license: other",
        f"license_name: {json.dumps('rights in the videos, and licences of the models')}",
        f"size_categories: [{json.dumps(size)}]",
        f"tags: [{json.dumps('faces')}]",
        "---",
        MARK,
    ]
    body = [
        "# Faces cut from videos",
        "",
        f"{len(rows)} crops of {len(people)} {'person' if len(people) == 1 else 'people'}, made with Facecrop. "
        "`metadata.jsonl` says of each crop where it came from and what was measured.",
        "",
        *_section("People", [f"- {name}: {count}" for name, count in sorted(people.items())]),
        *_section("Sources", [f"{SOURCE_START}{_one_line(name)} ({video})" for video, name in sources.items()]),
        *_section("Licences of the models", [f"- {_one_line(text)}" for text in licences]),
        "The pictures belong to whoever has the rights in the videos; the people shown may have a say, too.",
    ]
    return "\n".join([*head, "", *body]) + "\n"


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""] if lines else []


def _one_line(text: str) -> str:
    return " ".join(str(text).split())
