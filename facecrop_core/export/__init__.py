"""Writing datasets."""

from facecrop_core.export.contact_sheet import sheet_path
from facecrop_core.export.erasing import erase_crops
from facecrop_core.export.face_extract import DatasetWriter
from facecrop_core.export.statistics import statistics_path

__all__ = ["DatasetWriter", "erase_crops", "sheet_path", "statistics_path"]
