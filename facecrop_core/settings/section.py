"""What all sections of the settings have in common."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

Auto = Literal["auto"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    TITLE: ClassVar[str]
    SHAPES_SCAN: ClassVar[bool] = False

    def shaping(self) -> dict[str, Any]:
        """The values that shape a scan, where ``SHAPES_SCAN`` is set: those that play no part can be left out."""
        return self.model_dump()

    @field_validator("*", mode="after")
    @classmethod
    def _within_limits(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic's own ge and le do not work on a union of a number and "auto"
        extra = cls.model_fields[str(info.field_name)].json_schema_extra
        if isinstance(extra, dict) and isinstance(value, int | float) and not isinstance(value, bool):
            low, high = extra["ge"], extra["le"]
            if not (-math.inf if low is None else low) <= value <= (math.inf if high is None else high):  # type: ignore[operator]
                raise ValueError("out of limits")
        return value
