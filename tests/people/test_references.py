"""Reference photos, with a detector that takes bright rectangles for faces."""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from facecrop_core.errors import ReferencesError
from facecrop_core.geometry import ARCFACE_112, similarity_fit
from facecrop_core.people import collect_photos, collect_refs_dir, read_references
from facecrop_core.people import photos as photos_module
from facecrop_core.people.photos import load_photo
from facecrop_core.people.references import even_light, find_faces
from facecrop_core.records import Calibration, Engine, Faces
from facecrop_core.settings import Settings

SETTINGS = Settings().reference


class BrightRectangles:
    name, model_sha256, landmarks_estimated = "bright", "0" * 64, False

    def __init__(self, blind_to: tuple[int, int] | None = None):
        self.blind_to = blind_to
        self.asked: list[tuple[tuple[int, int], float]] = []

    def canvas_size(self, width, height):
        scale = 320 / max(width, height)
        return round(width * scale), round(height * scale)

    def detect(self, canvases: Sequence[np.ndarray], threshold: float):
        size = (canvases[0].shape[1], canvases[0].shape[0])
        self.asked.append((size, threshold))
        if size == self.blind_to:
            return [Faces.none()]
        mask = (canvases[0].min(axis=2) > 180).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:]], np.float32).reshape(-1, 4)
        wh = boxes[:, None, 2:] - boxes[:, None, :2]
        landmarks = boxes[:, None, :2] + wh * ARCFACE_112 / 112
        return [Faces(boxes, landmarks.astype(np.float32), np.full(len(boxes), 0.9, np.float32))]


class MeanColour:
    name, model_sha256, dimensions, chip_size = "mean", "1" * 64, 3, 112

    def chip_matrix(self, landmarks_xy):
        return similarity_fit(landmarks_xy, ARCFACE_112)

    def embed(self, chips):
        means = chips.reshape(len(chips), -1, 3).mean(axis=1).astype(np.float32)
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def engine(**detector):
    return Engine(
        "pack", "fake", "", "", BrightRectangles(**detector), MeanColour(), Calibration("cosine", 0.5, 0.4, 0.6)
    )


def photo(path, *boxes, size=(400, 300), colour=(255, 255, 255)):
    image = np.full((size[1], size[0], 3), 30, np.uint8)
    for x0, y0, x1, y1 in boxes:
        image[y0:y1, x0:x1] = colour
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def shown(photos, root):
    return [(person, path.relative_to(root).as_posix()) for person, path in photos]


def test_a_photo_is_a_person_called_like_it(tmp_path):
    touch(tmp_path / "Ann Lee.jpg")
    assert shown(collect_photos([tmp_path / "Ann Lee.jpg"]), tmp_path) == [("Ann Lee", "Ann Lee.jpg")]


def test_several_photos_are_one_person(tmp_path):
    touch(tmp_path / "ann/1.jpg", tmp_path / "ann/2.jpg", tmp_path / "other/3.jpg")
    one, two, three = (tmp_path / p for p in ("ann/1.jpg", "ann/2.jpg", "other/3.jpg"))
    assert [p for p, _ in collect_photos([two, one])] == ["ann", "ann"]
    assert [p for p, _ in collect_photos([two, three])] == ["2", "2"]


def test_a_folder_of_photos_is_one_person(tmp_path):
    touch(tmp_path / "ann/b.JPG", tmp_path / "ann/a.webp", tmp_path / "ann/.hidden.jpg", tmp_path / "ann/notes.txt")
    assert shown(collect_photos([tmp_path / "ann"]), tmp_path) == [("ann", "ann/a.webp"), ("ann", "ann/b.JPG")]


def test_a_folder_of_folders_is_one_person_each(tmp_path, caplog):
    touch(tmp_path / "cast/bob/1.png", tmp_path / "cast/ann/x/2.tif", tmp_path / "cast/ann/1.bmp")
    touch(tmp_path / "cast/.git/3.png", tmp_path / "cast/empty/readme.md")
    expected = [("ann", "cast/ann/1.bmp"), ("ann", "cast/ann/x/2.tif"), ("bob", "cast/bob/1.png")]
    assert shown(collect_photos([tmp_path / "cast"]), tmp_path) == expected
    assert not caplog.records
    touch(tmp_path / "cast/loose.jpeg")
    with caplog.at_level(logging.WARNING):
        assert shown(collect_photos([tmp_path / "cast"]), tmp_path) == [("cast", "cast/loose.jpeg"), *expected]
    assert "beside folders" in caplog.text


def test_refs_dir_is_one_person_read_recursively(tmp_path):
    touch(tmp_path / "refs/a/1.png", tmp_path / "refs/b/2.png", tmp_path / "refs/0.jpg", tmp_path / "refs/.c/3.png")
    names = [("refs", "refs/0.jpg"), ("refs", "refs/a/1.png"), ("refs", "refs/b/2.png")]
    assert shown(collect_refs_dir(tmp_path / "refs"), tmp_path) == names


@pytest.mark.parametrize("collect", [lambda p: collect_photos([p]), collect_refs_dir])
def test_a_missing_or_empty_path_is_an_error_that_names_it(tmp_path, collect):
    (tmp_path / "empty").mkdir()
    for name in ("absent", "empty"):
        with pytest.raises(ReferencesError, match=name) as error:
            collect(tmp_path / name)
        assert error.value.hint


def test_one_face_gives_one_reference(tmp_path):
    path = photo(tmp_path / "ann.png", (100, 80, 200, 180), colour=(250, 240, 200))
    read = read_references([("ann", path)], engine(), SETTINGS)
    (reference,) = read.references
    assert read.warnings == []
    assert (reference.person, reference.source) == ("ann", str(path))
    assert reference.det_score == pytest.approx(0.9)
    # embedded from the photo's own pixels: gamma and CLAHE would have changed this colour
    assert reference.embedding == pytest.approx(np.array([250, 240, 200]) / np.linalg.norm([250, 240, 200]), abs=0.01)
    chip = cv2.imdecode(np.frombuffer(reference.chip_jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert chip.shape[:2] == pytest.approx((180, 180), abs=4)  # 100 px and 40 % on each side


def test_found_faces_are_in_the_photos_own_pixels(tmp_path):
    image = load_photo(photo(tmp_path / "a.png", (100, 80, 300, 260), size=(1000, 700)))
    for pad in (0.0, 0.6):
        faces = find_faces(image, engine(), 0.5, Settings().with_values({"ref_pad": pad}).reference)
        assert faces.boxes_xyxy[0] == pytest.approx([100, 80, 300, 260], abs=8)


def test_the_border_and_the_threshold_come_from_the_settings(tmp_path):
    path, tried = photo(tmp_path / "a.png", (100, 80, 200, 180)), engine()
    read_references([("a", path)], tried, Settings().with_values({"ref_pad": 0.5}).reference)
    assert tried.detector.asked == [((320, 280), 0.6)]  # (400 + 2 × 200) : (300 + 2 × 200); the calibration's threshold
    tried = engine()
    read_references([("a", path)], tried, Settings().with_values({"ref_pad": 0.0, "ref_det_thresh": 0.3}).reference)
    assert tried.detector.asked == [((320, 240), 0.3)]


def test_where_the_prepared_picture_shows_no_face_the_plain_one_is_tried(tmp_path):
    path, tried = photo(tmp_path / "a.png", (100, 80, 200, 180)), engine(blind_to=(320, 280))
    read = read_references([("a", path)], tried, Settings().with_values({"ref_pad": 0.5}).reference)
    assert len(read.references) == 1
    assert [size for size, _ in tried.detector.asked] == [(320, 280), (320, 240)]


def test_preparing_brightens():
    picture = np.full((64, 64, 3), 60, np.uint8)
    settings = Settings().with_values({"ref_clahe": False}).reference
    assert even_light(picture, settings).mean() == pytest.approx(255 * (60 / 255) ** (1 / 1.35), abs=1)
    plain = Settings().with_values({"ref_clahe": False, "ref_gamma": 1.0}).reference
    assert (even_light(picture, plain) == picture).all()


def test_bad_photos_are_named_and_the_good_ones_used(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    photos = [
        ("ann", photo(tmp_path / "good.png", (100, 80, 200, 180))),
        ("ann", photo(tmp_path / "empty.png")),
        ("ann", photo(tmp_path / "two.png", (20, 80, 120, 180), (200, 80, 300, 180))),
        ("bob", tmp_path / "broken.jpg"),
    ]
    read = read_references(photos, engine(), SETTINGS)
    warnings = read.warnings
    assert [r.source for r in read.references] == [str(tmp_path / "good.png")]
    assert [any(name in w for w in warnings) for name in ("empty.png", "two.png", "broken.jpg", "'bob'")] == [True] * 4
    assert len(warnings) == 4
    assert [(r.person, Path(r.source).name, bool(r.thumb_jpeg)) for r in read.refused] == [
        ("ann", "empty.png", True),
        ("ann", "two.png", True),
        ("bob", "broken.jpg", False),
    ]


def test_a_clearly_largest_face_is_taken_and_said(tmp_path):
    path = photo(tmp_path / "a.png", (20, 50, 220, 250), (300, 50, 350, 100))
    read = read_references([("a", path)], engine(), SETTINGS)
    assert read.references[0].embedding.shape == (3,)
    assert read.warnings == [f"{path}: the largest of its 2 faces was taken."]


def test_without_any_usable_photo_the_error_says_why(tmp_path):
    with pytest.raises(ReferencesError, match=r"empty\.png shows no face"):
        read_references([("a", photo(tmp_path / "empty.png"))], engine(), SETTINGS)


def test_photos_of_not_ann_are_her_negatives(tmp_path):
    yellow, blue = (190, 255, 255), (255, 255, 190)
    places = [tmp_path / name / "1.png" for name in ("ann", "not ann", "not bob")]
    for place, colour in zip(places, (yellow, blue, blue), strict=True):
        place.parent.mkdir()
        photo(place, (100, 80, 200, 180), colour=colour)
    read = read_references(collect_photos([tmp_path]), engine(), SETTINGS)
    assert [(r.person, r.negative) for r in read.references] == [("ann", False), ("ann", True), ("not bob", False)]


def test_a_repeated_photo_is_refused_and_small_or_blurred_faces_are_told(tmp_path):
    whole = photo(tmp_path / "1.png", (100, 80, 200, 180), colour=(190, 255, 255))
    again = photo(tmp_path / "2.png", (110, 90, 210, 190), colour=(190, 255, 255))
    small = photo(tmp_path / "3.png", (100, 80, 128, 108), colour=(255, 255, 190))
    read = read_references([("ann", whole), ("ann", again), ("bob", again), ("ann", small)], engine(), SETTINGS)
    assert [(r.person, Path(r.source).name) for r in read.references] == [
        ("ann", "1.png"),
        ("bob", "2.png"),
        ("ann", "3.png"),
    ]
    (refused,) = read.refused
    assert refused.person == "ann" and "shows the same as" in refused.reason and refused.thumb_jpeg
    assert read.references[0].confidence == pytest.approx(0.94)  # one colour: as blurred as can be
    assert any("3.png" in w and "pixels wide" in w for w in read.warnings) and len(read.warnings) == 2


def test_exif_turns_a_photo_upright(tmp_path):
    picture = Pillow.new("RGB", (40, 20))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    assert load_photo(tmp_path / "turned.jpg").shape == (40, 20, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_any_kind_of_picture_becomes_bgr(tmp_path, mode):
    path = tmp_path / f"a.{'tif' if mode == 'CMYK' else 'png'}"
    Pillow.new(mode, (30, 20)).save(path)
    assert load_photo(path).shape == (20, 30, 3)


def test_a_picture_of_too_many_pixels_is_refused_unread(tmp_path, monkeypatch):
    path = photo(tmp_path / "large.png", size=(300, 200))
    monkeypatch.setattr(photos_module, "MAX_PHOTO_PIXELS", 50_000)
    with pytest.raises(ReferencesError, match=r"large\.png has 300 × 200"):
        load_photo(path)
