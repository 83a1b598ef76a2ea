"""Writing datasets."""

from facecrop_core.export.contact_sheet import sheet_path
from facecrop_core.export.erasing import erase_crops
from facecrop_core.export.face_extract import DatasetWriter
from facecrop_core.export.files import BESIDE_SUFFIXES, MASK_SUFFIX, SIDECAR_SUFFIX, beside
from facecrop_core.export.statistics import statistics_path
from facecrop_core.export.tiles import Tile, TileGroup, draw_tiles, write_tiles

__all__ = [
    "BESIDE_SUFFIXES",
    "MASK_SUFFIX",
    "SIDECAR_SUFFIX",
    "DatasetWriter",
    "Tile",
    "TileGroup",
    "beside",
    "draw_tiles",
    "erase_crops",
    "sheet_path",
    "statistics_path",
    "write_tiles",
]
