"""One setting = one control: its label, help, limits and unit, from which flags, page and docs are made."""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo

from facecrop_core.errors import SettingsError

Kind = Literal["number", "integer", "switch", "choice", "text"]
TRUE_WORDS, FALSE_WORDS = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


def setting(
    default: Any,
    label: str,
    help: str,
    *,
    unit: str = "",
    ge: float | None = None,
    le: float | None = None,
    step: float | None = None,
    off_values: tuple[float, ...] = (),
    common: bool = False,
    form: str = "text",
) -> Any:
    """A pydantic field that carries what a control needs.

    ``ge`` and ``le`` are inclusive limits. ``off_values`` are numbers that the seeds use to say "off" (None).
    ``common`` marks the few settings that the page shows first. ``form`` says what a text has to look like.
    """
    extra: dict[str, Any] = {
        "label": label,
        "unit": unit,
        "ge": ge,
        "le": le,
        "step": step,
        "off_values": list(off_values),
        "common": common,
        "form": form,
    }
    return Field(default=default, description=help, json_schema_extra=extra)


@dataclass(frozen=True)
class Control:
    """What a flag, a widget or a line of documentation needs to know about one setting."""

    name: str
    section: str
    kind: Kind
    default: Any
    label: str
    help: str
    unit: str
    minimum: float | None
    maximum: float | None
    step: float | None
    choices: tuple[str, ...]
    allows_auto: bool
    allows_off: bool
    off_values: tuple[float, ...]
    common: bool
    form: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def parse(self, text: str) -> Any:
        """The value that a flag's text stands for.

        Raises:
            SettingsError: the text is not a value of this setting; limits are checked by the schema.
        """
        word = text.strip().lower()
        if self.allows_auto and word == "auto":
            return "auto"
        if self.kind == "switch":
            if word not in TRUE_WORDS + FALSE_WORDS:
                raise SettingsError(f"{self.flag} takes on or off, not '{text}'.")
            return word in TRUE_WORDS
        if self.allows_off and word == "off":
            return None
        if self.kind in ("number", "integer"):
            return self._parse_number(text)
        return text

    def _parse_number(self, text: str) -> float | int | None:
        try:
            number = float(text)
        except ValueError:
            also = [w for w, allowed in (("auto", self.allows_auto), ("off", self.allows_off)) if allowed]
            words = f" ({' or '.join(also)} also work)" if also else ""
            raise SettingsError(f"{self.flag} takes a number, not '{text}'{words}.") from None
        if number in self.off_values:
            return None
        if self.kind == "integer":
            if number != int(number):
                raise SettingsError(f"{self.flag} takes a whole number, not '{text}'.")
            return int(number)
        return number

    def show(self, value: Any) -> str:
        """How a value is written in docs, messages and command lines."""
        if value is None:
            return "off"
        if isinstance(value, bool):
            return "on" if value else "off"
        return str(value) if isinstance(value, str) else json.dumps(value)

    @property
    def limits(self) -> str:
        """The allowed values in words."""
        if self.kind == "choice":
            words = list(self.choices)
        elif self.kind == "switch":
            words = ["on", "off"]
        elif self.kind == "text":
            words = [self.form]
        elif self.maximum is None:
            words = ["any number" if self.minimum is None else f"{self.minimum:g} or more"]
        else:
            words = [f"{self.minimum or 0:g} to {self.maximum:g}"]
        if self.allows_auto and "auto" not in words:
            words.append("auto")
        if self.allows_off and self.kind != "switch":
            words.append("off")
        return ", ".join(words)


def control_of(name: str, section: str, info: FieldInfo) -> Control:
    """Read a control out of a pydantic field."""
    members = _union_members(info.annotation)
    literals = [v for m in members if get_origin(m) is Literal for v in get_args(m)]
    plain = {m for m in members if isinstance(m, type)}
    kind: Kind
    if bool in plain:
        kind = "switch"
    elif float in plain:
        kind = "number"
    elif int in plain:
        kind = "integer"
    elif str in plain:
        kind = "text"
    else:
        kind = "choice"
    extra = info.json_schema_extra
    if not isinstance(extra, dict):
        raise TypeError(f"{section}.{name} is not declared with setting()")
    return Control(
        name=name,
        section=section,
        kind=kind,
        default=info.default,
        label=str(extra["label"]),
        help=str(info.description),
        unit=str(extra["unit"]),
        minimum=extra["ge"],  # type: ignore[arg-type]
        maximum=extra["le"],  # type: ignore[arg-type]
        step=extra["step"],  # type: ignore[arg-type]
        choices=tuple(str(v) for v in literals) if kind == "choice" else (),
        allows_auto="auto" in literals,
        allows_off=type(None) in members,
        off_values=tuple(extra["off_values"]),  # type: ignore[arg-type]
        common=bool(extra["common"]),
        form=str(extra["form"]),
    )


def _union_members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)
