"""The page's colours and type: calm and neutral, so that the pictures stand out. All fonts are the system's own."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

STATIC = Path(__file__).parent / "static"
PAGE_CSS = (STATIC / "page.css").read_text(encoding="utf-8")
HEAD = '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'


def make_theme() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="zinc",
        radius_size="md",
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Consolas", "monospace"],
    ).set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        slider_color="*primary_600",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        block_shadow="none",
        block_padding="0",
        layout_gap="0.75rem",
        block_border_width="0px",
        block_label_background_fill="transparent",
        block_label_text_weight="500",
        block_title_text_weight="500",
        input_border_width="1px",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_900",
    )
