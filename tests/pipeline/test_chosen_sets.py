"""Choosing over the videos of a project."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from people_made_up import SHA, add_film, direction
from test_produce import project

from facecrop_core.cli import main
from facecrop_core.people import Curation, PeopleStore
from facecrop_core.pipeline.curation import face_keys
from facecrop_core.pipeline.produce import produce
from facecrop_core.pipeline.project import Project
from facecrop_core.records import REASONS, Reference
from facecrop_core.settings import Settings

__all__ = ["project"]


def make_project(folder: Path) -> Project:
    """Ann (person 0) in two films, Bob (person 1) in the first."""
    project = Project.create(folder)
    add_film(project, "first", [(0, 12), (1, 8), (0, 6)])
    add_film(project, "second", [(0, 10)])
    project.save()
    with PeopleStore(project.people_path) as store:
        store.replace_references([Reference("Ann", "a", direction(0)), Reference("Bob", "b", direction(1))], SHA)
    return project


def kept_of(project: Project, **values: object) -> dict[str, int]:
    """How many faces of each person all films together keep."""
    counts: dict[str, int] = {}
    for produced in produce(project, Settings().with_values(values)):
        for row in produced.kept:
            name = produced.person_name(row) or ""
            counts[name] = counts.get(name, 0) + 1
    return counts


def test_a_person_of_two_films_is_one_person(tmp_path: Path) -> None:
    made_up = make_project(tmp_path / "project")
    assert kept_of(made_up) == {"Ann": 28, "Bob": 8}
    assert kept_of(made_up, top_n=5) == {"Ann": 5, "Bob": 5}
    assert kept_of(made_up, target=20) == {"Ann": 20, "Bob": 8}


def test_embedding_twins_across_films_are_found(tmp_path: Path) -> None:
    made_up = make_project(tmp_path / "project")
    within = kept_of(made_up, enc_dup_thr=2.0)
    assert within["Ann"] > 1 and kept_of(made_up, enc_dup_thr=2.0, twins_across=True) == {"Ann": 1, "Bob": 1}


def test_what_is_left_out_has_its_reason_and_what_the_user_keeps_stays(tmp_path: Path) -> None:
    made_up = make_project(tmp_path / "project")
    settings = Settings().with_values({"top_n": 1})
    first, _ = produce(made_up, settings)
    out = np.flatnonzero(first.reasons == REASONS.index("not_chosen"))
    assert len(out)
    with PeopleStore(made_up.people_path) as store:
        Curation(store).keep(face_keys(first.table, out[:3]))
    again, _ = produce(made_up, settings)
    assert set(out[:3]) <= set(again.kept.tolist())


def test_the_split_says_of_each_kept_face_where_it_goes(tmp_path: Path) -> None:
    made_up = make_project(tmp_path / "project")
    assert all(produced.validation is None for produced in produce(made_up, Settings()))
    everything = produce(made_up, Settings().with_values({"val_share": 0.3}))
    kept = sum(len(produced.kept) for produced in everything)
    validation = 0
    for produced in everything:
        assert produced.validation is not None and not produced.validation[produced.reasons > 0].any()
        validation += int(produced.validation.sum())
    assert 0 < validation < kept


def test_the_shell_chooses_and_metadata_tells_of_the_split(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scan,) = project.scans()
    scan.content["faces"] = len(scan.reader().table())
    scan.save()
    flags = ["--sim", "off", "--top-n", "5", "--hash-thr", "0", "--val-share", "0.2", "--no-contact-sheet", "--json"]
    out = tmp_path / "out"
    assert main(["export", "--project", str(project.folder), "--out", str(out), *flags]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = [json.loads(line) for line in (out / "metadata.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == result["saved"] <= 5 and result["not_kept"].keys() & {"twin", "not_chosen"}
    assert {row["split"] for row in rows} <= {"train", "validation"}
