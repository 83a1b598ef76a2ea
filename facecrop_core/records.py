"""What travels between stages. Shapes are checked where a record is made.

Conventions: boxes are ``xyxy`` in pixels of the upright source frame, origin at its top left corner, unless a name says
otherwise; landmarks are five points ``xy``: eye, eye, nose, mouth corner, mouth corner, the subject's right first;
images are ``uint8 [height, width, 3]`` in BGR order; times are seconds from the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Image = NDArray[np.uint8]

REASONS = (
    "", "no_match", "edge", "max_pad", "other_face", "min_crop_px", "max_upscale", "min_face_frac_crop",
    "min_bbox_frac", "min_tenengrad", "min_brightness", "min_laplacian", "max_per_frame", "size_limit", "not_a_face",
    "rejected", "inconsistent", "twin", "min_gap", "only_best", "not_chosen",
)  # fmt: skip
"""Why a face is not kept. Columns store positions in this tuple; 0 is kept. What the user said (``not_a_face``,
``rejected``) comes first, then the first that applies, in this order."""

ColorMatrix = Literal["bt601", "bt709", "bt2020"]
Metric = Literal["cosine", "euclidean"]
Deinterlace = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class Video:
    """One video file and what probing it found. Sizes are of the upright picture with square pixels."""

    path: Path
    video_id: str
    """BLAKE2b-128 fingerprint of the size and sixteen 1 MiB blocks, as hex."""
    size_bytes: int
    width: int
    height: int
    frame_rate: Fraction | None
    duration_seconds: float | None
    frame_count: int | None
    """Both from the container's header; may be wrong or missing."""
    codec: str
    pixel_format: str
    quarter_turns: int = 0
    flipped: bool = False
    """A left-right mirror, then counter-clockwise quarter turns (0 to 3), make a decoded frame upright."""
    sample_aspect_ratio: Fraction = Fraction(1)
    color_matrix: ColorMatrix = "bt601"
    full_range: bool = False
    color_note: str = ""
    """What is wrong with the colours that the reader gives, in words; usually nothing."""
    deinterlace: Deinterlace = "auto"  # of the frames that are marked as interlaced

    @property
    def stem(self) -> str:
        return self.path.stem


@dataclass
class Frame:
    """One sampled frame, upright, with square pixels. Its pixels are only valid until ``release()``.

    ``luma`` is [height, width]; ``chroma_u`` and ``chroma_v`` are [ceil(height / 2), ceil(width / 2)].
    ``canvas`` is the whole picture as BGR, scaled to the size that the reader was asked for.
    """

    sample: int
    frame: int | None
    """Counts frames from 0 in presentation order; None where it cannot be known."""
    time_seconds: float
    luma: Image
    chroma_u: Image
    chroma_v: Image
    canvas: Image
    color_matrix: ColorMatrix = "bt601"
    full_range: bool = False
    on_release: Callable[[], None] | None = None

    @property
    def width(self) -> int:
        return int(self.luma.shape[1])

    @property
    def height(self) -> int:
        return int(self.luma.shape[0])

    def release(self) -> None:
        """Give the frame's memory back to the reader. Calling it twice does nothing."""
        if self.on_release is not None:
            self.on_release()
            self.on_release = None


@dataclass(frozen=True)
class Coverage:
    """What was decoded, against what the container promises."""

    decoded_frames: int
    decoded_until_seconds: float
    expected_seconds: float | None
    damaged_ranges: tuple[tuple[float, float], ...] = ()
    decode_failures: int = 0

    @property
    def complete(self) -> bool:
        """Whether the whole promised length was decoded without a failure (half a second of slack)."""
        if self.decode_failures or self.damaged_ranges:
            return False
        return self.expected_seconds is None or self.decoded_until_seconds >= self.expected_seconds - 0.5


@dataclass(frozen=True)
class Faces:
    """Faces found in one image, best score first.

    ``boxes_xyxy`` float32 [n, 4], ``landmarks_xy`` float32 [n, 5, 2], ``scores`` float32 [n]; pixels of that image.
    """

    boxes_xyxy: FloatArray
    landmarks_xy: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        n = len(self.scores)
        shapes = (self.boxes_xyxy.shape, self.landmarks_xy.shape, self.scores.shape)
        if shapes != ((n, 4), (n, 5, 2), (n,)):
            raise ValueError(f"Faces need boxes [n, 4], landmarks [n, 5, 2] and scores [n]; got {shapes}")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Any) -> Faces:
        """The faces that a slice, a mask or a list of positions names."""
        return Faces(self.boxes_xyxy[index], self.landmarks_xy[index], self.scores[index])

    def scaled(self, scale_x: float, scale_y: float) -> Faces:
        """The same faces in an image that is ``scale_x`` times as wide and ``scale_y`` times as high."""
        xy = np.array([scale_x, scale_y], np.float32)
        return Faces(self.boxes_xyxy * np.tile(xy, 2), self.landmarks_xy * xy, self.scores)

    @staticmethod
    def none() -> Faces:
        return Faces(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True)
class Calibration:
    """Where one model's numbers stand: never valid for another model."""

    metric: Metric
    """``cosine``: similarity is the cosine. ``euclidean``: similarity is 1 − Euclidean distance."""
    match: float
    """Similarity from which two faces are taken for one person."""
    unsure: float
    """Below ``match`` and from here on, a person should look."""
    det_thresh: float
    """Detection score from which a box is taken for a face."""


class Detector(Protocol):
    """Finds faces. One of the engine's two parts."""

    name: str
    model_sha256: str
    landmarks_estimated: bool
    """Whether some of the five points are derived from others and a mean face."""

    def canvas_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) to which a frame of this size has to be scaled before ``detect``."""
        ...

    def detect(self, canvases: Sequence[Image], threshold: float) -> list[Faces]:
        """Faces in each canvas (all of one size), in pixels of that canvas."""
        ...


class Embedder(Protocol):
    """Turns an aligned face into a vector. The engine's other part."""

    name: str
    model_sha256: str
    dimensions: int
    chip_size: int
    """Side in pixels of the aligned square that ``embed`` takes."""

    @property
    def providers(self) -> tuple[str, ...]:
        """ONNX Runtime's providers in use; none where another library runs the model."""
        ...

    def chip_matrix(self, landmarks_xy: FloatArray) -> FloatArray:
        """The 2 × 3 matrix that maps source pixels to the aligned chip, from five points [5, 2]."""
        ...

    def embed(self, chips: Image) -> FloatArray:
        """Vectors float32 [n, dimensions] of chips uint8 [n, chip_size, chip_size, 3]; unit length for ``cosine``."""
        ...


@dataclass(frozen=True)
class Engine:
    """The models that detect and embed, with what is known of them."""

    kind: Literal["builtin", "pack"]
    name: str
    why: str
    """Why this engine was chosen, for ``facecrop doctor``."""
    licence: str
    detector: Detector
    embedder: Embedder
    calibration: Calibration
    providers: tuple[str, ...] = ()
    """ONNX Runtime's providers really in use after loading; of the built-in engine, its embedder's."""
    decoder: str = "off"
    """What decodes the videos that it looks at: ``hwaccel`` of ``VideoReader``."""


@dataclass(frozen=True)
class Reference:
    """One face that says who a person is."""

    person: str
    source: str
    embedding: FloatArray
    chip_jpeg: bytes = b""
    """The crop of the photo around the face, to look at and to embed again with another model."""
    det_score: float = 0.0
    note: str = ""
    negative: bool = False
    """Whether it says who the person is not."""
    confidence: float = 1.0
    """How much it can be trusted, 0 to 1: a blurred or small face can less."""


@dataclass(frozen=True)
class Matches:
    """Who each face is. All arrays have one row per face of the table.

    ``person`` is an index into ``names`` or −1, ``best`` the nearest person even where nothing matched (−1 without
    references); ``similarity`` is to ``best`` and ``margin`` its distance to the second; NaN without references.
    """

    names: tuple[str, ...]
    person: IntArray
    best: IntArray
    similarity: FloatArray
    margin: FloatArray


@dataclass
class FaceTable:
    """The faces of one scan as columns, in order of time: arrays of one length by name.

    Columns: face_id (str), frame (int64, −1 unknown), sample, time_seconds (float64), x1 y1 x2 y2 det_score (float32),
    landmarks (float32 [n, 5, 2]), thumb_offset, thumb_size, track (int64, −1 none), shot, and the measures
    (float32, NaN where not measured): laplacian, tenengrad, brightness, brightness_p5, brightness_p95, contrast,
    yaw, pitch, roll (degrees), frame_share, border_px.
    """

    video: Video
    columns: dict[str, NDArray[Any]]
    embeddings: FloatArray
    """float32 [n, d]; NaN rows where a face was not embedded."""
    embedder_sha256: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["time_seconds"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    @property
    def boxes_xyxy(self) -> FloatArray:
        return np.stack([self.columns[k] for k in ("x1", "y1", "x2", "y2")], axis=1)
