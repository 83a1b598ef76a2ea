from __future__ import annotations

import math
from pathlib import Path

import pytest

from facecrop_core.errors import SettingsError, UsageError
from facecrop_core.settings import (
    CONTROLS,
    FlagParser,
    Settings,
    add_setting_flags,
    find_preset,
    normalise,
    packaged_presets,
    read_preset,
    setting_values,
)  # fmt: skip
from facecrop_core.settings.docs import settings_page
from facecrop_core.settings.schema import SECTIONS

ROOT = Path(__file__).resolve().parents[2]


def test_names_are_unique_and_every_control_has_words() -> None:
    assert len(CONTROLS) == sum(len(section.model_fields) for section in SECTIONS.values())
    for control in CONTROLS.values():
        assert control.label and control.help.endswith("."), control.name
        Settings().with_values({control.name: control.default})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fps": 1000}, "fps must be 0.01 to 240"),
        ({"fps": math.nan}, "fps"),
        ({"fps": "8"}, "fps"),
        ({"anchor": "ears"}, "anchor must be auto, bbox, eyes, nose; got ears"),
        ({"low_cpu": 1}, "low_cpu must be on, off"),
        ({"size": None}, "size must be 16 to 4096 px; got off"),
        ({"bbox_padd": 1}, "Did you mean 'bbox_pad'?"),
    ],
)
def test_bad_values_are_refused_by_name(values: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings().with_values(values)
    assert words in str(caught.value)


def test_changed_holds_only_what_differs() -> None:
    settings = Settings().with_values({"sim": 0.3, "fps": 8.0, "det-size": 960})
    assert settings.changed() == {"sim": 0.3, "det_size": 960}
    assert Settings().changed() == {}


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["--sim", "0"], {"sim": None}),
        (["--sim", "-1"], {"sim": None}),
        (["--sim", "off"], {"sim": None}),
        (["--sim=auto"], {"sim": "auto"}),
        (["--sim", "0.55"], {"sim": 0.55}),
        (["--det_size", "960"], {"det_size": 960}),
        (["--low_cpu", "on"], {"low_cpu": True}),
        (["--low-cpu"], {"low_cpu": True}),
        (["--low-cpu", "--fps", "2"], {"low_cpu": True, "fps": 2.0}),
        (["--no-ref-clahe"], {"ref_clahe": False}),
        (["--ref_clahe", "off"], {"ref_clahe": False}),
        (["--debug_every", "0"], {"debug_every": None}),
        (["--min_crop_px", "0"], {"min_crop_px": 0.0}),
    ],
)
def test_flags_of_both_spellings(tokens: list[str], expected: dict[str, object]) -> None:
    parser = FlagParser(allow_abbrev=False)
    add_setting_flags(parser, tuple(SECTIONS))
    assert setting_values(parser.parse_args(normalise(tokens))) == expected


def test_unknown_flag_offers_the_nearest() -> None:
    parser = FlagParser(allow_abbrev=False)
    add_setting_flags(parser, tuple(SECTIONS))
    with pytest.raises(UsageError, match="--bbox-pad"):
        parser.parse_args(["--bbox-pda", "1"])


def test_presets_are_valid_and_face_extract_holds_its_defaults() -> None:
    presets = packaged_presets()
    assert next(iter(presets)) == "default" and {"face-extract", "fast", "strict"} <= set(presets)
    assert presets["default"].values == {}
    flat = find_preset("face-extract").settings.flat()
    documented = {
        "size": 512, "fps": 8.0, "sim": 0.55, "max_per_frame": 1, "det_size": 960, "det_thresh": 0.30, "low_cpu": False,
        "anchor": "bbox", "anchor_offset_y": 0.10, "bbox_pad": 0.34, "edge_policy": "skip", "edge_fill": "reflect",
        "max_pad_frac": 0.18, "min_crop_px": 512, "max_upscale": 1.5, "min_face_frac_crop": 0.30, "min_bbox_frac": 0.0,
        "min_tenengrad": 0.0, "dark_relax": 1.0, "min_brightness": 0.0, "ref_pad": 0.60, "ref_gamma": 1.35,
        "ref_clahe": True, "ref_det_thresh": 0.30, "yaw_shift": False, "yaw_shift_frac": 0.12, "yaw_shift_yawmax": 45.0,
        "solo_mode": "reject", "solo_min_other_frac": 0.25, "solo_shrink_pad": 0.18, "print_every": 1000,
        "debug_every": None, "log_dir": None,
    }  # fmt: skip
    assert {name: flat[name] for name in documented} == documented


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"version": 2, "name": "x", "settings": {}}', "version 2"),
        ('{"version": 1, "name": "x", "settings": {"fps": 0}}', "fps must be"),
        ('{"version": 1, "name": "x", "setings": {}}', "Did you mean 'settings'?"),
        ('{"version": 1, "name": "../x", "settings": {}}', "'name'"),
        ("[" * 60_000, "not valid JSON"),
        (" " * 70_000, "larger than 64 KiB"),
    ],
)
def test_bad_preset_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_preset(path)
    assert words in str(caught.value) and "p.json" in str(caught.value)


def test_unknown_preset_offers_the_nearest() -> None:
    with pytest.raises(SettingsError, match="Did you mean 'strict'"):
        find_preset("strickt")


def test_settings_page_is_fresh() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_page(), "run: make docs"
