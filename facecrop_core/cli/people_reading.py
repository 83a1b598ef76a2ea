"""``facecrop people …`` that only looks."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from facecrop_core.cli import people_words as words
from facecrop_core.cli.commands import finish
from facecrop_core.cli.people_commands import open_people


def list_people(options: Namespace) -> int:
    from facecrop_core.pipeline.people_sheets import people_sheet

    with open_people(options) as people:
        found = [person.as_json() for person in people.summaries()]
        nobody = sum(int((view.person == 0).sum()) for view in people.views)
        result: dict[str, Any] = {"status": "complete", "people": found, "faces_of_nobody": nobody}
        if options.sheet:
            people_sheet(people, options.sheet)
            result["sheet"] = str(options.sheet)
    return finish(options, result, words.describe_people(result))


def show_person(options: Namespace) -> int:
    from facecrop_core.pipeline.people_sheets import person_sheet

    with open_people(options) as people:
        number = people.find(options.person)
        person = next(p for p in people.summaries() if p.id == number)
        faces = people.faces_of(number)
        result: dict[str, Any] = {
            "status": "complete",
            **person.as_json(),
            "tracks": people.tracks_of(number),
            "best_faces": [face.as_json() for face in faces[: options.count]],
            "said": people.said_of(number),
        }
        if options.sheet:
            person_sheet(people, number, options.sheet, options.count)
            result["sheet"] = str(options.sheet)
    return finish(options, result, words.describe_person(result))


def review(options: Namespace) -> int:
    from facecrop_core.pipeline.people_sheets import review_sheet
    from facecrop_core.pipeline.reviewing import doubt_json, doubtful_faces

    with open_people(options) as people:
        person = None if options.person is None else people.find(options.person)
        doubts = doubtful_faces(people, options.count, person)
        result: dict[str, Any] = {"status": "complete", "faces": [doubt_json(people, doubt) for doubt in doubts]}
        if options.sheet:
            review_sheet(people, doubts, options.sheet)
            result["sheet"] = str(options.sheet)
    return finish(options, result, words.describe_review(result))


def histogram(options: Namespace) -> int:
    from facecrop_core.pipeline.reviewing import similarity_histogram

    with open_people(options) as people:
        person = None if options.person is None else people.find(options.person)
        result = similarity_histogram(people, person)
    return finish(options, result, words.describe_histogram(result))


def lost(options: Namespace) -> int:
    with open_people(options) as people:
        found = people.lost()
    return finish(options, {"status": "complete", "lost": found}, words.describe_lost(found))


def history(options: Namespace) -> int:
    with open_people(options) as people:
        actions = people.curation.history()
    rows = [
        {"id": a.id, "who": a.who, "made_utc": a.made_utc, "what": a.what, "details": a.details, "undone": a.undone}
        for a in actions
    ]
    lines = [words.describe_action(action) for action in actions]
    return finish(options, {"status": "complete", "actions": rows}, "\n".join(lines) or "Nothing was done yet.")


def list_references(options: Namespace) -> int:
    from facecrop_core.pipeline.people_sheets import references_sheet
    from facecrop_core.pipeline.reference_faces import reference_json, references_of

    with open_people(options) as people:
        person = None if options.person is None else people.find(options.person)
        found = references_of(people, person, True if options.negative else None)
        rows = [reference_json(people, reference) for reference in found]
        result: dict[str, Any] = {"status": "complete", "references": rows}
        if options.sheet:
            references_sheet(people, found, options.sheet)
            result["sheet"] = str(options.sheet)
    return finish(options, result, words.describe_references(result))
