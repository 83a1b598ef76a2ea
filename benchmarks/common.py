"""What several benchmarks need: running commands that end with a JSON object, and the peer's loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FACECROP = [sys.executable, "-c", "import sys; from facecrop_core.cli import main; sys.exit(main())"]
PEER = ROOT.parent / "shared" / "tools" / "peer_insightface.py"


def last_json(command: list[str], **environment: str) -> dict[str, Any]:
    """Run a command and read the JSON object on its last line."""
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def facecrop(*arguments: object, **environment: str) -> dict[str, Any]:
    """Run the shell with ``--json``; what it says at its end."""
    return last_json([*FACECROP, *map(str, arguments), "--json"], **environment)


def peer(script: Path, video: Path, pack: str, rows: Path, fps: str) -> dict[str, Any]:
    """Run the peer's loop, which writes its rows and says how many seconds it took."""
    return last_json([sys.executable, str(script), str(video), pack, str(rows), "--fps", fps])
