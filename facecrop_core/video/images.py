"""A folder of images as a video: its images in natural order are the frames, evenly spaced in time.

Sizes and turns may differ: every image is turned upright as its EXIF says, and fitted into the first one's size with
black around it. Only headers and pixels of plain image formats are read, after a look at their size.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from array import array
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facecrop_core.errors import SourceError
from facecrop_core.names import IMAGE_SUFFIXES
from facecrop_core.records import Coverage, Image, Video
from facecrop_core.video.accounts import CoverageLog
from facecrop_core.video.container import MAX_PIXELS, display_name
from facecrop_core.video.decode_pass import WantedFrame
from facecrop_core.video.sampling import TOLERANCE_SECONDS, Plan, Selector, Timeline

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

IMAGES = "images"
"""The codec of such a video."""
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
SAMPLED_FILES, SAMPLED_BYTES = 16, 1 << 20
IMAGES_TO_FIRST = 1000


class BadImageError(Exception):
    """An image that cannot be read; the message says why."""


def image_files(folder: Path) -> list[Path]:
    """The images of a folder (not of those in it) in natural order: 2 comes before 10.

    Raises:
        SourceError: the folder cannot be read, or holds no image.
    """
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError as error:
        raise SourceError(f"'{display_name(folder)}' cannot be read ({error.strerror}).", "Check the path.") from error
    files = [folder / name for name in sorted(names, key=_natural) if Path(name).suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise SourceError(f"'{display_name(folder)}' is a folder without images.", "Name a video file in it.")
    return files


def read_image_headers(folder: Path, on_image: Callable[[], None] = lambda: None) -> Video:
    """What a folder of images is as a video of one image per second; ``video_id`` stays empty.

    Raises:
        SourceError: it holds no image that can be read.
    """
    files = image_files(folder)
    reason = ""
    for path in files[:IMAGES_TO_FIRST]:
        on_image()
        try:
            height, width = read_upright(path).shape[:2]
        except BadImageError as error:
            reason = reason or f"{display_name(Path(path.name))}: {error}"
            continue
        return Video(
            path=folder,
            video_id="",
            size_bytes=sum(file.stat().st_size for file in files),
            width=width,
            height=height,
            frame_rate=Fraction(1),
            duration_seconds=float(len(files)),
            frame_count=len(files),
            codec=IMAGES,
            pixel_format="bgr24",
        )
    raise SourceError(f"No image in '{display_name(folder)}' can be read ({reason}).", "Open one in an image viewer.")


def at_rate(video: Video, images_per_second: float) -> Video:
    """The same images at another rate."""
    rate = Fraction(images_per_second).limit_denominator(1000)
    return dataclasses.replace(video, frame_rate=rate, duration_seconds=float((video.frame_count or 0) / rate))


def fingerprint_images(folder: Path) -> str:
    """BLAKE2b-128 as hex of the images' names and sizes, and of the first MiB of sixteen evenly spread ones."""
    files = image_files(folder)
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        digest.update(os.fsencode(path.name) + b"\0" + str(path.stat().st_size).encode() + b"\0")
    for index in sorted({i * (len(files) - 1) // (SAMPLED_FILES - 1) for i in range(SAMPLED_FILES)}):
        with files[index].open("rb") as file:
            digest.update(file.read(SAMPLED_BYTES))
    return digest.hexdigest()


def image_timeline(video: Video) -> Timeline:
    """When each image is shown. Each is a keyframe, and told apart without decoding."""
    times = array("d", (_seconds(video, index) for index in range(video.frame_count or 0)))
    return Timeline(times, times, from_packets=True)


class ImageDecoding:
    """The wanted images of a folder, with the same numbers and times as ``Decoding`` gives for a film of them."""

    def __init__(
        self,
        video: Video,
        plan: Plan,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        *,
        on_packet: Callable[[], None] = lambda: None,
    ) -> None:
        self._video, self._selector, self._on_image = video, Selector(plan, start_seconds, end_seconds), on_packet
        self._log = CoverageLog()

    def frames(self) -> Iterator[WantedFrame]:
        """The wanted images in order; one that cannot be read is counted, and the next one tried.

        Raises:
            SourceError: the folder is gone, or has other images than when it was looked at.
        """
        files, selector = image_files(self._video.path), self._selector
        if len(files) != self._video.frame_count:
            raise SourceError(
                f"'{display_name(self._video.path)}' has {len(files)} images now, and had {self._video.frame_count}.",
                "Scan it again.",
            )
        frame_seconds = _seconds(self._video, 1)
        for index, path in enumerate(files):
            self._on_image()
            seconds, due = _seconds(self._video, index), selector.next_time()
            if due is None:
                return
            if seconds < due - TOLERANCE_SECONDS:
                if seconds < selector.start_seconds - TOLERANCE_SECONDS:
                    selector.pass_over(seconds)
                self._log.good_frame(seconds, frame_seconds)
                continue
            try:
                picture = _as_frame(fit(read_upright(path), self._video.width, self._video.height))
            except BadImageError:
                self._log.failures += 1
                self._log.fault = True
                continue
            self._log.good_frame(seconds, frame_seconds)
            sample = selector.wants(seconds)
            if sample is not None:
                yield WantedFrame(sample, index, seconds, picture, key_frame=True)
        if self._log.fault:
            self._log.damage_until(_seconds(self._video, len(files)))

    def coverage(self) -> Coverage:
        """What was seen so far, against the number of images or, where that is earlier, the last wanted time."""
        expected, last_wanted = self._video.duration_seconds, self._selector.last_time()
        if last_wanted is not None:
            expected = last_wanted if expected is None else min(last_wanted, expected)
        return self._log.coverage(expected)


def read_upright(path: Path) -> Image:
    """An image's pixels as BGR [height, width, 3], turned upright as its EXIF says.

    Raises:
        BadImageError: it cannot be read, is no plain image, or has too many pixels, which its header alone tells.
    """
    import cv2
    from PIL import Image as Pillow

    try:
        with Pillow.open(path, formats=FORMATS) as header:
            if header.width * header.height > MAX_PIXELS:
                raise BadImageError(f"it has {header.width} × {header.height} pixels, too many to read")
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except Pillow.DecompressionBombError:
        raise BadImageError("it has too many pixels to read") from None
    except (OSError, ValueError, SyntaxError, MemoryError, cv2.error) as error:
        raise BadImageError(" ".join(str(error).split()) or type(error).__name__) from error
    if pixels is None:
        raise BadImageError("it is damaged")
    return np.asarray(pixels, np.uint8)


def fit(image: Image, width: int, height: int) -> Image:
    """An image as large as fits into a size, in its middle, with black around it."""
    import cv2

    have_height, have_width = image.shape[:2]
    if (have_width, have_height) == (width, height):
        return image
    scale = min(width / have_width, height / have_height)
    size = max(round(have_width * scale), 1), max(round(have_height * scale), 1)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    fitted = np.zeros((height, width, 3), np.uint8)
    fitted[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=method)
    return fitted


def _as_frame(image: Image) -> VideoFrame:
    from av.video.frame import VideoFrame

    return VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")


def _seconds(video: Video, index: int) -> float:
    rate = video.frame_rate or Fraction(1)
    return index * rate.denominator / rate.numerator


def _natural(name: str) -> tuple[list[tuple[int, int | str]], str]:
    parts = re.split(r"([0-9]+)", name.lower())
    return [(1, int(part)) if part.isdigit() else (0, part) for part in parts], name
