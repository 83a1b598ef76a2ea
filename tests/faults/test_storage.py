"""Network file systems, and volumes that are not mounted."""

from __future__ import annotations

import json
import logging
import os
import platform
import sqlite3
import time
from pathlib import Path

import pytest

from facecrop_core import volumes
from facecrop_core.errors import OutputError, ProjectBusyError, ProjectError
from facecrop_core.export import DatasetWriter
from facecrop_core.people import PeopleStore
from facecrop_core.pipeline import locking
from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.pipeline.project import Project
from facecrop_core.settings import Settings


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the system's table of mounts calls one of a file server."""
    table = tmp_path / "mounts"
    shared = tmp_path / "on the server"
    shared.mkdir()
    name = str(shared).replace(" ", "\\040")
    table.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/films {name} nfs4 rw 0 0\n")
    monkeypatch.setattr(volumes, "MOUNTS", table)
    return shared


def test_the_mount_table_tells_network_from_local(network: Path, tmp_path: Path) -> None:
    assert volumes.network_type(network / "p") == "nfs4"
    assert volumes.network_type(tmp_path) is None


def test_sqlite_uses_its_plain_journal_on_a_network(
    network: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder, journal in ((network, "delete"), (tmp_path, "wal")):
        PeopleStore(folder / "people.sqlite").close()
        with sqlite3.connect(folder / "people.sqlite") as database:
            assert database.execute("PRAGMA journal_mode").fetchone()[0] == journal
    assert ["SQLite's plain journal" in record.message for record in caplog.records] == [True]


def test_a_lock_on_a_network_has_a_heartbeat(
    network: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locking, "HEARTBEAT_SECONDS", 0.01)
    project = Project.create(network / "p")
    holder = project.folder / ".lock.holder"
    with caplog.at_level(logging.WARNING), project.lock():
        os.utime(holder, (0, 0))
        end = time.monotonic() + 10
        while holder.stat().st_mtime == 0:
            assert time.monotonic() < end, "no heartbeat"
            time.sleep(0.01)
    assert "nfs4" in caplog.text and not holder.exists()


def test_another_machine_is_believed_while_its_heart_beats(network: Path) -> None:
    project = Project.create(network / "p")
    holder = project.folder / ".lock.holder"
    holder.write_text(json.dumps({"process": 7, "machine": "elsewhere"}))
    with pytest.raises(ProjectBusyError, match="process 7 on elsewhere"), project.lock():
        pass
    old = time.time() - locking.STALE_SECONDS - 1
    os.utime(holder, (old, old))
    with project.lock():
        pass
    holder.write_text(json.dumps({"process": 7, "machine": platform.node()}))
    with project.lock():  # it was this machine, whose lock says that it has ended
        pass


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a volume should be, but is not."""
    disk = tmp_path / "disk"
    (tmp_path / "fstab").write_text(f"# comment\nUUID=1 {disk} ext4 defaults 0 2\nswap none swap sw 0 0\n")
    monkeypatch.setattr(volumes, "MOUNTS_WANTED", tmp_path / "fstab")
    return disk


def test_no_dataset_is_written_in_place_of_a_volume(disk: Path, tmp_path: Path) -> None:
    Project.create(tmp_path / "p")
    for make in (lambda: None, disk.mkdir):
        make()
        with pytest.raises(OutputError, match="is not mounted"):
            run_job(JobRequest("export", tmp_path / "p", out=disk / "out"))
        with pytest.raises(OutputError, match="is not mounted"):
            DatasetWriter(disk / "out", Settings())
    assert not (disk / "out").exists()


def test_an_unmounted_volume_is_no_empty_project(disk: Path) -> None:
    for make in (lambda: None, disk.mkdir):
        make()
        for use in (Project.create, Project.open):
            with pytest.raises(OutputError, match="is not mounted"):
                use(disk / "p")
    assert not (disk / "p").exists()
    (disk / "film.mp4").touch()  # somebody uses the folder without its volume
    assert Project.create(disk / "p").folder.is_dir()


def test_an_empty_mount_point_is_no_empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    monkeypatch.setattr(volumes.os.path, "ismount", lambda path: Path(path) == mounted)
    with pytest.raises(ProjectError, match="empty mount point"):
        Project.create(mounted)
    assert list(mounted.iterdir()) == [] and Project.create(mounted / "p")
