"""The page: its parts, and what happens when a person uses them.

There is no per-session state on the server. The browser remembers a run's token; whoever holds it sees the run.
"""

from __future__ import annotations

import html
import itertools
import time
from pathlib import Path
from typing import Any

import gradio as gr

from facecrop_core.errors import FacecropError
from facecrop_core.settings import CONTROLS, Settings, find_preset, packaged_presets
from facecrop_ui.panels.source import SourcePanel, add_source_panel
from facecrop_ui.panels.workbench import add_workbench
from facecrop_ui.runs import CHOICE_SECTIONS, Run, Runs, Source

QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STORAGE_KEY, STORAGE_SECRET = "facecrop.v1", "not-a-security-boundary"
RECENT_SHOWN = 30
SOURCE_FIELDS = ("video_path", "upload", "photos", "name", "photos_path")


def build_page(runs: Runs, **options: Any) -> gr.Blocks:
    page = gr.Blocks(title="Facecrop", fill_width=True, analytics_enabled=False, **options)
    with page:
        remembered = gr.BrowserState(None, storage_key=STORAGE_KEY, secret=STORAGE_SECRET)
        gr.HTML("<h1>Facecrop</h1><p>Turns videos into clean face datasets.</p>", elem_id="masthead")
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=1, min_width=320, elem_id="side"):
                panel = add_source_panel()
            with gr.Column(scale=3, min_width=320, elem_id="main"):
                workbench = add_workbench()
        _Events(runs, panel, workbench, remembered).connect(page)
    return page


class _Events:
    """The handlers. Each returns values for the components that it is connected with, in their order."""

    def __init__(self, runs: Runs, panel: SourcePanel, workbench: gr.HTML, remembered: gr.BrowserState) -> None:
        self.runs, self.panel, self.workbench, self.remembered = runs, panel, workbench, remembered
        self.form = panel.form
        self.late = [name for name in self.form.names() if CONTROLS[name].section in CHOICE_SECTIONS]
        self._pokes = itertools.count(int(time.time()))

    def connect(self, page: gr.Blocks) -> None:
        panel, run_shown = self.panel, [self.remembered, self.workbench]
        form = self.form.widgets()
        source = [getattr(panel, field) for field in SOURCE_FIELDS]
        panel.start.click(
            self.start,
            [*source, panel.preset, *form],
            [*run_shown, panel.message, panel.upload, panel.photos, panel.video_path, panel.recent],
            concurrency_limit=None,
            js=_BUSY,
            **QUICK,
        ).then(None, None, None, js="() => { window.fc && window.fc.startEnded(); }")
        page.load(self.load, [self.remembered], [self.workbench, panel.recent, panel.preset, *form], **QUICK)
        panel.recent.input(self.open_recent, [panel.recent], [*run_shown, panel.preset, *form], **QUICK)
        panel.preset.input(
            self.preset_picked, [panel.preset, self.remembered], [self.workbench, panel.message, *form], **QUICK
        )
        gr.on(
            [trigger for name in self.late for trigger in _edits(self.form.components[name])],
            self.crops_changed,
            [self.remembered, *self.form.widgets(self.late)],
            [self.workbench, panel.message],
            trigger_mode="always_last",
            **QUICK,
        )

    def start(self, *inputs: Any) -> tuple[Any, ...]:
        fields, preset, values = (
            inputs[: len(SOURCE_FIELDS)],
            inputs[len(SOURCE_FIELDS)],
            inputs[len(SOURCE_FIELDS) + 1 :],
        )
        path, upload, photos, name, photos_path = fields
        source = Source(
            path or "",
            Path(upload) if upload else None,
            [Path(photo) for photo in photos or ()],
            name or "",
            photos_path or "",
        )
        try:
            settings = _preset_settings(preset).with_values(self.form.read(values))
            run = self.runs.start(source, settings, preset)
        except FacecropError as error:
            return gr.skip(), gr.skip(), _notice(error), gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return {"run": run.token}, self._shown(run), "", None, None, "", self._recent(run)

    def load(self, remembered: dict[str, Any] | None) -> list[Any]:
        """Find the run again that this browser saw last; another browser finds it in the list."""
        run = self.runs.get((remembered or {}).get("run"))
        return [self._shown(run) if run else gr.skip(), self._recent(run), *self._form_of(run)]

    def open_recent(self, token: str) -> list[Any]:
        run = self.runs.get(token)
        if run is None:
            return [gr.skip()] * (3 + len(self.form.names()))
        return [{"run": token}, self._shown(run), *self._form_of(run)]

    def preset_picked(self, preset: str, remembered: dict[str, Any] | None) -> list[Any]:
        settings = _preset_settings(preset)
        late = {name: value for name, value in settings.flat().items() if CONTROLS[name].section in CHOICE_SECTIONS}
        return [*self._choose(remembered, late), *self.form.show(settings)]

    def crops_changed(self, remembered: dict[str, Any] | None, *values: Any) -> tuple[Any, Any]:
        try:
            return self._choose(remembered, self.form.read(values, self.late))
        except FacecropError as error:
            return gr.skip(), _notice(error)

    def _choose(self, remembered: dict[str, Any] | None, values: dict[str, Any]) -> tuple[Any, Any]:
        """Take settings over into the run that is shown, and have its grid ask again."""
        run = self.runs.get((remembered or {}).get("run"))
        if run is None:
            return gr.skip(), ""
        self.runs.choose(run, values, from_form=True)
        return self._shown(run), ""

    def _shown(self, run: Run) -> dict[str, Any]:
        return {"run": run.token, "poke": next(self._pokes)}

    def _recent(self, current: Run | None) -> Any:
        runs = self.runs.recent()[:RECENT_SHOWN]
        choices = [
            (f"{run.title} · {time.strftime('%d %b %H:%M', time.localtime(run.created_utc))}", run.token)
            for run in runs
        ]
        return gr.Dropdown(choices, value=current.token if current else None, visible=bool(runs))

    def _form_of(self, run: Run | None) -> list[Any]:
        if run is None:
            return [gr.skip()] * (1 + len(self.form.names()))
        preset = run.preset if run.preset in packaged_presets() else gr.skip()
        return [preset, *self.form.show(run.full_settings())]


_BUSY = "(...values) => { window.fc && window.fc.startBegan(); return values; }"


def _preset_settings(name: str) -> Settings:
    return find_preset(name).settings if name in packaged_presets() else Settings()


def _notice(error: FacecropError) -> str:
    hint = f"<p>{html.escape(error.hint)}</p>" if error.hint else ""
    return f'<div role="alert"><p><strong>{html.escape(error.message)}</strong></p>{hint}</div>'


def _edits(widget: Any) -> list[Any]:
    """The events that say that a person, and not the program, changed a widget; typing counts once it is finished."""
    if isinstance(widget, gr.Textbox | gr.Number):
        return [widget.submit, widget.blur]
    return [widget.input]
