"""dlib's ResNet-29 embedder as an ONNX graph, made from dlib's own file, so that ONNX Runtime can run it.

The network is ``anet_type`` of dlib's examples/dnn_face_recognition_ex.cpp (Boost licence). Two things are dlib's own:
strided layers have no padding, and ``add_prev`` adds pictures and channels of unlike sizes as if the smaller one went
on with zeros. Affine layers and the scaling of the input are folded into the convolutions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facecrop_core.errors import ModelError
from facecrop_core.records import FloatArray

SIDE, DIMENSIONS = 150, 128
MEAN_RGB, SCALE = np.array([122.782, 117.001, 104.298]), 256.0  # of dlib's input_rgb_image
BLOCKS = ((32, (1, 1, 1)), (64, (2, 1, 1, 1)), (128, (2, 1, 1)), (256, (2, 1, 1)), (256, (2,)))
"""Channels and the strides of the residual blocks of each level, from the input to the output."""
_LAYER = re.compile(rb"\x01\x05con_4|\x01\x07affine_|\x01\x04fc_2")
_OPSET, _IR = 17, 8


@dataclass(frozen=True)
class Convolution:
    """Weights [out, in, height, width] and biases [out]."""

    weights: FloatArray
    biases: FloatArray


def read_weights(path: Path) -> tuple[list[Convolution], FloatArray]:
    """The convolutions in order, with their affine layers folded in, and the last layer's matrix [256, 128].

    dlib writes a layer as its name and, after it, its parameters as one tensor (dlib/serialize.h, cuda/tensor.h).

    Raises:
        ModelError: the file is not this network.
    """
    data = path.read_bytes()
    try:
        layers = [(m.group()[2:], _parameters(data, m.end(), m.group())) for m in _LAYER.finditer(data)]
        names = [name for name, _ in layers]
        if names != [b"con_4", b"affine_"] * (len(names) // 2) + [b"fc_2"]:
            raise ValueError("layers in another order")
        values = [tensor for _, tensor in layers]
        channels, convolutions = 3, []
        for width, side in _shapes():
            convolutions.append(_folded(values.pop(0), values.pop(0), (width, channels, side, side)))
            channels = width
        (matrix,) = values
        return _with_raw_pixels(convolutions), matrix.reshape(channels, DIMENSIONS)
    except (ValueError, IndexError) as error:
        raise ModelError(f"{path} is not dlib's face recognition network: {error}.") from None


def build_graph(convolutions: list[Convolution], matrix: FloatArray) -> bytes:
    """The ONNX model: RGB pixels 0 to 255, float32 [batch, 3, 150, 150], to vectors [batch, 128]."""
    from onnx import TensorProto, helper

    graph = _Graph(list(convolutions))
    x = graph.add("MaxPool", graph.convolve("pixels", 2, pads=0), kernel_shape=[3, 3], strides=[2, 2])
    side, channels = 35, BLOCKS[0][0]
    for width, strides in BLOCKS:
        for stride in strides:
            inner = graph.convolve(x, stride, pads=1 if stride == 1 else 0)
            inner = graph.convolve(inner, 1, pads=1, relu=False)
            if stride == 2:
                x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
                missing = (
                    side // 2 - (side - 1) // 2
                )  # pooling gives one more than a convolution where the side is even
                inner = graph.pad(inner, [0, 0, missing, missing])
                x = graph.pad(x, [0, width - channels, 0, 0])
                side, channels = side // 2, width
            x = graph.add("Relu", graph.add("Add", x, inner))
    graph.add("Gemm", graph.add("Flatten", graph.add("GlobalAveragePool", x)), graph.constant(matrix), output="vector")
    ends: list[tuple[str, list[str | int | None]]] = [
        ("pixels", ["batch", 3, SIDE, SIDE]),
        ("vector", ["batch", DIMENSIONS]),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends]
    made = helper.make_graph(graph.nodes, "dlib_face_recognition_resnet_v1", values[:1], values[1:], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants that are added one after the other."""

    def __init__(self, convolutions: list[Convolution]) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._convolutions = convolutions

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, values: Any) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolve(self, x: str, stride: int, pads: int, relu: bool = True) -> str:
        one = self._convolutions.pop(0)
        weights, biases = self.constant(one.weights), self.constant(one.biases)
        sides = list(one.weights.shape[2:])
        y = self.add("Conv", x, weights, biases, kernel_shape=sides, strides=[stride] * 2, pads=[pads] * 4)
        return self.add("Relu", y) if relu else y

    def pad(self, x: str, after: list[int]) -> str:
        return self.add("Pad", x, self.constant(np.array([0, 0, 0, 0, *after], np.int64))) if any(after) else x


def _shapes() -> list[tuple[int, int]]:
    """Channels and kernel side of each convolution, in order."""
    return [(BLOCKS[0][0], 7), *((width, 3) for width, strides in BLOCKS for _ in range(2 * len(strides)))]


def _folded(filters: FloatArray, affine: FloatArray, shape: tuple[int, int, int, int]) -> Convolution:
    gamma, beta = affine.reshape(2, shape[0])
    weights, biases = filters[: -shape[0]].reshape(shape), filters[-shape[0] :]
    return Convolution(weights * gamma[:, None, None, None], biases * gamma + beta)


def _with_raw_pixels(convolutions: list[Convolution]) -> list[Convolution]:
    """The first convolution takes pixels as they are; it has no padding, so subtracting the mean is a bias."""
    first = convolutions[0]
    weights = first.weights / SCALE
    shift = (weights * MEAN_RGB[None, :, None, None]).sum(axis=(1, 2, 3))
    folded = Convolution(weights.astype(np.float32), (first.biases - shift).astype(np.float32))
    return [folded, *convolutions[1:]]


def _parameters(data: bytes, at: int, marker: bytes) -> FloatArray:
    """The tensor behind a layer's name; a fully connected layer says its outputs and inputs before it."""
    for _ in range(2 if marker.endswith(b"fc_2") else 0):
        _, at = _integer(data, at)
    version, at = _integer(data, at)
    if version != 2:
        raise ValueError("an unknown kind of tensor")
    count = 1
    for _ in range(4):
        size, at = _integer(data, at)
        count *= size
    return np.frombuffer(data, "<f4", count, at).astype(np.float32)


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """dlib's whole numbers: a byte that says how many follow, then these, the lowest first."""
    length = data[at]
    if length & 0x80 or length > 8:
        raise ValueError("no whole number where one belongs")
    return int.from_bytes(data[at + 1 : at + 1 + length], "little"), at + 1 + length
