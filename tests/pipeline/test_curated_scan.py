"""What the user said, brought to a scan's faces."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facecrop_core.crop_plan import CropPlan
from facecrop_core.people import Curation, FaceKey, PeopleStore, match
from facecrop_core.pipeline.curation import (
    KEEP,
    NOT_A_FACE,
    REJECTED,
    apply_people,
    excluded_pairs,
    face_keys,
    find_verdicts,
    keep_chosen,
    load_curated,
    lost_verdicts,
    nothing_said,
    unnamed_people,
)
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.records import Calibration, FaceTable, Matches, Reference, Video
from facecrop_core.select import select
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow, SampleRow, ScanWriter, make_face_id
from facecrop_core.video import video_to_json

SHA, VIDEO_ID = "ab" * 32, "cd" * 16
VIDEO = Video(Path("film.mp4"), VIDEO_ID, 1000, 1280, 720, Fraction(25), 10.0, 250, "h264", "yuv420p")
CALIBRATION = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)
AXES = np.eye(4, dtype=np.float32)
REFERENCES = [Reference("ann", "a.jpg", AXES[0]), Reference("bob", "b.jpg", AXES[1])]
FACES = [(0, (0.9, 0.4)), (0, (0.2, 0.9)), (1, (0.9, 0.1)), (1, (0.8, 0.6)), (2, (0.1, 0.1))]
"""Sample and likeness to ann and bob: ann and bob in sample 0, ann and somebody like both in 1, nobody in 2."""


def unit(ann, bob):
    vector = np.array([ann, bob, 0, 0], np.float32)
    vector[3] = np.sqrt(max(0.0, 1 - float(vector @ vector)))
    return vector / np.linalg.norm(vector)


def table(jitter=0.0):
    samples = np.array([sample for sample, _ in FACES])
    left = np.array([100, 400, 100, 400, 100], np.float32) + jitter
    seconds = samples / 5
    columns = {
        "sample": samples,
        "time_seconds": seconds,
        "x1": left,
        "y1": np.full(5, 50, np.float32),
        "x2": left + 100,
        "y2": np.full(5, 170, np.float32),
        "det_score": np.full(5, 0.9, np.float32),
    }
    boxes = np.stack([columns[name] for name in ("x1", "y1", "x2", "y2")], axis=1)
    columns["face_id"] = np.array(
        [make_face_id(VIDEO_ID, t, box) for t, box in zip(seconds, boxes, strict=True)], object
    )
    return FaceTable(VIDEO, columns, np.stack([unit(*likeness) for _, likeness in FACES]), SHA)


@pytest.fixture
def store(tmp_path):
    with PeopleStore(tmp_path / "people.sqlite") as store:
        store.replace_references(REFERENCES, SHA)
        yield store


def who(store, faces, references=REFERENCES):
    """Everybody's name after matching and what the user said; unnamed people's as numbers."""
    curated = find_verdicts(store, faces, np.arange(3) / 5)
    names = tuple(r.person for r in references)
    excluded = excluded_pairs(curated, names, faces["sample"])
    found = match(
        faces.embeddings, faces["sample"], references, CALIBRATION, Settings().matching, excluded=excluded
    )  # fmt: skip
    found = apply_people(found, curated, faces["sample"])
    unnamed = unnamed_people(found, curated)
    named = [found.names[p] if p >= 0 else None for p in found.person.tolist()]
    return [name or (number if number >= 0 else None) for name, number in zip(named, unnamed.tolist(), strict=True)]


def test_nothing_said_changes_nothing(store):
    assert who(store, table()) == ["ann", "bob", "ann", "bob", None]


def test_is_outweighs_matching_and_takes_the_name_from_others_of_the_frame(store):
    faces = table()
    Curation(store).say_is(face_keys(faces, [3]), "ann")  # so the other face of sample 1 is not
    assert who(store, table(jitter=7)) == ["ann", "bob", None, "ann", None]
    Curation(store).say_is(face_keys(faces, [4]), "carl")  # who has no reference
    Curation(store).say_is(face_keys(faces, [0]), "bob")  # the other face of sample 0 had his name
    assert who(store, table(jitter=7)) == ["bob", None, None, "ann", "carl"]


def test_not_leaves_a_face_to_the_second_who_passes(store):
    Curation(store).say_not(face_keys(table(), [3]), "bob")
    assert who(store, table()) == ["ann", "bob", "ann", None, None]  # ann is in that frame already
    Curation(store).say_not(face_keys(table(), [2]), "ann")
    assert who(store, table()) == ["ann", "bob", None, "ann", None]


def test_clusters_name_whom_matching_does_not_know(store):
    curation, faces = Curation(store), table()
    (cluster,) = curation.store_clusters([(None, face_keys(faces, [2, 4]))])
    assert who(store, table()) == ["ann", "bob", "ann", "bob", cluster]
    assert who(store, table(), references=[]) == [None, None, cluster, None, cluster]
    curation.name(cluster, "carl")
    assert who(store, table()) == ["ann", "bob", "ann", "bob", "carl"]
    curation.not_a_face(face_keys(faces, [4]))
    assert who(store, table()) == ["ann", "bob", "ann", "bob", None]
    curation.undo()
    curation.merge(["carl"], "ann")  # moved by the user, and so it outweighs matching
    assert who(store, table()) == ["ann", "bob", "ann", "bob", "ann"]
    new = curation.split("ann", face_keys(faces, [0]))
    assert who(store, table()) == [new, "bob", "ann", "bob", "ann"]


def test_a_cluster_is_never_twice_in_a_frame(store):
    Curation(store).store_clusters([(1, face_keys(table(), [0, 1, 3, 4]))])
    assert who(store, table(), references=[]) == ["ann", None, None, "ann", "ann"]
    assert who(store, table(), references=REFERENCES[:1]) == ["ann", None, "ann", None, "ann"]


def test_whoever_was_named_in_one_video_is_looked_for_in_all(store):
    other = [FaceKey("else", "another video", 0.0, (0.0, 0.0, 50.0, 50.0))]
    (cluster,) = Curation(store).store_clusters([(None, other)])
    nobody = Matches((), *(np.full(5, -1) for _ in range(2)), *(np.full(5, np.nan, np.float32) for _ in range(2)))
    for name, names in ((None, ()), ("carl", ("carl",))):
        Curation(store).name(cluster, name)
        curated = find_verdicts(store, table(), np.arange(3) / 5)
        assert apply_people(nobody, curated, table()["sample"]).names == names


def test_keep_and_reject_outweigh_the_gates(store):
    faces, curation = table(), Curation(store)
    curation.keep(face_keys(faces, [4]))
    curation.reject(face_keys(faces, [0]))
    curation.not_a_face(face_keys(faces, [2]))
    curated = find_verdicts(store, table(jitter=-5), np.arange(3) / 5)
    assert curated.decision.tolist() == [REJECTED, 0, NOT_A_FACE, 0, KEEP]
    nobody = match(faces.embeddings, faces["sample"], [], CALIBRATION, Settings().matching)
    zeros, ones = np.zeros(5, np.int64), np.ones(5, np.float32)
    size = np.full((5, 2), 200)
    crops = CropPlan(size * 0.0, size * 1.0, zeros * 0.0, size, ones * 0, ones, ones, np.zeros(5, np.int8))
    gate = Settings().with_values({"min_crop_px": 300}).gate
    assert keep_chosen(select(faces, nobody, crops, gate, curated.left_out), curated)[[0, 2, 4]].tolist() == [
        *(REJECTED, NOT_A_FACE, 0)
    ]
    gate = Settings().with_values({"max_per_frame": 1}).gate
    reasons = keep_chosen(select(faces, nobody, crops, gate, curated.left_out), curated)
    assert (reasons == 0).tolist() == [False, True, False, True, True]  # a rejected face takes nobody's place


def test_the_digest_changes_with_whoever_is_who_and_not_with_gates(store):
    curation, faces, times = Curation(store), table(), np.arange(3) / 5
    seen = [find_verdicts(store, faces, times).people_digest]
    for command in (
        lambda: curation.say_is(face_keys(faces, [0]), "ann"),
        lambda: curation.say_not(face_keys(faces, [1]), "ann"),
        lambda: curation.not_a_face(face_keys(faces, [2])),
        lambda: curation.name("ann", "anna"),
    ):
        command()
        seen.append(find_verdicts(store, faces, times).people_digest)
    assert len(set(seen)) == 5
    curation.keep(face_keys(faces, [3, 4]))
    assert find_verdicts(store, faces, times).people_digest == seen[-1]


def stored_scan(project, samples, key):
    video = VIDEO
    scan = Scan(
        project.scan_folder(VIDEO_ID, key),
        {"version": 1, "status": "complete", "video": video_to_json(video), "engine": {"embedder_sha256": SHA}},
    )
    scan.save()
    writer = ScanWriter(scan.folder, VIDEO_ID, SHA)
    for number, seconds in enumerate(samples):
        faces = [
            FaceRow((100.0, 50, 200, 170), np.zeros((5, 2), np.float32), 0.9, AXES[0], {}, b"thumb")
            for _ in range(seconds < 2)
        ]  # fmt: skip
        writer.add(SampleRow(number, None, seconds, bytes(32 * 18), faces))
    writer.flush()
    project.use_scan(video, key)
    project.save()
    return scan


def test_what_has_no_face_any_more_is_told_with_the_reason(tmp_path):
    project = Project.create(tmp_path / "p")
    first = stored_scan(project, [0.0, 0.5, 1.0], "a" * 16)
    faces = first.reader().table()
    assert load_curated(project, first, faces).decision.tolist() == nothing_said(3).decision.tolist()
    with PeopleStore(project.people_path) as store:
        curation = Curation(store)
        curation.say_is(face_keys(faces, [0, 1, 2]), "ann")
        curation.reject(face_keys(faces, [1]))
        late = [key.__class__(f"late{i}", vid, t, key.box_xyxy) for i, (key, vid, t) in enumerate(
            zip(face_keys(faces, [0, 0]), (VIDEO_ID, "other"), (2.0, 0.0), strict=True))]  # fmt: skip
        curation.keep(late)
    assert [(lost.verdict.kind, lost.why) for lost in lost_verdicts(project)] == [
        ("keep", "not sampled there"),
        ("keep", "no scan of this video"),
    ]
    second = stored_scan(project, [0.0, 1.0, 2.0], "b" * 16)
    curated = load_curated(project, second, second.reader().table())
    assert curated.person.tolist() == [1, 1] and curated.decision.tolist() == [0, 0]
    assert [(lost.verdict.kind, lost.verdict.face.time_seconds, lost.why) for lost in curated.lost] == [
        ("is", 0.5, "not sampled there"),
        ("reject", 0.5, "not sampled there"),
        ("keep", 2.0, "no face there"),
    ]
