"""One settings schema: sections, controls (label, help, limits, unit) and presets."""

from facecrop_core.settings.controls import Control
from facecrop_core.settings.flags import FlagParser, add_setting_flags, normalise, setting_values
from facecrop_core.settings.presets import Preset, find_preset, packaged_presets, read_preset
from facecrop_core.settings.schema import CONTROLS, SECTIONS, Settings, find_control, nearest

__all__ = [
    "CONTROLS",
    "SECTIONS",
    "Control",
    "FlagParser",
    "Preset",
    "Settings",
    "add_setting_flags",
    "find_control",
    "find_preset",
    "nearest",
    "normalise",
    "packaged_presets",
    "read_preset",
    "setting_values",
]
