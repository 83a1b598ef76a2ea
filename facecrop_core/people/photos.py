"""Reference photos: which belong to whom, and their pixels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from facecrop_core.errors import ReferencesError
from facecrop_core.records import Image

LOG = logging.getLogger(__name__)
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
MAX_PHOTO_PIXELS = 100_000_000
HINT = (
    f"Give a photo ({', '.join(s[1:] for s in PHOTO_SUFFIXES)}), a folder of photos, or a folder with one folder each."
)

Photos = list[tuple[str, Path]]
"""Pairs of person and photo."""


def collect_photos(paths: Sequence[Path]) -> Photos:
    """Whose the photos are that ``--refs`` names.

    Photos named one by one are one person, called like the photo, or like their folder where they are several of one
    folder. A folder of photos is one person; a folder of folders is one person each, and photos beside these folders
    are a person called like the outer folder, which is logged as a warning.

    Raises:
        ReferencesError: a path is missing or holds no photo.
    """
    photos: Photos = []
    files = []
    for path in paths:
        if path.is_dir():
            photos += _of_folder(path)
        elif path.is_file():
            files.append(path)
        else:
            raise ReferencesError(f"There is no reference photo or folder {path}.", HINT)
    if files:
        person = _name_of_files(files)
        photos = [(person, file) for file in files] + photos
    return photos


def collect_refs_dir(folder: Path) -> Photos:
    """All photos below a folder, as one person who is called like the folder (``--refs_dir``).

    Raises:
        ReferencesError: the folder is missing or holds no photo.
    """
    if not folder.is_dir():
        raise ReferencesError(f"There is no folder {folder}.", "--refs-dir takes a folder of reference photos.")
    return [(_folder_name(folder), photo) for photo in _some(_photos_below(folder), folder)]


def _of_folder(folder: Path) -> Photos:
    loose = [p for p in sorted(folder.iterdir()) if p.is_file() and _is_photo(p, folder)]
    inner = [
        (sub.name, photo)
        for sub in sorted(folder.iterdir())
        if sub.is_dir() and not sub.name.startswith(".")
        for photo in _photos_below(sub)
    ]
    name = _folder_name(folder)
    if loose and inner:
        LOG.warning("%s holds %d photos beside folders; they are taken for one person, '%s'.", folder, len(loose), name)
        return [(name, photo) for photo in loose] + inner
    return inner or [(name, photo) for photo in _some(loose, folder)]


def _some(photos: list[Path], folder: Path) -> list[Path]:
    if not photos:
        raise ReferencesError(f"There is no photo in {folder}.", HINT)
    return photos


def _photos_below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if _is_photo(p, folder) and p.is_file())


def _is_photo(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in PHOTO_SUFFIXES


def _folder_name(folder: Path) -> str:
    return folder.resolve().name or "person"


def _name_of_files(files: Sequence[Path]) -> str:
    parents = {file.resolve().parent for file in files}
    if len(files) > 1 and len(parents) == 1:
        return _folder_name(parents.pop())
    return files[0].stem


def load_photo(path: Path) -> Image:
    """A photo's pixels, turned upright as its EXIF says.

    Raises:
        ReferencesError: it cannot be read, is no photo, or has more than 100 megapixels (told by its header alone).
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(path, formats=PHOTO_FORMATS) as photo:
            if photo.width * photo.height > MAX_PHOTO_PIXELS:
                raise ReferencesError(
                    f"{path} has {photo.width} × {photo.height} pixels, more than the 100 megapixels that are read."
                )
            upright = ImageOps.exif_transpose(photo)
            return np.asarray(cv2.cvtColor(np.asarray(upright.convert("RGB")), cv2.COLOR_RGB2BGR), np.uint8)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise ReferencesError(f"{path} has more than the 100 megapixels that are read.") from None
    except (OSError, ValueError, SyntaxError, MemoryError) as error:  # what Pillow raises for damaged files
        raise ReferencesError(f"{path} cannot be read as a photo ({error}).") from None
