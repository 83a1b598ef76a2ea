"""``facecrop calibrate``: where a model tells people apart, measured on photos."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from facecrop_core.cli import commands
from facecrop_core.cli.progress import make_progress
from facecrop_core.names import readable
from facecrop_core.settings import Settings, add_setting_flags, setting_values

SECTIONS = ("engine", "runtime", "reference")


def add_calibrate(names: Any, command: Any) -> None:
    """Add the command to the parser."""
    words = "Measure where a model tells people apart, and keep it for that model."
    parser = command(names, "calibrate", run_calibrate, words)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="A folder with one folder of photos per person.")
    parser.add_argument("--dry-run", action="store_true", help="Only show what is found; keep nothing.")
    add_setting_flags(parser, SECTIONS)


def run_calibrate(options: Namespace) -> int:
    from facecrop_core.pipeline.calibrate import calibrate
    from facecrop_core.pipeline.events import Watch

    settings = Settings().with_values(setting_values(options))
    with make_progress(50) as progress, commands.stop_on_interrupt(options.json) as stop:
        result = calibrate(options.folder, settings, Watch(progress, stop), store=not options.dry_run)
    return commands.finish(options, {"status": "complete"} | result, describe(result))


def describe(result: dict[str, Any]) -> str:
    """What was measured, in words."""
    pairs = f"{result['same_pairs']} pairs of one person, {result['other_pairs']} of two"
    lines = [
        f"{result['engine']}: {result['photos']} photos of {result['people']} people, {pairs}",
        f"Equal error rate {result['eer']:.2%}, at a similarity of {result['eer_threshold']:.3f}",
    ]
    for rate, threshold in result["thresholds"].items():
        if threshold is None:
            lines.append(f"False accept rate {rate}: too few pairs of two people to tell")
        else:
            lines.append(f"False accept rate {rate}: from {threshold:.3f}, with {result['recalls'][rate]:.1%} accepted")
    before = result["before"]
    lines += [
        f"match {result['match']:.3f} (was {before['match']:.3f}), unsure {result['unsure']:.3f} "
        f"(was {before['unsure']:.3f}): {result['why']}",
        f"Kept in {readable(result['stored'])}" if result["stored"] else "Nothing was kept.",
    ]
    return "\n".join(lines)
