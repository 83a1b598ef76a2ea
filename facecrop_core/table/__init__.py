"""The face table on disk: crash-safe parts, loading, columns."""

from facecrop_core.table.columns import LINKED, MEASURES, SIGNATURE_SIZE, make_face_id
from facecrop_core.table.erasing import erase_faces
from facecrop_core.table.hashes import load_hashes, store_hashes
from facecrop_core.table.integrity import Finding, check_scan_folder
from facecrop_core.table.late import LateWriter, late_faces
from facecrop_core.table.loading import ScanReader, ThumbPack, empty_table, read_samples
from facecrop_core.table.parts import commit_json, commit_table, read_json, read_table
from facecrop_core.table.sample_times import read_sample_times
from facecrop_core.table.writer import FaceRow, SampleRow, ScanWriter

__all__ = [
    "LINKED",
    "MEASURES",
    "SIGNATURE_SIZE",
    "FaceRow",
    "Finding",
    "LateWriter",
    "SampleRow",
    "ScanReader",
    "ScanWriter",
    "ThumbPack",
    "check_scan_folder",
    "commit_json",
    "commit_table",
    "empty_table",
    "erase_faces",
    "late_faces",
    "load_hashes",
    "make_face_id",
    "read_json",
    "read_sample_times",
    "read_samples",
    "read_table",
    "store_hashes",
]
