"""A page in a process of its own, and a browser to use it with."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("FACECROP_CHROMIUM", "/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ATTEMPTS, START_SECONDS, STOP_SECONDS = 3, 60, 20


class Server:
    """``app.py`` on a free port, with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.data, self.log = folder / "data", folder / "server.log"
        self.start()

    def start(self) -> None:
        for _ in range(ATTEMPTS):  # the port may be taken between asking and using it
            port = free_port()
            self.url = f"http://127.0.0.1:{port}"
            environment = {k: v for k, v in os.environ.items() if k != "FACECROP_PACK"}
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--data", str(self.data)],
                stdout=self.log.open("a"),
                stderr=subprocess.STDOUT,
                env=environment | {"NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
            if self._answers():
                return
            self.stop()
        raise RuntimeError(f"the page did not start:\n{self.log.read_text()[-3000:]}")

    def _answers(self) -> bool:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/gradio_api/app_id", timeout=2).status_code == 200:
                    return True
            except httpx.HTTPError:
                time.sleep(0.1)
        return False

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)

    def restart(self) -> None:
        self.stop()
        self.start()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("page"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"Chromium is not installed at {CHROMIUM}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A browser tab that remembers what went wrong in it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    tab.troubles = []
    tab.on("pageerror", lambda error: tab.troubles.append(str(error)))
    tab.on("console", lambda line: tab.troubles.append(line.text) if line.type == "error" else None)
    yield tab
    report = getattr(request.node, "report", None)
    if report is not None and report.failed and not tab.is_closed():
        tab.screenshot(path=str(tmp_path / "failed.png"))
        print("screenshot:", tmp_path / "failed.png", tab.troubles)
    context.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    outcome: Any = yield
    if call.when == "call":
        item.report = outcome.get_result()
