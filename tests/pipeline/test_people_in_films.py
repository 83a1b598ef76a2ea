"""Who is found in films that show them, and that nobody is found who does not appear. Skipped without the films."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.pipeline.produce import produce
from facecrop_core.pipeline.project import Project

SHARED = Path(__file__).resolve().parents[3] / "shared"
MEDIA, PACK = SHARED / "media", SHARED / "models" / "scrfd_2.5g_mbf"
ENGINES = {"pack": {"pack": str(PACK)}, "builtin": {"engine": "builtin"}}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (MEDIA / "real_film.mp4").exists() or not PACK.exists(), reason=f"needs {SHARED}"),
]


@pytest.fixture(scope="module", params=ENGINES)
def scanned(request, tmp_path_factory):
    """The real film, once a second, with references of all ten people whom it shows."""
    settings = ENGINES[request.param] | {"fps": 1.0}
    folder = tmp_path_factory.mktemp("film") / "p"
    run_job(JobRequest("scan", folder, (MEDIA / "real_film.mp4",), (MEDIA / "real_film_refs",), settings=settings))
    return folder, settings


def test_everybody_is_found_and_nobody_is_taken_for_another(scanned):
    folder, _ = scanned
    (found,) = produce(Project.open(folder), Project.open(folder).settings)
    lines = (MEDIA / "real_film.truth.jsonl").read_text().splitlines()
    shown = {frame["frame"]: {face["name"] for face in frame["faces"]} for frame in map(json.loads, lines)}
    names = [found.person_name(row) for row in range(len(found.table))]
    right = [name in shown[int(frame)] for name, frame in zip(names, found.table["frame"], strict=True)]
    named = np.array([name is not None for name in names])
    assert len(names) > 60 and np.mean(np.array(right)[named]) == 1 and named.mean() >= 0.99


def test_strangers_are_nobody(scanned):
    folder, settings = scanned
    strangers = tuple(MEDIA / "cast" / name for name in ("alex", "lin", "obama", "biden", "kit", "rose", "adams"))
    run_job(JobRequest("scan", folder, (MEDIA / "real_film.mp4",), strangers, settings=settings))
    (found,) = produce(Project.open(folder), Project.open(folder).settings)
    assert len(found.matches.names) == 7 and (found.matches.person < 0).all()
