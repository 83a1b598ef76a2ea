"""The picture of what was taken from reference photos, and of what was refused."""

import cv2
import numpy as np

from facecrop_core.people import Refused
from facecrop_core.pipeline.reference_sheet import NEGATIVE, REFUSED, TAKEN, write_reference_sheet
from facecrop_core.records import Reference


def jpeg(colour):
    return cv2.imencode(".jpg", np.full((200, 150, 3), colour, np.uint8))[1].tobytes()


def stripes(picture, colour):
    """How many tiles have a stripe of this RGB colour."""
    near = (np.abs(picture[:, :, ::-1].astype(int) - colour).max(axis=2) < 24).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(near)
    return int(((stats[1:, 2] > 100) & (stats[1:, 3] <= 6)).sum())


def test_each_photo_has_a_tile_with_the_colour_of_what_became_of_it(tmp_path):
    vector = np.zeros(4, np.float32)
    taken = [Reference("ann", "/x/1.jpg", vector, jpeg((90, 90, 120)), 0.9, "the largest of its 2 faces was taken")]
    taken += [Reference("ann", "/x/2.jpg", vector, jpeg((40, 40, 60)), negative=True)]
    refused = [Refused("/x/3.jpg", "ann", "/x/3.jpg shows the same as /x/1.jpg, and is skipped.", jpeg((9, 9, 9)))]
    refused += [Refused("/x/4.jpg", "bob", "/x/4.jpg cannot be read as a photo (it is broken).")]
    path = tmp_path / "new folder" / "sheet.jpg"
    write_reference_sheet(path, taken, refused)
    picture = cv2.imread(str(path))
    assert [stripes(picture, colour) for colour in (TAKEN, NEGATIVE, REFUSED)] == [1, 1, 2]
