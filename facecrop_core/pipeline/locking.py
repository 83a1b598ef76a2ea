"""One run at a time in a project: a lock of the operating system, and on network file systems a heartbeat as well."""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from facecrop_core.errors import OutputError, ProjectBusyError
from facecrop_core.files import take_lock, writing
from facecrop_core.volumes import network_type

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
STALE_SECONDS = 90.0
"""A heartbeat that has been silent for so long belongs to a run that died."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a project's folder for writing.

    Raises:
        ProjectBusyError: another process holds it; the message says which.
        OutputError: the folder cannot be written.
    """
    holder, network = folder / ".lock.holder", network_type(folder)
    lock = take_lock(folder / ".lock", lambda: _busy(folder, holder))
    with ExitStack() as held:
        if lock is not None:
            held.callback(lock.release)
        if network is not None or lock is None:
            log.warning(
                "%s lies on a file system (%s) whose locks may not reach other machines: a heartbeat file guards it.",
                folder, network or "without locks",
            )  # fmt: skip
            held.enter_context(_heartbeat(folder, holder, lock is not None))
        with writing(holder):
            holder.write_text(json.dumps({"process": os.getpid(), "machine": platform.node()}))
        held.callback(holder.unlink, missing_ok=True)
        yield


def check_free(folder: Path) -> None:
    """Raises ProjectBusyError while another process holds the folder. Works where nothing may be written, too."""
    holder = folder / ".lock.holder"
    if not holder.exists():
        return
    try:
        lock = take_lock(folder / ".lock", lambda: _busy(folder, holder))
    except OutputError as error:
        log.info("%s Nobody is taken to use it.", error.message)
        return
    if lock is not None:
        lock.release()


@contextmanager
def _heartbeat(folder: Path, holder: Path, locked_here: bool) -> Iterator[None]:
    """Touch the holder's file every few seconds; refuse where somebody else's was touched lately.

    ``locked_here``: we hold this machine's lock, so that whoever was here before has ended.
    """
    with writing(folder):
        now = folder / ".lock.now"
        now.touch()  # its time is the file server's, whose clock may differ from ours
        here = locked_here and _read_holder(holder).get("machine") == platform.node()
        if not here and holder.exists() and now.stat().st_mtime - holder.stat().st_mtime < STALE_SECONDS:
            raise _busy(folder, holder)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            with suppress(OSError):  # the server does not answer: the next beat may get through
                os.utime(holder)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        now.unlink(missing_ok=True)


def _busy(folder: Path, holder: Path) -> ProjectBusyError:
    content = _read_holder(holder)
    who = f"process {content['process']} on {content['machine']}" if content else "another process"
    return ProjectBusyError(f"The project {folder} is in use by {who}.", "Wait until it ends, or use another project.")


def _read_holder(holder: Path) -> dict[str, Any]:
    """Who says to hold the project; empty where that is not to be read: just being written, or just ended."""
    try:
        content = json.loads(holder.read_text(errors="replace"))
        return {"process": int(content["process"]), "machine": str(content["machine"])}
    except (OSError, ValueError, TypeError, KeyError):
        return {}
