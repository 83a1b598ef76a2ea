"""Face detectors: one file per kind, behind ``records.Detector``. ``DETECTORS`` names them."""

from __future__ import annotations

from collections.abc import Callable

from facecrop_core.detect.dlib_hog import DlibHogDetector
from facecrop_core.detect.scrfd import ScrfdDetector
from facecrop_core.records import Detector

DETECTORS: dict[str, Callable[..., Detector]] = {"scrfd": ScrfdDetector, "dlib": DlibHogDetector}

__all__ = ["DETECTORS", "DlibHogDetector", "ScrfdDetector"]
