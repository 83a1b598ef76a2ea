"""people.sqlite."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from facecrop_core.errors import ProjectError, ProjectTooNewError
from facecrop_core.people import Curation, PeopleStore, schema
from facecrop_core.records import Reference

SHA_A, SHA_B = "a" * 64, "b" * 64


def reference(person, value, **more):
    return Reference(person, f"{person}.jpg", np.full(4, value, np.float32), b"jpeg", 0.75, **more)


def test_references_come_back_as_they_were(tmp_path):
    path = tmp_path / "people.sqlite"
    with PeopleStore(path) as store:
        store.replace_references([reference("Zoë", 0.5, note="n"), reference("bob", 1), reference("Zoë", 2)], SHA_A)
    with PeopleStore(path) as store:
        found = store.references(SHA_A)
        assert store.names() == ["Zoë", "bob"]
    assert [(r.person, r.source, r.chip_jpeg, r.det_score, r.note) for r in found] == [
        ("Zoë", "Zoë.jpg", b"jpeg", 0.75, "n"),
        ("bob", "bob.jpg", b"jpeg", 0.75, ""),
        ("Zoë", "Zoë.jpg", b"jpeg", 0.75, ""),
    ]
    assert [r.embedding.tolist() for r in found] == [[0.5] * 4, [1] * 4, [2] * 4]
    assert found[0].embedding.dtype == np.float32
    assert found[0].embedding.flags.writeable


def test_another_model_gets_none_of_them(tmp_path):
    with PeopleStore(tmp_path / "people.sqlite") as store:
        store.replace_references([reference("ann", 1)], SHA_A)
        assert store.references(SHA_B) == []
        store.replace_references([reference("ann", 2), reference("bob", 2)], SHA_B)
        assert store.references(SHA_A) == []
        assert [r.person for r in store.references(SHA_B)] == ["ann", "bob"]


def test_replacing_forgets_who_is_gone_and_keeps_who_stays(tmp_path):
    with PeopleStore(tmp_path / "people.sqlite") as store:
        store.replace_references([reference("ann", 1), reference("bob", 1)], SHA_A)
        store.replace_references([reference("bob", 2)], SHA_A)
        assert store.names() == ["bob"]
        store.replace_references([], SHA_A)
        assert store.names() == []


def test_a_failed_replacement_changes_nothing(tmp_path):
    with PeopleStore(tmp_path / "people.sqlite") as store:
        store.replace_references([reference("ann", 1)], SHA_A)
        with pytest.raises(ValueError, match="could not convert"):
            store.replace_references([reference("bob", 1), Reference("x", "", "not a vector")], SHA_A)  # type: ignore[arg-type]
        assert store.names() == ["ann"]
        assert len(store.references(SHA_A)) == 1


def test_two_connections_at_once(tmp_path):
    with PeopleStore(tmp_path / "p.sqlite") as writer, PeopleStore(tmp_path / "p.sqlite") as reader:
        writer.replace_references([reference("ann", 1)], SHA_A)
        assert reader.names() == ["ann"]


def test_a_newer_file_is_refused(tmp_path):
    path = tmp_path / "people.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(ProjectTooNewError, match="version 3"):
        PeopleStore(path)


def test_a_damaged_or_unreachable_file_is_a_project_error(tmp_path):
    (tmp_path / "people.sqlite").write_bytes(b"no database at all " * 100)
    with pytest.raises(ProjectError, match="cannot be used"):
        PeopleStore(tmp_path / "people.sqlite")
    with pytest.raises(ProjectError, match="cannot be opened"):
        PeopleStore(tmp_path / "absent" / "people.sqlite")


V1 = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE reference (
    id INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    embedder_sha256 TEXT NOT NULL,
    embedding BLOB NOT NULL,
    chip_jpeg BLOB NOT NULL,
    det_score REAL NOT NULL,
    note TEXT NOT NULL,
    added_utc TEXT NOT NULL
);
PRAGMA user_version = 1;
"""


def test_a_file_of_version_1_is_brought_up_to_date(tmp_path):
    path = tmp_path / "people.sqlite"
    vectors = [np.arange(4, dtype=np.float32) + i for i in range(3)]
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(V1)
        old.executemany("INSERT INTO person VALUES (?, ?)", [(1, "ann"), (4, "bob")])
        old.executemany(
            "INSERT INTO reference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(i + 1, who, f"{i}.jpg", SHA_A, vectors[i].tobytes(), b"jpeg", 0.5, "n", "2025") for i, who in
             enumerate((1, 4, 1))],
        )  # fmt: skip
    for _ in range(2):
        with PeopleStore(path) as store:
            found = store.references(SHA_A)
            assert [(r.person, r.source, r.chip_jpeg, r.det_score, r.note) for r in found] == [
                (who, f"{i}.jpg", b"jpeg", 0.5, "n") for i, who in enumerate(("ann", "bob", "ann"))
            ]
            assert [r.embedding.tolist() for r in found] == [v.tolist() for v in vectors]
            assert not any(r.negative for r in found) and all(r.confidence == 1 for r in found)
            assert [(p.id, p.name, p.references) for p in store.people()] == [(1, "ann", 2), (4, "bob", 1)]


def test_a_migration_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "people.sqlite"
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(V1)
        old.execute("INSERT INTO person VALUES (1, 'ann')")
    monkeypatch.setattr(schema, "FROM_1_AFTER", schema.FROM_1_AFTER + ";\nINSERT INTO nowhere VALUES (1)")
    with pytest.raises(ProjectError, match="nowhere"):
        PeopleStore(path)
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        assert old.execute("SELECT name FROM person").fetchall() == [("ann",)]


def test_one_reference_may_have_embeddings_of_several_models(tmp_path):
    with PeopleStore(tmp_path / "people.sqlite") as store:
        store.replace_references([reference("ann", 1), reference("bob", 2)], SHA_A)
        stored = store.stored_references()
        Curation(store).add_embeddings(SHA_B, {r.id: np.full(2, r.id, np.float32) for r in stored})
        assert [r.embedders for r in store.stored_references()] == [(SHA_A, SHA_B)] * 2
        assert [r.embedding.tolist() for r in store.references(SHA_B)] == [[1, 1], [2, 2]]
        assert [r.embedding.tolist() for r in store.references(SHA_A)] == [[1] * 4, [2] * 4]


def test_the_same_references_again_are_no_action(tmp_path):
    with PeopleStore(tmp_path / "people.sqlite") as store:
        for _ in range(2):
            store.replace_references([reference("ann", 1), reference("bob", 2, negative=True)], SHA_A)
        assert [a.what for a in store.log.history()] == ["replace references"]
        assert [r.person for r in store.references(SHA_A)] == ["ann"]
        assert [r.person for r in store.references(SHA_A, negatives=True)] == ["ann", "bob"]
