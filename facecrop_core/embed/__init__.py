"""Embedders: one file per kind, behind ``records.Embedder``. ``EMBEDDERS`` names them."""

from __future__ import annotations

from collections.abc import Callable

from facecrop_core.embed.arcface import ArcFaceEmbedder
from facecrop_core.embed.dlib_resnet import DlibResnetEmbedder
from facecrop_core.records import Embedder

EMBEDDERS: dict[str, Callable[..., Embedder]] = {"arcface": ArcFaceEmbedder, "dlib": DlibResnetEmbedder}

__all__ = ["EMBEDDERS", "ArcFaceEmbedder", "DlibResnetEmbedder"]
