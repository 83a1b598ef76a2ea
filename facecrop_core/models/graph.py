"""What an ONNX file takes and gives, read without loading its weights or any library.

An ONNX file is one protocol-buffer message. Its fields are numbered in onnx.proto (ONNX project); a field that is not
needed, such as a tensor of weights, is stepped over by its length.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facecrop_core.errors import ModelError

Dimension = int | str
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a graph as (name, dimensions), and the names of its first nodes.

    A dimension is a number, or a name where it is free.
    """

    inputs: tuple[tuple[str, tuple[Dimension, ...]], ...]
    outputs: tuple[tuple[str, tuple[Dimension, ...]], ...]
    first_nodes: tuple[str, ...]


def read_signature(path: Path) -> Signature:
    """Read the signature of an ONNX file.

    Raises:
        ModelError: the file cannot be read or is not a whole ONNX model.
    """
    try:
        with path.open("rb") as file:
            signature = _parse(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, IndexError, UnicodeDecodeError):
        signature = None
    if signature is None or not signature.inputs or not signature.outputs:
        raise ModelError(f"{path} is not a whole ONNX model.", "Fetch it again; it may be half-written or altered.")
    return signature


def _parse(data: memoryview) -> Signature:
    inputs, outputs = [], []
    weights: set[str] = set()
    nodes: list[str] = []
    for number, part in (field for graph in _each(data, 7) for field in _fields(graph)):  # ModelProto.graph
        if number == 1 and len(nodes) < 8:  # node
            nodes.append(_text(part, 3))
        elif number == 5:  # initializer
            weights.add(_text(part, 8))
        elif number == 11:
            inputs.append(_value_info(part))
        elif number == 12:
            outputs.append(_value_info(part))
    return Signature(tuple(i for i in inputs if i[0] not in weights), tuple(outputs), tuple(nodes))


def _value_info(part: memoryview) -> tuple[str, tuple[Dimension, ...]]:
    dimensions: list[Dimension] = []
    for tensor in (t for kind in _each(part, 2) for t in _each(kind, 1)):
        for dimension in (d for shape in _each(tensor, 2) for d in _each(shape, 1)):
            value: Dimension = _text(dimension, 2) or "?"
            for number, start in _numbers(dimension):
                value = start if number == 1 else value
            dimensions.append(value)
    return _text(part, 1), tuple(dimensions)


def _each(data: memoryview, wanted: int) -> Iterator[memoryview]:
    return (part for number, part in _fields(data) if number == wanted)


def _text(data: memoryview, wanted: int) -> str:
    return next((bytes(part).decode() for part in _each(data, wanted)), "")


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Every length-delimited field of a message as (number, content)."""
    for number, kind, start, end in _walk(data):
        if kind == _BYTES:
            yield number, data[start:end]


def _numbers(data: memoryview) -> Iterator[tuple[int, int]]:
    """Every integer field of a message as (number, value)."""
    for number, kind, start, _ in _walk(data):
        if kind == _VARINT:
            yield number, _varint(data, start)[0]


def _walk(data: memoryview) -> Iterator[tuple[int, int, int, int]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind == _VARINT:
            length = _varint(data, at)[1] - at
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError("not a protocol buffer")
        if at + length > len(data):
            raise ValueError("cut off")
        yield key >> 3, kind, at, at + length
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("not a protocol buffer")
