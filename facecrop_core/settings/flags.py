"""The shell's flags, made from the schema: one per setting, dashes and underscores alike, switches as on and off."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

from facecrop_core.errors import UsageError
from facecrop_core.settings.controls import FALSE_WORDS, TRUE_WORDS, Control
from facecrop_core.settings.schema import CONTROLS, SECTIONS, nearest
from facecrop_core.settings.texts import FOUR_NUMBERS


class FlagParser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, and offers the nearest name for an unknown flag."""

    def error(self, message: str) -> Any:
        hint = f"See '{self.prog} --help'."
        if message.startswith("unrecognized arguments:"):
            word = message.split(":", 1)[1].split()[0]
            message = f"There is no flag {word}." if word.startswith("-") else f"'{word}' was not expected."
            known = [option for action in self._actions for option in action.option_strings]
            hint = (nearest(word, known) + " " + hint).strip()
        raise UsageError(message[0].upper() + message[1:] + ("" if message.endswith(".") else "."), hint)


def add_setting_flags(parser: argparse.ArgumentParser, sections: Sequence[str]) -> None:
    """A flag for every setting of the named sections, under the section's title."""
    for section in sections:
        group = parser.add_argument_group(SECTIONS[section].TITLE)
        for control in CONTROLS.values():
            if control.section == section:
                group.add_argument(
                    control.flag, dest=f"setting {control.name}", metavar=_metavar(control), default=None,
                    help=_help(control),
                )  # fmt: skip


def setting_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given on the command line.

    Raises:
        SettingsError: a text is not a value of its setting.
    """
    given = {k.split(" ", 1)[1]: v for k, v in vars(arguments).items() if k.startswith("setting ") and v is not None}
    return {name: CONTROLS[name].parse(text) for name, text in given.items()}


def normalise(tokens: Sequence[str]) -> list[str]:
    """One spelling: ``--det_size`` becomes ``--det-size``, a bare switch ``--x=on`` and ``--no-x`` ``--x=off``.

    Four numbers that follow a flag one by one, as in ``--det-scale 1.5 1.5 2.2 1.2``, become one value.
    """
    result: list[str] = []
    tokens = _join_fours(tokens)
    for i, token in enumerate(tokens):
        if token == "--":
            return result + tokens[i:]
        if not token.startswith("--"):
            result.append(token)
            continue
        name, equals, value = token.partition("=")
        name = "--" + name[2:].replace("_", "-")
        switch = _switch(name)
        negated = _switch("--" + name[5:]) if name.startswith("--no-") and switch is None else None
        following = tokens[i + 1].lower() if i + 1 < len(tokens) else ""
        if negated is not None and not equals:
            result.append(f"{negated.flag}=off")
        elif switch is not None and not equals and following not in TRUE_WORDS + FALSE_WORDS:
            result.append(f"{name}=on")
        else:
            result.append(name + equals + value)
    return result


def _join_fours(tokens: Sequence[str]) -> list[str]:
    result, rest = list[str](), list(tokens)
    while rest:
        token = rest.pop(0)
        result.append(token)
        control = CONTROLS.get(token[2:].replace("-", "_")) if token.startswith("--") else None
        if control is not None and control.form == FOUR_NUMBERS and len(rest) >= 4 and all(map(_is_number, rest[:4])):
            result.append(" ".join(rest[:4]))
            del rest[:4]
    return result


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d*)?|\.\d+", text) is not None


def _switch(flag: str) -> Control | None:
    control = CONTROLS.get(flag[2:].replace("-", "_"))
    return control if control is not None and control.kind == "switch" else None


def _metavar(control: Control) -> str:
    if control.kind == "choice":
        return "{" + ",".join(control.choices) + "}"
    return {"switch": "on|off", "integer": "N", "number": "X", "text": "TEXT"}[control.kind]


def _help(control: Control) -> str:
    unit = f" {control.unit}" if control.unit else ""
    default = control.show(control.default).replace("%", "%%")
    return f"{control.help.replace('%', '%%')} [{control.limits}{unit}; default {default}]"
