"""A pack folder: which of its files detects and which embeds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facecrop_core.errors import ModelError
from facecrop_core.models.graph import Signature, read_signature

MANIFEST = "manifest.json"
_EXPECTED = (
    "A pack is a folder with two ONNX files: a detector such as det_10g.onnx (SCRFD with landmarks: nine outputs) and "
    "an embedder such as w600k_r50.onnx (one square input of 112 or 128 pixels, one output)."
)


@dataclass(frozen=True)
class PackFiles:
    """The two files of a pack that Facecrop uses."""

    detector: Path
    embedder: Path


def find_parts(folder: Path) -> PackFiles:
    """Tell a pack's files apart by their graphs, as InsightFace does; of two of a kind the first by name counts.

    Raises:
        ModelError: not a folder, a file is damaged, or a part is missing; says what a pack holds.
    """
    if not folder.is_dir():
        raise ModelError(f"There is no pack folder {folder}.", _EXPECTED)
    if (declared := _declared_parts(folder)) is not None:
        return declared
    parts: dict[str, Path] = {}
    for path in sorted(folder.glob("*.onnx")):
        parts.setdefault(kind_of(read_signature(path)), path)
    missing = [kind for kind in ("detector", "embedder") if kind not in parts]
    if missing:
        raise ModelError(f"The folder {folder} holds no {' and no '.join(missing)}.", _EXPECTED)
    return PackFiles(parts["detector"], parts["embedder"])


def kind_of(signature: Signature) -> str:
    """``detector``, ``embedder`` or ``other``, by the rules of InsightFace's model router."""
    shape = signature.inputs[0][1]
    if len(signature.outputs) >= 5:
        return "detector"
    side = shape[-1]
    square = len(shape) == 4 and shape[2] == side and isinstance(side, int)
    if square and isinstance(side, int) and side in (112, 128, 224, 256) and len(signature.inputs) == 1:
        return "embedder"
    return "other"


def _declared_parts(folder: Path) -> PackFiles | None:
    """What InsightFace's manifest of version 2 declares; None where there is none."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or document.get("manifest_version") != 2:
        return None
    tasks = document.get("tasks")
    if not isinstance(tasks, dict):
        raise ModelError(f"{folder / MANIFEST} declares no tasks.", _EXPECTED)
    return PackFiles(
        _declared_file(folder, tasks, "detection", {"mean": 127.5, "std": 128.0}),
        _declared_file(folder, tasks, "recognition", {"mean": 127.5, "std": 127.5}),
    )


def _declared_file(folder: Path, tasks: dict[str, Any], task: str, preprocessing: dict[str, float]) -> Path:
    declared = tasks.get(task)
    if not isinstance(declared, dict) or not isinstance(declared.get("file"), str):
        raise ModelError(f"{folder / MANIFEST} declares no {task} model.", _EXPECTED)
    if declared.get("preprocessing", preprocessing) != preprocessing:
        raise ModelError(
            f"The {task} model of {folder} wants pictures prepared in a way that Facecrop does not know "
            f"({declared['preprocessing']}).",
            "Use a pack such as buffalo_l.",
        )
    path: Path = (folder / declared["file"]).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise ModelError(f"{folder / MANIFEST} names {declared['file']}, which is not in the folder.", _EXPECTED)
    return path
