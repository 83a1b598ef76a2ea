"""dlib's embedder under ONNX Runtime: made from dlib's file, compared with dlib, and kept in the cache folder."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from facecrop_core.errors import ModelError
from facecrop_core.models.cache import part_of
from facecrop_core.models.dlib_resnet import SIDE, build_graph, read_weights
from facecrop_core.models.optimised import optimised_path
from facecrop_core.models.runtime import Runtime
from facecrop_core.models.sessions import ModelSession
from facecrop_core.models.store import file_sha256
from facecrop_core.records import FloatArray, Image

log = logging.getLogger(__name__)

GRAPH_VERSION = 1
LARGEST_DIFFERENCE = 1e-3
"""Of any of the 128 numbers, between dlib's network and ours; measured: 3e-7."""


def open_dlib_session(path: Path, runtime: Runtime | None = None) -> ModelSession | None:
    """dlib's network as a session; None, with a word in the log, where it does not give what dlib gives.

    Args:
        path: dlib_face_recognition_resnet_model_v1.dat.
        runtime: how to run it.
    """
    made = optimised_path(file_sha256(path), f"dlib{GRAPH_VERSION}")
    try:
        if not made.is_file():
            _make(path, made)
        return ModelSession(made, runtime, most_items=runtime.faces_at_once if runtime else None)
    except (ModelError, OSError) as error:
        log.warning("dlib's embedder is run by dlib itself, which takes longer: %s", error)
        return None


def _make(path: Path, made: Path) -> None:
    """Write the graph, once it is known to give dlib's numbers with this ONNX Runtime on this processor.

    Raises:
        ModelError: the file is another network, or the numbers differ.
        OSError: the cache folder cannot be written.
    """
    part = part_of(made)
    try:
        part.write_bytes(build_graph(*read_weights(path)))
        difference = _difference(path, ModelSession(part, Runtime(low_cpu=True)))
        if difference > LARGEST_DIFFERENCE:
            raise ModelError(f"ONNX Runtime's numbers differ by {difference:.2g}.")
        part.replace(made)
    finally:
        part.unlink(missing_ok=True)


def vectors_of(session: ModelSession, chips_rgb: Image) -> FloatArray:
    """Vectors [n, 128] of chips uint8 RGB [n, 150, 150, 3]."""
    pixels = session.empty((len(chips_rgb), 3, SIDE, SIDE))
    pixels[...] = chips_rgb.transpose(0, 3, 1, 2)
    return session.run(pixels)[0]


def _difference(path: Path, session: ModelSession) -> float:
    """The largest difference to dlib on two pictures of noise, one soft and one sharp."""
    import dlib

    random = np.random.default_rng(0)
    sharp = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    soft = np.kron(random.integers(0, 256, (10, 10, 3)), np.ones((15, 15, 1))).astype(np.uint8)
    chips = np.stack([sharp, soft])
    network = dlib.face_recognition_model_v1(str(path))
    expected = np.array([network.compute_face_descriptor(chip) for chip in chips])
    return float(np.abs(vectors_of(session, chips) - expected).max())
