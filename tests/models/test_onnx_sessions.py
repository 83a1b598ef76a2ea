"""Opening ONNX models: providers, the batch axis, the memory of a GPU, and reading a graph without loading it."""

import json
import logging
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facecrop_core.errors import ModelError, SettingsError
from facecrop_core.models import packs, providers
from facecrop_core.models.graph import read_signature
from facecrop_core.models.sessions import ModelSession, batch_gives_same, free_batch_axis

CPU, CUDA = providers.CPU, providers.SHORT_NAMES["cuda"]


@pytest.fixture
def doubling(tmp_path):
    """A model with a fixed batch of 1 that doubles its input, with weights listed among its inputs."""
    shape = [1, 3, "h", "w"]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", shape), ("two", [1]), ("y", shape))
    ]
    node = helper.make_node("Mul", ["x", "two"], ["y"], name="Mul_0")
    graph = helper.make_graph(
        [node], "g", values[:2], values[2:], [helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])]
    )
    path = tmp_path / "doubling.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def test_signature_leaves_weights_out(doubling):
    signature = read_signature(doubling)
    assert signature.inputs == (("x", (1, 3, "h", "w")),)
    assert signature.outputs == (("y", (1, 3, "h", "w")),)
    assert signature.first_nodes == ("Mul_0",)


def test_damaged_files_are_model_errors(doubling, tmp_path):
    whole = doubling.read_bytes()
    for content in (b"", b"not a model at all", whole[: len(whole) // 2], b"\xff" * 200):
        path = tmp_path / "damaged.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"damaged\.onnx"):
            read_signature(path)
        with pytest.raises(ModelError):
            ModelSession(path)
    with pytest.raises(ModelError, match="cannot be read"):
        read_signature(tmp_path / "missing.onnx")


def test_batch_axis_is_freed(doubling):
    batch = np.random.default_rng(0).random((3, 3, 4, 6), np.float32)
    with pytest.raises(Exception, match="dimension"):
        ModelSession(doubling).run(batch)
    session = ModelSession(doubling, batched=True, threads=2)
    assert session.input_shape == ("batch", 3, "height", "width") and session.providers == (CPU,)
    np.testing.assert_array_equal(session.run(batch)[0], batch * 2)
    assert batch_gives_same(session.run, (3, 4, 6))
    assert free_batch_axis(doubling) != doubling.read_bytes()


def test_map_shares_out_in_order(doubling):
    session = ModelSession(doubling, batched=True, threads=3)
    items = [np.full((3, 1, 1), i, np.float32) for i in range(7)]
    results = session.map(lambda share: list(session.run(np.stack(share))[0]), items)
    assert [float(r.mean()) for r in results] == [2.0 * i for i in range(7)]


def test_a_full_gpu_halves_the_batch_and_then_moves_to_the_cpu(doubling, caplog, monkeypatch):
    session = ModelSession(doubling, batched=True, threads=1)
    real, sizes = session._session, []

    class SmallGpu:
        def get_providers(self):
            return [CUDA, CPU]

        def run(self, names, feed):
            sizes.append(len(feed["x"]))
            if len(feed["x"]) > limit:
                raise RuntimeError(
                    "Available memory of 0 is smaller than requested bytes, BFCArena::AllocateRawInternal"
                )
            return real.run(names, feed)

    def run(share):
        return list(session.run(np.stack(share))[0])

    items = [np.full((3, 1, 1), i, np.float32) for i in range(4)]
    limit, session._session = 2, SmallGpu()
    assert [float(r.mean()) for r in session.map(run, items)] == [0, 2, 4, 6] and sizes == [4, 2, 2]
    limit = 0
    with caplog.at_level(logging.WARNING):
        assert [float(r.mean()) for r in session.map(run, items)] == [0, 2, 4, 6]
    assert session.providers == (CPU,) and "does not fit" in caplog.text


def test_wishes():
    assert providers.parse_wish("auto") == ()
    assert providers.parse_wish("TRT, cuda,CPUExecutionProvider") == ("TensorrtExecutionProvider", CUDA, CPU)
    with pytest.raises(SettingsError, match="cudaa") as error:
        providers.parse_wish("cudaa")
    assert "cuda" in error.value.hint
    assert providers.choose_providers("cuda", low_cpu=True) == (CPU,)


def test_what_cannot_be_used_is_left_out_with_a_warning(monkeypatch, caplog):
    monkeypatch.setattr(providers, "unusable_because", lambda name: "no GPU here" if name == CUDA else "")
    providers._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert providers.choose_providers("cuda") == (CPU,)
    assert "no GPU here" in caplog.text
    caplog.clear()
    assert providers.choose_providers("auto") == (CPU,) and not caplog.text
    monkeypatch.setattr(providers, "unusable_because", lambda name: "")
    assert providers.choose_providers("auto") == (CUDA, CPU)


def test_nothing_is_printed_where_there_is_no_gpu(doubling):
    code = "import sys; from pathlib import Path; from facecrop_core.models.sessions import ModelSession as S; "
    code += "print(S(Path(sys.argv[1]), ep='auto').providers)"
    done = subprocess.run([sys.executable, "-c", code, str(doubling)], capture_output=True, text=True, check=True)
    assert done.stderr == "" and len(done.stdout.splitlines()) == 1


def test_manifest_of_version_2(doubling, tmp_path):
    tasks = {"detection": {"file": "doubling.onnx"}, "recognition": {"file": "doubling.onnx"}}
    manifest = tmp_path / packs.MANIFEST

    def declare(**changes):
        manifest.write_text(json.dumps({"manifest_version": 2, "tasks": {**tasks, **changes}}))
        return packs.find_parts(tmp_path)

    assert declare().embedder == doubling.resolve()
    with pytest.raises(ModelError, match="prepared in a way"):
        declare(detection={"file": "doubling.onnx", "preprocessing": "embedded"})
    with pytest.raises(ModelError, match="not in the folder"):
        declare(detection={"file": "../other.onnx"})
    with pytest.raises(ModelError, match="no recognition"):
        declare(recognition=None)
    manifest.unlink()
    with pytest.raises(ModelError, match="no detector and no embedder"):
        packs.find_parts(tmp_path)
