"""Everybody in a project: grouping over several films, who joins whom, faces in doubt, references."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest
from pipeline.people_made_up import add_film, direction, store_tracks

from facecrop_core.errors import CancelledError, ProjectError, ReferencesError
from facecrop_core.people import PeopleStore
from facecrop_core.pipeline.events import Watch
from facecrop_core.pipeline.forget import forget
from facecrop_core.pipeline.grouping import cluster_project, group_after_scan
from facecrop_core.pipeline.groupings import read_groupings
from facecrop_core.pipeline.people import ProjectPeople
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.reference_faces import add_faces, remove_references
from facecrop_core.pipeline.report import faces_frame
from facecrop_core.pipeline.reviewing import doubtful_faces, similarity_histogram
from facecrop_core.records import Reference
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow, SampleRow, ScanWriter

SHA = "ab" * 32
FIRST = [(0, 8), (1, 8), (0, 6), (2, 6)]
"""Person 0 beside person 1, then person 0 beside person 2."""


@pytest.fixture
def project(tmp_path):
    made = Project.create(tmp_path / "p")
    add_film(made, "first", FIRST)
    return made


def counts(project):
    """Faces of everybody, by label."""
    with ProjectPeople(project) as people:
        return {p.label: p.faces for p in people.summaries()}


def with_reference(project, person, name):
    with PeopleStore(project.people_path) as store:
        store.replace_references([Reference(name, f"{name}.jpg", direction(person))], SHA)


def test_everybody_is_found_and_the_same_again_changes_nothing(project):
    first = cluster_project(project)
    assert (first["founded"], first["unknown"], first["changed"]) == (3, 0, True)
    assert counts(project) == {"person 1": 14, "person 2": 8, "person 3": 6}
    again = cluster_project(project)
    assert not again["changed"] and again["founded"] == 0
    assert not cluster_project(project, anew=True)["changed"]
    with ProjectPeople(project) as people:
        assert [action.what for action in people.curation.history()] == ["cluster"]
        people.curation.undo()
    assert counts(project) == {}


def test_a_new_film_joins_whom_the_project_knows(project):
    cluster_project(project)
    with ProjectPeople(project) as people:
        people.curation.name(2, "bob")
    add_film(project, "second", [(1, 5), (3, 5), (0, 5)])
    result = cluster_project(project)
    assert (result["founded"], result["joined"]) == (1, 10)
    assert counts(project) == {"bob": 13, "person 1": 19, "person 3": 6, "person 4": 5}


def test_films_of_two_models_are_never_compared(project):
    add_film(project, "other model", [(0, 5), (1, 5)], sha="cd" * 32)
    assert cluster_project(project)["founded"] == 5


def test_what_the_user_said_stays_and_binds(project):
    cluster_project(project)
    with ProjectPeople(project) as people:
        moved = people.faces_of_tracks(1, ["2"])
        new = people.curation.split(1, [face.key for face in moved], "twin")
        people.refresh()
        people.curation.say_not([face.key for face in people.faces_of(new)], 1)
        wrong = people.faces_of(3)[0]
        people.curation.not_a_face([wrong.key])
    result = cluster_project(project, anew=True)
    assert result["faces"] == 27
    assert sorted(counts(project).items())[-1] == ("twin", 6) and sorted(counts(project).values()) == [5, 6, 8, 8]


def test_references_say_who_is_who_and_their_people_are_not_grouped_again(project):
    cluster_project(project)
    with_reference(project, 0, "ann")
    assert counts(project) == {"ann": 14, "person 1": 0, "person 2": 8, "person 3": 6}
    assert cluster_project(project)["unnamed_people"] == 2
    assert counts(project) == {"ann": 14, "person 2": 8, "person 3": 6}
    frame = faces_frame(project)
    assert frame["person"].isna().sum() == 14 and frame["cluster"].notna().all()
    assert frame.groupby("cluster").size().to_dict() == {"person 2": 8, "person 3": 6, "person 4": 14}


def test_a_reference_of_somebody_who_is_not_there_takes_nobody_away(project):
    with PeopleStore(project.people_path) as store:
        strangers = [Reference(f"stranger {i}", "s.jpg", direction(20 + i)) for i in range(4)]
        store.replace_references(strangers, SHA)
    result = cluster_project(project)
    assert (result["founded"], result["grouped"], result["unnamed_people"]) == (3, 28, 3)
    assert faces_frame(project)["person"].isna().all()


def test_a_scan_groups_only_where_no_reference_says_who_is_who(project):
    off = Settings().with_values({"group_mode": "off"})
    assert group_after_scan(project, off, Watch()) == {}
    notes: list = []
    assert (
        group_after_scan(project, Settings().with_values({"group_mode": "classification"}), Watch(notes.append)) == {}
    )
    assert "needs references" in notes[-1].text
    assert group_after_scan(project, Settings(), Watch())["grouping"]["founded"] == 3
    with_reference(project, 0, "ann")
    assert group_after_scan(project, Settings(), Watch()) == {}


def test_k_means_keeps_every_grouping_and_its_log_and_people_come_back_after_it(project):
    settings = Settings().with_values({"clusters": "2-4", "clusters_save_all": True, "group_log": True})
    result = cluster_project(project, settings)
    assert (result["clusters"], result["grouped"]) == (3, 28)
    groupings = read_groupings(project)
    assert [name for name in groupings if name.startswith("G")] == ["G2", "G3", "G4"]
    assert len(set(groupings["G4"].tolist())) == 4
    log = Path(result["files"]["log_clustering"]).read_text().splitlines()
    assert log[0].startswith("n_clusters,silhouette_score") and len(log) == 4
    assert not cluster_project(project, settings)["changed"]
    cluster_project(project)
    assert read_groupings(project) == {} and len(counts(project)) == 3


def test_groups_of_two_models_are_never_the_same(project):
    add_film(project, "other model", [(0, 1), (1, 1)], sha="cd" * 32)
    settings = Settings().with_values({"clusters": "2,3", "clusters_save_all": True})
    cluster_project(project, settings)
    groupings = read_groupings(project)
    assert sorted(set(groupings["G2"].tolist())) == [0, 1, 2, 3]
    assert sorted(set(groupings["G3"].tolist())) == [-1, 0, 1, 2]  # two faces make no three groups


def test_classification_has_other_and_forgetting_leaves_nothing_of_it(project):
    settings = Settings().with_values({"group_mode": "classification", "group_log": True, "enc_oth_thr": 0.5})
    with pytest.raises(ReferencesError, match="needs references"):
        cluster_project(project, settings)
    with_reference(project, 0, "ann")
    result = cluster_project(project, settings)
    assert result["classes"] == {"ann": 14, "other": 14}
    assert "dist_ann" in Path(result["files"]["log_classification"]).read_text()
    assert sorted(set(read_groupings(project)["class"].tolist())) == ["ann", "other"]
    assert forget(project, "ann").traces == []
    assert read_groupings(project) == {} and not list((project.folder / "logs").glob("*.csv"))


def test_a_stopped_grouping_changes_nothing(project):
    stop = Event()
    stop.set()
    with pytest.raises(CancelledError):
        cluster_project(project, watch=Watch(stop=stop))
    assert counts(project) == {}


def test_projects_without_scans_or_faces_are_no_error(tmp_path):
    empty = Project.create(tmp_path / "empty")
    assert cluster_project(empty)["faces"] == 0
    add_film(empty, "nobody", [])
    assert cluster_project(empty)["founded"] == 0
    with ProjectPeople(empty) as people:
        assert people.summaries() == [] and doubtful_faces(people, 5) == []
        assert similarity_histogram(people)["bins"] == []


def test_people_are_found_by_name_label_and_number_and_faces_by_prefix(project):
    cluster_project(project)
    with ProjectPeople(project) as people:
        people.curation.name(2, "Robert")
        assert [people.find(text) for text in ("Robert", "person 2", "2", "Person 3")] == [2, 2, 2, 3]
        with pytest.raises(ProjectError, match="no person 'Roberta'") as missing:
            people.find("Roberta")
        assert "Did you mean Robert?" in missing.value.hint
        face = people.faces_of(2)[0]
        assert people.find_faces([face.face_id[:10]])[0].face_id == face.face_id
        for wrong, words in (("ab", "too short"), ("ffffffffffff", "no face")):
            with pytest.raises(ProjectError, match=words):
                people.find_faces([wrong])
        with pytest.raises(ProjectError, match="not on a track 9"):
            people.faces_of_tracks(2, ["9"])


def test_a_face_of_a_scan_becomes_a_reference_without_a_new_scan(project):
    cluster_project(project)
    with ProjectPeople(project) as people:
        (number,) = add_faces(people, "bob", people.faces_of(2)[:1])
        assert {p.label: p.faces for p in people.summaries()}["bob"] == 8
        (stored,) = people.store.stored_references()
        assert stored.reference.chip_jpeg[:2] == b"\xff\xd8" and stored.origin.video_id
        with pytest.raises(ProjectError, match="no reference 99"):
            remove_references(people, [number, 99])
        remove_references(people, [number])
        assert {p.label: p.faces for p in people.summaries()}["person 2"] == 8


def add_likeness(project, likenesses):
    """A film of single faces that are so like person 0, and otherwise like nobody; each on a track of its own."""
    scan = add_film(project, "alike", [])
    writer = ScanWriter(scan.folder, scan.video.video_id, SHA)
    points = np.array([[130, 120], [170, 120], [150, 140], [135, 165], [165, 165]], np.float32)
    for sample, alike in enumerate(likenesses):
        vector = alike * direction(0) + np.sqrt(1 - alike**2) * direction(10 + sample)
        face = FaceRow((100.0, 80.0, 220.0, 200.0), points, 0.9, vector, {"tenengrad": 4000.0}, b"")
        writer.add(SampleRow(sample, None, sample / 5, bytes(32 * 18), [face]))
    writer.flush()


def test_faces_near_the_border_come_first_and_those_decided_are_not_asked_again(tmp_path):
    project = Project.create(tmp_path / "p")
    add_likeness(project, [0.9, 0.49, 0.53, 0.41, 0.1])
    with_reference(project, 0, "ann")
    with ProjectPeople(project) as people:
        doubts = doubtful_faces(people, 10)
        assert [round(d.similarity, 2) for d in doubts] == [0.49, 0.53, 0.41]
        assert [(d.band, d.why[0]) for d in doubts[:2]] == [("unsure", "unsure"), ("match", "near the border")]
        people.curation.say_not([doubts[0].face.key], "ann")
        people.curation.reject([doubts[1].face.key])
        people.refresh()
        assert [round(d.similarity, 2) for d in doubtful_faces(people, 10)] == [0.41]


def test_the_fewer_on_a_track_of_several_people_are_in_doubt(tmp_path):
    project = Project.create(tmp_path / "p")
    scan = add_film(project, "switch", [(0, 6), (1, 1), (2, 2)])
    store_tracks(scan, [0, 1, 0, 0, 0, 0, 0, 0, 0])
    with PeopleStore(project.people_path) as store:
        store.replace_references([Reference(name, "", direction(i)) for i, name in enumerate("abc")], SHA)
    with ProjectPeople(project) as people:
        doubts = doubtful_faces(people, 10)
        assert [people.label(d.face.person) for d in doubts] == ["c", "c"]
        assert {d.why[0] for d in doubts} == {"several people on its track"}


def test_the_histogram_counts_what_each_value_would_keep(tmp_path):
    project = Project.create(tmp_path / "p")
    add_likeness(project, [0.91, 0.49, 0.53, 0.41, 0.11])
    with_reference(project, 0, "ann")
    with ProjectPeople(project) as people:
        found = similarity_histogram(people)
    kept = {row["from"]: row["kept"] for row in found["bins"]}
    assert (found["faces"], found["measured"]) == (5, "references")
    assert (kept[0.10], kept[0.40], kept[0.42], kept[0.50], kept[0.90]) == (5, 4, 3, 2, 1)
    for value in (0.42, 0.5):  # as producing at that value keeps
        with ProjectPeople(project, Settings().with_values({"sim": value})) as people:
            assert sum(p.kept for p in people.summaries()) == kept[value]
