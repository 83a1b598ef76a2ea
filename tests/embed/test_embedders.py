"""Embedders against the libraries that they stand in for."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from facecrop_core.detect import DlibHogDetector
from facecrop_core.embed import ArcFaceEmbedder, DlibResnetEmbedder
from facecrop_core.embed.arcface import _normalisation, _template
from facecrop_core.errors import ModelError
from facecrop_core.models import dlib_face

SHARED = Path(__file__).resolve().parents[3] / "shared"
PACK = SHARED / "models" / "scrfd_2.5g_mbf"
needs_pack = pytest.mark.skipif(not PACK.is_dir(), reason="../shared/models is absent")


@pytest.fixture(scope="module")
def group():
    spec = importlib.util.find_spec("insightface")
    return cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / "images" / "t1.jpg"))


@needs_pack
def test_arcface_equals_insightface(group):
    from insightface.app import FaceAnalysis

    reference = FaceAnalysis(name=str(PACK), providers=["CPUExecutionProvider"])
    reference.prepare(-1, 0.5, (640, 640))
    faces = reference.get(group)
    embedder = ArcFaceEmbedder(PACK / "rec_mbf128.onnx")
    assert (embedder.chip_size, embedder.dimensions) == (112, 128)
    chips = np.stack([cv2.warpAffine(group, embedder.chip_matrix(f.kps), (112, 112)) for f in faces])
    vectors = embedder.embed(chips)
    assert len(faces) == 6 and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert min(float(v @ f.normed_embedding) for v, f in zip(vectors, faces, strict=True)) > 0.999
    np.testing.assert_allclose(embedder.embed(chips[2:3])[0], vectors[2], atol=1e-5)
    assert embedder.embed(chips[:0]).shape == (0, 128)


@needs_pack
def test_a_batch_of_1_in_the_file_is_freed(tmp_path):
    model = onnx.load(str(PACK / "rec_mbf128.onnx"))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, str(tmp_path / "rec.onnx"))
    chips = np.random.default_rng(0).integers(0, 255, (5, 112, 112, 3), dtype=np.uint8)
    fixed, free = ArcFaceEmbedder(tmp_path / "rec.onnx"), ArcFaceEmbedder(PACK / "rec_mbf128.onnx")
    assert fixed._batches and fixed.model_sha256 != free.model_sha256
    np.testing.assert_allclose(fixed.embed(chips), free.embed(chips), atol=1e-5)


def test_templates_are_insightfaces():
    from insightface.utils.face_align import estimate_norm

    points = np.array([[30, 40], [70, 44], [52, 60], [35, 82], [66, 84]], np.float32)
    from facecrop_core.geometry import similarity_fit

    for side in (112, 128, 224, 256):
        np.testing.assert_allclose(similarity_fit(points, _template(side)), estimate_norm(points, side), atol=1e-3)


def test_normalisation_follows_the_graph():
    assert _normalisation(["Conv_0"])[[0, 255]].tolist() == [-1, 1]
    assert _normalisation(["Sub_0", "Mul_1"])[[0, 255]].tolist() == [0, 255]
    assert _normalisation(["Sub_0"])[0] == -1


@needs_pack
def test_a_detector_is_no_embedder():
    with pytest.raises(ModelError, match="pixels"):
        ArcFaceEmbedder(PACK / "det_2.5g.onnx")


def test_dlib_equals_the_way_through_dlibs_own_chips(group):
    import dlib

    embedder = DlibResnetEmbedder()
    faces = DlibHogDetector().detect([group], 0.0)[0]
    predictor = dlib.shape_predictor(str(dlib_face.model_file(dlib_face.LANDMARKS_FILE)))
    network = dlib.face_recognition_model_v1(str(dlib_face.model_file(dlib_face.EMBEDDER_FILE)))
    rectangles = dlib.get_frontal_face_detector()(cv2.cvtColor(group, cv2.COLOR_BGR2GRAY))
    rgb = np.ascontiguousarray(group[..., ::-1])
    theirs = np.array([network.compute_face_descriptor(rgb, predictor(rgb, r)) for r in rectangles])
    chips = np.stack([cv2.warpAffine(group, embedder.chip_matrix(p), (150, 150)) for p in faces.landmarks_xy])
    ours = embedder.embed(chips)
    distances = np.linalg.norm(ours[:, None] - theirs[None], axis=2)
    assert distances.shape == (6, 6)
    assert distances.min(axis=1).max() < 0.15, "the same face, cut by them and by us"
    assert np.sort(distances, axis=1)[:, 1].min() > 0.5, "another face"
    assert embedder.embed(chips[:0]).shape == (0, 128)
