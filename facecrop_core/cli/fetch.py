"""``facecrop fetch``: the videos behind links, as files."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from facecrop_core.cli.commands import stop_on_interrupt
from facecrop_core.cli.progress import make_progress
from facecrop_core.names import readable
from facecrop_core.settings import Settings

EXIT_DONE, EXIT_FAILED = 0, 1


def run_fetch(options: Namespace, settings: Settings) -> int:
    from facecrop_core.pipeline.events import Watch
    from facecrop_core.pipeline.fetch import absolute_name, fetch_all

    folder = options.out or Path(settings.fetch.fetch_dir or ".").expanduser()
    names = [absolute_name(name, Path.cwd()) for name in options.links]
    with make_progress(settings.logging.print_every) as progress, stop_on_interrupt(options.json) as stop:
        result = fetch_all(names, folder.absolute(), settings, Watch(progress, stop))
    print(json.dumps(result) if options.json else describe_fetches(result), flush=True)
    return EXIT_FAILED if result["status"] == "failed" else EXIT_DONE


def describe_fetches(result: dict[str, Any]) -> str:
    """What became of each link, in words."""
    lines = []
    for row in result["videos"]:
        name = readable(row.get("title") or row["link"])
        if row["status"] == "failed":
            lines.append(f"{name}: failed. {readable(row['error'])} {readable(row['hint'])}".rstrip())
        elif row["status"] == "skipped":
            lines.append(f"{name}: skipped. {readable(row['reason'])}")
        else:
            here = " (was here already)" if row["status"] == "reused" else ""
            lines.append(f"{name}: {readable(row['video'])}, {row['height']} px high{here}")
    return "\n".join(lines)
