"""Datasets as archives, for the page, which knows no stages."""

from facecrop_core.export import stream_zip

__all__ = ["stream_zip"]
