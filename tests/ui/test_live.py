"""What the browser computes from the columns has to be what is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import made_up
import numpy as np
import pytest

from facecrop_core.people import Curation, PeopleStore
from facecrop_core.pipeline.curation import face_keys
from facecrop_core.pipeline.produce import produce
from facecrop_core.pipeline.refilter import BY_RANK
from facecrop_core.settings import Settings
from facecrop_core.track import LinkRules, link_tracks
from facecrop_ui.live import COLUMNS, LiveView


def browser_keeps(columns: dict[str, Any], similarity: float | str, sharpness: float, people: bool) -> np.ndarray:
    """The rule of choose.js."""
    sharp = np.float32(sharpness)
    clear = (columns["sharpness"] >= sharp) & (sharp > columns["limit"])
    known = np.ones(len(clear), np.bool_)
    if people:
        known = browser_names(columns, similarity) >= 0
    return np.flatnonzero((columns["always"] == 1) | ((columns["reason"] == 0) & clear & known))


def browser_names(columns: dict[str, Any], similarity: float | str) -> np.ndarray:
    if similarity == "auto":
        return columns["auto"]
    least = np.float32(similarity)
    other = np.where(least > columns["above"], columns["other"], -1)
    return np.where((columns["person"] >= 0) & (columns["similarity"] >= least), columns["person"], other)


VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "gates": {"min_crop_px": 120, "min_bbox_frac": 0.003, "min_brightness": 40, "edge_policy": "skip"},
    "dark_relax": {"dark_relax": 0.4},
    "max_per_frame": {"max_per_frame": 1},
    "max_per_frame_2": {"max_per_frame": 2, "dark_relax": 0.5, "solo_mode": "reject"},
    "margin": {"margin": 0.3},
    "off": {"sim": None, "max_per_frame": 1},
}


@pytest.mark.parametrize("people", [("Ann", "Bob"), ("Ann",), ()], ids=["two", "one", "nobody"])
@pytest.mark.parametrize("name", VARIANTS)
def test_the_page_counts_what_is_exported(tmp_path: Path, name: str, people: tuple[str, ...]) -> None:
    project, scan = made_up.make_project(tmp_path / "project", people)
    made_up.add_faces(scan, 150)
    write_tracks(scan)
    base = Settings().with_values(VARIANTS[name])
    columns = LiveView(project.folder).refresh(base).columns
    for similarity in (None,) if base.matching.sim is None else ("auto", 0.02, 0.31, 0.455, 0.62, 0.9):
        for sharpness in (0.0, 55.0, 320.0, 4100.0):
            values = {"sim": similarity, "min_tenengrad": sharpness}
            exported = produce(project, base.with_values(values))[0].kept
            shown = browser_keeps(columns, similarity, sharpness, bool(people) and similarity is not None)
            np.testing.assert_array_equal(shown, exported, err_msg=str(values))


def speak(project: Any, scan: Any, seed: int) -> None:
    """Forty things that the user said, of faces at random, and named and unnamed clusters."""
    random, faces = np.random.default_rng(seed), scan.reader().table()
    rows = random.permutation(len(faces))
    keys = [face_keys(faces, chosen) for chosen in np.array_split(rows[:160], 8)]
    with PeopleStore(project.people_path) as store:
        curation = Curation(store)
        first, second, third = curation.store_clusters([(None, keys[0] + keys[1]), (None, keys[2]), (None, keys[3])])
        curation.name(first, "Carl")
        if store.person_id("Ann"):
            curation.merge([second], "Ann")
        curation.name(third, "Dora")
        curation.say_is(keys[1][:9] + keys[4][:9], "Ann")
        curation.say_is(keys[4][9:14], "Emil")
        curation.say_not(keys[5], "Ann" if store.person_id("Ann") else "Carl")
        curation.keep(keys[6][:14] + keys[1][:3] + keys[2][:3])
        curation.reject(keys[7][:8] + keys[4][:3])
        curation.not_a_face(keys[7][8:16] + keys[0][:4])


@pytest.mark.parametrize("people", [("Ann", "Bob"), ()], ids=["two", "nobody"])
@pytest.mark.parametrize("name", [*VARIANTS, "consistent"])
def test_the_page_counts_what_is_exported_after_the_user_spoke(
    tmp_path: Path, name: str, people: tuple[str, ...]
) -> None:
    project, scan = made_up.make_project(tmp_path / "project", people)
    made_up.add_faces(scan, 150, seed=3)
    write_tracks(scan)
    speak(project, scan, 5)
    base = Settings().with_values(VARIANTS.get(name, {"identity_consistency": 0.5}))
    snapshot = LiveView(project.folder).refresh(base)
    columns = snapshot.columns
    for similarity in (None,) if base.matching.sim is None else ("auto", -0.5, 0.02, 0.31, 0.455, 0.62, 0.9):
        for sharpness in (0.0, 320.0, 4100.0):
            values = {"sim": similarity, "min_tenengrad": sharpness}
            (found,) = produce(project, base.with_values(values))
            shown = browser_keeps(columns, similarity, sharpness, similarity is not None)
            np.testing.assert_array_equal(shown, found.kept, err_msg=str(values))
            if similarity is not None:
                named = [snapshot.names[who] if who >= 0 else None for who in browser_names(columns, similarity)[shown]]
                assert named == [found.person_name(row) for row in found.kept], values


RANKED: dict[str, dict[str, Any]] = {
    "hash": {"hash_thr": 12, "twins_across": True},
    "embedding": {"enc_dup_thr": 0.3, "max_per_frame": 1},
    "gap": {"min_gap_sec": 0.3, "only_best": True},
    "best": {"top_n": 30, "consecutive": 3, "max_per_shot": 9},
    "balanced": {"target": 40, "hash_thr": 8},
}


@pytest.mark.parametrize("people", [("Ann", "Bob"), ()], ids=["two", "nobody"])
@pytest.mark.parametrize("name", RANKED)
def test_where_faces_are_ranked_the_columns_follow_the_sliders(
    tmp_path: Path, name: str, people: tuple[str, ...]
) -> None:
    project, scan = made_up.make_project(tmp_path / "project", people)
    made_up.add_faces(scan, 150)
    write_tracks(scan)
    if people:
        speak(project, scan, 5)
    view, kept_sets = LiveView(project.folder), set()
    for similarity in ("auto", 0.31):
        for sharpness in (0.0, 4100.0):
            values = {**RANKED[name], "sim": similarity, "min_tenengrad": sharpness}
            columns = view.refresh(Settings().with_values(values), hurry=True).columns
            (found,) = produce(project, Settings().with_values(values))
            shown = browser_keeps(columns, similarity, sharpness, bool(people))
            np.testing.assert_array_equal(shown, found.kept, err_msg=str(values))
            kept_sets.add(tuple(shown))
            assert np.isin(found.reasons, BY_RANK).any()
    assert len(kept_sets) > 1


def write_tracks(scan: Any) -> None:
    import pyarrow as pa

    from facecrop_core.table import commit_table

    table = scan.reader().table()
    tracks = link_tracks(
        table["time_seconds"], np.zeros(len(table), np.int64), table.boxes_xyxy, table.embeddings, "cosine",
        LinkRules(least_similarity=0.4),
    )  # fmt: skip
    ids = pa.array(table["face_id"], pa.string())
    commit_table(scan.folder / "tracks.parquet", pa.table({"face_id": ids, "track": tracks, "shot": tracks * 0}))


def unpack(data: bytes) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    header = np.frombuffer(data[:20], "<u4")
    columns, offset = {}, 20
    for name, kind in COLUMNS.items():
        columns[name] = np.frombuffer(data, kind, int(header[3]), offset)
        offset += columns[name].nbytes
    assert offset == len(data)
    return header, columns


def test_new_rows_only_and_a_new_generation_when_old_rows_change(tmp_path: Path) -> None:
    project, scan = made_up.make_project(tmp_path / "project")
    view, settings = LiveView(project.folder), Settings()
    assert len(view.refresh(settings)) == 0
    made_up.add_faces(scan, 30)
    first = view.refresh(settings, hurry=True)
    made_up.add_faces(scan, 30, seed=1)
    second = view.refresh(settings, hurry=True)
    assert len(second) > len(first) > 0 and second.generation == first.generation
    header, columns = unpack(second.pack(len(first), first.generation))
    assert list(header) == [1, first.generation, len(first), len(second) - len(first), len(second)]
    np.testing.assert_array_equal(columns["id"], second.columns["id"][len(first) :])

    assert view.refresh(settings.with_values({"min_tenengrad": 500.0, "sim": 0.3}), hurry=True) is second
    stricter = view.refresh(settings.with_values({"min_crop_px": 200}), hurry=True)
    assert stricter.generation == second.generation + 1
    assert unpack(stricter.pack(len(first), first.generation))[0][2] == 0  # from the beginning again


def test_what_the_user_says_is_seen_without_a_new_part(tmp_path: Path) -> None:
    project, scan = made_up.make_project(tmp_path / "project")
    made_up.add_faces(scan, 10)
    view = LiveView(project.folder)
    before = view.refresh(Settings(), hurry=True)
    with PeopleStore(project.people_path) as store:
        Curation(store).keep(face_keys(scan.reader().table(), [0]))
    after = view.refresh(Settings(), hurry=True)
    assert (before.columns["always"][0], after.columns["always"][0]) == (0, 1)


def test_thumbs_are_asked_for_by_face(tmp_path: Path) -> None:
    project, scan = made_up.make_project(tmp_path / "project")
    made_up.add_faces(scan, 10)
    snapshot = LiveView(project.folder).refresh(Settings())
    ids = [int(v) for v in snapshot.columns["id"]]
    assert all((snapshot.thumb(i, face) or b"").startswith(b"\xff\xd8") for i, face in enumerate(ids))
    assert snapshot.thumb(0, ids[1]) is None and snapshot.thumb(len(ids), 0) is None and snapshot.thumb(-1, 0) is None
