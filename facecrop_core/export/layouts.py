"""The layouts by the names that ``--layout`` takes."""

from __future__ import annotations

from facecrop_core.export.csv_list import CsvLayout
from facecrop_core.export.face_extract import FaceExtractLayout
from facecrop_core.export.imagefolder import ImageFolderLayout
from facecrop_core.export.kohya import KohyaLayout
from facecrop_core.export.layout import Layout
from facecrop_core.export.people import PeopleLayout
from facecrop_core.export.videotofaces import VideoToFacesLayout
from facecrop_core.export.webdataset import WebDatasetLayout

LAYOUTS: dict[str, type[Layout]] = {
    "face-extract": FaceExtractLayout,
    "people": PeopleLayout,
    "imagefolder": ImageFolderLayout,
    "kohya": KohyaLayout,
    "webdataset": WebDatasetLayout,
    "csv": CsvLayout,
    "videotofaces": VideoToFacesLayout,
}
