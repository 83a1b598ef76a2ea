"""dlib's embedder as an ONNX graph gives dlib's numbers, or dlib is used."""

import logging

import numpy as np
import pytest

from facecrop_core.embed import DlibResnetEmbedder
from facecrop_core.errors import ModelError
from facecrop_core.models import dlib_face, dlib_session
from facecrop_core.models.dlib_resnet import read_weights
from facecrop_core.models.store import file_sha256

FILE = dlib_face.model_file(dlib_face.EMBEDDER_FILE)


@pytest.fixture(scope="module")
def chips():
    random = np.random.default_rng(3)
    noise = random.integers(0, 256, (3, 150, 150, 3), np.uint8)
    ramp = np.add.outer(np.arange(150), np.arange(150)) * 255 // 298
    return np.concatenate([noise, np.repeat(ramp.astype(np.uint8)[None, ..., None], 3, axis=3)])


def test_the_numbers_are_dlibs(chips):
    import dlib

    network = dlib.face_recognition_model_v1(str(FILE))
    expected = [network.compute_face_descriptor(np.ascontiguousarray(chip[..., ::-1])) for chip in chips]
    embedder = DlibResnetEmbedder()
    assert embedder.providers == ("CPUExecutionProvider",) and embedder.model_sha256 == file_sha256(FILE)
    np.testing.assert_allclose(embedder.embed(chips), expected, atol=1e-5)


def test_dlib_is_used_where_the_numbers_differ(chips, monkeypatch, caplog, tmp_path):
    ours = DlibResnetEmbedder().embed(chips[:1])
    monkeypatch.setenv("FACECROP_CACHE", str(tmp_path))
    monkeypatch.setattr(dlib_session, "LARGEST_DIFFERENCE", 0.0)
    with caplog.at_level(logging.WARNING):
        embedder = DlibResnetEmbedder()
    assert embedder.providers == () and "by dlib itself" in caplog.text
    assert not list(tmp_path.glob("*/*dlib*"))
    np.testing.assert_allclose(embedder.embed(chips[:1]), ours, atol=1e-5)


def test_the_graph_is_made_once(chips, monkeypatch):
    first = DlibResnetEmbedder().embed(chips)
    monkeypatch.setattr(dlib_session, "read_weights", None)
    np.testing.assert_array_equal(DlibResnetEmbedder().embed(chips), first)


def test_other_files_are_no_network(tmp_path):
    whole = FILE.read_bytes()
    for content in (b"", b"no network", whole[: len(whole) // 2], whole[:400]):
        path = tmp_path / "model.dat"
        path.write_bytes(content)
        with pytest.raises(ModelError, match="face recognition network"):
            read_weights(path)


def test_without_a_cache_folder_dlib_is_used(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACECROP_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert dlib_session.open_dlib_session(FILE) is None
    assert "takes longer" in caplog.text
