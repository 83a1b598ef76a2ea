"""Where packs lie, and how they get there: fetched, checked, unpacked beside their place and renamed into it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facecrop_core.errors import DiskFullError, LicenceError, ModelError
from facecrop_core.models.catalogue import PACKS, PublishedPack
from facecrop_core.models.download import Progress, fetch
from facecrop_core.models.packs import find_parts
from facecrop_core.settings import nearest

NOTE = "facecrop-pack.json"
FILE_CAP_BYTES, PACK_CAP_BYTES, MEMBER_CAP = 1 << 30, 2 << 30, 200
AcceptLicence = bool | Callable[[PublishedPack], bool]

_hashes: dict[tuple[str, int, int], str] = {}
_hash_lock = threading.Lock()


@dataclass(frozen=True)
class InstalledPack:
    name: str
    folder: Path
    checked: bool
    """Whether Facecrop fetched it and so can tell whether its files are still what they were."""


def file_sha256(path: Path) -> str:
    """A file's SHA-256 as hex; remembered in this process for as long as size and time of change stay.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        state = path.stat()
        key = (str(path.resolve()), state.st_size, state.st_mtime_ns)
        with _hash_lock:
            if key not in _hashes:
                with path.open("rb") as file:
                    _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
            return _hashes[key]
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None


def models_folder() -> Path:
    """Where packs are put: $FACECROP_MODELS, or ``models`` in the user's data folder."""
    import platformdirs

    named = os.environ.get("FACECROP_MODELS")
    return (
        Path(named).expanduser() if named else Path(platformdirs.user_data_dir("facecrop", appauthor=False)) / "models"
    )


def installed_packs() -> dict[str, InstalledPack]:
    """Packs by name, in our own folder and in InsightFace's (~/.insightface/models); ours first."""
    found: dict[str, InstalledPack] = {}
    for root in (models_folder(), Path.home() / ".insightface" / "models"):
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            named = not folder.name.startswith(".") and folder.is_dir()
            if named and any(folder.glob("*.onnx")):
                found.setdefault(folder.name, InstalledPack(folder.name, folder, (folder / NOTE).is_file()))
    return found


def find_pack(name: str) -> InstalledPack:
    """An installed pack by name.

    Raises:
        ModelError: it is not installed; says how to get it, or offers the nearest name.
    """
    packs = installed_packs()
    if name in packs:
        return packs[name]
    if name in PACKS:
        raise ModelError(f"The pack {name} is not installed.", f"Get it with: facecrop models get {name}")
    raise ModelError(f"There is no pack or folder '{name}'.", nearest(name, {*packs, *PACKS}) or _known_packs())


def get_pack(
    name: str, *, accept_licence: AcceptLicence = False, progress: Progress | None = None, again: bool = False
) -> Path:
    """Fetch and install a published pack, unless it is there. Returns its folder.

    Several processes may ask at once: one fetches, the others wait for it.

    Args:
        name: a name in the catalogue.
        accept_licence: whether the user accepts the pack's licence, or a function that asks.
        progress: called with bytes that are there and bytes in all.
        again: fetch it even where it is installed, to replace damaged files.

    Raises:
        LicenceError: the licence was not accepted.
        ModelError: unknown name, no connection, or a file that is not the published one.
        DiskFullError: no room.
    """
    from filelock import FileLock

    pack = _published(name)
    root = models_folder()
    folder = root / name
    if not again and (folder / NOTE).is_file() and not check_pack(folder):
        return folder
    if not (accept_licence(pack) if callable(accept_licence) else accept_licence):
        raise LicenceError(
            f"The licence of {name} was not accepted: {pack.licence}",
            f"If you accept it: facecrop models get {name} --accept-licence",
        )
    if os.environ.get("FACECROP_OFFLINE", "") not in ("", "0"):
        raise ModelError(
            f"{name} would have to be fetched, but FACECROP_OFFLINE is set.", "Unset it, or name a folder."
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{name}.lock"):
            if again or not (folder / NOTE).is_file() or check_pack(folder):
                _install(pack, root, progress)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"The disk of {root} is full.", "Make room and run it again.") from None
        raise ModelError(
            f"{root} cannot be written: {error}.", "Choose another folder with $FACECROP_MODELS."
        ) from None
    return folder


def check_pack(folder: Path) -> list[str]:
    """What is wrong with the files of a pack that Facecrop fetched, one sentence with the file's name each.

    A pack without Facecrop's note is only looked through for a detector and an embedder.
    """
    try:
        note = read_note(folder)
        if not note:
            find_parts(folder)
    except ModelError as error:
        return [error.message]
    problems = []
    for name, expected in note.get("files", {}).items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size != expected["bytes"]:
            problems.append(f"{name} has {path.stat().st_size} bytes instead of {expected['bytes']}")
        elif file_sha256(path) != expected["sha256"]:
            problems.append(f"{name} was altered")
    return problems


def require_intact(folder: Path, *paths: Path) -> None:
    """Refuse files that are no longer what was fetched. Does nothing for a pack that Facecrop did not fetch.

    Raises:
        ModelError: names the file.
    """
    files = read_note(folder).get("files", {})
    for path in paths:
        expected = files.get(path.name)
        if expected is not None and file_sha256(path) != expected["sha256"]:
            raise ModelError(
                f"{path} is not the file that was fetched: it is half-written or was altered.",
                f"Replace it with: facecrop models get {folder.name} --again",
            )


def read_note(folder: Path) -> dict[str, Any]:
    """What Facecrop noted when it fetched a pack; empty where it did not.

    Raises:
        ModelError: the note is damaged.
    """
    path = folder / NOTE
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        whole = all({"bytes", "sha256"} <= set(f) for f in note["files"].values()) and isinstance(note["licence"], str)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise ModelError(f"{path} is damaged.", f"Replace the pack with: facecrop models get {folder.name} --again")
    return dict(note)


def _published(name: str) -> PublishedPack:
    if name not in PACKS:
        raise ModelError(f"There is no published pack '{name}'.", nearest(name, PACKS) or _known_packs())
    return PACKS[name]


def _known_packs() -> str:
    return f"There are: {', '.join(PACKS)}."


def _install(pack: PublishedPack, root: Path, progress: Progress | None) -> None:
    mirror = os.environ.get("FACECROP_MODEL_MIRROR", "").rstrip("/")
    archive = root / f".{pack.name}.zip"
    fetch(f"{mirror}/{pack.name}.zip" if mirror else pack.url, archive, pack.sha256, progress)
    fresh = Path(tempfile.mkdtemp(prefix=f".{pack.name}-", dir=root))
    try:
        note = {
            "pack": pack.name,
            "zip_sha256": pack.sha256,
            "licence": pack.licence,
            "accepted_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": unpack_models(archive, fresh),
        }
        find_parts(fresh)
        (fresh / NOTE).write_text(json.dumps(note, indent=2), encoding="utf-8")
        fresh.chmod(0o755)
        if (root / pack.name).exists():
            shutil.rmtree(root / pack.name)
        fresh.rename(root / pack.name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        archive.unlink(missing_ok=True)


def unpack_models(archive: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Write the ``.onnx`` files of a zip into a folder, without the folders they are nested in.

    Returns size and SHA-256 by file name.

    Raises:
        ModelError: not a zip, no model in it, or more or larger members than a pack has.
    """
    files: dict[str, dict[str, Any]] = {}
    try:
        with zipfile.ZipFile(archive) as content:
            members = content.infolist()
            if len(members) > MEMBER_CAP or sum(m.file_size for m in members) > PACK_CAP_BYTES:
                raise ModelError(f"{archive.name} holds more than a pack does.")
            for member in members:
                name = Path(member.filename.replace("\\", "/")).name
                if member.is_dir() or stat.S_ISLNK(member.external_attr >> 16) or not name.endswith(".onnx"):
                    continue
                if name in files or name.startswith("."):
                    raise ModelError(f"{archive.name} holds {name} twice, or hidden.")
                files[name] = _unpack(content, member, folder / name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{archive.name} is not a zip that can be read: {error}.") from None
    if not files:
        raise ModelError(f"{archive.name} holds no ONNX model.")
    return files


def _unpack(content: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with content.open(member) as source, path.open("xb") as target:
        while block := source.read(1 << 20):
            size += len(block)
            if size > FILE_CAP_BYTES:
                raise ModelError(f"{member.filename} is larger than a model is.")
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    return {"bytes": size, "sha256": digest.hexdigest()}
