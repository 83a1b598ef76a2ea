"""The one settings schema. Flags, page, presets and docs/settings.md are made from it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from facecrop_core.errors import SettingsError
from facecrop_core.settings.choosing import ChoosingSettings, TwinSettings
from facecrop_core.settings.clustering import ClusteringSettings
from facecrop_core.settings.controls import Control, control_of
from facecrop_core.settings.fetching import FetchSettings
from facecrop_core.settings.framing import FramingSettings
from facecrop_core.settings.prescan import PrescanSettings
from facecrop_core.settings.runtime import RuntimeSettings
from facecrop_core.settings.sampling import SamplingSettings
from facecrop_core.settings.section import Section
from facecrop_core.settings.sections import (
    DetectionSettings,
    EngineSettings,
    ExportSettings,
    GateSettings,
    LoggingSettings,
    MatchingSettings,
    ReferenceSettings,
    SourceSettings,
)


class Settings(Section):
    """All sections. Immutable; ``with_values`` gives a changed copy."""

    TITLE = "Settings"

    engine: EngineSettings = EngineSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    source: SourceSettings = SourceSettings()
    fetch: FetchSettings = FetchSettings()
    sampling: SamplingSettings = SamplingSettings()
    prescan: PrescanSettings = PrescanSettings()
    detection: DetectionSettings = DetectionSettings()
    reference: ReferenceSettings = ReferenceSettings()
    matching: MatchingSettings = MatchingSettings()
    clustering: ClusteringSettings = ClusteringSettings()
    framing: FramingSettings = FramingSettings()
    gate: GateSettings = GateSettings()
    twins: TwinSettings = TwinSettings()
    choosing: ChoosingSettings = ChoosingSettings()
    export: ExportSettings = ExportSettings()
    logging: LoggingSettings = LoggingSettings()

    def flat(self) -> dict[str, Any]:
        """Every setting by its unique name."""
        return {name: value for section in SECTIONS for name, value in getattr(self, section).model_dump().items()}

    def changed(self) -> dict[str, Any]:
        """Only what differs from the defaults."""
        return {n: v for n, v in self.flat().items() if v != CONTROLS[n].default}

    def with_values(self, values: dict[str, Any]) -> Settings:
        """A copy with some settings changed, by their unique names.

        Raises:
            SettingsError: a name is unknown or a value lies outside its limits; the message names it.
        """
        by_section: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            by_section.setdefault(find_control(name).section, {})[name.replace("-", "_")] = value
        changed = {}
        for section, part in by_section.items():
            current = getattr(self, section)
            try:
                changed[section] = type(current).model_validate({**current.model_dump(), **part})
            except ValidationError as error:
                raise SettingsError(describe(error)) from None
        return self.model_copy(update=changed)


SECTIONS: dict[str, type[Section]] = {
    name: info.annotation for name, info in Settings.model_fields.items() if isinstance(info.annotation, type)
}
CONTROLS: dict[str, Control] = {
    name: control_of(name, section, info)
    for section, model in SECTIONS.items()
    for name, info in model.model_fields.items()
}


def find_control(name: str) -> Control:
    """The control of that name; dashes and underscores are the same.

    Raises:
        SettingsError: no such setting; the nearest name is offered.
    """
    control = CONTROLS.get(name.replace("-", "_"))
    if control is None:
        raise SettingsError(f"There is no setting '{name}'.", nearest(name.replace("-", "_"), CONTROLS))
    return control


def nearest(word: str, words: Iterable[str]) -> str:
    """ "Did you mean …?" or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}'?" if close else ""


def describe(error: ValidationError) -> str:
    """A validation error in words that name each setting and its limits."""
    lines = [str(e["ctx"]["error"]) for e in error.errors() if not e["loc"]]  # of several settings together
    for name, found in {str(e["loc"][0]): e["input"] for e in error.errors() if e["loc"]}.items():
        control = find_control(name)
        unit = f" {control.unit}" if control.unit else ""
        lines.append(
            f"{name} must be {control.limits}{unit}; got {control.show(found) if found is not None else 'off'}."
        )
    return " ".join(lines)
