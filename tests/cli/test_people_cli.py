"""``facecrop people``: what a person does from the shell, on faces that are made up."""

import io
import json

import cv2
import numpy as np
import pytest
from pipeline.people_made_up import add_film, direction

from facecrop_core.cli import main
from facecrop_core.people import PeopleStore
from facecrop_core.people.references import ReferencesRead
from facecrop_core.pipeline import reference_faces
from facecrop_core.pipeline.project import Project
from facecrop_core.records import Reference

SHA = "ab" * 32


@pytest.fixture
def project(tmp_path):
    made = Project.create(tmp_path / "p")
    add_film(made, "first", [(0, 8), (1, 8), (0, 6), (2, 6)])
    return made


@pytest.fixture
def shell(project, capsys):
    """Runs ``facecrop people …``; gives the exit status and the JSON object, or the words on both streams."""

    def run(*arguments, words=False):
        capsys.readouterr()
        flags = [] if words else ["--json"]
        status = main(["people", *map(str, arguments), "--project", str(project.folder), *flags])
        said = capsys.readouterr()
        return status, said.out + said.err if words else json.loads(said.out.strip().splitlines()[-1])

    return run


def faces(shell, person):
    return [face["face_id"] for face in shell("show", person, "--count", 100)[1]["best_faces"]]


def people(shell):
    return {p["label"]: p["faces"] for p in shell("list")[1]["people"]}


def test_group_name_merge_split_move_and_undo(shell):
    assert shell("cluster")[1]["founded"] == 3
    assert people(shell) == {"person 1": 14, "person 2": 8, "person 3": 6}
    assert shell("name", "person 1", "Ann")[1]["people"][0]["label"] == "Ann"
    assert shell("merge", "2", "--into", "person 3")[0] == 0 and people(shell) == {"Ann": 14, "person 3": 14}
    assert shell("undo")[1]["action"] == "merge"
    merged = shell("merge", "2", "--into", "Ann", words=True)
    assert merged[0] == 0 and "seen together in 8 frames" in merged[1]
    shell("undo")
    assert shell("split", "Ann", "--tracks", "2", "--name", "Twin")[0] == 0
    assert people(shell) == {"Ann": 8, "Twin": 6, "person 2": 8, "person 3": 6}
    first, second, *_ = faces(shell, "Twin")
    assert shell("split", "Twin", "--faces", first[:10])[1]["people"][-1]["faces"] == 1
    assert shell("move", second, "--to", "Ann")[0] == 0 and people(shell)["Ann"] == 9
    assert shell("undo")[0] == shell("redo")[0] == 0 and people(shell)["Ann"] == 9
    what = [action["what"] for action in shell("history")[1]["actions"]]
    assert what == ["cluster", "name", "split", "split", "move"]
    assert shell("name", "Ann")[0] == 0 and "person 1" in people(shell)


def test_what_is_said_of_faces(shell):
    shell("cluster")
    ids = faces(shell, "person 2")
    assert shell("say", ids[0], "--is", "Bob")[0] == 0 and people(shell)["Bob"] == 1
    assert shell("say", ids[0], "--not", "Bob")[0] == 0
    assert shell("say", *ids[1:3], "--not-a-face")[0] == 0 and people(shell)["person 2"] == 6
    assert shell("say", ids[3], "--reject")[0] == shell("say", ids[4], "--keep")[0] == 0
    shown = shell("show", "person 2", "--count", 100)[1]
    assert {f["face_id"]: f["kept"] for f in shown["best_faces"]}[ids[3]] is False
    assert shell("say", *ids[1:3], "--clear")[0] == 0
    assert shell("lost")[1]["lost"] == []


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("show", "persom 2"), 1, "Did you mean person 2"),
        (("show", "nobody at all"), 1, "'people list' names everybody"),
        (("say", "ffffffffff", "--keep"), 1, "no face 'ffffffffff'"),
        (("say", "ab12"), 2, "One of the arguments"),
        (("merge", "1", "--into", "1"), 2, "nobody to merge"),
        (("name", "person 1", " "), 1, "cannot be empty"),
        (("refs", "add", "Ann"), 2, "Name either photos"),
        (("refs", "remove", "7"), 1, "no reference 7"),
        (("forget", "1"), 2, "Add --yes"),
        (("redo",), 1, "nothing that can be done again"),
        (("import", "nothing.json"), 1, "cannot be read"),
        (("shout",), 2, "invalid choice"),
        ((), 2, "invalid choice"),
    ],
)
def test_errors_say_what_to_do(shell, arguments, status, words):
    shell("cluster")
    got, said = shell(*arguments, words=True)
    assert got == status and words in said


def test_references_from_faces_and_photos(shell, project, monkeypatch, tmp_path):
    shell("cluster")
    (face, *_) = faces(shell, "person 2")
    added = shell("refs", "add", "Bob", "--face", face[:12])[1]["references"]
    assert people(shell)["Bob"] == 8
    monkeypatch.setattr(reference_faces, "open_engine", lambda settings: _Engine(SHA))
    monkeypatch.setattr(reference_faces, "collect_photos", lambda paths: [("x", path) for path in paths])
    monkeypatch.setattr(
        reference_faces,
        "read_references",
        lambda photos, *_: ReferencesRead([Reference(name, str(path), direction(2)) for name, path in photos], [], []),
    )
    added += shell("refs", "add", "Cleo", tmp_path / "c.jpg")[1]["references"]
    assert people(shell)["Cleo"] == 6
    added += shell("refs", "add", "Bob", tmp_path / "d.jpg", "--negative")[1]["references"]
    listed = shell("refs", "list")[1]["references"]
    assert [(r["person"], r["negative"]) for r in listed] == [("Bob", False), ("Cleo", False), ("Bob", True)]
    assert len(shell("refs", "list", "--negative")[1]["references"]) == 1
    assert shell("refs", "remove", *added)[0] == 0 and shell("refs", "list")[1]["references"] == []
    monkeypatch.setattr(reference_faces, "open_engine", lambda settings: _Engine("ef" * 32))
    status, said = shell("refs", "add", "Cleo", tmp_path / "c.jpg", words=True)
    assert status == 1 and "cannot be compared" in said and "--pack" in said


class _Engine:
    def __init__(self, sha):
        self.name, self.embedder = "another", type("Embedder", (), {"model_sha256": sha})


def test_words_and_sheets(shell, tmp_path):
    shell("cluster")
    sheets = [tmp_path / f"{name}.jpg" for name in ("list", "show", "review", "refs")]
    assert "person 1" in shell("list", "--sheet", sheets[0], words=True)[1]
    assert "first.mp4" in shell("show", "1", "--sheet", sheets[1], words=True)[1]
    assert "No face is in doubt" in shell("review", "--sheet", sheets[2], words=True)[1]
    shell("refs", "add", "Bob", "--face", faces(shell, "person 2")[0])
    assert "score" in shell("refs", "list", "--sheet", sheets[3], words=True)[1]
    said = shell("histogram", words=True)[1]
    assert "match" in said and "█" in said and "the nearest reference" in said
    pictures = [cv2.imread(str(path)) for path in sheets]
    assert all(picture is not None and picture.shape[1] > 400 for picture in pictures)
    assert pictures[1].shape[0] > pictures[2].shape[0]
    assert "cluster" in shell("history", words=True)[1] and "Every verdict" in shell("lost", words=True)[1]


def test_review_lists_the_doubtful(shell, project):
    with PeopleStore(project.people_path) as store:
        mixed = direction(0) * 0.5 + direction(9) * np.float32(np.sqrt(0.75))
        store.replace_references([Reference("Ann", "a.jpg", mixed)], SHA)
    result = shell("review", "--count", 3)[1]["faces"]
    assert len(result) == 3 and all(0.4 <= f["similarity"] <= 0.6 and f["why"] for f in result)
    assert "people say FACE" in shell("review", words=True)[1]


def test_people_go_to_another_project_as_a_file(shell, project, tmp_path, capsys):
    shell("cluster")
    shell("name", "1", "Ann")
    shell("say", faces(shell, "2")[0], "--is", "Bob")
    file = tmp_path / "people.json"
    assert shell("export", file)[1]["people"] == 4
    other = Project.create(tmp_path / "other")
    add_film(other, "first", [(0, 8), (1, 8), (0, 6), (2, 6)])
    assert main(["people", "import", str(file), "--project", str(other.folder), "--json"]) == 0
    capsys.readouterr()
    assert main(["people", "list", "--project", str(other.folder), "--json"]) == 0
    there = {p["label"]: p["faces"] for p in json.loads(capsys.readouterr().out)["people"]}
    assert there["Ann"] == 14 and there["Bob"] == 1


def test_forget_proves_that_nothing_is_left(shell):
    shell("cluster")
    shell("name", "1", "Ann")
    status, result = shell("forget", "Ann", "--yes")
    assert status == 0 and result["faces"] == 14 and result["traces"] == []
    assert "Ann" not in people(shell)
    assert "found no trace" in shell("forget", "2", "--yes", words=True)[1]


def test_forgetting_asks_on_a_terminal(shell, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shell("cluster")
    for answer, status, left in (("n\n", 130, 3), ("\n", 130, 3), ("y\n", 0, 2)):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        got, said = shell("forget", "person 2", words=True)
        assert got == status and "8 faces" in said and len(people(shell)) == left
