from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import clips
import cv2
import pytest
from fault_tools import environment, facecrop, fault_library


@pytest.mark.slow
def test_an_extraction_tries_to_reach_nobody(tmp_path: Path) -> None:
    """None of its processes, nor their C libraries, so much as asks for an address; telemetry is not switched off."""
    film = clips.shared("alone.mp4", clips.cast_clip, (("anna",),))[0]
    cv2.imwrite(str(tmp_path / "anna.png"), clips.person_photo("anna"))
    library = fault_library(tmp_path)
    faults = {
        "FACECROP_TEST_NOTES": str(tmp_path / "attempts"),
        "FACECROP_TEST_CONNECTIONS": str(tmp_path / "attempts"),
        "LD_PRELOAD": os.fspath(library) if library else "",
        **dict.fromkeys(("HF_HUB_OFFLINE", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"), ""),
    }
    photo, out = tmp_path / "anna.png", tmp_path / "out"
    done = facecrop("extract", film, "--refs", photo, "--out", out, "--engine", "builtin", "--fps", 2, env=faults)
    assert done.returncode == 0 and b"SAVED 2" in done.stdout, done.stderr
    assert not (tmp_path / "attempts").exists(), (tmp_path / "attempts").read_text()


def test_the_watch_over_connections_sees_them(tmp_path: Path) -> None:
    script = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    notes = tmp_path / "attempts"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(FACECROP_TEST_NOTES=str(notes)), capture_output=True
    )
    assert done.returncode == 1 and "getaddrinfo" in notes.read_text()
