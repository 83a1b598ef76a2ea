"""Whether a project, and a dataset made from it, are still what was stored. Reads everything, changes nothing."""

from __future__ import annotations

import io
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from facecrop_core.errors import FacecropError, ProjectError, SourceError
from facecrop_core.export import BESIDE_SUFFIXES, beside, is_crop_there, read_crop
from facecrop_core.pipeline.events import Progress, Watch
from facecrop_core.pipeline.grown import BANK_FILE
from facecrop_core.pipeline.locking import check_free
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.pipeline.queue import FETCHED_FOLDER
from facecrop_core.records import Video
from facecrop_core.sources import read_shelf
from facecrop_core.table import Finding, check_scan_folder, read_table
from facecrop_core.video import fingerprint

CROP_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif")


def verify(folder: Path, dataset: Path | None = None, watch: Watch | None = None) -> dict[str, Any]:
    """Look for what is missing, changed, damaged or orphaned in a project and, if named, in a dataset.

    Returns, ready for JSON, ``status`` (``complete``, or ``damaged`` where something was lost), ``scans`` and
    ``findings``, each with ``kind``, ``path``, ``words`` and ``harmless``.

    Raises:
        ProjectError: there is no project, or a run is using it. CancelledError: ``watch.stop`` was set.
    """
    watch = watch or Watch()
    project = Project.open(folder)
    check_free(project.folder)
    findings: list[Finding] = []
    scans = 0
    for path in sorted((project.folder / "scans").glob("*/*/")):
        watch.check_cancelled()
        watch.send(Progress("verify", path.name))
        findings += _check_scan(path, project)
        scans += 1
    findings += _missing_scans(project)
    findings += _check_people(project.people_path)
    named = {finding.path for finding in findings}
    findings += [f for f in _check_fetched(project.folder / FETCHED_FOLDER) if f.path not in named]
    findings += [
        Finding("orphaned", path, "it was never finished", harmless=True) for path in project.folder.glob("*.part")
    ]
    if dataset is not None:
        findings += _check_dataset(dataset)
    rows = [
        {"kind": f.kind, "path": os.fspath(f.path), "words": f.words, "harmless": f.harmless}
        for f in sorted(findings, key=lambda f: f.harmless)
    ]
    sound = all(finding.harmless for finding in findings)
    return {
        "status": "complete" if sound else "damaged",
        "project": str(project.folder),
        "scans": scans,
        "findings": rows,
    }


def _check_scan(folder: Path, project: Project) -> Iterator[Finding]:
    in_force = folder in {project.scan_folder(*names) for names in project.scan_names()}
    if not in_force and not (folder / "scan.json").exists():
        yield Finding("orphaned", folder, "a scan that had hardly begun", harmless=True)
        return
    try:
        scan = Scan.open(folder)
        video, embedder = scan.video, str(scan.engine["embedder_sha256"])
    except (FacecropError, KeyError, TypeError, ValueError) as error:
        words = error.message if isinstance(error, FacecropError) else f"it lacks {error}"
        yield Finding("damaged", folder / "scan.json", words)
        return
    if in_force:
        yield from _check_source(video)
    else:
        yield Finding("orphaned", folder, "not in force: kept for its settings; it may be deleted", harmless=True)
    yield from check_scan_folder(folder, embedder, scan.finished)
    yield from _check_bank(scan)


def _check_source(video: Video) -> Iterator[Finding]:
    """The video itself, which crops are cut from."""
    try:
        if fingerprint(video.path) != video.video_id:
            yield Finding("changed", video.path, "the video is not the one that was scanned; scan it again")
    except (FileNotFoundError, SourceError):
        words = "the video is gone; crops cannot be exported until it is back (is its volume mounted?)"
        yield Finding("missing", video.path, words)
    except (OSError, ValueError) as error:  # ValueError: a name that this system's encoding cannot express
        yield Finding("damaged", video.path, f"the video cannot be read: {error}")


def _check_bank(scan: Scan) -> Iterator[Finding]:
    """References that grew: bank.parquet, and what scan.json, which is written after it, says of it."""
    path, told = scan.folder / BANK_FILE, scan.content.get("bank")
    if not path.exists():
        if told is not None:
            yield Finding("missing", path, "the references that grew in this scan are gone")
        return
    try:
        origins = Counter(read_table(path, verify=True)["origin"].to_pylist())
    except (OSError, ValueError, KeyError) as error:
        yield Finding("damaged", path, f"it cannot be read: {error}")
        return
    wanted = Counter({name: count for name, count in (told or {}).items() if name != "references"})
    if origins != wanted:
        words = "it was stored when a run was cut short; the next scan puts it right"
        yield Finding("orphaned" if told is None else "changed", path, words, harmless=True)


def _check_fetched(folder: Path) -> Iterator[Finding]:
    """Videos that were fetched from links, beside the files that say where they came from."""
    known = set()
    for note, path, entry in read_shelf(folder):
        known |= {note, path}
        if path is None or entry is None:
            yield Finding("damaged", note, "what it says of a fetched video cannot be read; the link is fetched anew")
        elif not path.is_file():
            yield Finding("missing", path, "the fetched video is gone; its link is fetched anew when it is asked for")
        elif path.stat().st_size != entry.size_bytes:
            words = f"the fetched video has {path.stat().st_size} bytes, not {entry.size_bytes}; fetch its link anew"
            yield Finding("changed", path, words)
    for path in sorted(folder.glob("*")):
        if ".part" in path.name or path.suffix == ".ytdl":
            yield Finding("orphaned", path, "a download that was cut short; the next goes on with it", harmless=True)
        elif path not in known:
            yield Finding("orphaned", path, "nothing says which link this came from", harmless=True)


def _missing_scans(project: Project) -> Iterator[Finding]:
    for names in project.scan_names():
        folder = project.scan_folder(*names)
        if not folder.is_dir():
            yield Finding("missing", folder, "the scan is gone; scan the video again")


def _check_people(path: Path) -> Iterator[Finding]:
    if not path.exists():
        return
    try:
        address = "file:" + quote(os.fsencode(path.absolute())) + "?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            answers = [str(answer) for (answer,) in database.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        if path.with_name(path.name + "-journal").exists():
            yield Finding("orphaned", path, "a change was cut short; it is taken back at the next run", harmless=True)
            return
        answers = [str(error)]
    if answers != ["ok"]:
        words = f"the database is damaged ({'; '.join(answers)}); delete it and name the references again"
        yield Finding("damaged", path, words)


def _check_dataset(folder: Path) -> Iterator[Finding]:
    """metadata.jsonl beside the crops that it lists."""
    metadata = folder / "metadata.jsonl"
    if not metadata.is_file():
        raise ProjectError(f"{folder} holds no metadata.jsonl.", "Name the folder that an export wrote.")
    listed = set()
    for number, line in enumerate(metadata.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        try:
            listed.add(folder / json.loads(line)["file_name"])
        except (ValueError, KeyError, TypeError):
            yield Finding("damaged", metadata, f"line {number} cannot be read")
    for path in sorted(listed):
        if not is_crop_there(path):
            yield Finding("missing", path, "the crop is gone")
        elif not _is_picture(path):
            yield Finding("damaged", path, "the crop cannot be read")
    beside_listed = {beside(path, suffix) for path in listed for suffix in BESIDE_SUFFIXES}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in CROP_SUFFIXES and path not in listed | beside_listed:
            yield Finding("orphaned", path, "metadata.jsonl does not list this crop", harmless=True)


def _is_picture(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(read_crop(path) or b"")) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):  # Pillow's word for a broken PNG is SyntaxError
        return False
    return True
