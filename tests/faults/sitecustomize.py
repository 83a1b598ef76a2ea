"""Runs when Python starts with this folder on its path: faults that the environment asks for.

FACECROP_TEST_NOTES: a file in which every attempt to reach another machine is noted, and refused.
FACECROP_TEST_HANG: a stage that hangs, as a model or a disk that does not answer would make it.
FACECROP_TEST_PORT: a port of this machine that a fetch may reach; in the stage fetch it is a server there that hangs.
"""

import os
import sys
import time
from typing import Any

notes, hanging = os.environ.get("FACECROP_TEST_NOTES"), os.environ.get("FACECROP_TEST_HANG")
ATTEMPTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg")


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ATTEMPTS and not (event == "socket.connect" and isinstance(arguments[1], str | bytes)):
        with open(str(notes), "a") as file:
            file.write(f"{event} {arguments!r}\n")
        raise OSError("no connection is allowed here")


def hang(*_: Any, **__: Any) -> Any:
    time.sleep(600)


def put_hang_in_place(stage: str) -> None:
    import fault_tools
    import pytest

    from facecrop_core.pipeline import crop_files, jobs, looking, produce, queue, scan

    patch, looks, detect = pytest.MonkeyPatch(), iter(range(1_000_000)), fault_tools.StubDetector.detect

    def detect_or_hang(*arguments: Any) -> Any:
        return hang() if next(looks) == 2 else detect(*arguments)

    places: dict[str, tuple[Any, str, Any]] = {
        "models": (queue, "open_engine", hang),
        "references": (produce, "read_references", hang),
        "scan": (fault_tools.StubDetector, "detect", detect_or_hang),
        "tracks": (scan, "write_tracks", hang),
        "export": (crop_files, "render_crop", hang),
    }
    fault_tools.use_stub_engine(patch)
    patch.setattr(looking, "SAMPLES_PER_PART", 4)
    if stage == "fetch":
        patch.setattr(jobs, "scan_all", fault_tools.scan_all_from(int(os.environ["FACECROP_TEST_PORT"])))
    else:
        patch.setattr(*places[stage])


if notes:
    sys.addaudithook(refuse)
if hanging:
    put_hang_in_place(hanging)
