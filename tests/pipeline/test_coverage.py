"""The coverage of made-up sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_chosen_sets import make_project

from facecrop_core.cli import main
from facecrop_core.pipeline.coverage import set_coverage
from facecrop_core.pipeline.produce import produce
from facecrop_core.settings import Settings


def test_it_counts_people_over_films(tmp_path: Path) -> None:
    made_up = make_project(tmp_path / "project")
    found = set_coverage(produce(made_up, Settings().with_values({"top_n": 9})))
    assert found["faces"] == 36 and found["kept"] == 17 and found["not_kept"] == {"not_chosen": 19}
    ann, bob = found["people"]
    assert (ann["person"], ann["kept"], bob["person"], bob["kept"]) == ("Ann", 9, "Bob", 8)
    assert ann["pose"]["faces"][3][1] == 9 and ann["pose"]["cells_filled"] == 1  # all look straight ahead
    assert sum(ann["faces_per_shot"]) == 9 and sum(ann["histograms"]["similarity"]["faces"]) == 9


def test_nothing_kept_is_no_error() -> None:
    assert set_coverage([]) == {"faces": 0, "kept": 0, "not_kept": {}, "people": []}


def test_the_shell_prints_or_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(make_project(tmp_path / "project").folder)
    assert main(["coverage", "--project", folder, "--max-per-shot", "2"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert main(["coverage", "--project", folder, "--max-per-shot", "2", "--out", str(tmp_path / "c.json")]) == 0
    assert json.loads((tmp_path / "c.json").read_text()) == printed and printed["kept"] > 0
