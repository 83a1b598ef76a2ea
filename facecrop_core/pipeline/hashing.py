"""Hashes of a scan's faces, from the thumbnails that it stored: nothing is decoded or scanned again."""

from __future__ import annotations

import logging
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from facecrop_core.errors import OutputError
from facecrop_core.measure import average_hashes, perceptual_hashes, read_face
from facecrop_core.measure.hashing import HASHED_SIZE
from facecrop_core.pipeline.faces import THUMB_SIZE, thumb_squares
from facecrop_core.pipeline.matching import remembered
from facecrop_core.pipeline.project import Scan
from facecrop_core.pipeline.workers import cpu_workers, in_order
from facecrop_core.records import FaceTable, Image, IntArray
from facecrop_core.settings import Settings
from facecrop_core.table import load_hashes, store_hashes

log = logging.getLogger(__name__)
AT_ONCE = 512
Hashes = dict[str, NDArray[np.uint64]]


def face_hashes(scan: Scan, table: FaceTable, settings: Settings) -> Hashes:
    """Both kinds of hashes [n] of a table's faces; 0 where a thumbnail cannot be read.

    Of a finished scan they are made once and stored beside its parts; where that fails, they are made again next time.
    """

    def load_or_make() -> Hashes:
        known = load_hashes(scan.folder, table["face_id"])
        if known is not None:
            return known
        hashes = _make(scan, table, settings)
        if scan.finished:
            try:
                store_hashes(scan.folder, table["face_id"], hashes)
            except OutputError as error:
                log.warning("%s The hashes of faces are not kept.", error.message)
        return hashes

    return remembered(table, ("hashes",), load_or_make)


def _make(scan: Scan, table: FaceTable, settings: Settings) -> Hashes:
    squares = thumb_squares(table.boxes_xyxy, scan.video.width, scan.video.height)
    scale = THUMB_SIZE / np.maximum(squares[:, 2:], 1)
    boxes = (table.boxes_xyxy - np.tile(squares[:, :2], 2)) * scale
    pack = scan.thumbs()

    def read(rows: IntArray) -> Image:
        """The rows' faces as grey pictures; what cannot be read is black."""
        greys = np.zeros((len(rows), HASHED_SIZE, HASHED_SIZE), np.uint8)
        jpegs = pack.read_all(table["thumb_offset"][rows], table["thumb_size"][rows])
        for grey, jpeg, (x1, y1, x2, y2) in zip(greys, jpegs, boxes[rows].tolist(), strict=True):
            face = read_face(jpeg, (x1, y1, x2, y2), THUMB_SIZE)
            if face is not None:
                grey[:] = face
        return greys

    parts = [np.arange(start, min(start + AT_ONCE, len(table))) for start in range(0, len(table), AT_ONCE)]
    hashes = {kind: np.zeros(len(table), np.uint64) for kind in ("perceptual", "average")}
    with closing(in_order(read, parts, cpu_workers(settings))) as pictures:
        for rows, greys in zip(parts, pictures, strict=True):
            hashes["perceptual"][rows] = perceptual_hashes(greys)
            hashes["average"][rows] = average_hashes(greys)
    return hashes
