"""docs/settings.md, made from the schema: python -m facecrop_core.settings.docs > docs/settings.md"""

from __future__ import annotations

from facecrop_core.settings.presets import packaged_presets
from facecrop_core.settings.schema import CONTROLS, SECTIONS


def settings_page() -> str:
    """The whole page as Markdown."""
    lines = [
        "# Settings",
        "",
        "Made from the settings schema by `make docs`; do not edit by hand. The same names work as flags of the shell",
        "(`--det-size`, dashes and underscores alike), in presets and on the page. Switches take `--x`, `--no-x` and",
        "`--x on|off`. `auto` takes the calibration of the model in use, `off` switches a setting off, 0 is a number.",
        "Settings of the sections marked with * shape a scan: changing one means a new scan.",
    ]
    for name, section in SECTIONS.items():
        lines += ["", f"## {section.TITLE}{' *' if section.SHAPES_SCAN else ''}", ""]
        lines += ["| Flag | Values | Default | What it does |", "|---|---|---|---|"]
        for control in CONTROLS.values():
            if control.section == name:
                unit = f" {control.unit}" if control.unit else ""
                default = control.show(control.default)
                lines.append(
                    f"| `{control.flag}` | {control.limits}{unit} | {default} | **{control.label}.** {control.help} |"
                )
    lines += ["", "## Presets", ""]
    for preset in packaged_presets().values():
        values = " ".join(f"`{CONTROLS[n].flag} {CONTROLS[n].show(v)}`" for n, v in preset.values.items())
        lines += [f"**{preset.name}**: {preset.description} {values}".rstrip(), ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(settings_page(), end="")
