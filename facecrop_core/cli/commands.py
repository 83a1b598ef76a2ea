"""What each command does. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from facecrop_core.cli.people_words import describe_grouping
from facecrop_core.cli.progress import make_progress
from facecrop_core.errors import CancelledError, FacecropError, UsageError
from facecrop_core.names import readable
from facecrop_core.settings import Settings, find_preset, setting_values

if TYPE_CHECKING:
    from facecrop_core.pipeline.jobs import Kind

EXIT_DONE, EXIT_PARTIAL = 0, 3
SECONDS_TO_STOP = 4.0


def extract(options: Namespace) -> int:
    videos = [*options.videos, *options.more_videos]
    if not videos:
        raise UsageError("No video was named.", "facecrop extract VIDEO --refs PHOTO --out FOLDER")
    project = options.project or options.out.absolute().with_name(options.out.absolute().name + ".facecrop")
    return _run_job("extract", options, project, _settings(options), videos)


def scan(options: Namespace) -> int:
    return _run_job("scan", options, options.project, _settings(options), options.videos)


def export(options: Namespace) -> int:
    from facecrop_core.pipeline.project import Project

    project = Project.open(options.project)
    own = project.settings.changed()
    if options.repeated is not None:
        from facecrop_core.pipeline.provenance import settings_to_repeat

        own, warnings = settings_to_repeat(options.repeated, project)
        for words in warnings:
            print(words, file=sys.stderr)
    return _run_job("export", options, options.project, _settings(options, own), [])


def faces(options: Namespace) -> int:
    from facecrop_core.pipeline.project import Project
    from facecrop_core.pipeline.report import save_faces

    rows = save_faces(Project.open(options.project), options.out, options.embeddings)
    return finish(
        options,
        {"status": "complete", "faces": rows, "out": str(options.out)},
        f"{rows} faces: {readable(options.out)}",
    )


def sheet(options: Namespace) -> int:
    from facecrop_core.cli.sheet import run_sheet
    from facecrop_core.pipeline.project import Project

    own = Project.open(options.project).settings.changed()
    return run_sheet(options, _settings(options, own))


def coverage(options: Namespace) -> int:
    from facecrop_core.cli.coverage import run_coverage
    from facecrop_core.pipeline.project import Project

    own = Project.open(options.project).settings.changed()
    return run_coverage(options, _settings(options, own))


def fetch(options: Namespace) -> int:
    from facecrop_core.cli.fetch import run_fetch

    return run_fetch(options, _settings(options))


def verify(options: Namespace) -> int:
    from facecrop_core.cli.verify import run_verify

    return run_verify(options)


def models(options: Namespace) -> int:
    from facecrop_core.cli.models import run_models

    return run_models(options)


def doctor(options: Namespace) -> int:
    from facecrop_core.cli.models import describe_doctor
    from facecrop_core.pipeline.doctor import diagnose

    report = diagnose(_settings(options))
    return finish(options, report, describe_doctor(report))


def _settings(options: Namespace, own: dict[str, Any] | None = None) -> Settings:
    """Defaults, the project's own, the preset, then the flags; the later wins."""
    preset = find_preset(options.preset).values if getattr(options, "preset", None) else {}
    return Settings().with_values((own or {}) | preset | setting_values(options))


def _run_job(kind: Kind, options: Namespace, project: Path, settings: Settings, videos: list[str]) -> int:
    from facecrop_core.pipeline.events import Watch
    from facecrop_core.pipeline.jobs import JobRequest, absolute_name, run_job

    if options.refs and options.refs_dir:
        raise UsageError("--refs and --refs-dir were both given.", "Use one of them.")
    if options.refs_sheet and not (options.refs or options.refs_dir):
        raise UsageError("--refs-sheet draws what --refs names, and that was not given.")
    if options.help:
        _write_help(options, settings)
    references = tuple(options.refs) or ((options.refs_dir,) if options.refs_dir else ())
    request = JobRequest(
        kind,
        project.absolute(),
        tuple(absolute_name(name, Path.cwd()) for name in videos),
        tuple(path.absolute() for path in references),
        options.refs_dir is not None,
        None if kind == "scan" else options.out.absolute(),
        settings.changed(),
        options.refs_sheet and options.refs_sheet.absolute(),
    )
    with make_progress(settings.logging.print_every) as progress, stop_on_interrupt(options.json) as stop:
        result = run_job(request, Watch(progress, stop))
    status = EXIT_PARTIAL if result["status"] == "partial" else EXIT_DONE
    finish(options, result, describe_result(result))
    return status


def _write_help(options: Namespace, settings: Settings) -> None:
    """face_extract's --help on: the help as a file in the log folder."""
    folder = Path(settings.logging.log_dir) if settings.logging.log_dir else options.out.absolute().parent / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "facecrop_extract.txt").write_text(options.parser.format_help(), encoding="utf-8")


def finish(options: Namespace, result: dict[str, Any], words: str) -> int:
    print(json.dumps(result, default=str) if options.json else words, flush=True)
    return EXIT_DONE


def print_end(error: FacecropError) -> None:
    """The one JSON object of a command that did not come to its end."""
    status = "cancelled" if isinstance(error, CancelledError) else "error"
    print(json.dumps({"status": status, "error": error.message, "hint": error.hint}), flush=True)


@contextmanager
def stop_on_interrupt(as_json: bool) -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM ask the run to stop and store what it has; a second time they end it at once.

    A run that does not stop within seconds, because a model or a disk does not answer, is ended: what was committed
    is whole at any moment, and decoding processes end with the run.
    """
    stop = threading.Event()
    give_up = threading.Timer(SECONDS_TO_STOP, _give_up, [as_json])
    give_up.daemon = True

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        give_up.start()
        print("Stopping; what was found is being stored …", file=sys.stderr, flush=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        give_up.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _give_up(as_json: bool) -> None:
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # the progress bar hides it
    end = CancelledError(
        "The run did not stop by itself and was ended.", "What was stored before is kept; the same command goes on."
    )
    with suppress(OSError):  # nobody listens any more
        print(f"{show_cursor}{end.message} {end.hint}", file=sys.stderr, flush=True)
        if as_json:
            print_end(end)
    os._exit(CancelledError.exit_status)


def describe_result(result: dict[str, Any]) -> str:
    """What a job did, in words."""
    lines = []
    for row in result["videos"]:
        name = readable(Path(row["video"]).name)
        if row["status"] in ("failed", "skipped"):
            lines.append(f"{name}: {row['status']}. {readable(row.get('error') or row['reason'])}")
            continue
        again = " (scanned before, nothing to do)" if row["reused"] else f" in {row['seconds']:.1f} s"
        lines.append(f"{name}: {row['faces']} faces in {row['samples']} frames{again}, engine {row['engine']}")
        if row["status"] == "partial":
            until, expected = row["coverage"]["decoded_until_seconds"], row["coverage"]["expected_seconds"]
            lines.append(f"  PARTIAL: only {until:.1f} of {expected or 0:.1f} s could be decoded without damage.")
    if len(result["videos"]) > 1:
        lines.append(_describe_queue(result))
    if "grouping" in result:
        lines.append(f"People: {describe_grouping(result['grouping'])}")
    if "out" in result:
        lines += _describe_export(result)
    lines.append(f"Project: {readable(result['project'])}")
    return "\n".join(lines)


def _describe_queue(result: dict[str, Any]) -> str:
    """One line about several videos."""
    counts = Counter(row["status"] for row in result["videos"])
    states = ", ".join(
        f"{counts[state]} {state}" for state in ("complete", "partial", "skipped", "failed") if counts[state]
    )
    return f"{len(result['videos'])} videos: {states}; {result['faces']} faces in {result['samples']} frames"


def _describe_export(result: dict[str, Any]) -> list[str]:
    lines = []
    if result["saved"]:
        who = ", ".join(f"{name or 'unnamed'} {n}" for name, n in result["people"].items())
        lines.append(
            f"SAVED {result['saved']} crops ({who}) in {result['export_seconds']:.1f} s: {readable(result['out'])}"
        )
    elif result["not_kept"]:
        lines.append("NOTHING WAS KEPT: no face passed. The reasons below say which setting to loosen.")
    else:
        lines.append("NOTHING WAS KEPT: no face was found. A lower --det-thresh or a larger --det-size finds more.")
    if result["not_kept"]:
        why = ", ".join(f"{reason} {n}" for reason, n in sorted(result["not_kept"].items(), key=lambda item: -item[1]))
        lines.append(f"Not kept: {why}")
    if "contact_sheet" in result["files"]:
        lines.append(f"Contact sheet: {readable(result['files']['contact_sheet'])}")
    return lines
