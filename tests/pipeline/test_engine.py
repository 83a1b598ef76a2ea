"""Which engine is chosen, and what opening it gives."""

import os
import shutil
from pathlib import Path

import pytest

from facecrop_core.errors import ModelError
from facecrop_core.models import catalogue, store
from facecrop_core.pipeline.doctor import diagnose
from facecrop_core.pipeline.engine import ENGINES, choose_engine, engine_identity, open_engine
from facecrop_core.settings import CONTROLS, Settings

PACK = Path(__file__).resolve().parents[3] / "shared" / "models" / "scrfd_500m_mbf"
needs_pack = pytest.mark.skipif(not PACK.is_dir(), reason="../shared/models is absent")


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FACECROP_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("FACECROP_PACK", raising=False)


def _settings(**values):
    return Settings().with_values(values)


def test_the_schema_lists_the_engines():
    assert set(CONTROLS["engine"].choices) == {"auto", *ENGINES}


def test_without_a_pack_the_built_in_engine_is_taken():
    engine = open_engine(Settings(), threads=1)
    assert (engine.kind, engine.providers) == ("builtin", ("CPUExecutionProvider",)) and "not installed" in engine.why
    assert engine.calibration.metric == "euclidean" and engine.detector.landmarks_estimated
    identity = engine_identity(Settings())
    assert identity["detector_sha256"] == engine.detector.model_sha256
    assert identity["embedder_sha256"] == engine.embedder.model_sha256


@needs_pack
def test_a_folder_is_taken_from_setting_or_environment(monkeypatch):
    engine = open_engine(_settings(pack=str(PACK), low_cpu=True))
    assert (engine.kind, engine.name, engine.providers) == ("pack", PACK.name, ("CPUExecutionProvider",))
    assert "--pack" in engine.why and engine.licence == catalogue.UNKNOWN_LICENCE
    assert engine.calibration is catalogue.CALIBRATIONS[engine.embedder.model_sha256]
    identity = engine_identity(_settings(pack=str(PACK)))
    assert identity == {
        "kind": "pack",
        "name": PACK.name,
        "detector_sha256": engine.detector.model_sha256,
        "embedder_sha256": engine.embedder.model_sha256,
    }
    monkeypatch.setenv("FACECROP_PACK", str(PACK))
    assert "$FACECROP_PACK" in choose_engine(Settings()).why
    assert choose_engine(_settings(engine="builtin")).kind == "builtin"


@needs_pack
@pytest.mark.parametrize("root", ["models", ".insightface/models"])
def test_an_installed_buffalo_l_is_taken(tmp_path, root):
    shutil.copytree(PACK, tmp_path / root / "buffalo_l")
    choice = choose_engine(Settings())
    assert (choice.kind, choice.name) == ("pack", "buffalo_l") and "installed" in choice.why
    assert choose_engine(_settings(engine="builtin")).kind == "builtin"
    assert store.check_pack(tmp_path / root / "buffalo_l") == []


@pytest.mark.parametrize(
    ("pack", "says", "hint"),
    [
        ("buffalo_l", "not installed", "models get buffalo_l"),
        ("bufalo_l", "no pack or folder", "buffalo_l"),
        ("/no/such/folder", "no pack folder", "nine outputs"),
    ],
)
def test_a_pack_that_is_not_there(pack, says, hint):
    with pytest.raises(ModelError, match=says) as error:
        engine_identity(_settings(pack=pack))
    assert hint in error.value.hint


def test_a_foreign_or_damaged_folder(tmp_path):
    with pytest.raises(ModelError, match="no detector and no embedder"):
        open_engine(_settings(pack=str(tmp_path)))
    (tmp_path / "det.onnx").write_bytes(b"half a model")
    with pytest.raises(ModelError, match=r"det\.onnx is not a whole"):
        open_engine(_settings(pack=str(tmp_path)))
    with pytest.raises(ModelError, match="none is named"):
        choose_engine(_settings(engine="pack"))


def test_doctor_tells_what_matters():
    found = diagnose(Settings())
    assert found["engine"]["kind"] == "builtin" and found["problems"] == [] and found["cores"] >= 1
    assert all(found["versions"][name] for name in ("facecrop", "python", "onnxruntime", "opencv", "av", "ffmpeg"))
    assert found["providers"]["CPUExecutionProvider"] == "" and "CoreMLExecutionProvider" in found["providers"]
    assert found["devices"] == ["auto"] and found["hardware_decoding"]["d3d11va"] != ""
    assert found["cache_folder"] == os.environ["FACECROP_CACHE"] and found["cuda_devices"] >= 0
    assert all(free > 0 for free in found["free_bytes"].values())
    assert diagnose(_settings(pack="bufalo_l"))["problems"] == ["There is no pack or folder 'bufalo_l'."]
