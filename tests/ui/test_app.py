"""``app.py`` as a command."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from facecrop_core.errors import UsageError
from facecrop_ui.guard import check_loopback

APP = Path(__file__).resolve().parents[2] / "app.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(APP), *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_only_this_computer_is_listened_on(host: str) -> None:
    with pytest.raises(UsageError, match="this computer only"):
        check_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_this_computers_addresses(host: str) -> None:
    check_loopback(host)


def test_another_host_ends_with_a_message(tmp_path: Path) -> None:
    ended = run("--host", "0.0.0.0", "--data", str(tmp_path))
    assert ended.returncode == 2 and "0.0.0.0" in ended.stderr and "--host 127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr and not list(tmp_path.iterdir())


def test_a_taken_port_ends_with_a_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = run("--port", str(taken.getsockname()[1]), "--data", str(tmp_path))
    assert ended.returncode == 1 and "--port" in ended.stderr and "Traceback" not in ended.stderr


def test_app_stays_short_and_light() -> None:
    assert len(APP.read_text().splitlines()) < 60
    seen = "import app, sys; sys.exit(any(m in sys.modules for m in ('gradio', 'numpy', 'facecrop_core.pipeline')))"
    assert subprocess.run([sys.executable, "-c", seen], cwd=APP.parent, timeout=60).returncode == 0
