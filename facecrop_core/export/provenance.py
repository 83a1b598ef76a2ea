"""``provenance.json``: where every crop of a dataset came from, and how it was made. No embeddings.

Lines of the metadata that no run is noted for belong to the last run that was noted before, so that a run which was
killed is told of by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facecrop_core.errors import OutputError
from facecrop_core.files import write_whole, writing

PROVENANCE_NAME = "provenance.json"
PROVENANCE_VERSION = 1


class Provenance:
    """A dataset's runs, each with settings, models and videos, and its crops, each with the number of its run."""

    def __init__(self, out: Path) -> None:
        self.path = out / PROVENANCE_NAME
        content = read_provenance(self.path) if self.path.exists() else {"runs": [], "crops": []}
        self.runs: list[dict[str, Any]] = content["runs"]
        self.crops: list[dict[str, Any]] = content["crops"]

    def begin(self, run: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Note a run before it writes. Raises DiskFullError or OutputError."""
        self.follow(rows, {})
        self.runs.append(dict(run))
        self.save()

    def faces(self, transform: str) -> set[str]:
        """Ids of the faces that are there already, cut in that way."""
        ways = [run.get("transform") for run in self.runs]
        return {str(c["face_id"]) for c in self.crops if c["run"] is not None and ways[c["run"]] == transform}

    def follow(self, rows: Sequence[Mapping[str, Any]], sources: Mapping[str, str]) -> None:
        """Bring the crops in line with the metadata. ``sources``: ids of videos by crops' names, where known."""
        known = {(crop["file_name"], crop["face_id"]): crop for crop in self.crops}
        run = len(self.runs) - 1 if self.runs else None
        videos = {} if run is None else _unambiguous(self.runs[run].get("videos", []))
        self.crops = [
            known.get((row["file_name"], row.get("face_id")))
            or {
                "file_name": row["file_name"],
                "run": run,
                "face_id": row.get("face_id"),
                "video_id": sources.get(row["file_name"], videos.get(str(row.get("video")))),
                "time_seconds": row.get("time_seconds"),
                "box_xyxy": row.get("box_xyxy"),
            }
            for row in rows
        ]

    def save(self) -> None:
        head = json.dumps({"version": PROVENANCE_VERSION, "runs": self.runs}, ensure_ascii=False, indent=1)
        crops = ",\n".join("  " + json.dumps(crop, ensure_ascii=False) for crop in self.crops)
        text = head.removesuffix("\n}") + ',\n "crops": [' + (f"\n{crops}\n ]" if crops else "]") + "\n}\n"
        with writing(self.path):
            write_whole(self.path, text.encode("utf-8", "backslashreplace"), durable=True)  # JSON's escapes


def read_provenance(path: Path) -> dict[str, Any]:
    """What the file says: ``runs`` and ``crops``.

    Raises:
        OutputError: it cannot be read, is none, or a newer Facecrop wrote it.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read: {error}.", "Name the provenance.json of an export.") from error
    content = content if isinstance(content, dict) else {}
    sound = all(isinstance(content.get(key), list) for key in ("runs", "crops"))
    if not sound or content.get("version") != PROVENANCE_VERSION:
        raise OutputError(
            f"{path} is no provenance.json that this Facecrop can read.", "Update Facecrop, or delete the file."
        )
    return dict(content)


def keep_crops(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Leave out all crops but those of these lines of the metadata. Raises DiskFullError or OutputError."""
    if (out / PROVENANCE_NAME).exists():
        provenance, left = Provenance(out), {(row["file_name"], row.get("face_id")) for row in rows}
        provenance.crops = [crop for crop in provenance.crops if (crop["file_name"], crop["face_id"]) in left]
        provenance.save()


def _unambiguous(videos: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Ids by names, of those names that only one video has."""
    names = [video["video"] for video in videos]
    return {video["video"]: video["video_id"] for video in videos if names.count(video["video"]) == 1}
