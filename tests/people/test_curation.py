"""What a user says of people and faces, and taking it back."""

import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest

from facecrop_core.errors import ProjectError
from facecrop_core.people import (
    NO_FACE,
    NOT_SAMPLED,
    Curation,
    FaceKey,
    KeyColumns,
    PeopleStore,
    actions,
    find_again,
)
from facecrop_core.records import Reference
from facecrop_core.table import make_face_id

SHA = "a" * 64


def key(number, video="v" * 32, shift=0.0):
    box = (10.0 + shift, 20.0, 110.1 + shift, 140.7)
    seconds = number / 7
    return FaceKey(make_face_id(video, seconds, box), video, seconds, box)


def keys(count, first=0):
    return [key(first + i) for i in range(count)]


def reference(person, value=1.0, **more):
    return Reference(person, f"{person}.jpg", np.full(4, value, np.float32), b"\xff\xd8jpeg", 0.75, **more)


@pytest.fixture
def store(tmp_path):
    with PeopleStore(tmp_path / "people.sqlite") as store:
        store.replace_references([reference("ann"), reference("bob", 1 / 3)], SHA)
        yield store


def state(store):
    """Every row of every table that can be undone."""
    return {
        table: store.connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in actions.LOGGED
    }


def said(store, clusters=False):
    names = {p.id: p.name or p.id for p in store.people()}
    return [(v.kind, names.get(v.person_id), v.face) for v in store.verdicts(clusters=clusters)]


EVERYTHING = [
    lambda c: c.name("ann", "Anna"),
    lambda c: c.store_clusters([(None, keys(5)), ("bob", keys(3, 10)), (None, keys(2, 20))]),
    lambda c: c.say_is(keys(3), "carl"),
    lambda c: c.say_not(keys(2, 10), "bob"),
    lambda c: c.not_a_face([key(21)]),
    lambda c: c.keep(keys(4, 2)),
    lambda c: c.reject(keys(3, 4)),
    lambda c: c.add_references([(reference("Anna", 0.1, negative=True), key(7)), (reference("dora", 0.2), None)], SHA),
    lambda c: c.add_embeddings("b" * 64, {1: np.arange(3, dtype=np.float32)}),
    lambda c: c.split("bob", keys(2, 11), "ben"),
    lambda c: c.move(keys(2, 2), "ben"),
    lambda c: c.merge(["carl", "ben"], "bob"),
    lambda c: c.say_is([key(1, shift=3.0)], "dora"),  # the same face as another scan saw it
    lambda c: c.name("bob", None),
    lambda c: c.add_person("eve"),
    lambda c: c.clear(keys(8)),
    lambda c: c.remove_references([1]),
    lambda c: c.store.replace_references([reference("fred")], SHA),
]


def test_everything_can_be_undone_and_done_again_to_the_same_rows_over_restarts(tmp_path):
    path = tmp_path / "people.sqlite"
    with PeopleStore(path) as store:
        store.replace_references([reference("ann"), reference("bob", 1 / 3)], SHA)
        states = [state(store)]
        for command in EVERYTHING:
            command(Curation(store, "mia"))
            states.append(state(store))
            assert states[-1] != states[-2], len(states)
        assert len(store.log.history()) == 1 + len(EVERYTHING)
        assert {a.who for a in store.log.history()} == {"user", "mia"}
    for before in reversed(states[:-1]):
        with PeopleStore(path) as store:
            assert Curation(store).undo().undone and state(store) == before
    for after in states[1:]:
        with PeopleStore(path) as store:
            assert not Curation(store).redo().undone and state(store) == after
    with PeopleStore(path) as store, pytest.raises(ProjectError, match="nothing that can be done again"):
        Curation(store).redo()


def test_a_new_action_ends_the_possibility_to_redo(store):
    curation = Curation(store)
    curation.keep(keys(2))
    curation.undo()
    curation.keep([])  # changes nothing: no action
    assert curation.redo().what == "keep"
    curation.undo()
    curation.reject(keys(1))
    with pytest.raises(ProjectError, match="done again"):
        curation.redo()
    assert [a.what for a in curation.history()] == ["replace references", "reject"]


def test_old_actions_lose_their_rows_but_not_their_place_in_history(store, monkeypatch):
    monkeypatch.setattr(actions, "UNDOABLE", 2)
    curation = Curation(store)
    for number in range(4):
        curation.keep([key(number)])
    assert [a.can_undo for a in curation.history()] == [False, False, False, True, True]
    curation.undo(), curation.undo()
    with pytest.raises(ProjectError, match="undone"):
        curation.undo()


def test_a_failed_action_changes_nothing(store):
    curation, before = Curation(store), state(store)
    for fails in (
        lambda: curation.name("ann", "bob"),
        lambda: curation.name("ann", "  "),
        lambda: curation.merge(["ann", 99], "bob"),
        lambda: curation.store_clusters([(None, keys(2)), (99, keys(1, 5))]),
        lambda: curation.say_not(keys(1), "nobody"),
        lambda: curation.split("ann", keys(1), "bob"),
        lambda: curation.remove_references(["x", object()]),
    ):
        with pytest.raises((ProjectError, sqlite3.Error)):
            fails()
        assert state(store) == before
    assert len(curation.history()) == 1


def test_verdicts_that_contradict_each_other_do_not_stand_together(store):
    curation, face = Curation(store), key(0)
    curation.say_is([face], "ann")
    curation.say_is([face], "bob")
    assert said(store) == [("is", "bob", face)]
    curation.say_not([face], "bob")
    curation.say_not([face], "ann")
    assert sorted(v[:2] for v in said(store)) == [("not", "ann"), ("not", "bob")]
    curation.say_is([face], "ann")
    assert sorted(v[:2] for v in said(store)) == [("is", "ann"), ("not", "bob")]
    curation.keep([face])
    curation.reject([face])
    assert sorted(v[0] for v in said(store)) == ["is", "not", "reject"]
    curation.not_a_face([face])
    assert said(store) == [("not_a_face", None, face)]
    curation.move([face], "bob")
    assert said(store) == [("moved", "bob", face)]
    curation.clear([face])
    assert said(store) == []


def test_merging_takes_everything_along_and_says_nothing_twice(store):
    curation = Curation(store)
    (cluster,) = curation.store_clusters([(None, keys(3))])
    curation.say_not([key(5)], "ann")
    curation.say_not([key(5)], "bob")
    curation.say_is([key(6)], "ann")
    curation.say_not([key(6)], "bob")
    curation.merge(["ann", cluster], "bob")
    assert [(p.name, p.references, p.verdicts, p.faces) for p in store.people()] == [("bob", 2, 2, 4)]
    assert said(store) == [("moved", "bob", key(i)) for i in range(3)] + [
        ("not", "bob", key(5)),
        ("is", "bob", key(6)),
    ]
    (cluster,) = curation.store_clusters([(None, keys(2, 10))])
    curation.merge(["bob"], cluster)
    assert [(p.id, p.name) for p in store.people()] == [(cluster, "bob")]


def test_splitting_and_moving_take_references_along(store):
    curation = Curation(store)
    curation.add_references([(reference("ann", 2), key(0)), (reference("bob", 3, negative=True), key(0))], SHA)
    new = curation.split("ann", keys(2))
    assert [(p.name, p.references, p.negatives, p.faces) for p in store.people()] == [
        ("ann", 1, 0, 0),
        ("bob", 1, 1, 0),
        (None, 1, 0, 2),
    ]
    assert [r.origin for r in store.stored_references(new)] == [key(0)]
    curation.move([key(0)], "bob")
    assert [(p.references, p.negatives) for p in store.people()] == [(1, 0), (2, 0), (0, 0)]


def test_clustering_again_replaces_clusters_and_leaves_what_the_user_did(store):
    curation = Curation(store)
    first, second = curation.store_clusters([(None, keys(4)), (None, keys(4, 10))])
    curation.name(second, "carl")
    curation.move([key(0)], "ann")
    curation.store_clusters([(None, keys(6)), (second, keys(1, 30))])
    names = {p.id: p.name for p in store.people()}
    assert first not in names and names[second] == "carl"
    by_person = {}
    for verdict in store.verdicts(clusters=True):
        by_person.setdefault(names[verdict.person_id], []).append(verdict.kind)
    assert by_person == {"ann": ["moved"], None: ["clustered"] * 5, "carl": ["clustered"] * 5}


def test_a_face_is_known_again_in_another_scan(store):
    curation = Curation(store)
    curation.say_is([key(3)], "ann")
    curation.say_is([key(3, shift=8.0), key(4, shift=8.0)], "bob")  # nearly the same box in the same frame
    assert said(store) == [("is", "bob", key(3, shift=8.0)), ("is", "bob", key(4, shift=8.0))]
    curation.say_is([key(3, shift=90.0)], "ann")  # another face of that frame
    assert len(said(store)) == 3


def test_thousands_of_faces_are_one_quick_action(store):
    faces, curation = keys(5000), Curation(store)
    began = time.perf_counter()
    curation.say_is(faces, "ann")
    curation.reject(faces)
    curation.undo()
    assert time.perf_counter() - began < 5
    assert len(store.verdicts()) == 5000 and len(curation.history()) == 3


def sampled(random, rate, seconds=200.0, frame_rate=24.0):
    """Times of the frames that a rate samples."""
    frames = np.arange(int(seconds * frame_rate)) / frame_rate
    wanted = np.arange(0, seconds - 1, 1 / rate)
    return np.unique(frames[np.searchsorted(frames, wanted - 1e-9)])


def test_two_hundred_verdicts_are_found_again_at_another_rate_and_none_on_a_wrong_face():
    random = np.random.default_rng(1)
    people = 3
    slots = np.array([[100, 100, 220, 260], [300, 90, 400, 230], [390, 100, 500, 250]], np.float32)  # two overlap a bit

    def scan(rate):
        times = sampled(random, rate)
        at, who = np.repeat(times, people), np.tile(np.arange(people), len(times))
        side = (slots[who][:, 2:] - slots[who][:, :2]).min(axis=1, keepdims=True)
        boxes = slots[who] + random.normal(0, 0.06, (len(at), 4)).astype(np.float32) * side
        there = random.random(len(at)) < 0.97
        return times, at[there], who[there], boxes[there]

    _, at, who, boxes = scan(8)
    picked = random.choice(len(at), 200, replace=False)
    times, at2, who2, boxes2 = scan(6)
    found = find_again(KeyColumns(at[picked], boxes[picked]), KeyColumns(at2, boxes2), times, 0.5 / 24)
    sampled_again = np.isin(at[picked], times)
    assert 40 < sampled_again.sum() < 160 and ((found == NOT_SAMPLED) == ~sampled_again).all()
    there = np.array([((at2 == t) & (who2 == w)).any() for t, w in zip(at[picked], who[picked], strict=True)])
    assert (found[there] >= 0).mean() >= 0.98
    again = found >= 0
    assert (at2[found[again]] == at[picked][again]).all() and (who2[found[again]] == who[picked][again]).all()
    assert (found[sampled_again & ~there] == NO_FACE).all()


def test_the_best_pair_goes_first_and_no_face_takes_two():
    boxes = np.array([[0, 0, 100, 100], [10, 0, 110, 100], [300, 0, 400, 100]], np.float32)
    faces = KeyColumns.of([1.0, 1.0], [[9, 0, 109, 100], [4, 0, 104, 100]])
    found = find_again(KeyColumns.of([1.0] * 3, boxes), faces, np.array([0.0, 1.0, 2.0]), 0.02)
    assert found.tolist() == [1, 0, NO_FACE]
    one = KeyColumns.of([1.0], [[9, 0, 109, 100]])
    assert find_again(KeyColumns.of([1.0] * 3, boxes), one, np.array([1.0]), 0.02).tolist() == [NO_FACE, 0, NO_FACE]
    assert find_again(KeyColumns.of([1.05], boxes[:1]), faces, np.array([1.0]), 0.02).tolist() == [NOT_SAMPLED]
    assert find_again(KeyColumns.of([], []), faces, np.array([1.0]), 0.02).tolist() == []
    assert find_again(KeyColumns.of([1.0], boxes[:1]), KeyColumns.of([], []), np.array([]), 0.02).tolist() == [-1]


def test_a_hundred_thousand_faces_and_ten_thousand_verdicts_take_no_time():
    random = np.random.default_rng(2)
    times = np.arange(50_000) / 8
    corner = random.uniform(0, 500, (100_000, 2))
    faces = KeyColumns(np.repeat(times, 2), np.hstack([corner, corner + 90]).astype(np.float32))
    rows = random.choice(100_000, 10_000, replace=False)
    began = time.perf_counter()
    found = find_again(KeyColumns(faces.time_seconds[rows], faces.boxes_xyxy[rows] + 2), faces, times, 0.02)
    assert time.perf_counter() - began < 1 and (found == rows).mean() > 0.999


def test_history_is_data_and_no_sql_of_a_file_is_run(tmp_path):
    path = tmp_path / "people.sqlite"
    with PeopleStore(path) as store:
        Curation(store).keep(keys(1))
        packed = actions._pack([("sqlite_master", None, ["x"])])
        store.connection.execute("UPDATE action SET changes = ?", (packed,))
        with pytest.raises(ProjectError, match="sqlite_master"):
            Curation(store).undo()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT undone FROM action").fetchall() == [(0,)]
