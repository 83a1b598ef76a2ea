"""People and verdicts as one file."""

import json

import numpy as np
import pytest

from facecrop_core.errors import ProjectError, ProjectTooNewError
from facecrop_core.people import Curation, FaceKey, PeopleStore, actions, export_people, import_people
from facecrop_core.records import Reference

SHA = "a" * 64


def key(number):
    return FaceKey(f"{number:016x}", "f" * 32, number / 7, (10.1, 20.0, 110.0, 140.0))


def reference(person, value, **more):
    return Reference(person, f"{person}.jpg", np.full(4, value, np.float32), b"\xff\xd8 jpeg", 0.75, "n", **more)


@pytest.fixture
def full(tmp_path):
    """A store with something of every kind."""
    with PeopleStore(tmp_path / "people.sqlite") as store:
        store.replace_references([reference("Zoë", 1 / 3), reference("bob", 2, negative=True, confidence=0.5)], SHA)
        curation = Curation(store, "mia")
        curation.add_references([(reference("Zoë", 3), key(0))], SHA)
        curation.store_clusters([(None, [key(1), key(2)]), ("bob", [key(3)])])
        curation.say_is([key(4)], "Zoë")
        curation.say_not([key(4), key(5)], "bob")
        curation.keep([key(4)])
        curation.reject([key(6)])
        curation.not_a_face([key(7)])
        curation.move([key(8)], "bob")
        yield store


def content(store, embeddings=True):
    names = {p.id: p.name for p in store.people()}
    references = [
        (r.reference.person, r.reference.source, r.reference.negative, r.reference.confidence, r.origin)
        for r in store.stored_references()
    ]
    vectors = [(r.person, r.embedding.tolist()) for r in store.references(SHA, negatives=True)]
    said = [(v.kind, names.get(v.person_id), v.face, v.who) for v in store.verdicts(clusters=True)]
    return (
        sorted(names.values(), key=str),
        sorted(references, key=str),
        sorted(vectors) if embeddings else None,
        sorted(said, key=str),
    )


def state(store):
    return [store.connection.execute(f"SELECT * FROM {table}").fetchall() for table in actions.LOGGED]


def test_a_file_brings_everything_to_an_empty_project(tmp_path, full):
    counts = export_people(full, tmp_path / "people.json", embeddings=True)
    assert counts == {"people": 3, "references": 3, "verdicts": 10}
    with PeopleStore(tmp_path / "new.sqlite") as store:
        assert import_people(store, tmp_path / "people.json") == counts | {"skipped": 0}
        assert content(store) == content(full)
        assert [a.what for a in store.log.history()] == ["import"]
        Curation(store).undo()
        assert state(store) == [[]] * len(actions.LOGGED)


def test_embeddings_stay_out_unless_asked_for(tmp_path, full):
    export_people(full, tmp_path / "people.json")
    assert SHA not in (tmp_path / "people.json").read_text()
    with PeopleStore(tmp_path / "new.sqlite") as store:
        import_people(store, tmp_path / "people.json")
        assert content(store, embeddings=False) == content(full, embeddings=False)
        assert store.references(SHA) == [] and store.names() == ["Zoë", "bob"]


def test_importing_twice_or_into_its_own_project_changes_nothing(tmp_path, full):
    export_people(full, tmp_path / "people.json")
    before, actions_before = state(full), len(full.log.history())
    assert import_people(full, tmp_path / "people.json") == {
        "people": 0, "references": 0, "verdicts": 0, "skipped": 13
    }  # fmt: skip
    people = [rows for table, rows in zip(actions.LOGGED, state(full), strict=True) if table == "person"]
    assert people == [before[0]] and state(full)[1:] == before[1:]
    assert len(full.log.history()) - actions_before in (0, 1)


def test_people_of_one_name_are_one_and_what_the_project_says_stays(tmp_path, full):
    export_people(full, tmp_path / "people.json")
    with PeopleStore(tmp_path / "new.sqlite") as store:
        store.replace_references([reference("bob", 9)], SHA)
        Curation(store).reject([key(4)])
        counts = import_people(store, tmp_path / "people.json", "otto")
        assert counts == {"people": 2, "references": 3, "verdicts": 7, "skipped": 3}
        assert [(p.name, p.references, p.negatives) for p in store.people()] == [
            *(("bob", 1, 1), ("Zoë", 2, 0), (None, 0, 0))
        ]
        assert [v.kind for v in store.verdicts() if v.face == key(4)] == ["reject"]
        assert {v.who for v in store.verdicts() if v.face != key(4)} == {"mia"}
        assert store.log.history()[-1].who == "otto"


def wrong(path, change):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["people"][1]["references"][0].update(confidence=2), r"people\[1\]\.references\[0\]\.confidence"),
        (lambda d: d["people"][0].update(name="  "), r"people\[0\]\.name"),
        (lambda d: d["people"][0]["references"][0].update(chip_jpeg="!!"), r"references\[0\]\.chip_jpeg"),
        (lambda d: d["people"][0]["references"][0].update(embeddings={SHA: "AAA="}), "no vector of finite numbers"),
        (lambda d: d["verdicts"][2]["face"].update(box_xyxy=[1, 2, 3]), r"verdicts\[2\]\.face\.box_xyxy"),
        (lambda d: d["verdicts"][0]["face"].update(time_seconds=float("nan")), r"verdicts\[0\]\.face\.time_seconds"),
        (lambda d: d["verdicts"][0].update(kind="maybe"), r"verdicts\[0\]\.kind"),
        (lambda d: d["verdicts"][0].update(kind="is", person=77), r"verdicts\[0\]\.person: nobody has the key 77"),
        (lambda d: d["verdicts"][0].update(kind="keep", person=1), r"verdicts\[0\]\.person: 'keep' and 1"),
        (lambda d: d["people"].append(d["people"][0]), r"people\[3\]\.key: 1 comes twice"),
        (lambda d: d.update(more=1), "more: Extra inputs"),
        (lambda d: d.update(facecrop_people=2), "version 2"),
        (lambda d: d.pop("facecrop_people"), "no people of Facecrop"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(tmp_path, full, change, message):
    path = tmp_path / "people.json"
    export_people(full, path, embeddings=True)
    wrong(path, change)
    with PeopleStore(tmp_path / "new.sqlite") as store:
        with pytest.raises(ProjectError, match=message):
            import_people(store, path)
        assert state(store) == [[]] * len(actions.LOGGED)


def test_no_file_and_no_json_are_told(tmp_path, full):
    (tmp_path / "x.json").write_text("[" * 100_000)
    for name in ("x.json", "absent.json"):
        with pytest.raises(ProjectError, match="cannot be read"):
            import_people(full, tmp_path / name)
    assert issubclass(ProjectTooNewError, ProjectError)
