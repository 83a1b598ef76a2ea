"""What kind of storage a folder lies on: network file systems, and volumes that should be mounted but are not."""

from __future__ import annotations

import os
import re
from pathlib import Path

from facecrop_core.errors import OutputError, ProjectError

_TYPES = """
nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs lustre beegfs gpfs ocfs2 gfs2 pvfs2 orangefs ncpfs davfs
fuse.sshfs fuse.glusterfs fuse.cephfs fuse.ceph-fuse fuse.s3fs fuse.rclone fuse.gcsfuse fuse.davfs2 fuse.juicefs
fuse.mountpoint-s3 fuse.lizardfs fuse.mfs fuse.beegfs
"""
NETWORK_TYPES = frozenset(_TYPES.split())
MOUNTS, MOUNTS_WANTED = Path("/proc/self/mounts"), Path("/etc/fstab")


def network_type(path: Path) -> str | None:
    """The type of the network file system that a path lies on, such as nfs4; None where it is local or unknown."""
    best, kind = Path(), ""
    folder = Path(os.path.realpath(path))
    for mount, found in _table(MOUNTS):
        if folder.is_relative_to(mount) and len(mount.parts) >= len(best.parts):  # the later one hides the earlier
            best, kind = mount, found
    return kind if kind in NETWORK_TYPES else None


def check_mounted(folder: Path) -> None:
    """Refuse to write where a volume is missing: what is written there fills the wrong disk and is hidden later.

    Raises:
        OutputError: /etc/fstab names the folder or one above it, where nothing is mounted and nothing lies.
    """
    real = Path(os.path.realpath(folder))
    for mount, _ in _table(MOUNTS_WANTED):
        wanted = len(mount.parts) > 1 and real.is_relative_to(mount) and not os.path.ismount(mount)
        if wanted and not (mount.is_dir() and any(mount.iterdir())):
            raise OutputError(
                f"The volume of {folder} is not mounted: nothing is mounted at {mount}.",
                f"Mount it (mount {mount}) and run the same command again.",
            )


def check_no_empty_mount(folder: Path) -> None:
    """Refuse a project's folder that is only the empty place of a volume, which looks like an empty folder.

    Raises:
        OutputError: see ``check_mounted``.
        ProjectError: the folder is an empty mount point (in a container, say, whose volume was not there).
    """
    check_mounted(folder)
    if folder.is_dir() and os.path.ismount(folder) and not any(folder.iterdir()):
        raise ProjectError(
            f"{folder} is an empty mount point: its volume may not be there.",
            "Mount the volume. For a new project, name a folder inside it.",
        )


def _table(path: Path) -> list[tuple[Path, str]]:
    """Mount points and types of a file in fstab's format; none where there is no such file."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith(b"#")]
    return [(_unescaped(row[1]), row[2].decode("ascii", "replace")) for row in rows if len(row) > 2]


def _unescaped(text: bytes) -> Path:
    r"""A mount point's path: spaces and the like stand as octal numbers, such as \040."""
    return Path(os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda number: bytes([int(number.group(1), 8)]), text)))
