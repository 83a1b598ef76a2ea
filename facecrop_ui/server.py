"""Builds the page and serves it, with our own routes and middleware, until it is stopped."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from facecrop_core.errors import FacecropError, OutputError
from facecrop_core.pipeline.files import writing

CACHE_CHECK_SECONDS, CACHE_AGE_SECONDS = 3600, 24 * 3600


def serve(host: str, port: int, data: Path, open_browser: bool = False) -> None:
    """Serve the page until Ctrl-C. Runs that are going on are stopped then; they can go on later.

    Raises:
        OutputError: the data folder cannot be written. FacecropError: the port or the data folder is taken.
    """
    import filelock

    host = host.strip("[]")
    check_port(host, port)
    with writing(data):
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with filelock.FileLock(data / ".lock", timeout=0):
            _serve(host, port, data, open_browser)
    except filelock.Timeout:
        raise OutputError(
            f"Another Facecrop page is using the data folder {data}.", "Use that page, or name another --data folder."
        ) from None


def _serve(host: str, port: int, data: Path, open_browser: bool) -> None:
    prepare_environment(data)
    from facecrop_ui.page import build_page
    from facecrop_ui.runs import Runs

    runs = Runs(data)
    page = build_page(runs, delete_cache=(CACHE_CHECK_SECONDS, CACHE_AGE_SECONDS))
    page.queue(default_concurrency_limit=20)
    try:
        page.launch(
            **launch_options(runs, host, data),
            server_port=port,
            inbrowser=open_browser,
            quiet=True,
            prevent_thread_lock=True,
        )
        print(f"Facecrop is open at http://{in_address(host)}:{port}", flush=True)
        page.block_thread()
    finally:
        runs.runner.close()


def prepare_environment(data: Path) -> None:
    """Gradio reads these when it is imported: nothing is sent anywhere, and its files lie beside ours."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(data / "cache")
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def launch_options(runs: Any, host: str, data: Path) -> dict[str, Any]:
    """Everything ``Blocks.launch`` is told, but where to listen."""
    from starlette.middleware import Middleware

    from facecrop_ui.guard import LOOPBACK_NAMES, Guard
    from facecrop_ui.look import HEAD, PAGE_CSS, make_theme
    from facecrop_ui.routes import make_routes

    return {
        "server_name": in_address(host),
        "app_kwargs": {
            "routes": make_routes(runs),
            "middleware": [Middleware(Guard, hosts=(*LOOPBACK_NAMES, host))],
            "openapi_url": None,
        },
        "blocked_paths": [str(data / "runs"), str(data / "jobs")],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "footer_links": [],
        "theme": make_theme(),
        "css": PAGE_CSS,
        "head": HEAD,
    }


def in_address(host: str) -> str:
    """The host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def check_port(host: str, port: int) -> None:
    """Raises FacecropError where the port cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FacecropError(
                f"Port {port} on {host} cannot be used: {reason}.", "Name another one with --port."
            ) from None
