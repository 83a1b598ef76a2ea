"""``facecrop people …`` that changes something."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from facecrop_core.cli.commands import finish, stop_on_interrupt
from facecrop_core.cli.progress import make_progress
from facecrop_core.errors import CancelledError, UsageError
from facecrop_core.names import readable
from facecrop_core.settings import setting_values

if TYPE_CHECKING:
    from facecrop_core.pipeline.people import ProjectPeople
    from facecrop_core.pipeline.seen import SeenFace

EXIT_TRACES = 1


@contextmanager
def open_people(options: Namespace) -> Iterator[ProjectPeople]:
    """The people of ``--project``, with its settings and those of the command's flags."""
    from facecrop_core.pipeline.people import ProjectPeople
    from facecrop_core.pipeline.project import Project

    project = Project.open(options.project)
    settings = project.settings.with_values(setting_values(options))
    with ProjectPeople(project, settings) as people:
        yield people


def name_person(options: Namespace) -> int:
    with open_people(options) as people:
        number = people.find(options.person)
        before = people.label(number)
        people.curation.name(number, options.name)
        return _done(options, people, f"{before} is now {people.label(number)}", [number])


def merge(options: Namespace) -> int:
    with open_people(options) as people:
        target = people.find(options.into)
        others = [people.find(text) for text in options.people]
        names = ", ".join(people.label(number) for number in others if number != target)
        if not names:
            raise UsageError("There is nobody to merge.", "facecrop people merge PERSON … --into PERSON")
        for number in others:
            together = people.frames_together(number, target)
            if together and number != target:
                pair = f"{people.label(number)} and {people.label(target)}"
                _warn(f"{pair} are seen together in {together} frames, where only one of them can keep the name.")
        people.curation.merge(others, target)
        people.refresh()
        return _done(options, people, f"{names} merged into {people.label(target)}", [target])


def _warn(words: str) -> None:
    print(f"Warning: {readable(words)} 'undo' takes it back.", file=sys.stderr, flush=True)


def split(options: Namespace) -> int:
    with open_people(options) as people:
        number = people.find(options.person)
        if options.faces:
            faces = people.find_faces(options.faces)
            for face in faces:
                if face.person != number:
                    who = people.label(face.person) or "nobody"
                    raise UsageError(
                        f"The face {face.face_id} is not one of {people.label(number)}'s, but {who}'s.",
                        "Use 'people move' for faces of others.",
                    )
        else:
            faces = people.faces_of_tracks(number, options.tracks)
        new = people.curation.split(number, [face.key for face in faces], options.name)
        people.refresh()
        words = f"{len(faces)} faces of {people.label(number)} are now {people.label(new)}"
        return _done(options, people, words, [number, new])


def move(options: Namespace) -> int:
    with open_people(options) as people:
        number = people.find(options.to)
        faces = people.find_faces(options.faces)
        people.curation.move([face.key for face in faces], number)
        people.refresh()
        return _done(options, people, f"{_faces(faces)} moved to {people.label(number)}", [number])


def say(options: Namespace) -> int:
    with open_people(options) as people:
        faces = people.find_faces(options.faces)
        keys = [face.key for face in faces]
        if options.is_person is not None:
            people.curation.say_is(keys, _known_or_new(people, options.is_person))
            words = f"are {options.is_person}"
        elif options.not_person is not None:
            number = people.find(options.not_person)
            people.curation.say_not(keys, number)
            words = f"are not {people.label(number)}"
        else:
            getattr(people.curation, options.said)(keys)
            words = {
                "not_a_face": "are no faces", "keep": "are kept", "reject": "are left out",
                "clear": "have no verdict any more",
            }[options.said]  # fmt: skip
        people.refresh()
        return _done(options, people, f"{_faces(faces)}: noted that they {words}", [])


def _known_or_new(people: ProjectPeople, text: str) -> int | str:
    """A person who is there, by name or number; else the name of a new one."""
    by_number = text.lower().startswith("person ") and text[7:].strip().isdigit()
    return people.find(text) if by_number or people.store.person_id(text) is not None else text


def add_references(options: Namespace) -> int:
    from facecrop_core.pipeline.events import Watch
    from facecrop_core.pipeline.reference_faces import add_faces, add_photos

    if bool(options.photos) == bool(options.face):
        raise UsageError(
            "Name either photos or, with --face, faces of scans.",
            "facecrop people refs add NAME PHOTO … --project DIR",
        )
    with open_people(options) as people, make_progress(1) as progress, stop_on_interrupt(options.json) as stop:
        known = _known_or_new(people, options.person)
        name = known if isinstance(known, str) else people.label(known)
        if not isinstance(known, str) and people.store.person_id(name) is None:
            raise UsageError(f"{name} has no name yet.", f"Name them first: facecrop people name '{name}' NAME")
        if options.face:
            numbers = add_faces(people, name, people.find_faces(options.face), options.negative)
        else:
            watch = Watch(progress, stop)
            numbers = add_photos(people, name, options.photos, people.settings, watch, options.negative)
        kind = "who is not" if options.negative else "of"
        one = len(numbers) == 1
        words = f"{len(numbers)} reference{'' if one else 's'} {kind} {name} added ({', '.join(map(str, numbers))})"
        return _done(options, people, words, [people.find(name)], references=numbers)


def remove_references(options: Namespace) -> int:
    from facecrop_core.pipeline.reference_faces import remove_references

    with open_people(options) as people:
        remove_references(people, options.references)
        return _done(options, people, f"{len(options.references)} references removed; 'undo' brings them back", [])


def cluster(options: Namespace) -> int:
    from facecrop_core.cli.people_words import describe_grouping
    from facecrop_core.pipeline.events import Watch
    from facecrop_core.pipeline.grouping import cluster_project
    from facecrop_core.pipeline.project import Project

    project = Project.open(options.project)
    settings = project.settings.with_values(setting_values(options))
    with make_progress(1) as progress, stop_on_interrupt(options.json) as stop, project.lock():
        result = cluster_project(project, settings, Watch(progress, stop), anew=options.anew)
    return finish(options, result, describe_grouping(result))


def forget(options: Namespace) -> int:
    from facecrop_core.cli.people_words import describe_forgotten
    from facecrop_core.pipeline.forget import forget

    with open_people(options) as people:
        number = people.find(options.person)
        label, project = people.label(number), people.project
        person = next(p for p in people.summaries() if p.id == number)
    if not options.yes:
        _ask(f"Forget {label} for good: {person.faces} faces, {person.references} references, and their crops?")
    with project.lock():
        forgotten = forget(project, number)
    result: dict[str, Any] = {
        "status": "complete" if not forgotten.traces else "traces left",
        "person": label,
        "faces": forgotten.faces,
        "crops": forgotten.crops,
        "traces": [{"path": str(trace.path), "words": trace.words} for trace in forgotten.traces],
        "unsearched": forgotten.unsearched,
    }
    finish(options, result, describe_forgotten(result))
    return EXIT_TRACES if forgotten.traces else 0


def _ask(question: str) -> None:
    """Raises unless the answer is yes."""
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on, and it cannot be undone.", "Add --yes to do it.")
    print(f"{readable(question)} It cannot be undone. [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CancelledError("Nobody was forgotten.")


def undo(options: Namespace) -> int:
    return _replay(options, "undo")


def redo(options: Namespace) -> int:
    return _replay(options, "redo")


def _replay(options: Namespace, which: str) -> int:
    from facecrop_core.cli.people_words import describe_action

    with open_people(options) as people:
        action = getattr(people.curation, which)()
        word = "Taken back" if which == "undo" else "Done again"
        result = {"status": "complete", "action": action.what, "made_utc": action.made_utc, "undone": action.undone}
        return finish(options, result, f"{word}: {describe_action(action)}")


def export_people(options: Namespace) -> int:
    with open_people(options) as people:
        counts = people.export(options.file, options.embeddings)
    words = f"{counts['people']} people, {counts['references']} references, {counts['verdicts']} verdicts"
    return finish(options, {"status": "complete", **counts}, f"{words}: {readable(options.file)}")


def import_people(options: Namespace) -> int:
    with open_people(options) as people:
        counts = people.take_in(options.file)
    words = f"{counts['people']} people, {counts['references']} references, {counts['verdicts']} verdicts added"
    skipped = f"; {counts['skipped']} were there or contradicted what is" if counts["skipped"] else ""
    return finish(options, {"status": "complete", **counts}, words + skipped)


def _done(options: Namespace, people: ProjectPeople, words: str, numbers: list[int], **more: Any) -> int:
    """Report a change, with the people whom it changed as they are now."""
    now = [person.as_json() for person in people.summaries() if person.id in numbers]
    counts = "".join(f"\n  {person['label']}: {person['faces']} faces" for person in now)
    return finish(options, {"status": "complete", "people": now, **more}, words + "." + counts)


def _faces(faces: list[SeenFace]) -> str:
    return f"{len(faces)} face{'' if len(faces) == 1 else 's'}"
