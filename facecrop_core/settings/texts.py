"""Settings that are written as text: times, rectangles and devices."""

from __future__ import annotations

import math
import re
from typing import Literal

FOUR_NUMBERS = "four numbers"
"""The form of a setting whose flag may be followed by its four numbers one by one."""
DeviceKind = Literal["auto", "cpu", "cuda"]


def parse_time(text: str) -> float:
    """Seconds from ``seconds``, ``mm:ss`` or ``h:mm:ss``; the seconds may have decimals.

    Raises:
        ValueError: it is none of these.
    """
    *larger, last = text.strip().split(":")
    seconds = float(last)
    units = [int(part) for part in larger]
    if not 0 <= seconds < math.inf or len(units) > 2 or min(units, default=0) < 0:
        raise ValueError(f"{text!r} is no time")
    if units and (seconds >= 60 or (len(units) == 2 and units[1] >= 60)):
        raise ValueError(f"{text!r} has more than 59 minutes or seconds")
    for unit, factor in zip(reversed(units), (60, 3600), strict=False):
        seconds += unit * factor
    return seconds


def parse_area(text: str) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) from four whole numbers, parted by commas or spaces.

    Raises:
        ValueError: it is not that, or the rectangle is empty.
    """
    x0, y0, x1, y1 = (int(part) for part in text.replace(",", " ").split())
    if not (0 <= x0 < x1 and 0 <= y0 < y1):
        raise ValueError(f"{text!r} is an empty rectangle")
    return x0, y0, x1, y1


def parse_devices(text: str) -> tuple[tuple[DeviceKind, int], ...]:
    """Kinds and numbers of ``auto``, ``cpu``, ``cuda``, ``cuda:1``, or several of the latter parted by commas.

    Raises:
        ValueError: it is none of these.
    """
    found: list[tuple[DeviceKind, int]] = []
    for word in (part.strip().lower() for part in text.split(",")):
        cuda = re.fullmatch(r"cuda(?::(\d{1,3}))?", word)
        if cuda:
            found.append(("cuda", int(cuda[1] or 0)))
        elif word in ("auto", "cpu") and "," not in text:
            found.append(("cpu" if word == "cpu" else "auto", 0))
        else:
            raise ValueError(f"{text!r} is no list of devices")
    return tuple(dict.fromkeys(found))


def parse_numbers(text: str) -> list[int]:
    """Rising numbers of 1 and more, each once, from ``N``, ``N,N,…`` or ``FROM-TO``.

    Raises:
        ValueError: it is none of these, or names more than a thousand.
    """
    low, dash, high = text.partition("-")
    numbers = range(int(low), int(high) + 1) if dash else [int(part) for part in text.split(",")]
    if not numbers or min(numbers) < 1 or len(numbers) > 1000:
        raise ValueError(f"{text!r} names no numbers from 1 on")
    return sorted(set(numbers))


def parse_factors(text: str) -> tuple[float, float, float, float]:
    """Four positive numbers, parted by commas or spaces.

    Raises:
        ValueError: it is not that, or a number is larger than 20.
    """
    left, right, up, down = (float(part) for part in text.replace(",", " ").split())
    if not all(0 < factor <= 20 for factor in (left, right, up, down)):
        raise ValueError(f"{text!r} has a factor that is not in 0 to 20")
    return left, right, up, down


def parse_ratios(text: str) -> list[tuple[float, float]]:
    """(width, height) of each of ``W:H,W:H,…``.

    Raises:
        ValueError: it is not that, or a shape is longer than 8 : 1.
    """
    found = []
    for part in text.split(","):
        width, height = (float(number) for number in part.split(":"))
        if not (0 < width < math.inf and 0 < height < math.inf and 1 / 8 <= width / height <= 8):
            raise ValueError(f"{part!r} is no shape")
        found.append((width, height))
    return found
