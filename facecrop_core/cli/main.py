"""Parsing the command line, and turning errors into words and exit statuses.

Exit status: 0 done, 1 error, 2 usage, 3 partial coverage, 130 cancelled.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from facecrop_core import __version__
from facecrop_core.cli import commands
from facecrop_core.cli.calibrate import add_calibrate
from facecrop_core.cli.people import add_people
from facecrop_core.errors import CancelledError, FacecropError
from facecrop_core.names import readable
from facecrop_core.settings import SECTIONS, FlagParser, add_setting_flags, normalise
from facecrop_core.settings.controls import FALSE_WORDS, TRUE_WORDS

VIDEO_HELP = "Videos, folders of videos or of images, .txt lists, patterns, or links."
PRODUCE_SECTIONS = ("matching", "framing", "gate", "twins", "choosing", "export", "logging")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    tokens = normalise(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in tokens
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal's encoding lacks must not end the run
            stream.reconfigure(errors="backslashreplace")
    try:
        options, unknown = build_parser().parse_known_args(tokens)
        if unknown:
            options.parser.error(f"unrecognized arguments: {unknown[0]}")
        return int(options.run(options))
    except FacecropError as error:
        print(f"Error: {readable(error.message)}\n{readable(error.hint)}".rstrip(), file=sys.stderr, flush=True)
        if as_json:
            commands.print_end(error)
        return error.exit_status
    except KeyboardInterrupt:  # Ctrl-C before a run has begun, or for the second time
        if as_json:
            commands.print_end(CancelledError("The run was stopped."))
        return CancelledError.exit_status
    except BrokenPipeError:  # the reader of our output, such as head, has gone
        sys.stderr.close()
        return 0


def run() -> NoReturn:
    """The program ``facecrop``: one command, and then the end of the process at once.

    Torn down as usual, Arrow's threads abort the process now and then (one run in a hundred on a busy machine), and its
    exit status would be a lie.
    """
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # whoever reads it has gone
            stream.flush()
    logging.shutdown()
    os._exit(status)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = FlagParser(
        prog="facecrop", description="Turn videos into clean face datasets.", allow_abbrev=False,
        epilog="'facecrop COMMAND --help' lists a command's flags.",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"facecrop {__version__}")
    names = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=FlagParser)
    _add_extract(names)
    _add_scan(names)
    _add_fetch(names)
    _add_export(names)
    _add_faces(names)
    _add_sheet(names)
    _add_coverage(names)
    add_people(names, _command)
    _add_verify(names)
    _add_models(names)
    add_calibrate(names, _command)
    doctor = _command(names, "doctor", commands.doctor, "Show versions, the engine in use and why, and free disk.")
    add_setting_flags(doctor, ("engine", "runtime"))
    return parser


def _command(names: Any, name: str, run: Any, words: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = names.add_parser(
        name, help=words, description=words, add_help=False, allow_abbrev=False
    )
    parser.add_argument(
        "--help", "-h", nargs="?", const="", default=None, action=_Help, metavar="on|off",
        help="Show this help; 'on' writes it to the log folder and goes on, as face_extract does.",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="End with one JSON object on standard output.")
    parser.set_defaults(run=run, parser=parser)
    return parser


class _Help(argparse.Action):
    """--help shows the help; face_extract's --help on|off goes on."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        word = str(values or "").lower()
        if word not in TRUE_WORDS + FALSE_WORDS:
            parser.print_help()
            raise SystemExit(0)
        namespace.help = word in TRUE_WORDS


def _add_preset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", metavar="NAME", help="A preset's name, or the path of a preset's JSON file.")


def _add_references(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Who")
    group.add_argument(
        "--refs", nargs="+", type=Path, default=[], metavar="PATH",
        help="Photos of one person, a folder of them (named as the folder), or a folder of folders (one person each; "
        "'not NAME' beside NAME holds photos of people who are not NAME).",
    )  # fmt: skip
    group.add_argument(
        "--refs-dir", type=Path, metavar="DIR", help="A folder of photos of one person, read with all that is below it."
    )
    group.add_argument(
        "--refs-sheet", type=Path, metavar="FILE.jpg",
        help="Draw what was taken from each photo, and what was refused and why.",
    )  # fmt: skip


def _add_extract(names: Any) -> None:
    parser = _command(names, "extract", commands.extract, "Scan videos and write the crops, all in one go.")
    parser.add_argument("videos", nargs="*", metavar="VIDEO", help=VIDEO_HELP)
    parser.add_argument("--video", dest="more_videos", action="append", default=[], metavar="VIDEO",
                        help="The same as a VIDEO, as face_extract spells it.")  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="Where the dataset is written.")
    parser.add_argument("--project", type=Path, metavar="DIR", help="Where the scan is kept; default: OUT.facecrop.")
    _add_preset(parser)
    _add_references(parser)
    add_setting_flags(parser, tuple(SECTIONS))


def _add_scan(names: Any) -> None:
    parser = _command(names, "scan", commands.scan, "Find and measure every face of videos; writes no crops.")
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help=VIDEO_HELP)
    parser.add_argument("--project", required=True, type=Path, metavar="DIR", help="Where the scan is kept.")
    _add_preset(parser)
    _add_references(parser)
    add_setting_flags(parser, tuple(SECTIONS))


def _add_fetch(names: Any) -> None:
    parser = _command(names, "fetch", commands.fetch, "Fetch the videos behind links, and nothing more.")
    parser.add_argument("links", nargs="+", metavar="LINK", help="Links, or .txt lists of them.")
    parser.add_argument("--out", type=Path, metavar="DIR", help="Where they are kept; default: this folder.")
    _add_preset(parser)
    add_setting_flags(parser, ("fetch",))


def _add_export(names: Any) -> None:
    parser = _command(names, "export", commands.export, "Write crops from a project again, without scanning.")
    parser.add_argument("--project", required=True, type=Path, metavar="DIR", help="The project to read.")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="Where the dataset is written.")
    parser.add_argument(
        "--from", dest="repeated", type=Path, metavar="provenance.json",
        help="Repeat an export: with its settings instead of the project's. The preset and flags still win.",
    )  # fmt: skip
    _add_preset(parser)
    _add_references(parser)
    add_setting_flags(parser, ("engine", "runtime", "reference", *PRODUCE_SECTIONS))


def _add_faces(names: Any) -> None:
    parser = _command(names, "faces", commands.faces, "Write a table of every stored face, kept or not.")
    parser.add_argument("--project", required=True, type=Path, metavar="DIR", help="The project to read.")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="A .parquet, .csv or .jsonl file.")
    parser.add_argument("--embeddings", action="store_true", help="Add the column 'embedding'.")


def _add_sheet(names: Any) -> None:
    parser = _command(names, "sheet", commands.sheet, "Draw the same faces in every style of framing.")
    parser.add_argument("--project", required=True, type=Path, metavar="DIR", help="The project to read.")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.jpg", help="Where the picture is written.")
    parser.add_argument("--faces", type=int, default=24, metavar="N", help="How many faces; default: 24.")
    _add_preset(parser)
    add_setting_flags(parser, ("matching", "framing", "gate"))


def _add_coverage(names: Any) -> None:
    about = "What the settings would keep, without writing crops: reasons, poses, shots and measures, as JSON."
    parser = _command(names, "coverage", commands.coverage, about)
    parser.add_argument("--project", required=True, type=Path, metavar="DIR", help="The project to read.")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="Where it is written; default: printed.")
    _add_preset(parser)
    add_setting_flags(parser, ("matching", "framing", "gate", "twins", "choosing"))


def _add_verify(names: Any) -> None:
    parser = _command(names, "verify", commands.verify, "Find what of a project is missing, changed or orphaned.")
    parser.add_argument("--project", required=True, type=Path, metavar="DIR", help="The project to look at.")
    parser.add_argument("--out", type=Path, metavar="DIR", help="A dataset to compare with its metadata.jsonl, too.")


def _add_models(names: Any) -> None:
    parser = _command(names, "models", commands.models, "List, get and check the packs that detect and embed.")
    parser.add_argument("action", choices=("list", "get", "check"), help="What to do.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="A pack, such as buffalo_l.")
    parser.add_argument("--accept-licence", action="store_true", help="Accept the pack's licence without being asked.")
    parser.add_argument("--again", action="store_true", help="Fetch a pack again, to replace damaged files.")
