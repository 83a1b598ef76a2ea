"""Numbers of clusters as they are written."""

import pytest

from facecrop_core.errors import SettingsError
from facecrop_core.settings import Settings


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("auto", None), ("4", [4]), (4, [4]), ("6,2, 4,2", [2, 4, 6]), ("2-6", [2, 3, 4, 5, 6]), ("3-3", [3])],
)
def test_number_list_and_range(text, numbers):
    assert Settings().with_values({"clusters": text}).clustering.cluster_numbers() == numbers


@pytest.mark.parametrize("text", ["", "0", "2-", "-3", "6-2", "two", "1.5", "1-5000", True])
def test_what_is_none_of_these_is_refused(text):
    with pytest.raises(SettingsError, match="clusters must be a number, a list such as 2,4,6, or a range"):
        Settings().with_values({"clusters": text})


def test_minus_one_is_off_as_in_video_to_faces():
    from facecrop_core.settings.schema import CONTROLS

    assert CONTROLS["enc_oth_thr"].parse("-1") is None
    assert Settings().clustering.enc_oth_thr == 0.9
