"""Packs that can be fetched, and what is known of each model: licence and calibration."""

from __future__ import annotations

from dataclasses import dataclass

from facecrop_core.records import Calibration

RELEASE_URL = "https://github.com/deepinsight/insightface/releases/download/v0.7"

INSIGHTFACE_LICENCE = (
    "InsightFace's pretrained models, whether fetched by hand or by a program, are for non-commercial research "
    "purposes only. See https://github.com/deepinsight/insightface#license."
)
BUILTIN_LICENCE = (
    "dlib: Boost Software License. Its five-point predictor and face recognition network, by Davis King: public domain "
    "or CC0 1.0, as the package face_recognition_models says. Free for any use."
)
UNKNOWN_LICENCE = "Unknown: ask whoever made this pack. InsightFace's own packs are for non-commercial research only."


@dataclass(frozen=True)
class PublishedPack:
    """A pack of InsightFace's releases. ``about_mb`` is what InsightFace's documentation says of its size."""

    name: str
    sha256: str
    """SHA-256 of the zip."""
    about_mb: int
    licence: str = INSIGHTFACE_LICENCE

    @property
    def url(self) -> str:
        return f"{RELEASE_URL}/{self.name}.zip"


_PACKS = (
    PublishedPack("buffalo_l", "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f", 326),
    PublishedPack("buffalo_m", "d98264bd8f2dc75cbc2ddce2a14e636e02bb857b3051c234b737bf3b614edca9", 313),
    PublishedPack("buffalo_s", "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e", 159),
    PublishedPack("buffalo_sc", "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72", 16),
    PublishedPack("antelopev2", "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5", 407),
)
PACKS: dict[str, PublishedPack] = {pack.name: pack for pack in _PACKS}

ARCFACE_CALIBRATION = Calibration(metric="cosine", match=0.50, unsure=0.40, det_thresh=0.5)
"""For ArcFace-like embedders of which nothing more is known."""

DLIB_CALIBRATION = Calibration(metric="euclidean", match=0.42, unsure=0.36, det_thresh=0.0)
"""Measured on 390 faces of 16 people and 142 of 10: at 0.42 with a margin of 0.05, 99.6 % get their own name and none
another's; with their own reference taken away, 1 % get somebody else's (3.5 % of the second film). The detector's
false faces in 876 frames of both films score below −0.1; at 0 it finds 95 and 100 % of the faces of 30 px and more."""

CALIBRATIONS: dict[str, Calibration] = {
    # MobileFaceNet of foamliu (128 numbers): on the same films all faces get their own name and none another's, and
    # nobody without a reference is named.
    "f73b529333a6cd5b9a39337a69f3f912074dd1383ade1c7aaaa481198a9557ae": Calibration(
        metric="cosine", match=0.42, unsure=0.34, det_thresh=0.5
    ),
}
"""By the SHA-256 of the embedder."""


def calibration_of(embedder_sha256: str) -> Calibration:
    """What is known of an ArcFace-like embedder, else the cautious default."""
    return CALIBRATIONS.get(embedder_sha256, ARCFACE_CALIBRATION)
