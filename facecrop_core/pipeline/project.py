"""A project on disk: which videos it holds, which scan of each is in force, and who may write to it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from facecrop_core.errors import ProjectError, ProjectTooNewError, SettingsError
from facecrop_core.files import writing
from facecrop_core.pipeline.locking import locked
from facecrop_core.records import Coverage, Video
from facecrop_core.settings import CONTROLS, SECTIONS, Settings
from facecrop_core.table import ScanReader, ThumbPack, commit_json, read_json
from facecrop_core.video import video_from_json
from facecrop_core.volumes import check_no_empty_mount

PROJECT_VERSION = 1
STAGES_VERSION = 1
"""Raised whenever the code of a scan's stages changes what they store, so that old and new rows never mix."""

GROUPING_FILES = ("groupings.parquet", "logs/log_clustering.csv", "logs/log_classification.csv")
"""What grouping leaves beside the people, see ``grouping.py``."""


class Project:
    """One project folder. ``Project.create`` makes it where needed, ``Project.open`` expects it."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder, self._content = folder, content
        self._saving = threading.Lock()

    @classmethod
    def create(cls, folder: Path) -> Project:
        """Open the project, making the folder when it does not exist yet.

        Raises:
            ProjectError: the folder holds something else. OutputError: it cannot be written, or its volume is not
                mounted.
        """
        folder = folder.absolute()
        if (folder / "project.json").exists():
            return cls.open(folder)
        check_no_empty_mount(folder)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if any(not path.name.startswith((".lock", "logs", "project.json")) for path in folder.iterdir()):
                raise ProjectError(f"{folder} is not empty and is no project.", "Name another folder for the project.")
        project = cls(folder, {"version": PROJECT_VERSION, "settings": {}, "videos": {}})
        project.save()
        return project

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Open an existing project.

        Raises:
            ProjectError: there is none, or it is damaged. ProjectTooNewError: a newer Facecrop wrote it.
        """
        folder = folder.absolute()
        path = folder / "project.json"
        if not path.exists():
            check_no_empty_mount(folder)
            raise ProjectError(
                f"{folder} is no project: it holds no project.json.",
                "Name the folder that 'facecrop scan --project' or 'facecrop extract' made.",
            )
        content = read_json(path)
        version = content.get("version")
        if not isinstance(version, int) or version > PROJECT_VERSION:
            raise ProjectTooNewError(
                f"The project {folder} was written by a newer Facecrop (version {version}; this one reads up to "
                f"{PROJECT_VERSION}).",
                "Update Facecrop.",
            )
        return cls(folder, {"settings": {}, "videos": {}} | content)

    def save(self) -> None:
        with self._saving:
            commit_json(self.folder / "project.json", self._content)

    @property
    def settings(self) -> Settings:
        """The settings of the last run. Names that this version does not know are left out."""
        settings = Settings()
        for name, value in self._content["settings"].items():
            if name in CONTROLS:
                try:
                    settings = settings.with_values({name: value})
                except SettingsError as error:
                    raise ProjectError(f"{self.folder / 'project.json'}: {error.message}", error.hint) from None
        return settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._content["settings"] = settings.changed()

    @property
    def exports(self) -> list[tuple[Path, Path]]:
        """The folder of each dataset that was written from this project, and its statistics' file."""
        return [(Path(entry["out"]), Path(entry["statistics"])) for entry in self._content.get("exports", [])]

    def note_export(self, out: Path, statistics: Path) -> None:
        """Remember a dataset before it is written, so that a person's crops can be found when they are forgotten."""
        known, entry = self.exports, (out.absolute(), statistics.absolute())
        if entry not in known:
            entries = [{"out": str(o), "statistics": str(s)} for o, s in [*known, entry]]
            self._content["exports"] = entries
            self.save()

    @property
    def people_path(self) -> Path:
        return self.folder / "people.sqlite"

    def lock(self) -> AbstractContextManager[None]:
        """Hold the project for writing while inside.

        Raises:
            ProjectBusyError: another process holds it; the message says which.
        """
        return locked(self.folder)

    def use_scan(self, video: Video, scan_key: str) -> None:
        """Make a scan the one in force for its video, and store that."""
        self._content["videos"][video.video_id] = {"path": str(video.path), "scan": scan_key}
        self.save()

    def scans(self) -> list[Scan]:
        """The scan in force of each video, in the order in which the videos were added."""
        return [Scan.open(self.scan_folder(*names)) for names in self.scan_names()]

    def scan_names(self) -> list[tuple[str, str]]:
        """Video id and scan key of each scan in force."""
        return [(video_id, entry["scan"]) for video_id, entry in self._content["videos"].items()]

    def scan_folder(self, video_id: str, scan_key: str) -> Path:
        return self.folder / "scans" / video_id / scan_key


class Scan:
    """One scan's folder and its scan.json, which is written when the scan starts and again when it ends."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder, self.content = folder, content

    @classmethod
    def open(cls, folder: Path) -> Scan:
        return cls(folder, read_json(folder / "scan.json"))

    @classmethod
    def find(cls, folder: Path) -> Scan | None:
        return cls.open(folder) if (folder / "scan.json").exists() else None

    def save(self) -> None:
        commit_json(self.folder / "scan.json", self.content)

    @property
    def status(self) -> str:
        """``running`` (also after a crash), ``cancelled``, ``partial`` or ``complete``."""
        return str(self.content["status"])

    @property
    def finished(self) -> bool:
        return self.status in ("complete", "partial")

    @property
    def video(self) -> Video:
        return video_from_json(self.content["video"])

    @property
    def engine(self) -> dict[str, Any]:
        return dict(self.content["engine"])

    def reader(self) -> ScanReader:
        return ScanReader(self.folder, self.video, str(self.engine["embedder_sha256"]))

    def thumbs(self) -> ThumbPack:
        return ThumbPack(self.folder)


def make_scan_key(settings: Settings, engine: dict[str, Any], references: str = "") -> str:
    """Sixteen hex digits of all that shapes a scan: settings, models, and the version of the stages' code.

    ``references`` is the digest of those that a pre-scan looks for; empty without one.
    """
    shaping: dict[str, Any] = {}
    for name, section in SECTIONS.items():
        if section.SHAPES_SCAN and name != "engine":  # the models' hashes say which engine it is
            shaping |= getattr(settings, name).shaping()
    if references:
        shaping["references"] = references
    text = json.dumps([STAGES_VERSION, shaping, engine["detector_sha256"], engine["embedder_sha256"]], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def coverage_to_json(coverage: Coverage) -> dict[str, Any]:
    content = dataclasses.asdict(coverage) | {"complete": coverage.complete}
    return content | {"damaged_ranges": [list(span) for span in coverage.damaged_ranges]}


def coverage_from_json(content: dict[str, Any]) -> Coverage:
    fields = {name: value for name, value in content.items() if name != "complete"}
    return Coverage(**fields | {"damaged_ranges": tuple((float(a), float(b)) for a, b in fields["damaged_ranges"])})
