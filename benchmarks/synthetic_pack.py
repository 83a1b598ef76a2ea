#!/usr/bin/env python3
"""A pack of the size of buffalo_l with random weights, to measure speed with: what it finds are white squares.

  synthetic_pack.py FOLDER                 writes det_10g.onnx and w600k_r50.onnx
  synthetic_pack.py --film film.mp4 [--seconds 60] [--size 1920x1080]    writes a film with two such squares

The detector has the layers of SCRFD-10G (stages of 3, 4, 2 and 3 blocks with 56, 88, 88 and 224 channels, a pyramid of
56 and heads of 80), the embedder those of IResNet-50; inputs and outputs are named and shaped as InsightFace's files
are. So that a known number of faces is found and embedded, scores come from the brightness of the picture itself; the
layers add next to nothing to them, but all of them are computed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES, ANCHORS = (8, 16, 32), 2
NEXT_TO_NOTHING = 1e-9


class Graph:
    """Nodes and weights, added one by one; each method returns the name of what it computes."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._random = np.random.default_rng(7)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        name = f"weight{len(self.weights)}"
        array = np.asarray(values)
        self.weights.append(numpy_helper.from_array(array.astype(np.int64 if array.dtype.kind == "i" else "f4"), name))
        return name

    def conv(self, x: str, inside: int, outside: int, kernel: int = 3, stride: int = 1) -> str:
        spread = (2 / (inside * kernel * kernel)) ** 0.5
        weight = self.constant(self._random.normal(0, spread, (outside, inside, kernel, kernel)))
        bias, pad = self.constant(np.zeros(outside, np.float32)), kernel // 2
        return self.add("Conv", x, weight, bias, strides=[stride] * 2, pads=[pad] * 4, kernel_shape=[kernel] * 2)

    def block(self, x: str, inside: int, outside: int, stride: int) -> str:
        """Two convolutions beside a shortcut."""
        inner = self.conv(self.add("Relu", self.conv(x, inside, outside, 3, stride)), outside, outside)
        shortcut = x if inside == outside and stride == 1 else self.conv(x, inside, outside, 1, stride)
        return self.add("Relu", self.add("Add", inner, shortcut))

    def stage(self, x: str, inside: int, outside: int, blocks: int, stride: int = 2) -> str:
        for number in range(blocks):
            x = self.block(x, inside if number == 0 else outside, outside, stride if number == 0 else 1)
        return x

    def save(self, path: Path, source: tuple[str, list[Any]], outputs: list[tuple[str, int]]) -> None:
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]) for name, width in outputs]
        start = helper.make_tensor_value_info(source[0], TensorProto.FLOAT, source[1])
        graph = helper.make_graph(self.nodes, path.stem, [start], ends, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)])
        model.ir_version = 8
        onnx.save(model, str(path))


def write_detector(path: Path) -> None:
    g, x = Graph(), "input.1"
    y = g.add("Relu", g.conv(g.add("Relu", g.conv(x, 3, 28, 3, 2)), 28, 56))
    y = g.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    levels, inside = [], 56
    for outside, blocks, stride in ((56, 3, 1), (88, 4, 2), (88, 2, 2), (224, 3, 2)):
        y, inside = g.stage(y, inside, outside, blocks, stride), outside
        levels.append((y, outside))
    heads: dict[int, list[str]] = {1: [], 4: [], 10: []}
    for (feature, channels), stride in zip(levels[1:], STRIDES, strict=True):
        y = g.conv(g.conv(feature, channels, 56, 1), 56, 56)
        for number in range(3):
            y = g.add("Relu", g.conv(y, 56 if number == 0 else 80, 80))
        bright = g.add("ReduceMean", x, axes=[1], keepdims=1)
        bright = g.add("AveragePool", bright, kernel_shape=[stride] * 2, strides=[stride] * 2)
        score = g.add("Mul", g.add("Sub", bright, g.constant([0.8])), g.constant([60.0]))
        for width, values in heads.items():
            faint = g.add("Mul", g.conv(y, 80, ANCHORS * width), g.constant([NEXT_TO_NOTHING]))
            if width == 1:
                out = g.add("Sigmoid", g.add("Add", faint, score))
            else:
                out = g.add("Add", faint, g.constant(_offsets(width, 48 / stride)))
            values.append(g.add("Reshape", g.add("Transpose", out, perm=[2, 3, 0, 1]), g.constant([-1, width])))
    ends = [(name, width) for width, names in heads.items() for name in names]
    g.save(path, (x, [1, 3, "height", "width"]), ends)


def _offsets(width: int, half: float) -> Any:
    """Distances of a box of this half side, or landmarks inside it, for all anchors [1, anchors × width, 1, 1]."""
    landmarks = [-0.4, -0.4, 0.4, -0.4, 0, 0, -0.3, 0.4, 0.3, 0.4]
    values = [half] * 4 if width == 4 else [half * value for value in landmarks]
    return np.array(values * ANCHORS, np.float32).reshape(1, -1, 1, 1)


def write_embedder(path: Path) -> None:
    g, x = Graph(), "input.1"
    y, inside = g.add("Relu", g.conv(x, 3, 64)), 64
    for outside, blocks in ((64, 3), (128, 4), (256, 14), (512, 3)):
        y, inside = g.stage(y, inside, outside, blocks), outside
    weight = np.random.default_rng(8).normal(0, 0.01, (512, 512 * 7 * 7))
    g.save(
        path,
        (x, ["None", 3, 112, 112]),
        [(g.add("Gemm", g.add("Flatten", y), g.constant(weight), g.constant(np.zeros(512)), transB=1), 512)],
    )


def write_film(path: Path, seconds: float, size: tuple[int, int]) -> None:
    """Noise in which two white squares move."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    import clips

    noise = np.random.default_rng(1).integers(0, 90, (size[1] // 8, size[0] // 8, 3)).astype(np.uint8)
    back = clips.cv2.resize(noise, size, interpolation=clips.cv2.INTER_CUBIC)
    side = size[0] // 14

    def frames() -> Any:
        for number in range(int(seconds * 25)):
            picture = np.roll(back, number * 2, axis=1).copy()
            for share in (0.2, 0.6):
                left, top = int(size[0] * share) + number % 100, int(size[1] * 0.3) + number % 50
                picture[top : top + side, left : left + side] = 250
            yield picture

    clips.write_film(path, frames(), 25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--film", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="1920x1080")
    options = parser.parse_args()
    if options.film:
        width, height = map(int, options.size.split("x"))
        write_film(options.film, options.seconds, (width, height))
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        write_detector(options.folder / "det_10g.onnx")
        write_embedder(options.folder / "w600k_r50.onnx")


if __name__ == "__main__":
    main()
