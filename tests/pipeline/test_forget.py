"""Forgetting somebody leaves nothing of them on the disk, also after it was cut short."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facecrop_core import files as files_module
from facecrop_core.errors import ProjectError
from facecrop_core.export import DatasetWriter, sheet_path, statistics_path
from facecrop_core.people import Curation, PeopleStore
from facecrop_core.pipeline.curation import face_keys
from facecrop_core.pipeline.forget import forget, resume_forgetting
from facecrop_core.pipeline.grown import store_grown
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.pipeline.proof import Evidence, prove_forgotten
from facecrop_core.pixels import encode_image
from facecrop_core.records import Reference, Video
from facecrop_core.settings import Settings
from facecrop_core.table import FaceRow, SampleRow, ScanWriter, check_scan_folder, commit_table
from facecrop_core.video import video_to_json

SHA, VIDEO_ID, DIMENSIONS = "ab" * 32, "cd" * 16, 32
ENGINE = {
    "kind": "pack", "name": "made up", "licence": "", "detector_sha256": SHA, "embedder_sha256": SHA,
    "metric": "cosine", "match": 0.5, "unsure": 0.4, "det_thresh": 0.5, "providers": [], "landmarks_estimated": False,
}  # fmt: skip
ROW = {"frame": 1, "similarity": 0.5, "orig_side": 64, "up": 1.0, "face_frac": 0.5, "video_id": "film"}
RANDOM = np.random.default_rng(5)


def noise_jpeg():
    return encode_image(RANDOM.integers(0, 256, (24, 24, 3)).astype(np.uint8), "jpeg", 90)


def near(axis, likeness=0.9):
    """A unit vector of this likeness to an axis, otherwise unlike any other."""
    vector = RANDOM.normal(0, 1, DIMENSIONS)
    vector[:3] = 0
    vector *= np.sqrt(1 - likeness**2) / np.linalg.norm(vector)
    vector[axis] = likeness
    return vector.astype(np.float32)


def scan_of(project, key, parts=3, status="complete"):
    """Each part: a sample with both, one with each alone and one with nobody; the second part is only of Bob."""
    video = Video(Path("film.mp4"), VIDEO_ID, 1000, 1280, 720, Fraction(25), 60.0, 1500, "h264", "yuv420p")
    scan = Scan(
        project.scan_folder(VIDEO_ID, key),
        {"version": 1, "status": status, "video": video_to_json(video), "settings": {}, "engine": ENGINE},
    )
    writer = ScanWriter(scan.folder, VIDEO_ID, SHA)
    for part in range(parts):
        for number, who in enumerate(((0, 1), (1,), (0,), ()) if part != 1 else ((1,), ())):
            faces = [
                FaceRow(
                    (100.0 + 300 * person, 50, 200 + 300 * person, 170), np.zeros((5, 2), np.float32), 0.9,
                    near(person, 0.45 if (part, number) == (2, 2) else 0.9), {"tenengrad": 5.0}, noise_jpeg(),
                )
                for person in who
            ]  # fmt: skip
            sample = part * 4 + number
            writer.add(SampleRow(sample, sample * 5, sample / 5, bytes(RANDOM.integers(0, 9, 32 * 18).tolist()), faces))
        writer.flush()
    table = scan.reader().table()
    import pyarrow as pa

    tracks = {"face_id": table["face_id"], "track": np.arange(len(table)), "shot": np.zeros(len(table), np.int64)}
    commit_table(scan.folder / "tracks.parquet", pa.table(tracks))
    scan.content["faces"] = len(table)
    project.use_scan(video, key)
    project.save()
    scan.save()
    scan.reader().store_joined()
    return scan


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A project that knows Anna and Bob from references, a cluster, verdicts, a log and an exported dataset."""
    root = tmp_path_factory.mktemp("forget")
    project = Project.create(root / "p")
    scan_of(project, "old" + "0" * 13)
    scan = scan_of(project, "new" + "0" * 13)
    table = scan.reader().table()
    references = [
        Reference(n, f"/photos/{n}.jpg", near(i, 0.99), noise_jpeg(), 0.9) for i, n in enumerate(("Ann", "Bob"))
    ]
    with PeopleStore(project.people_path) as store:
        store.replace_references(references, SHA)
        curation = Curation(store, "mia")
        curation.add_references([(Reference("Ann", "scan", near(0), noise_jpeg()), face_keys(table, [0])[0])], SHA)
        (cluster,) = curation.store_clusters([(None, face_keys(table, [5]))])
        curation.name(cluster, "Annie")
        curation.merge([cluster], "Ann")
        curation.name("Ann", "Anna")
        curation.say_is(face_keys(table, [3]), "Anna")
        curation.say_not(face_keys(table, [1]), "Anna")
        curation.keep(face_keys(table, [1, 0]))
        store_grown(scan, "scan", [Reference("Anna", "film", near(0), noise_jpeg())], store.references(SHA))
    scan.save()
    log = project.folder / "logs" / "facecrop.log"
    log.parent.mkdir()
    log.write_text("1 INFO started\n2 WARNING no photo of 'Anna' is usable\n3 INFO Annabel stays\n")
    (scan.folder / "faces" / "000009.parquet.part").write_bytes(references[0].chip_jpeg)
    export(project, root / "out", table)
    return root


def export(project, out, table):
    settings = Settings()
    project.note_export(out, statistics_path(out, None))
    with DatasetWriter(out, settings, ["Anna", "Bob"], [VIDEO_ID]) as writer:
        for row, person in enumerate(["Anna", "Bob", "Bob", "Anna", "Bob", None]):
            data = encode_image(RANDOM.integers(0, 256, (32, 32, 3)).astype(np.uint8), "png", 90)
            writer.write(person, data, ROW | {"face_id": str(table["face_id"][row])})


def copy(template, tmp_path):
    """The project with everything beside it, and the paths that it remembers put right."""
    root = tmp_path / "copy"
    shutil.copytree(template, root)
    path = root / "p" / "project.json"
    path.write_text(path.read_text().replace(str(template), str(root)))
    return root, Project.open(root / "p")


def evidence_of(project):
    """Everything that is Anna's, seen from outside."""
    (scan,) = project.scans()
    table = scan.reader().table()
    hers = np.flatnonzero(table["x1"] == 100)
    with PeopleStore(project.people_path) as store:
        stored = [r for r in store.stored_references() if r.reference.person == "Anna"]
        vectors = [r.embedding for r in store.references(SHA) if r.person == "Anna"]
    thumbs = [scan.thumbs().read(int(table["thumb_offset"][i]), int(table["thumb_size"][i])) for i in hers]
    return Evidence(
        ("Anna", "Ann", "Annie"),
        tuple(table["face_id"][hers]),
        (*vectors, *table.embeddings[hers]),
        (*(r.reference.chip_jpeg for r in stored), *thumbs),
    )


def check_gone(root, project, evidence):
    assert prove_forgotten(project, evidence) == []
    (scan,) = project.scans()
    assert list(check_scan_folder(scan.folder, SHA, finished=True)) == []
    table = scan.reader().table()
    assert table["x1"].tolist() == [400.0] * 5 and scan.content["faces"] == 5
    assert table["track"].min() >= 0  # the tracks belong to the faces
    with PeopleStore(project.people_path) as store:
        assert [p.name for p in store.people()] == ["Bob"] and len(store.references(SHA)) == 1
        assert [v.kind for v in store.verdicts()] == ["keep"]
        assert not any(action.can_undo for action in store.log.history())
    assert (project.folder / "logs" / "facecrop.log").read_text() == "1 INFO started\n3 INFO Annabel stays\n"
    rows = [json.loads(line) for line in (root / "out" / "metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in rows] == [f"Bob/00000{i}.png" for i in (1, 2, 3)]
    assert not (root / "out" / "Anna").exists() and len(list((root / "out" / "Bob").iterdir())) == 3
    assert sheet_path(root / "out").exists()
    statistics = statistics_path(root / "out", None).read_text().splitlines()
    assert [line.split(",")[0] for line in statistics[1:]] == [row["file_name"] for row in rows]


def test_forgetting_leaves_nothing_and_the_rest_whole(template, tmp_path):
    root, project = copy(template, tmp_path)
    evidence = evidence_of(project)
    before = prove_forgotten(project, evidence)
    found = {(trace.path.relative_to(root).parts[:2], trace.words.split(" in ")[0]) for trace in before}
    assert (("p", "people.sqlite"), "a picture") in found and (("p", "people.sqlite"), "an embedding") in found
    assert (("p", "scans"), "a picture") in found and (("p", "scans"), "an embedding") in found
    assert (("p", "scans"), "the id of a face") in found and (("p", "logs"), "the name") in found
    assert (("out", "metadata.jsonl"), "the name") in found and (
        ("out", "Anna"),
        "it is called like the person",
    ) in found
    with project.lock():
        done = forget(project, "Anna")
    assert (done.name, done.faces, done.traces, done.unsearched) == ("Anna", 4, [], [])
    assert done.crops == 3
    check_gone(root, project, evidence)


class Killed(BaseException):
    """Stands for kill -9: nothing may catch it and tidy up."""


def forget_dying(template, tmp_path, monkeypatch, deadly):
    """Forget, die when a file is to take its name for the n-th time, and go on. Returns whether it came to that."""
    root, project = copy(template, tmp_path)
    evidence, calls, real = evidence_of(project), iter(range(10_000)), files_module.os.replace

    def dying(*names):
        if next(calls) == deadly:
            raise Killed
        return real(*names)

    died = False
    with monkeypatch.context() as patch:
        patch.setattr(files_module.os, "replace", dying)
        try:
            forget(project, "Anna")
        except Killed:
            died = True
    project = Project.open(project.folder)
    resume_forgetting(project)
    check_gone(root, project, evidence)
    shutil.rmtree(root)
    return died


@pytest.mark.parametrize("deadly", [0, 6, 12, 18])
def test_what_was_cut_short_is_finished_later(template, tmp_path, monkeypatch, deadly):
    assert forget_dying(template, tmp_path, monkeypatch, deadly)


@pytest.mark.slow
def test_what_was_cut_short_anywhere_is_finished_later(template, tmp_path, monkeypatch):
    deadly = 0
    while forget_dying(template, tmp_path, monkeypatch, deadly):
        deadly += 1
    assert deadly > 18


def test_an_unnamed_person_and_somebody_without_faces_can_be_forgotten(template, tmp_path):
    _, project = copy(template, tmp_path)
    (scan,) = project.scans()
    table = scan.reader().table()
    with PeopleStore(project.people_path) as store:
        curation = Curation(store)
        (cluster,) = curation.store_clusters([(None, face_keys(table, [1]))])
        curation.clear(face_keys(table, [1]))
        curation.say_is(face_keys(table, [1]), cluster)
        curation.add_person("Zoe")
    assert forget(project, cluster).faces == 1
    assert len(scan.reader().table()) == len(table) - 1
    assert forget(project, "Zoe").traces == []
    with PeopleStore(project.people_path) as store:
        assert [p.name for p in store.people()] == ["Anna", "Bob"]
    with pytest.raises(ProjectError, match="no person 'Zoe'"):
        forget(project, "Zoe")
