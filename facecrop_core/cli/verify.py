"""``facecrop verify``: what of a project is missing, changed, damaged or orphaned."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from facecrop_core.cli.progress import make_progress
from facecrop_core.names import readable
from facecrop_core.pipeline.events import Watch
from facecrop_core.pipeline.verify import verify

EXIT_SOUND, EXIT_DAMAGED = 0, 1


def run_verify(options: Namespace) -> int:
    with make_progress(1) as progress:
        result = verify(options.project, options.out, Watch(progress))
    print(json.dumps(result) if options.json else describe(result), flush=True)
    return EXIT_SOUND if result["status"] == "complete" else EXIT_DAMAGED


def describe(result: dict[str, Any]) -> str:
    """The findings in words: what was lost first."""
    findings = result["findings"]
    lines = [f"{f['kind']:8}  {readable(f['path'])}: {readable(f['words'])}" for f in findings if not f["harmless"]]
    lost = len(lines)
    harmless = [f"{f['kind']:8}  {readable(f['path'])}: {readable(f['words'])}" for f in findings if f["harmless"]]
    if harmless:
        lines += ["", "Harmless:", *harmless]
    if lost:
        lines.append("\nDelete a damaged scan's folder and scan the video again; all else is kept.")
    scans = f"{result['scans']} scan" + ("" if result["scans"] == 1 else "s")
    verdict = f"{lost} findings in {scans}" if lost else f"{scans}: everything is there and as it was stored"
    return "\n".join([*lines, f"{verdict}. Project: {readable(result['project'])}"])
