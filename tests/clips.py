"""Films with known truth, made at test time from photos that installed packages carry.

Everything is written where the caller says; ``shared()`` makes a film once for all tests. Images are BGR.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import Frame

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]

GROUP_PHOTO, ASTRONAUT_PHOTO = "group", "astronaut"
PHOTO_FILES = {GROUP_PHOTO: ("insightface", "data/images/t1.jpg"), ASTRONAUT_PHOTO: ("skimage", "data/astronaut.png")}
"""Which package carries a photo, and where."""
FACE_BOXES: dict[str, tuple[str, Box]] = {
    "anna": (GROUP_PHOTO, (59, 263, 169, 396)),
    "bella": (GROUP_PHOTO, (269, 147, 371, 265)),
    "carl": (GROUP_PHOTO, (465, 265, 573, 416)),
    "david": (GROUP_PHOTO, (746, 339, 846, 481)),
    "eric": (GROUP_PHOTO, (905, 54, 1013, 204)),
    "fiona": (GROUP_PHOTO, (1131, 271, 1226, 399)),
    "grace": (ASTRONAUT_PHOTO, (181, 56, 271, 178)),
}
"""Who can be filmed: (photo, face box in it as x1, y1, x2, y2). The names are made up."""

BITS, BIT_PIXELS = 12, 16


@dataclass(frozen=True)
class SeenFace:
    """A face in a frame: pixels of that frame."""

    name: str
    box_xyxy: Box


@dataclass(frozen=True)
class TrueFrame:
    """What a frame of a film shows. ``scene`` counts shots from 0."""

    frame: int
    time_seconds: float
    scene: int
    faces: tuple[SeenFace, ...]


@cache
def photo(name: str) -> Image:
    """The group photo of six (886 × 1280) or the astronaut (512 × 512)."""
    package, file = PHOTO_FILES[name]
    spec = find_spec(package)  # finding it is much quicker than importing it
    assert spec is not None and spec.origin is not None, f"{package} is not installed"
    image = cv2.imread(str(Path(spec.origin).parent / file))
    assert image is not None, f"{package} does not carry {file}"
    return np.asarray(image, np.uint8)


def person_photo(name: str, side: int = 256) -> Image:
    """A square photo of one person, the face about half as high as the picture: good for a reference."""
    return _panel(name, side, side, face_height=0.5, shift=(0.0, 0.0))[0]


def write_film(
    path: Path,
    images: Iterable[Image],
    fps: int | Fraction = 25,
    *,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    matrix: str = "bt601",
    full_range: bool = False,
    aspect: Fraction | None = None,
    display_matrix: Sequence[int] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode images; the container follows from the file's suffix.

    ``times`` gives each frame's time in seconds (a film of variable rate); ``matrix`` is bt601 or bt709 and, with
    ``full_range``, both how colours are coded and how they are tagged; ``aspect`` is that of one pixel;
    ``display_matrix`` has the nine integers of FFmpeg's AV_PKT_DATA_DISPLAYMATRIX.
    """
    space, tag = {"bt601": ("ITU601", 6), "bt709": ("ITU709", 1)}[matrix]
    if codec == "libx264":
        options = {"crf": "16", "preset": "veryfast", "threads": "1", **(options or {})}
    with av.open("file:" + str(path), "w", options=container_options or {}) as film:
        stream: Any = None
        for number, image in enumerate(images):
            if stream is None:
                stream = film.add_stream(codec, rate=fps, options=options or {})
                stream.height, stream.width, stream.pix_fmt = *image.shape[:2], pixel_format
                stream.codec_context.color_range = 2 if full_range else 1
                stream.codec_context.colorspace = tag
                if times is not None:
                    stream.codec_context.time_base = Fraction(1, 90000)
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
                if display_matrix is not None:
                    stream.set_display_matrix(list(display_matrix))
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24").reformat(
                format=pixel_format, dst_colorspace=space, dst_color_range="JPEG" if full_range else "MPEG"
            )
            if times is None:
                picture.pts, picture.time_base = number, 1 / Fraction(fps)
            else:
                picture.pts, picture.time_base = round(times[number] * 90000), Fraction(1, 90000)
            film.mux(stream.encode(picture))
        if stream is not None:
            film.mux(stream.encode())
    return path


def cast_clip(
    path: Path,
    scenes: Sequence[Sequence[str]] = (("anna", "carl"), ("grace",), ("eric",)),
    *,
    seconds: float = 1.0,
    fps: int = 25,
    size: tuple[int, int] = (640, 360),
    face_height: float = 0.45,
) -> list[TrueFrame]:
    """Film people side by side, ``seconds`` for each scene, with slow pans and zooms and hard cuts between scenes.

    An empty scene shows nobody. ``face_height`` is the mean share of the picture's height that a face takes.
    """
    truth: list[TrueFrame] = []
    per_scene = max(round(seconds * fps), 1)

    def frames() -> Iterable[Image]:
        for scene, names in enumerate(scenes):
            for step in range(per_scene):
                image, faces = _scene_image(names, size, face_height, step / max(per_scene - 1, 1))
                truth.append(TrueFrame(len(truth), len(truth) / fps, scene, tuple(faces)))
                yield image

    write_film(path, frames(), fps)
    return truth


def numbered_images(count: int, size: tuple[int, int] = (256, 64)) -> Iterable[Image]:
    """Images that carry their number, from 0, as a row of light and dark blocks; see ``read_number``."""
    width, height = size
    for number in range(count):
        image = np.full((height, width, 3), 128, np.uint8)
        for bit in range(BITS):
            left = bit * BIT_PIXELS
            image[:BIT_PIXELS, left : left + BIT_PIXELS] = 230 if number >> bit & 1 else 25
        image[BIT_PIXELS:, (number * 8) % width :] = 90
        yield image


def numbered_clip(path: Path, count: int, fps: int | Fraction = 25, **how: Any) -> Path:
    """A film whose frames carry their numbers; ``how`` goes to ``write_film``, but for ``size``."""
    return write_film(path, numbered_images(count, how.pop("size", (256, 64))), fps, **how)


def read_number(luma: Image) -> int:
    """The number that an upright frame of a numbered film carries."""
    half = BIT_PIXELS // 2
    return sum((int(luma[half, bit * BIT_PIXELS + half]) > 128) << bit for bit in range(BITS))


def sound_clip(path: Path, codec: str) -> Path:
    """A second of silence: sound without a picture."""
    with av.open("file:" + str(path), "w") as film:
        stream: Any = film.add_stream(codec, rate=16000)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        sound.sample_rate, sound.pts = 16000, 0
        film.mux(stream.encode(sound))
        film.mux(stream.encode())
    return path


def cut_short(source: Path, path: Path, share: float) -> Path:
    """A copy of only the first ``share`` of a file's bytes."""
    path.write_bytes(source.read_bytes()[: int(source.stat().st_size * share)])
    return path


@cache
def shared(name: str, make: Callable[..., Any], *args: Any) -> tuple[Path, Any]:
    """``make(path, *args)`` once for the whole test run: (path, what it returned). ``args`` must be hashable."""
    path = _shared_folder() / name
    return path, make(path, *args)


@cache
def _shared_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="facecrop-clips-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _scene_image(
    names: Sequence[str], size: tuple[int, int], face_height: float, progress: float
) -> tuple[Image, list[SeenFace]]:
    width, height = size
    image = np.full((height, width, 3), (96, 128, 112), np.uint8)
    faces = []
    for column, name in enumerate(names):
        left, right = column * width // len(names), (column + 1) * width // len(names)
        zoom = face_height * (0.85 + 0.3 * progress)
        panel, box = _panel(name, right - left, height, zoom, shift=(0.08 * (2 * progress - 1), 0.04 * progress))
        image[:, left:right] = panel
        faces.append(SeenFace(name, (box[0] + left, box[1], box[2] + left, box[3])))
    return image, faces


def _panel(
    name: str, width: int, height: int, face_height: float, shift: tuple[float, float]
) -> tuple[Image, tuple[float, float, float, float]]:
    """One person's picture and the face's box in it. Only that person is in it: the rest of the photo is cut away."""
    photo_name, (x1, y1, x2, y2) = FACE_BOXES[name]
    scale = face_height * height / (y2 - y1)
    centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    target = np.array([width * (0.5 + shift[0]), height * (0.45 + shift[1])])
    side = (y2 - y1) * 0.95  # half of what is shown around a face: neighbours in the group photo stay outside
    low = np.maximum(centre - side, 0).astype(int)
    high = (centre + side).astype(int)
    source = photo(photo_name)[low[1] : high[1], low[0] : high[0]]
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    matrix[:, 2] = target - scale * (centre - low)
    method = cv2.INTER_AREA if scale < 0.6 else cv2.INTER_LINEAR
    image = cv2.warpAffine(source, matrix, (width, height), flags=method, borderMode=cv2.BORDER_REPLICATE)
    (left, top), (right, bottom) = scale * (np.array([[x1, y1], [x2, y2]]) - centre) + target
    return np.asarray(image, np.uint8), (float(left), float(top), float(right), float(bottom))


def frame_from_bgr(image: Image) -> Frame:
    """A still image as a frame of a film (full range, BT.601)."""
    even = cv2.copyMakeBorder(image, 0, image.shape[0] % 2, 0, image.shape[1] % 2, cv2.BORDER_REPLICATE)
    height, width = even.shape[:2]
    blue, green, red = (even[..., i].astype(np.float32) for i in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    half = (width // 2, height // 2)
    planes = [
        cv2.resize(128 + (colour - luma) / scale, half, interpolation=cv2.INTER_AREA)
        for colour, scale in ((blue, 1.772), (red, 1.402))
    ]
    u, v = (np.clip(np.rint(p), 0, 255).astype(np.uint8) for p in planes)
    y = np.clip(np.rint(luma), 0, 255).astype(np.uint8)[: image.shape[0], : image.shape[1]]
    return Frame(0, 0, 0.0, y, u, v, canvas=image, full_range=True)
