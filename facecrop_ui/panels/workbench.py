"""Progress, sliders, grid and export in one ``gr.HTML``: the browser filters by itself and asks our own routes.

Each part has an HTML fragment and a script beside it in ``static``; the scripts run in one function, in this order.
"""

from __future__ import annotations

import json

import gradio as gr

from facecrop_core.pipeline.refilter import REASON_LABELS
from facecrop_ui.look import STATIC

FRAGMENTS = ("watch.html", "choose.html", "grid.html", "export.html")
SCRIPTS = ("store.js", "choose.js", "grid.js", "watch.js", "export.js", "main.js")


def add_workbench() -> gr.HTML:
    """A factory and not a subclass, because Gradio writes a file beside the source of every subclass."""
    fragments = "\n".join(_read(name) for name in FRAGMENTS)
    return gr.HTML(
        value=None,
        html_template=f'<section class="fc" data-state="empty" aria-label="Faces">{fragments}</section>',
        css_template=_read("workbench.css"),
        js_on_load="\n".join(_read(name) for name in SCRIPTS),
        apply_default_css=False,
        elem_id="workbench",
        reasons=json.dumps(REASON_LABELS),
    )


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")
