"""``facecrop models``: list, get and check packs; and how a report is laid out on the terminal."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from facecrop_core.errors import ModelError, UsageError
from facecrop_core.pipeline.packs import (
    PACKS,
    PublishedPack,
    check_pack,
    find_pack,
    get_pack,
    installed_packs,
    models_folder,
)


def run_models(options: Namespace) -> int:
    if options.action == "list":
        return _list(options)
    if options.action == "get":
        return _get(options)
    return _check(options)


def _list(options: Namespace) -> int:
    installed = installed_packs()
    rows = {
        name: {
            "installed": str(installed[name].folder) if name in installed else None,
            "megabytes": PACKS[name].about_mb if name in PACKS else None,
            "licence": PACKS[name].licence if name in PACKS else None,
        }
        for name in [*PACKS, *(name for name in installed if name not in PACKS)]
    }
    if options.json:
        print(json.dumps({"folder": str(models_folder()), "packs": rows}))
        return 0
    for name, row in rows.items():
        size = f"{row['megabytes']} MB" if row["megabytes"] else ""
        print(f"{name:12} {size:>7}  {row['installed'] or 'not installed; facecrop models get ' + name}")
    print(f"\n{next(iter(PACKS.values())).licence}")
    return 0


def _get(options: Namespace) -> int:
    if not options.name:
        raise UsageError("Which pack?", f"There are: {', '.join(PACKS)}.")
    last = [-1]

    def show(done: int, total: int | None) -> None:
        percent = int(100 * done / total) if total else 0
        if percent != last[0] and (sys.stderr.isatty() or percent % 10 == 0):
            last[0] = percent
            print(f"{options.name}: {percent} % of {(total or 0) / 1e6:.0f} MB", file=sys.stderr, flush=True)

    accept = True if options.accept_licence else _ask
    folder = get_pack(options.name, accept_licence=accept, progress=show, again=options.again)
    print(json.dumps({"status": "complete", "folder": str(folder)}) if options.json else f"{options.name}: {folder}")
    return 0


def _ask(pack: PublishedPack) -> bool:
    """Show the licence and ask. Without a terminal the answer is no."""
    print(f"{pack.licence}", file=sys.stderr)
    if not sys.stdin.isatty():
        return False
    print("Do you accept this? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _check(options: Namespace) -> int:
    """Exit status 1 and the files' names where something is wrong."""
    folders = [_folder(options.name)] if options.name else [pack.folder for pack in installed_packs().values()]
    problems = {str(folder): check_pack(folder) for folder in folders}
    if options.json:
        print(json.dumps({"packs": problems}))
    else:
        for folder, found in problems.items():
            print(f"{folder}: {'; '.join(found) if found else 'in order'}")
        if not problems:
            print(f"No pack is installed in {models_folder()}.")
    return 1 if any(problems.values()) else 0


def _folder(name: str) -> Path:
    path = Path(name)
    if path.is_dir():
        return path
    try:
        return find_pack(name).folder
    except ModelError as error:
        raise UsageError(error.message, error.hint) from None


def describe_doctor(report: dict[str, Any]) -> str:
    """The doctor's report in words."""
    usable = {name: why or "usable" for name, why in report["providers"].items()}
    decoding = {name: why or "usable" for name, why in report["hardware_decoding"].items()}
    disk = {folder: f"{free / 1e9:.1f} GB" for folder, free in report["free_bytes"].items()}
    packs = report["packs"] or {"none": "facecrop models get buffalo_l fetches one, after showing its licence"}
    words = report | {"providers": usable, "hardware_decoding": decoding, "free disk": disk, "packs": packs}
    return show_tree({name: value for name, value in words.items() if name != "free_bytes"})


def show_tree(report: dict[str, Any], indent: str = "") -> str:
    """A report as indented lines of name and value."""
    lines = []
    for name, value in report.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", show_tree(value, indent + "  ")]
        else:
            words = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            lines.append(f"{indent}{name}: {words if words not in (None, '') else '-'}")
    return "\n".join(lines)
