"""Presets: small JSON files that say what differs from the defaults."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facecrop_core.errors import SettingsError
from facecrop_core.settings.schema import Settings, nearest

PRESET_VERSION = 1
PRESET_SIZE_CAP_BYTES = 64 * 1024
PACKAGED_FOLDERS = (Path(__file__).resolve().parents[2] / "presets", Path(__file__).resolve().parents[1] / "presets")
_KEYS = {"version", "name", "description", "settings"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,63}")


@dataclass(frozen=True)
class Preset:
    name: str
    description: str
    values: dict[str, Any]

    @property
    def settings(self) -> Settings:
        return Settings().with_values(self.values)


def read_preset(path: Path) -> Preset:
    """Read and check one preset file.

    Raises:
        SettingsError: not JSON, too large, of another version, or with a field that is unknown or out of its limits.
    """
    try:
        if path.stat().st_size > PRESET_SIZE_CAP_BYTES:
            raise SettingsError(f"Preset {path.name} is larger than {PRESET_SIZE_CAP_BYTES // 1024} KiB.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"Preset {path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"Preset {path.name} is not valid JSON: {error}.") from None
    return check_preset(content, path.name)


def check_preset(content: Any, where: str) -> Preset:
    """A preset from parsed JSON. Raises SettingsError that names the field."""
    if not isinstance(content, dict):
        raise SettingsError(f"Preset {where} must be a JSON object.")
    unknown = sorted(set(content) - _KEYS)
    if unknown:
        raise SettingsError(f"Preset {where} has an unknown field '{unknown[0]}'.", nearest(unknown[0], _KEYS))
    if content.get("version") != PRESET_VERSION:
        raise SettingsError(
            f"Preset {where} has version {content.get('version')!r}; this Facecrop reads version {PRESET_VERSION}."
        )
    name, description, values = content.get("name"), content.get("description", ""), content.get("settings")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingsError(f"Preset {where}: field 'name' must be 1 to 64 letters, digits, spaces, - or _.")
    if not isinstance(description, str) or not isinstance(values, dict):
        raise SettingsError(f"Preset {where}: 'description' must be text and 'settings' an object.")
    try:
        Settings().with_values(values)
    except SettingsError as error:
        raise SettingsError(f"Preset {where}: {error.message}", error.hint) from None
    return Preset(name, description, values)


def packaged_presets() -> dict[str, Preset]:
    """The presets that come with Facecrop, by name, ``default`` first."""
    folder = next((f for f in PACKAGED_FOLDERS if f.is_dir()), PACKAGED_FOLDERS[0])
    presets = [read_preset(path) for path in sorted(folder.glob("*.json"))]
    return {p.name: p for p in sorted(presets, key=lambda p: (p.name != "default", p.name))}


def find_preset(name: str) -> Preset:
    """A packaged preset by name, or a preset file by path.

    Raises:
        SettingsError: there is none; the nearest name is offered.
    """
    if name.endswith(".json"):
        return read_preset(Path(name))
    presets = packaged_presets()
    if name not in presets:
        known = ", ".join(presets)
        raise SettingsError(f"There is no preset '{name}'.", nearest(name, presets) or f"There are: {known}.")
    return presets[name]
