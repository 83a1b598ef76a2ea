"""The flags of ``facecrop people`` and its subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facecrop_core.cli import people_commands as run
from facecrop_core.cli import people_reading as show
from facecrop_core.settings import FlagParser, add_setting_flags

Command = Callable[[Any, str, Any, str], argparse.ArgumentParser]
"""Adds a subcommand: where, its name, what it runs, what it does in words."""

PERSON_HELP = "A name, or 'person 3' (also: 3) for somebody without one."
FACES_HELP = "Ids of faces, in full or as far as they are unique; 'people show' and 'faces' list them."


def add_people(names: Any, command: Command) -> None:
    """``facecrop people …``: who is who, and putting it right."""
    words = "Who is who: list, name, merge, split and move people, references, doubtful faces, undo."
    parser = names.add_parser("people", help=words, description=words, allow_abbrev=False)
    inner = parser.add_subparsers(title="what to do", metavar="WHAT", required=True, parser_class=FlagParser)
    _add_looking(inner, command)
    _add_changing(inner, command)
    _add_saying(inner, command)
    _add_references(inner, command)
    _add_whole(inner, command)


def _sub(names: Any, command: Command, name: str, runs: Any, words: str) -> argparse.ArgumentParser:
    parser = command(names, name, runs, words)
    parser.add_argument("--project", required=True, type=Path, metavar="DIR", help="The project.")
    return parser


def _add_sheet(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--sheet", type=Path, metavar="FILE.jpg", help=f"Also write a picture of {what}.")


def _add_looking(names: Any, command: Command) -> None:
    listing = _sub(names, command, "list", show.list_people, "Everybody, named or not, with counts.")
    _add_sheet(listing, "everybody's best face")
    person = _sub(names, command, "show", show.show_person, "One person: tracks, faces, references, what was said.")
    person.add_argument("person", metavar="PERSON", help=PERSON_HELP)
    person.add_argument("--count", type=int, default=40, metavar="N", help="So many faces, best first. [default 40]")
    _add_sheet(person, "these faces")
    review = _sub(names, command, "review", show.review, "The faces most in doubt, for you to decide.")
    review.add_argument("--count", type=int, default=20, metavar="N", help="So many faces. [default 20]")
    review.add_argument("--person", metavar="PERSON", help="Only faces of this person, or nearest to them.")
    _add_sheet(review, "these faces, with similarity, band and time")
    bars = _sub(names, command, "histogram", show.histogram, "Similarities with the bands, and what each would keep.")
    bars.add_argument("--person", metavar="PERSON", help="Only faces of this person, or nearest to them.")
    add_setting_flags(bars, ("matching", "gate"))
    _sub(names, command, "lost", show.lost, "Verdicts whose face is not in the present scans, and why.")
    _sub(names, command, "history", show.history, "What was done to the people, oldest first.")


def _add_changing(names: Any, command: Command) -> None:
    name = _sub(names, command, "name", run.name_person, "Name somebody, or rename; without NAME takes it away.")
    name.add_argument("person", metavar="PERSON", help=PERSON_HELP)
    name.add_argument("name", nargs="?", metavar="NAME", help="The new name.")
    merge = _sub(names, command, "merge", run.merge, "Make several people one.")
    merge.add_argument("people", nargs="+", metavar="PERSON", help=PERSON_HELP)
    merge.add_argument("--into", required=True, metavar="PERSON", help="Who they all are.")
    split = _sub(names, command, "split", run.split, "Make a new person of some of a person's faces.")
    split.add_argument("person", metavar="PERSON", help=PERSON_HELP)
    which = split.add_mutually_exclusive_group(required=True)
    which.add_argument("--faces", nargs="+", metavar="FACE", help=FACES_HELP)
    which.add_argument("--tracks", nargs="+", metavar="TRACK", help="Whole tracks; of one of several: film.mp4:7.")
    split.add_argument("--name", metavar="NAME", help="What the new person is called; default: unnamed.")
    move = _sub(names, command, "move", run.move, "Put faces to somebody else.")
    move.add_argument("faces", nargs="+", metavar="FACE", help=FACES_HELP)
    move.add_argument("--to", required=True, metavar="PERSON", help=PERSON_HELP)


def _add_saying(names: Any, command: Command) -> None:
    say = _sub(names, command, "say", run.say, "Say something of faces that outweighs matching and gates.")
    say.add_argument("faces", nargs="+", metavar="FACE", help=FACES_HELP)
    what = say.add_mutually_exclusive_group(required=True)
    what.add_argument("--is", dest="is_person", metavar="NAME", help="They are this person, who may be new.")
    what.add_argument("--not", dest="not_person", metavar="PERSON", help="They are not this person.")
    for flag, words in (
        ("--not-a-face", "They are no faces."),
        ("--keep", "Keep them, whatever the gates say."),
        ("--reject", "Leave them out."),
        ("--clear", "Take back whatever was said of them."),
    ):
        what.add_argument(flag, dest="said", action="store_const", const=flag[2:].replace("-", "_"), help=words)


def _add_references(names: Any, command: Command) -> None:
    words = "References: what says who a person is."
    parser = names.add_parser("refs", help=words, description=words, allow_abbrev=False)
    inner = parser.add_subparsers(title="what to do", metavar="WHAT", required=True, parser_class=FlagParser)
    listing = _sub(inner, command, "list", show.list_references, "The references, of one person or of all.")
    listing.add_argument("person", nargs="?", metavar="PERSON", help=PERSON_HELP)
    listing.add_argument("--negative", action="store_true", help="Only those that say who somebody is not.")
    _add_sheet(listing, "the references")
    add = _sub(inner, command, "add", run.add_references, "Add references; no scan is needed.")
    add.add_argument("person", metavar="PERSON", help="A name, which may be new, or 'person 3'.")
    add.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="Photos, or folders of photos.")
    add.add_argument("--face", nargs="+", default=[], metavar="FACE", help="Faces of scans. " + FACES_HELP)
    add.add_argument("--negative", action="store_true", help="They show somebody who the person is not.")
    add_setting_flags(add, ("engine", "runtime", "reference"))
    remove = _sub(inner, command, "remove", run.remove_references, "Remove references by their numbers.")
    remove.add_argument("references", nargs="+", type=int, metavar="NUMBER", help="As 'people refs list' shows them.")


def _add_whole(names: Any, command: Command) -> None:
    cluster = _sub(names, command, "cluster", run.cluster, "Group the faces of nobody known by person.")
    cluster.add_argument("--anew", action="store_true", help="Also ask faces again that unnamed people have already.")
    add_setting_flags(cluster, ("clustering", "matching"))
    forget = _sub(names, command, "forget", run.forget, "Delete all that is known of a person, for good.")
    forget.add_argument("person", metavar="PERSON", help=PERSON_HELP)
    forget.add_argument("--yes", action="store_true", help="Do not ask.")
    _sub(names, command, "undo", run.undo, "Take back what was done last.")
    _sub(names, command, "redo", run.redo, "Do again what was taken back last.")
    export = _sub(names, command, "export", run.export_people, "Write people, references and verdicts to one file.")
    export.add_argument("file", type=Path, metavar="FILE.json", help="Where to.")
    export.add_argument("--embeddings", action="store_true", help="With embeddings, which identify people.")
    take = _sub(names, command, "import", run.import_people, "Add people, references and verdicts from such a file.")
    take.add_argument("file", type=Path, metavar="FILE.json", help="What 'people export' wrote.")
