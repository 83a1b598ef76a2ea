"""From the settings to what is looked at of a video: which moments, and which part of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from facecrop_core.errors import SettingsError, SkippedError
from facecrop_core.names import readable
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.records import Video
from facecrop_core.settings import Settings
from facecrop_core.settings.sampling import SamplingSettings
from facecrop_core.settings.texts import parse_area
from facecrop_core.video import (
    Area,
    Plan,
    RatePlan,
    TimesPlan,
    find_picture,
    find_shots,
    keyframes_plan,
    read_timeline,
    sections_plan,
    step_plan,
)


@dataclass(frozen=True)
class Look:
    """What is looked at of one video."""

    plan: Plan
    start_seconds: float
    end_seconds: float | None
    """None: to the end of the video."""
    area: Area | None
    """Where faces are looked for; None: everywhere."""
    facts: dict[str, Any]
    """What had to be found out, ready for JSON: a scan that goes on is given it and looks at the same."""

    def size(self, video: Video) -> tuple[int, int]:
        """Width and height in source pixels of the part of the picture in which faces are looked for."""
        x0, y0, x1, y1 = self.area or (0, 0, video.width, video.height)
        return x1 - x0, y1 - y0

    def total_seconds(self, video: Video) -> float | None:
        """Where the looking ends, as far as that is known."""
        ends = [end for end in (self.end_seconds, video.duration_seconds) if end is not None]
        return min(ends, default=None)


def check_wanted(video: Video, settings: Settings) -> None:
    """Raises SkippedError for a video that is too small, or has ended before the fragment starts."""
    name, shorter = readable(video.path.name), min(video.width, video.height)
    least = settings.source.min_resolution
    if least is not None and shorter < least:
        raise SkippedError(
            f"The shorter side of {name} has {shorter} pixels, and at least {least} are asked for.",
            "A smaller --min-resolution takes it.",
        )
    start = fragment(settings.sampling)[0]
    if video.duration_seconds is not None and start >= video.duration_seconds:
        raise SkippedError(
            f"{name} lasts {video.duration_seconds:.1f} s, and the fragment starts at {start:g} s.",
            "An earlier --start takes it.",
        )


def fragment(settings: SamplingSettings) -> tuple[float, float | None]:
    """(start, end) in seconds. Raises SettingsError where the end is not after the start."""
    start, end = settings.fragment()
    if end is not None and end <= start:
        raise SettingsError(f"The end ({settings.end}) is not after the start ({settings.start}).")
    return start, end


def make_look(video: Video, settings: Settings, watch: Watch, known: dict[str, Any] | None = None) -> Look:
    """What the settings want to see of a video. ``known`` are the facts of an earlier call for the same scan.

    Raises:
        SettingsError: the fragment or the area is empty. SourceError, DecodeError: the video cannot be read.
        CancelledError: the run was stopped.
    """
    facts = dict(known or {})
    start, end = fragment(settings.sampling)
    area = _find_area(video, settings, watch, facts)
    plan = PLANS[settings.sampling.sampling](video, settings.sampling, watch, facts)
    return Look(plan, start, end, area, facts)


def _find_area(video: Video, settings: Settings, watch: Watch, facts: dict[str, Any]) -> Area | None:
    wish = settings.detection.area
    if wish is None:
        return None
    if wish == "auto":
        if "area" not in facts:
            start, end = fragment(settings.sampling)
            found = find_picture(video, start, end)
            facts["area"] = None if found is None else list(found)
            if found is not None:
                watch.send(Note("info", f"{readable(video.path.name)}: the picture without black bars is {found}."))
        return None if facts["area"] is None else _as_area(facts["area"])
    x0, y0, x1, y1 = parse_area(wish)
    area = (x0 // 2 * 2, y0 // 2 * 2, min(x1, video.width), min(y1, video.height))
    if area[2] - area[0] < 2 or area[3] - area[1] < 2:
        raise SettingsError(
            f"The area {wish} lies outside of {readable(video.path.name)}, which has {video.width} × {video.height} "
            "pixels.",
            "Name a rectangle inside, as x0,y0,x1,y1.",
        )
    facts["area"] = list(area)
    return area


def _as_area(numbers: list[int]) -> Area:
    x0, y0, x1, y1 = numbers
    return x0, y0, x1, y1


def _rate(video: Video, settings: SamplingSettings, watch: Watch, facts: dict[str, Any]) -> Plan:
    return RatePlan(settings.fps)


def _step(video: Video, settings: SamplingSettings, watch: Watch, facts: dict[str, Any]) -> Plan:
    if settings.step_frames is not None:
        return step_plan(read_timeline(video), settings.step_frames)
    return RatePlan(1 / settings.step_seconds)


def _every(video: Video, settings: SamplingSettings, watch: Watch, facts: dict[str, Any]) -> Plan:
    return step_plan(read_timeline(video))


def _keyframes(video: Video, settings: SamplingSettings, watch: Watch, facts: dict[str, Any]) -> Plan:
    return keyframes_plan(read_timeline(video))


def _sections(video: Video, settings: SamplingSettings, watch: Watch, facts: dict[str, Any]) -> Plan:
    start, end = settings.fragment()
    if "sections_end" not in facts:
        length = video.duration_seconds
        facts["sections_end"] = read_timeline(video).times[-1] if length is None else length
    last = facts["sections_end"]
    return sections_plan(start, last if end is None else min(end, last), settings.section_frames)


def _shots(video: Video, settings: SamplingSettings, watch: Watch, facts: dict[str, Any]) -> Plan:
    if "shots" not in facts:
        start, end = settings.fragment()
        name, total = video.path.name, video.duration_seconds

        def look_on(time_seconds: float) -> None:
            watch.check_cancelled()
            watch.send(Progress("shots", name, time_seconds, total if end is None else end))

        threshold = None if settings.shot_thresh == "auto" else float(settings.shot_thresh)
        shots = find_shots(
            video, settings.shot_method, threshold, settings.shot_frames,
            start_seconds=start, end_seconds=end, on_frame=look_on,
        )  # fmt: skip
        facts["shots"] = [[shot.start_seconds, shot.end_seconds] for shot in shots]
        facts["shot_samples"] = [time_seconds for shot in shots for time_seconds in shot.sample_times]
    return TimesPlan(facts["shot_samples"], to_the_end=True)


PLANS: dict[str, Callable[[Video, SamplingSettings, Watch, dict[str, Any]], Plan]] = {
    "rate": _rate,
    "step": _step,
    "every": _every,
    "keyframes": _keyframes,
    "shots": _shots,
    "sections": _sections,
}
"""One for each value of the setting ``sampling``."""
