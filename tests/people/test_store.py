"""people.sqlite."""

import sqlite3

import numpy as np
import pytest

from facecrop_core.errors import ProjectError, ProjectTooNewError
from facecrop_core.people import PeopleStore
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
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(ProjectTooNewError, match="version 2"):
        PeopleStore(path)


def test_a_damaged_or_unreachable_file_is_a_project_error(tmp_path):
    (tmp_path / "people.sqlite").write_bytes(b"no database at all " * 100)
    with pytest.raises(ProjectError, match="cannot be used"):
        PeopleStore(tmp_path / "people.sqlite")
    with pytest.raises(ProjectError, match="cannot be opened"):
        PeopleStore(tmp_path / "absent" / "people.sqlite")
