"""Our SCRFD decoding against InsightFace's, on the same pictures."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper

from facecrop_core.detect import ScrfdDetector
from facecrop_core.errors import ModelError

SHARED = Path(__file__).resolve().parents[3] / "shared"
PACKS = {"scrfd_2.5g_mbf": "det_2.5g.onnx", "scrfd_500m_mbf": "det_500m.onnx"}
pytestmark = pytest.mark.skipif(not (SHARED / "models").is_dir(), reason="../shared/models is absent")


def _file(pack: str) -> Path:
    return SHARED / "models" / pack / PACKS[pack]


def _canvas(detector: ScrfdDetector, path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    return cv2.resize(image, detector.canvas_size(image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA)


def _photos(count: int) -> list[Path]:
    return sorted((SHARED / "media" / "cast").rglob("*.*g"))[:: 26 // count][:count]


def _film_frames(path: Path, every: int, count: int) -> list[np.ndarray]:
    import av

    frames = []
    with av.open(f"file:{path}") as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % every == 0:
                frames.append(frame.to_ndarray(format="bgr24"))
            if len(frames) == count:
                break
    return frames


@pytest.fixture(scope="module")
def small():
    return ScrfdDetector(_file("scrfd_500m_mbf"))


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("close_ups", [False, True])
def test_equals_insightface(pack, close_ups):
    """With close-ups, InsightFace gets the same two passes on a picture that both scale alike: a square one."""
    from insightface.app import FaceAnalysis

    detector = ScrfdDetector(_file(pack), "auto" if close_ups else 640)
    reference = FaceAnalysis(name=str(SHARED / "models" / pack), providers=["CPUExecutionProvider"])
    frames = _film_frames(SHARED / "media" / "cast_film.mp4", 20, 2)
    canvases = [_canvas(detector, p) for p in _photos(4)]
    canvases += [cv2.resize(f, detector.canvas_size(1280, 720), interpolation=cv2.INTER_AREA) for f in frames]
    compared = 0
    for canvas in canvases:
        down, right = (640 - s if close_ups else -s % 32 for s in canvas.shape[:2])
        padded = cv2.copyMakeBorder(canvas, 0, down, 0, right, cv2.BORDER_CONSTANT)
        sizes = [padded.shape[1::-1], (128, 128)] if close_ups else padded.shape[1::-1]
        reference.prepare(-1, 0.5, sizes)
        expected = reference.get(padded)
        found = detector.detect([padded if close_ups else canvas], 0.5)[0]
        assert len(found) == len(expected)
        order = [int(np.abs(found.boxes_xyxy - face.bbox).max(axis=1).argmin()) for face in expected]
        for near, face in zip(order, expected, strict=True):
            assert np.abs(found.boxes_xyxy[near] - face.bbox).max() < 1
            assert np.abs(found.landmarks_xy[near] - face.kps).max() < 1
            compared += 1
    assert compared >= 6


def test_a_batch_gives_what_single_pictures_give(small):
    canvases = [cv2.resize(_canvas(small, p), (640, 452)) for p in _photos(5)]
    small.session._workers = 2  # so that shares of several pictures run even on one core
    together = small.detect(canvases, 0.5)
    assert small._batches
    assert sum(map(len, together)) >= 4
    for canvas, faces in zip(canvases, together, strict=True):
        alone = small.detect([canvas], 0.5)[0]
        np.testing.assert_allclose(faces.boxes_xyxy, alone.boxes_xyxy, atol=1e-3)
        np.testing.assert_allclose(faces.landmarks_xy, alone.landmarks_xy, atol=1e-3)
    assert small.detect([], 0.5) == []


def test_canvas_sizes(small):
    assert small.canvas_size(1280, 720) == (640, 360)
    assert small.canvas_size(720, 1280) == (360, 640)
    assert small.canvas_size(320, 240) == (640, 480), "small frames are enlarged, as InsightFace does"
    assert small.canvas_size(500, 500) == (640, 640)
    assert small.canvas_size(10000, 1) == (640, 1)
    assert ScrfdDetector(_file("scrfd_500m_mbf"), 500).canvas_size(1920, 1080) == (512, 288)


def test_no_face_in_a_flat_picture(small):
    assert len(small.detect([np.full((360, 640, 3), 90, np.uint8)], 0.5)[0]) == 0


def test_heads_of_rank_3_and_fixed_sizes(small, tmp_path):
    canvas = _canvas(small, _photos(1)[0])
    expected = ScrfdDetector(_file("scrfd_500m_mbf"), 640).detect([canvas], 0.5)[0]
    model = onnx.load(str(_file("scrfd_500m_mbf")))
    for output in model.graph.output:
        flat = output.name + "_flat"
        for node in model.graph.node:
            node.output[:] = [flat if name == output.name else name for name in node.output]
        model.graph.node.append(helper.make_node("Unsqueeze", [flat], [output.name], axes=[0]))
        values = output.type.tensor_type.shape.dim[1].dim_value
        output.CopyFrom(helper.make_tensor_value_info(output.name, onnx.TensorProto.FLOAT, [1, "n", values]))
    sides = model.graph.input[0].type.tensor_type.shape.dim
    sides[2].dim_value, sides[3].dim_value = 640, 640
    onnx.save(model, str(tmp_path / "det.onnx"))
    detector = ScrfdDetector(tmp_path / "det.onnx", 320)
    assert not detector._flat and not detector._batches
    assert detector.canvas_size(1280, 720) == (640, 360), "a fixed input wins over det_size"
    for found in detector.detect([canvas, canvas], 0.5):
        np.testing.assert_allclose(found.boxes_xyxy, expected.boxes_xyxy, atol=0.05)


def test_other_models_are_refused():
    with pytest.raises(ModelError, match="has 12 outputs"):
        ScrfdDetector(SHARED / "models" / "extra" / "yunet_n_dynamic.onnx")


def test_a_detector_without_landmarks_is_refused(tmp_path):
    model = onnx.load(str(_file("scrfd_500m_mbf")))
    del model.graph.output[6:]
    onnx.save(model, str(tmp_path / "det.onnx"))
    with pytest.raises(ModelError, match="no landmarks"):
        ScrfdDetector(tmp_path / "det.onnx")


@pytest.mark.slow
@pytest.mark.parametrize(
    "film", ["liveportrait_d14", "mead_M030_happy_level3", "mead_M030_neutral_level1", "mead_W009_sad_level3"]
)
def test_close_ups_are_found(film):
    detector = ScrfdDetector(_file("scrfd_2.5g_mbf"))
    frames = _film_frames(SHARED / "media" / "closeups" / f"{film}.mp4", 6, 40)
    size = detector.canvas_size(frames[0].shape[1], frames[0].shape[0])
    faces = detector.detect([cv2.resize(f, size, interpolation=cv2.INTER_LINEAR) for f in frames], 0.5)
    assert np.mean([len(f) > 0 for f in faces]) >= 0.97
