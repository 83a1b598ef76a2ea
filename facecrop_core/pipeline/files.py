"""Whole-or-absent files, for what stands above the pipeline."""

from facecrop_core.files import writing
from facecrop_core.table import commit_json, read_json

__all__ = ["commit_json", "read_json", "writing"]
