"""Writing datasets."""

from facecrop_core.export.archive import archive_path, stream_zip
from facecrop_core.export.contact_sheet import sheet_path
from facecrop_core.export.crops import is_crop_there, read_crop
from facecrop_core.export.erasing import erase_crops
from facecrop_core.export.files import BESIDE_SUFFIXES, MASK_SUFFIX, SIDECAR_SUFFIX, beside
from facecrop_core.export.imagefolder import SOURCE_START
from facecrop_core.export.layouts import LAYOUTS
from facecrop_core.export.provenance import read_provenance
from facecrop_core.export.statistics import statistics_path
from facecrop_core.export.tiles import Tile, TileGroup, draw_tiles, write_tiles
from facecrop_core.export.writer import DatasetWriter

__all__ = [
    "BESIDE_SUFFIXES",
    "LAYOUTS",
    "MASK_SUFFIX",
    "SIDECAR_SUFFIX",
    "SOURCE_START",
    "DatasetWriter",
    "Tile",
    "TileGroup",
    "archive_path",
    "beside",
    "draw_tiles",
    "erase_crops",
    "is_crop_there",
    "read_crop",
    "read_provenance",
    "sheet_path",
    "statistics_path",
    "stream_zip",
    "write_tiles",
]
