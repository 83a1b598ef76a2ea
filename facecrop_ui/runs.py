"""What the page calls a run: one scan with its choices and exports, found again by an unguessable token."""

from __future__ import annotations

import dataclasses
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facecrop_core.errors import FacecropError, ReferencesError, SourceError
from facecrop_core.pipeline.files import commit_json, read_json
from facecrop_core.pipeline.jobs import JobRequest
from facecrop_core.pipeline.runner import Job, Runner
from facecrop_core.settings import Settings, find_control

CHOICE_SECTIONS = ("matching", "framing", "gate", "twins", "choosing", "export")
"""Sections that only shape what is chosen and written, so that they can change after the scan."""
_UNSAFE = re.compile(r"[^\w .()+-]+")


@dataclass(frozen=True)
class Source:
    """What a person filled in: paths on this computer, files that the browser sent, or both."""

    video_path: str = ""
    upload: Path | None = None
    photos: Sequence[Path] = ()
    name: str = ""
    photos_path: str = ""


@dataclass
class Run:
    """One scan and what was chosen from it. ``settings`` holds what differs from the defaults."""

    token: str
    title: str
    preset: str
    settings: dict[str, Any]
    scan_job: str = ""
    export_job: str = ""
    created_utc: float = field(default_factory=time.time)
    revision: int = 0
    """Grows when the form changed the settings, so that the open pages take them over."""

    def full_settings(self) -> Settings:
        return Settings().with_values(self.settings)


class Runs:
    """All runs below one data folder. Safe to call from several threads."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "runs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.runner = Runner(data / "jobs")
        self._lock = threading.RLock()
        self._runs = {run.token: run for run in map(_load, self.folder.glob("*/run.json"))}

    def get(self, token: str | None) -> Run | None:
        return self._runs.get(token or "")

    def recent(self) -> list[Run]:
        """All runs, the newest first."""
        return sorted(self._runs.values(), key=lambda run: -run.created_utc)

    def run_folder(self, run: Run) -> Path:
        return self.folder / run.token

    def project_folder(self, run: Run) -> Path:
        return self.run_folder(run) / "project.facecrop"

    def scan_job(self, run: Run) -> Job | None:
        return self.runner.get(run.scan_job)

    def export_job(self, run: Run) -> Job | None:
        return self.runner.get(run.export_job)

    def start(self, source: Source, settings: Settings, preset: str = "") -> Run:
        """Take the files in and begin the scan.

        Raises:
            SourceError, ReferencesError: a video or a photo is missing; nothing was started.
        """
        token = secrets.token_hex(16)
        uploads = self.folder / token / "uploads"
        try:
            video = self._take_video(source, uploads)
            references = self._take_photos(source, uploads)
        except FacecropError:
            shutil.rmtree(self.folder / token, ignore_errors=True)
            raise
        run = Run(token, video.name, preset, settings.changed())
        request = JobRequest("scan", self.project_folder(run), (video,), references, settings=run.settings)
        with self._lock:
            run.scan_job = self.runner.start(request).token
            self._runs[token] = run
            self._save(run)
        return run

    def resume(self, run: Run) -> None:
        """Start the same scan again; it goes on where it stopped. Does nothing while it runs."""
        with self._lock:
            job = self.scan_job(run)
            if job is not None and job.state != "running":
                request = dataclasses.replace(job.request, settings=run.settings)
                run.scan_job = self.runner.start(request).token
                self._save(run)

    def cancel(self, run: Run) -> None:
        """Stop whatever this run is doing."""
        for token in (run.scan_job, run.export_job):
            self.runner.cancel(token)

    def choose(self, run: Run, values: dict[str, Any], from_form: bool = False) -> None:
        """Change what is chosen and written, by unique setting names.

        Raises:
            SettingsError: a name is unknown or a value outside its limits.
            FacecropError: a setting that shapes the scan cannot change afterwards.
        """
        for name in values:
            if find_control(name).section not in CHOICE_SECTIONS:
                raise FacecropError(f"{name} cannot change after the scan.", "Start a new run with it.")
        with self._lock:
            settings = run.full_settings().with_values(values).changed()
            if settings != run.settings:
                run.settings = settings
                run.revision += from_form
                self._save(run)

    def export(self, run: Run) -> Job:
        """Write what is chosen now into a new folder of its own.

        Raises:
            FacecropError: the run is still scanning or already exporting.
        """
        with self._lock:
            for job in (self.scan_job(run), self.export_job(run)):
                if job is not None and job.state == "running":
                    raise FacecropError("The run is still working.", "Wait until it is done, or cancel it.")
            stem = safe_name(Path(run.title).stem, "dataset")
            exports = self.run_folder(run) / "exports"
            number = 1 + sum(1 for _ in exports.glob("*")) if exports.exists() else 1
            out = exports / f"{stem}-{number}" / stem  # the contact sheet and the statistics are written beside it
            job = self.runner.start(JobRequest("export", self.project_folder(run), out=out, settings=run.settings))
            run.export_job = job.token
            self._save(run)
            return job

    def _take_video(self, source: Source, uploads: Path) -> Path:
        typed = clean_path(source.video_path)
        if source.upload is not None:
            return _move(source.upload, uploads / "video")
        if typed is None:
            raise SourceError("No video was named.", "Write a video's path, or drop a video file.")
        if not typed.exists():
            raise SourceError(f"{typed} does not exist.", "Write the full path of a video, or of a folder of videos.")
        if typed.is_file() and typed.is_relative_to(
            self.folder
        ):  # sent for an earlier run, which may be deleted one day
            return _link(typed, uploads / "video")
        return typed

    def _take_photos(self, source: Source, uploads: Path) -> tuple[Path, ...]:
        references = []
        if source.photos:
            people = uploads / "people"
            for photo in source.photos:
                _move(photo, people / safe_name(source.name, "person"))
            references.append(people)
        typed = clean_path(source.photos_path)
        if typed is not None:
            if not typed.exists():
                raise ReferencesError(f"{typed} does not exist.", "Write the path of a photo or a folder of photos.")
            references.append(typed)
        return tuple(references)

    def _save(self, run: Run) -> None:
        commit_json(self.run_folder(run) / "run.json", dataclasses.asdict(run))


def clean_path(text: str) -> Path | None:
    """A path as people paste it: quotes and blanks around it, ``~`` for home, ``file://`` before it."""
    text = text.strip().strip("'\"").removeprefix("file://")
    return Path(os.path.abspath(Path(text).expanduser())) if text else None


def safe_name(text: str, otherwise: str) -> str:
    """A folder's or file's name made of what a person wrote."""
    return _UNSAFE.sub(" ", text).strip(" .-")[:64].strip() or otherwise


def _load(path: Path) -> Run:
    return Run(**read_json(path))


def _move(sent: Path, folder: Path) -> Path:
    """Take a file that the browser sent out of Gradio's cache."""
    target = _free(folder, sent.name)
    shutil.move(sent, target)
    return target


def _link(path: Path, folder: Path) -> Path:
    target = _free(folder, path.name)
    try:
        os.link(path, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, target)
    return target


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that does not exist yet."""
    folder.mkdir(parents=True, exist_ok=True)
    stem, suffix = safe_name(Path(name).stem, "file"), Path(name).suffix.lower()
    candidates = [folder / f"{stem}{suffix}"]
    while candidates[-1].exists():
        candidates.append(folder / f"{stem} {len(candidates) + 1}{suffix}")
    return candidates[-1]
