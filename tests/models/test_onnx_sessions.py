"""Opening ONNX models: providers, the batch axis, the memory of a GPU, and reading a graph without loading it."""

import ctypes
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import PosixPath, WindowsPath

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facecrop_core.errors import ModelError, SettingsError
from facecrop_core.models import optimised, packs, providers, runtime, sessions
from facecrop_core.models.device_io import PinnedMemory
from facecrop_core.models.graph import read_signature
from facecrop_core.models.provider_options import ModelInput, provider_options, quiet_output
from facecrop_core.models.runtime import Device, Runtime
from facecrop_core.models.sessions import ModelSession, batch_gives_same, free_batch_axis
from facecrop_core.settings import Settings

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
    session = ModelSession(doubling, batched=True)
    assert session.input_shape == ("batch", 3, "height", "width") and session.providers == (CPU,)
    np.testing.assert_array_equal(session.run(batch)[0], batch * 2)
    assert batch_gives_same(session.run, (3, 4, 6))
    assert free_batch_axis(doubling) != doubling.read_bytes()


def test_map_shares_out_in_order(doubling, monkeypatch):
    monkeypatch.setattr(sessions, "usable_cores", lambda: 3)
    session = ModelSession(doubling, batched=True)
    items = [np.full((3, 1, 1), i, np.float32) for i in range(7)]
    results = session.map(lambda share: list(session.run(np.stack(share))[0]), items)
    assert [float(r.mean()) for r in results] == [2.0 * i for i in range(7)]


class FakeGpu:
    """A session on CUDA with so much memory, made of one on the CPU; notes what is bound."""

    def __init__(self, real, most):
        self.real, self.most, self.sizes, self.bound = real, most, [], []

    def get_providers(self):
        return [CUDA, CPU]

    def get_outputs(self):
        return self.real.get_outputs()

    def io_binding(self):
        binding = self.real.io_binding()

        class Binding:
            bind_cpu_input, copy_outputs_to_cpu = binding.bind_cpu_input, binding.copy_outputs_to_cpu
            own = binding

            def bind_output(_, name, device, index):
                self.bound.append((name, device, index))
                binding.bind_output(name)

        return Binding()

    def run_with_iobinding(self, binding):
        self.real.run_with_iobinding(binding.own)
        self.sizes.append(len(binding.own.get_outputs()[0].numpy()))
        if self.sizes[-1] > self.most:
            raise RuntimeError("Available memory of 0 is smaller than requested bytes, BFCArena::AllocateRawInternal")


def test_a_gpu_is_given_bound_inputs_and_outputs(doubling):
    session = ModelSession(doubling, Runtime(device=Device("cuda", 1)), batched=True)
    gpu = session._session = FakeGpu(session._session, most=8)
    batch = np.random.default_rng(0).random((3, 3, 4, 6), np.float32)
    np.testing.assert_array_equal(session.run(batch)[0], batch * 2)
    assert gpu.bound == [("y", "cuda", 1)]
    np.testing.assert_array_equal(session.run(batch[:, :, ::2])[0], batch[:, :, ::2] * 2)


def test_a_full_gpu_halves_the_batch_and_then_moves_to_the_cpu(doubling):
    notices = []
    session = ModelSession(doubling, Runtime(on_notice=notices.append), batched=True)
    notices.clear()
    gpu = session._session = FakeGpu(session._session, most=2)

    def run(share):
        return list(session.run(np.stack(share))[0])

    items = [np.full((3, 1, 1), i, np.float32) for i in range(5)]
    doubled = [0, 2, 4, 6, 8]
    assert [float(r.mean()) for r in session.map(run, items)] == doubled and gpu.sizes == [5, 2, 2, 1]
    assert [float(r.mean()) for r in session.map(run, items)] == doubled and gpu.sizes[4:] == [2, 2, 1]
    gpu.most = 0
    assert [float(r.mean()) for r in session.map(run, items)] == doubled and gpu.sizes[7:] == [2, 1]
    assert session.providers == (CPU,) and len(notices) == 1 and "does not fit" in notices[0]
    assert [float(r.mean()) for r in session.map(run, items)] == doubled


def test_other_errors_are_not_taken_for_a_full_gpu(doubling):
    session = ModelSession(doubling, batched=True)

    def fail(share):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):  # the CPU has nowhere to go
        session.map(fail, [1, 2, 3])


def test_page_locked_memory_is_used_again():
    class Cuda:
        given, freed = [], []

        def cudaHostAlloc(self, address, size, flags):
            self.given.append(ctypes.create_string_buffer(size.value))
            address._obj.value = ctypes.addressof(self.given[-1])
            return 0

        def cudaFreeHost(self, address):
            self.freed.append(address.value)

    memory = PinnedMemory(Cuda())
    array = memory.empty((2, 3, 4))
    array[:] = 7
    view = array[1:]
    address = array.ctypes.data
    del array
    assert memory.empty((2, 3, 4)).ctypes.data != address and view.sum() == 7 * 12
    del view
    assert memory.empty((2, 3, 4)).ctypes.data == address and len(Cuda.given) == 2
    many = [memory.empty((2, 3, 4)) for _ in range(6)]
    many.clear()
    assert len(Cuda.freed) == 2 and memory.empty((0, 3)).shape == (0, 3)
    assert PinnedMemory(None).empty((5,)).shape == (5,)


class FullDisk(PosixPath if os.name == "posix" else WindowsPath):
    """A file that seems to be made, but cannot be written."""

    def touch(self):
        pass


def test_an_optimised_graph_is_kept_and_opened(doubling, tmp_path, monkeypatch):
    monkeypatch.setenv("FACECROP_CACHE", str(tmp_path / "cache"))
    batch = np.random.default_rng(0).random((2, 3, 4, 6), np.float32)
    first = ModelSession(doubling, batched=True)
    (kept,) = (tmp_path / "cache" / "graphs").iterdir()
    assert kept.suffix == ".onnx"
    monkeypatch.setattr(sessions, "free_batch_axis", None)  # not needed any more
    second = ModelSession(doubling, batched=True)
    assert second.input_shape == first.input_shape and second.output_ranks == first.output_ranks
    np.testing.assert_array_equal(second.run(batch)[0], first.run(batch)[0])
    monkeypatch.undo()
    monkeypatch.setenv("FACECROP_CACHE", str(tmp_path / "cache"))
    kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(ModelSession(doubling, batched=True).run(batch)[0], batch * 2)
    assert kept.stat().st_size > 100
    monkeypatch.setenv("FACECROP_CACHE", str(tmp_path / "full"))
    with monkeypatch.context() as full_disk:
        full_disk.setattr(optimised, "part_of", lambda path: FullDisk(tmp_path / "missing" / "part.onnx"))
        np.testing.assert_array_equal(ModelSession(doubling, batched=True).run(batch)[0], batch * 2)
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACECROP_CACHE", str(tmp_path / "file"))  # no folder can be made there
    np.testing.assert_array_equal(ModelSession(doubling, batched=True).run(batch)[0], batch * 2)


def test_each_provider_is_told_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setenv("FACECROP_CACHE", str(tmp_path))
    detector = ModelInput("input", ("batch", 3, "height", "width"), 640)
    second = Runtime(device=Device("cuda", 1))

    def told(short, runtime=second, model_input=detector):
        return provider_options(providers.SHORT_NAMES[short], runtime, model_input, 2)

    assert told("cuda")["device_id"] == "1" and told("cuda")["use_tf32"] == "1"
    assert told("cuda", Runtime(half="off"))["use_tf32"] == "0"
    trt = told("trt")
    assert trt["trt_profile_min_shapes"] == "input:1x3x32x32" and trt["trt_profile_max_shapes"] == "input:64x3x640x640"
    assert trt["trt_profile_opt_shapes"] == "input:16x3x352x640" and trt["trt_fp16_enable"] == "True"
    assert trt["trt_engine_cache_path"] == str(tmp_path / "tensorrt") and (tmp_path / "tensorrt").is_dir()
    chips = ModelInput("data", ("batch", 3, 112, 112), 640)
    assert told("trt", model_input=chips)["trt_profile_opt_shapes"] == "data:16x3x112x112"
    fixed = told("trt", Runtime(half="off"), ModelInput("x", (1, 3, 640, 640), 640))
    assert "trt_profile_min_shapes" not in fixed and fixed["trt_fp16_enable"] == "False"
    assert told("openvino", Runtime(device=Device("cpu")))["device_type"] == "CPU"
    assert told("openvino")["num_of_threads"] == "2" and told("dml")["device_id"] == "1"
    assert told("coreml")["ModelFormat"] == "MLProgram" and told("cpu") == {}
    assert all(isinstance(value, str) for short in providers.SHORT_NAMES for value in told(short).values())


def test_only_tensorrt_is_kept_from_standard_output(capfd):
    with quiet_output((CUDA, CPU)):
        os.write(1, b"cuda speaks\n")
    with quiet_output((providers.SHORT_NAMES["trt"], CPU)):
        os.write(1, b"tensorrt chatters\n")
    os.write(1, b"done\n")
    assert capfd.readouterr().out == "cuda speaks\ndone\n"


def test_a_provider_that_does_not_start_is_told(doubling, monkeypatch):
    notices = []
    monkeypatch.setattr(providers, "unusable_because", lambda name: "")
    session = ModelSession(doubling, Runtime(ep="cuda", on_notice=notices.append), batched=True)
    assert session.providers == (CPU,)
    assert notices and "doubling.onnx does not start on CUDA" in notices[0]


def test_devices_and_batches(monkeypatch):
    def settings(**values):
        return Settings().with_values(values)

    monkeypatch.setattr(runtime, "cuda_device_count", lambda: 2)
    assert runtime.devices(settings()) == (Device("auto"),)
    assert runtime.devices(settings(device="cuda:1, cuda,cuda:1")) == (Device("cuda", 1), Device("cuda", 0))
    assert runtime.devices(settings(device="cuda", low_cpu=True)) == (Device("cpu"),)
    with pytest.raises(SettingsError, match="no device cuda:2") as error:
        runtime.devices(settings(device="cuda:2"))
    assert "cuda:1" in error.value.hint
    for wrong in ("gpu", "cpu,cuda", "cuda:x", "cuda:0,", ""):
        with pytest.raises(SettingsError, match="device"):
            settings(device=wrong)
    assert runtime.detection_batch(settings(), (CPU,)) == runtime.detection_batch(settings(), ()) == 2
    assert runtime.detection_batch(settings(), (CUDA, CPU)) == 16
    assert runtime.detection_batch(settings(det_batch_size=5), (CUDA,)) == 5


def test_a_device_narrows_the_providers(monkeypatch):
    monkeypatch.setattr(providers, "unusable_because", lambda name: "")
    openvino = providers.SHORT_NAMES["openvino"]
    assert providers.choose_providers("trt,openvino,cuda", device="cpu") == (openvino, CPU)
    assert providers.choose_providers(device="cpu") == (CPU,)
    assert providers.choose_providers(device="cuda") == (CUDA, CPU)


def test_given_threads_keep_map_in_the_callers_thread(doubling):
    session = ModelSession(doubling, Runtime(threads=2), batched=True)
    seen = set()

    def note(share):
        seen.add((threading.get_ident(), len(share)))
        return share

    assert session.map(note, [1, 2, 3]) == [1, 2, 3] and seen == {(threading.get_ident(), 3)}


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
    code += "print(S(Path(sys.argv[1])).providers)"
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
