"""Calibrating on a folder of folders, and what uses it afterwards."""

import json

import numpy as np
import pytest

from facecrop_core.errors import ModelError, ReferencesError, UsageError
from facecrop_core.models.calibrations import calibrations_path, store_calibration, with_measured
from facecrop_core.pipeline import calibrate as module
from facecrop_core.pipeline.calibrate import calibrate
from facecrop_core.pipeline.events import Note, Watch
from facecrop_core.records import Calibration, Engine, Reference
from facecrop_core.settings import Settings

KNOWN = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)


class Embedder:
    name, model_sha256, dimensions = "made up", "e" * 64, 64


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Twelve people with three photos each, one of them twice, and one photo without a face."""
    monkeypatch.setenv("FACECROP_MODELS", str(tmp_path / "models"))

    def read(person, path, engine, settings):
        if path.stem == "none":
            raise ReferencesError(f"{path} shows no face that could be found, and is skipped.")
        centre = np.random.default_rng(int(person)).normal(size=64)
        vector = centre + 0.5 * np.random.default_rng(int(path.stem)).normal(size=64)
        return Reference(person, str(path), (vector / np.linalg.norm(vector)).astype(np.float32))

    monkeypatch.setattr(module, "read_reference", read)
    engine = Engine("pack", "made up", "", "", None, Embedder(), KNOWN)
    monkeypatch.setattr(module, "open_engine", lambda settings: engine)
    for person in range(12):
        (tmp_path / "photos" / str(person)).mkdir(parents=True)
        for name in ("1.png", "2.png", "3.png", *(["3.jpg", "none.png"] if not person else [])):
            (tmp_path / "photos" / str(person) / name).touch()
    return tmp_path / "photos"


def test_borders_are_kept_for_the_model_and_used(photos):
    notes = []
    found = calibrate(photos, Settings(), Watch(notes.append), store=False)
    assert (found["people"], found["photos"], found["same_pairs"], found["stored"]) == (12, 36, 36, None)
    assert [n.text for n in notes if isinstance(n, Note)] == [
        f"{photos / '0' / 'none.png'} shows no face that could be found, and is skipped."
    ]
    assert with_measured(KNOWN, "e" * 64) is KNOWN
    stored = calibrate(photos, Settings())
    assert stored["stored"] == str(calibrations_path())
    used = with_measured(KNOWN, "e" * 64)
    assert (used.match, used.unsure) == (stored["match"], stored["unsure"]) != (KNOWN.match, KNOWN.unsure)
    assert (used.metric, used.det_thresh) == (KNOWN.metric, KNOWN.det_thresh)
    assert with_measured(KNOWN, "f" * 64) is KNOWN
    store_calibration("f" * 64, 0.6, 0.5, {})
    assert set(json.loads(calibrations_path().read_text())) == {"e" * 64, "f" * 64}


def test_what_cannot_be_calibrated_is_told(photos):
    with pytest.raises(UsageError, match="no folder"):
        calibrate(photos / "absent", Settings())
    with pytest.raises(ReferencesError, match="one person only"):
        calibrate(photos / "1", Settings())
    calibrations_path().parent.mkdir()
    for content in ("{", '{"a": {"match": 0.1, "unsure": 0.5}}', "[1]"):
        calibrations_path().write_text(content)
        with pytest.raises(ModelError, match="damaged"):
            with_measured(KNOWN, "e" * 64)
