"""Widgets made from the settings' schema, and their values in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from facecrop_core.settings import CONTROLS, SECTIONS, Control, Settings
from facecrop_ui.report import SLIDERS

MOST_SLIDER_STEPS = 400


class SettingsForm:
    """All settings but those that the sliders of the grid hold."""

    def __init__(self) -> None:
        self.components: dict[str, Component] = {}

    def add(self, names: Iterable[str]) -> None:
        """Put widgets at this place of the page."""
        for name in names:
            self.components[name] = make_widget(CONTROLS[name])

    def add_sections(self) -> None:
        """One closed accordion for each section, with the settings that are not on the page yet."""
        for section, model in SECTIONS.items():
            names = [n for n, c in CONTROLS.items() if c.section == section and self._open(n)]
            if names:
                with gr.Accordion(model.TITLE, open=False, elem_classes="fc-section"):
                    self.add(names)

    def _open(self, name: str) -> bool:
        return name not in self.components and name not in SLIDERS

    def names(self) -> list[str]:
        return list(self.components)

    def widgets(self, names: Iterable[str] | None = None) -> list[Component]:
        return [self.components[name] for name in (self.components if names is None else names)]

    def read(self, values: Sequence[Any], names: Iterable[str] | None = None) -> dict[str, Any]:
        """Values by setting name, from what the widgets hold.

        Raises:
            SettingsError: a text is not a value of its setting.
        """
        wanted = self.components if names is None else names
        return {name: from_widget(CONTROLS[name], value) for name, value in zip(wanted, values, strict=True)}

    def show(self, settings: Settings) -> list[Any]:
        """What the widgets have to hold to show these settings."""
        flat = settings.flat()
        return [to_widget(CONTROLS[name], flat[name]) for name in self.components]


def make_widget(control: Control) -> Component:
    label = f"{control.label} ({control.unit})" if control.unit and control.unit not in control.label else control.label
    common: dict[str, Any] = {
        "label": label,
        "info": control.help,
        "value": to_widget(control, control.default),
        "elem_id": f"set-{control.name.replace('_', '-')}",
    }
    if control.kind == "switch":
        return gr.Checkbox(**common)
    if control.kind == "choice":
        return gr.Dropdown(choices=list(control.choices), **common)
    if _is_text(control):
        if control.kind != "text":
            common["info"] += f" Takes {control.limits}."
        return gr.Textbox(max_lines=1, **common)
    low, high, step = control.minimum, control.maximum, control.step
    if low is not None and high is not None and step and (high - low) / step <= MOST_SLIDER_STEPS:
        return gr.Slider(low, high, step=step, **common)
    return gr.Number(minimum=low, maximum=high, precision=0 if control.kind == "integer" else None, **common)


def to_widget(control: Control, value: Any) -> Any:
    if control.kind == "text":
        return "" if value is None else value
    return control.show(value) if _is_text(control) else value


def from_widget(control: Control, value: Any) -> Any:
    """Raises SettingsError where a text is not a value of the setting."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None if control.allows_off else control.default
    if isinstance(value, str):
        return control.parse(value) if control.kind != "choice" else value
    return int(value) if control.kind == "integer" else value


def _is_text(control: Control) -> bool:
    """Whether the setting is typed: texts, and numbers that can also be a word."""
    words = control.allows_auto or control.allows_off
    return control.kind == "text" or (control.kind in ("number", "integer") and words)
