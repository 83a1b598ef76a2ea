"""What to scan and whom to look for: a new run's form."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from facecrop_core.settings import CONTROLS, packaged_presets
from facecrop_ui.panels.settings import SettingsForm
from facecrop_ui.report import SLIDERS
from facecrop_ui.runs import CHOICE_SECTIONS

PHOTO_TYPES = [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"]


@dataclass(frozen=True)
class SourcePanel:
    recent: gr.Dropdown
    video_path: gr.Textbox
    upload: gr.File
    photos: gr.File
    name: gr.Textbox
    photos_path: gr.Textbox
    preset: gr.Dropdown
    start: gr.Button
    message: gr.HTML
    form: SettingsForm


def add_source_panel() -> SourcePanel:
    common = [name for name, control in CONTROLS.items() if control.common and name not in SLIDERS]
    late = [name for name in common if CONTROLS[name].section in CHOICE_SECTIONS]
    form = SettingsForm()
    recent = gr.Dropdown([], label="Open an earlier run", visible=False, elem_id="recent", elem_classes="fc-card")
    with gr.Column(elem_classes="fc-card"):
        gr.Markdown("### Video")
        video_path = gr.Textbox(
            label="Path on this computer", placeholder="/home/me/film.mp4", max_lines=1, elem_id="video-path"
        )
        upload = gr.File(label="or a file", file_types=["video"], elem_id="video-upload", elem_classes="fc-drop")
    with gr.Column(elem_classes="fc-card"):
        gr.Markdown("### Who to look for")
        gr.Markdown("Without photos, everyone is kept.", elem_classes="fc-hint")
        photos = gr.File(
            label="Photos of one person",
            file_types=PHOTO_TYPES,
            file_count="multiple",
            elem_id="photos",
            elem_classes="fc-drop",
        )
        name = gr.Textbox(label="Their name", placeholder="person", max_lines=1, max_length=64, elem_id="name")
        with gr.Accordion("Photos that are on this computer", open=False):
            photos_path = gr.Textbox(
                label="Path of a photo or folder",
                info="A folder that holds one folder for each person looks for all of them.",
                max_lines=1,
                elem_id="photos-path",
            )
    with gr.Column(elem_classes="fc-card"):
        gr.Markdown("### Scan")
        presets = list(packaged_presets()) or ["default"]
        preset = gr.Dropdown(presets, value=presets[0], label="Preset", elem_id="preset")
        form.add([name for name in common if name not in late])
    with gr.Column(elem_classes="fc-card"):
        gr.Markdown("### Crops")
        gr.Markdown("Can be changed at any time, without a new scan.", elem_classes="fc-hint")
        form.add(late)
    with gr.Accordion("All settings", open=False, elem_classes="fc-card", elem_id="all-settings"):
        form.add_sections()
    with gr.Column(elem_id="go"):
        message = gr.HTML("", elem_id="message", elem_classes="fc-message")
        start = gr.Button("Start", variant="primary", elem_id="start")
    return SourcePanel(recent, video_path, upload, photos, name, photos_path, preset, start, message, form)
