"""Calibrations that the user measured, by the SHA-256 of the embedder: ``calibrations.json`` where packs are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facecrop_core.errors import ModelError
from facecrop_core.files import write_whole, writing
from facecrop_core.models.store import models_folder
from facecrop_core.records import Calibration


def calibrations_path() -> Path:
    return models_folder() / "calibrations.json"


def with_measured(known: Calibration, embedder_sha256: str) -> Calibration:
    """``known``, with the borders that the user measured for this embedder.

    Raises:
        ModelError: the file is damaged.
    """
    entry = _read().get(embedder_sha256)
    return known if entry is None else replace(known, match=float(entry["match"]), unsure=float(entry["unsure"]))


def store_calibration(embedder_sha256: str, match: float, unsure: float, details: Mapping[str, Any]) -> Path:
    """Keep borders for an embedder, in place of those that were there. ``details`` say how they were measured.

    Raises:
        OutputError: the file cannot be written. ModelError: it is damaged.
    """
    from filelock import FileLock

    path = calibrations_path()
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(".calibrations.lock")):
            entries = _read() | {embedder_sha256: {"match": match, "unsure": unsure, **details}}
            write_whole(path, json.dumps(entries, indent=2).encode(), durable=True)
    return path


def _read() -> dict[str, dict[str, Any]]:
    path = calibrations_path()
    try:
        entries = json.loads(path.read_bytes())
        if all(-2 <= entry["unsure"] <= entry["match"] <= 1 for entry in entries.values()):
            return dict(entries)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ModelError(f"{path} is damaged.", "Delete it and run 'facecrop calibrate' again.")
