"""``facecrop sheet``: the same faces in every style of framing."""

from __future__ import annotations

from argparse import Namespace

from facecrop_core.cli.commands import finish
from facecrop_core.errors import UsageError
from facecrop_core.names import readable
from facecrop_core.settings import Settings


def run_sheet(options: Namespace, settings: Settings) -> int:
    from facecrop_core.pipeline.framing_sheet import STYLES, write_framing_sheet
    from facecrop_core.pipeline.project import Project

    if options.faces < 1:
        raise UsageError("--faces takes a number of 1 or more.")
    faces = write_framing_sheet(Project.open(options.project), settings, options.out, options.faces)
    result = {"status": "complete", "faces": faces, "styles": list(STYLES), "out": str(options.out)}
    return finish(options, result, f"{faces} faces in {len(STYLES)} styles: {readable(options.out)}")
