"""What an export says of itself in ``provenance.json``, and repeating an export from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facecrop_core import __version__
from facecrop_core.errors import OutputError, ProjectError
from facecrop_core.export import read_provenance
from facecrop_core.names import readable, utf8
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.settings import Settings

MODEL_KEYS = ("kind", "name", "licence", "detector_sha256", "embedder_sha256")


def describe_run(scans: Sequence[Scan], settings: Settings) -> dict[str, Any]:
    """One export, ready for JSON: version, settings that differ from the defaults, models, and the videos.

    ``transform`` is the same for two exports whose crops of one face are the same picture.
    """
    models: list[dict[str, Any]] = []
    videos = []
    for scan in scans:
        model = {key: scan.engine.get(key, "") for key in MODEL_KEYS}
        if model not in models:
            models.append(model)
        videos.append(
            {
                "video": utf8(scan.video.path.name),
                "video_id": scan.video.video_id,
                "scan": scan.folder.name,
                "scan_settings": _plain(scan.content.get("settings", {})),
                "model": models.index(model),
            }
        )
    return {
        "facecrop": __version__,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "layout": settings.export.layout,
        "transform": transform_key(settings),
        "settings": _plain(settings.changed()),
        "models": models,
        "videos": videos,
    }


def transform_key(settings: Settings) -> str:
    """Sixteen hex digits of all that shapes a crop's pixels and its file."""
    export = settings.export
    quality = None if export.image_format == "png" else export.image_quality
    text = json.dumps([settings.framing.model_dump(), export.image_format, quality], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def settings_to_repeat(path: Path, project: Project) -> tuple[dict[str, Any], list[str]]:
    """The settings of the last export that ``provenance.json`` knows, and in words what may come out otherwise.

    Raises:
        OutputError: the file cannot be read, or knows of no export. ProjectError: the project lacks a video.
    """
    runs = read_provenance(path)["runs"]
    if not runs:
        raise OutputError(f"{path} knows of no export.", "Name the provenance.json of an export.")
    wanted = {str(video["video_id"]): video for video in runs[-1]["videos"]}
    there = dict(project.scan_names())
    lacking = [readable(video["video"]) for video_id, video in wanted.items() if video_id not in there]
    if lacking:
        raise ProjectError(
            f"The project lacks videos that the export was made from: {', '.join(lacking)}.",
            "Scan them into the project first.",
        )
    words = []
    others = [video_id for video_id, video in wanted.items() if video["scan"] != there[video_id]]
    if others:
        words.append(f"{len(others)} of {len(wanted)} videos were scanned with other settings since.")
    if len(there) > len(wanted):
        words.append(f"The project holds {len(there) - len(wanted)} more videos, which are exported, too.")
    return dict(runs[-1]["settings"]), words


def _plain(values: Any) -> Any:
    """Values as text that UTF-8 can express: paths may hold odd bytes."""
    return {name: utf8(value) if isinstance(value, str) else value for name, value in values.items()}
