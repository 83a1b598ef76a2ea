"""What ``facecrop people`` says, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facecrop_core.cli.progress import clock
from facecrop_core.names import readable

if TYPE_CHECKING:
    from facecrop_core.pipeline.people import Action

BAR_CHARACTERS = 44
TRACKS_SHOWN, FACES_SHOWN = 20, 12


def describe_people(result: dict[str, Any]) -> str:
    people = result["people"]
    if not people:
        return "Nobody is known yet. Add references with 'people refs add', or group the faces with 'people cluster'."
    head = ["number", "person", "faces", "kept", "tracks", "videos", "first seen", "references", "verdicts"]
    rows = [
        [
            str(p["id"]), p["label"], str(p["faces"]), str(p["kept"]), str(p["tracks"]), str(p["videos"]),
            "" if p["first_seconds"] is None else clock(p["first_seconds"]), _references(p), str(p["verdicts"]),
        ]
        for p in people
    ]  # fmt: skip
    named = sum(p["name"] is not None for p in people)
    counts = f"{named} named, {len(people) - named} unnamed; {result['faces_of_nobody']} faces are nobody's."
    return "\n".join([*_table(head, rows), counts, *_sheet(result)])


def describe_person(result: dict[str, Any]) -> str:
    lines = [f"{readable(result['label'])}: {result['faces']} faces ({result['kept']} kept), number {result['id']}"]
    lines.append(f"References: {_references(result) or 'none'}")
    if result["said"]:
        lines.append("You said: " + ", ".join(f"{kind} {count}" for kind, count in sorted(result["said"].items())))
    tracks = result["tracks"]
    if tracks:
        rows = [
            [
                readable(t["video"]),
                "-" if t["track"] is None else str(t["track"]),
                f"{clock(t['from_seconds'])} to {clock(t['to_seconds'])}",
                str(t["faces"]),
            ]
            for t in tracks[:TRACKS_SHOWN]
        ]
        lines += ["", *_table(["video", "track", "time", "faces"], rows)]
        if len(tracks) > TRACKS_SHOWN:
            lines.append(f"… and {len(tracks) - TRACKS_SHOWN} more tracks (--json lists all)")
    faces = result["best_faces"][:FACES_SHOWN]
    if faces:
        rows = [[f["face_id"], clock(f["time_seconds"]), _number(f["similarity"]), _kept(f)] for f in faces]
        lines += ["", *_table(["best faces", "time", "similarity", ""], rows)]
    return "\n".join([*lines, *_sheet(result)])


def describe_review(result: dict[str, Any]) -> str:
    if not result["faces"]:
        return "\n".join(["No face is in doubt.", *_sheet(result)])
    rows = [
        [
            f["face_id"], f["person"] or "nobody", _number(f["similarity"]), f["band"], _number(f["margin"]),
            clock(f["time_seconds"]), readable(Path(f["video"]).name), ", ".join(f["why"]),
        ]
        for f in result["faces"]
    ]  # fmt: skip
    lines = _table(["face", "person", "similarity", "band", "margin", "time", "video", "why"], rows)
    lines.append("Decide with: facecrop people say FACE … --is NAME | --not NAME | --not-a-face --project DIR")
    return "\n".join([*lines, *_sheet(result)])


def describe_histogram(result: dict[str, Any]) -> str:
    bins = result["bins"]
    if not bins:
        return "There is no similarity to show: add references, or group the faces with 'people cluster'."
    most = max(row["faces"] for row in bins)
    to = "the nearest reference" if result["measured"] == "references" else "the rest of their own group"
    lines = [f"Similarity of {result['faces']} faces to {to}; 'kept' if only those from this value on were.", ""]
    lines += ["  from  band    faces    kept"]
    for row in bins:
        bar = "█" * round(BAR_CHARACTERS * row["faces"] / most) or ("▏" if row["faces"] else "")
        band = _band(row["from"], result)
        lines.append(f"{row['from']:6.2f}  {band:6}  {row['faces']:5}  {row['kept']:6}  {bar}".rstrip())
    said = result["kept_whatever_the_similarity"]
    lines.append(f"\nMatch from {result['match']}, unsure from {result['unsure']}; sim is {result['sim']}.")
    if said:
        lines.append(f"{said} kept faces have no similarity that counts here, and are in every 'kept'.")
    return "\n".join(lines)


def _band(value: float, result: dict[str, Any]) -> str:
    if value >= result["match"] - 1e-9:
        return "match"
    return "unsure" if value >= result["unsure"] - 1e-9 else "no"


def describe_references(result: dict[str, Any]) -> str:
    if not result["references"]:
        return "\n".join(["No references.", *_sheet(result)])
    rows = [
        [
            str(r["id"]), r["person"], "not this person" if r["negative"] else "", readable(Path(r["source"]).name),
            f"{r['det_score']:.2f}", f"{r['confidence']:.2f}", readable(r["note"]),
        ]
        for r in result["references"]
    ]  # fmt: skip
    return "\n".join([*_table(["number", "person", "", "from", "score", "trust", "note"], rows), *_sheet(result)])


def describe_lost(lost: Sequence[dict[str, Any]]) -> str:
    if not lost:
        return "Every verdict has its face."
    rows = [[r["kind"], r["person"] or "", clock(r["time_seconds"]), r["face_id"], r["why"]] for r in lost]
    return "\n".join([*_table(["said", "person", "time", "face", "why"], rows), f"{len(rows)} verdicts wait."])


def describe_grouping(result: dict[str, Any]) -> str:
    """What grouping came to."""
    if "classes" in result:
        classes = ", ".join(f"{name} {count}" for name, count in result["classes"].items())
        lines = [f"{result['faces']} faces classified: {classes}"]
    elif "clusters" in result:
        silhouette = "" if result["silhouette"] is None else f" (silhouette {result['silhouette']:.3f})"
        lines = [f"{result['grouped']} of {result['faces']} faces in {result['clusters']} clusters{silhouette}"]
    else:
        lines = [
            f"{result['unnamed_people']} unnamed people ({result['founded']} new); {result['joined']} faces joined "
            f"people who were known, {result['unknown']} of {result['faces']} stay unknown"
        ]
    if not result["changed"] and "classes" not in result:
        lines.append("Nothing changed: the groups were found before.")
    lines += [f"Log: {readable(path)}" for path in result["files"].values()]
    return "\n".join(lines)


def describe_forgotten(result: dict[str, Any]) -> str:
    lines = [f"{readable(result['person'])} is forgotten: {result['faces']} faces, {result['crops']} exported crops."]
    if result["traces"]:
        lines.append("TRACES ARE LEFT. Delete these files, or the project:")
        lines += [f"  {readable(trace['path'])}: {trace['words']}" for trace in result["traces"]]
    else:
        lines.append("A search of the project and its datasets found no trace.")
    lines += [
        f"{readable(video)} was scanned with another model than the references: unconfirmed faces may remain there."
        for video in result["unsearched"]
    ]
    return "\n".join(lines)


def describe_action(action: Action) -> str:
    """``12  2026-01-02 10:20:30  merge (people 3, 4)``."""
    details = ", ".join(
        f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in action.details.items()
        if value not in (None, [], {})
    )
    state = "  [undone]" if action.undone else "" if action.can_undo else "  [kept in the history only]"
    when = action.made_utc[:19].replace("T", " ")
    return f"{action.id:4}  {when}  {action.who}  {action.what}" + (f" ({details})" if details else "") + state


def _references(person: dict[str, Any]) -> str:
    negatives = f" and {person['negatives']} negative" if person["negatives"] else ""
    return f"{person['references']}{negatives}" if person["references"] or negatives else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _kept(face: dict[str, Any]) -> str:
    return "" if face["kept"] else "not kept"


def _sheet(result: dict[str, Any]) -> list[str]:
    return [f"Sheet: {readable(result['sheet'])}"] if "sheet" in result else []


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns in line; numbers to the right."""
    cells = [[readable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    right = [all(cell.replace(".", "").isdigit() or not cell for cell in column) for column in zip(*cells, strict=True)]
    lines = []
    for row in [list(head), *cells]:
        lines.append(
            "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        )
    return lines
