"""Which moments of a video are looked at."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import field_validator

from facecrop_core.settings.controls import setting
from facecrop_core.settings.section import Auto, Section
from facecrop_core.settings.texts import parse_time

TIME_FORM = "seconds, mm:ss or h:mm:ss"


class SamplingSettings(Section):
    TITLE = "Sampling"
    SHAPES_SCAN = True

    sampling: Literal["rate", "step", "every", "keyframes", "shots", "sections"] = setting(
        "rate", "Sampling", "What is looked at: so many frames per second (--fps), one frame in each step "
        "(--step-seconds or --step-frames), every frame, keyframes alone (quickest), frames of each shot "
        "(--shot-frames), or frames spread over the front, middle and end of the video (--section-frames).",
        common=True,
    )  # fmt: skip
    fps: float = setting(
        8.0, "Samples per second", "How many frames of each second of video are looked at.",
        unit="per second", ge=0.01, le=240, step=0.5, common=True,
    )  # fmt: skip
    image_fps: float = setting(
        1.0, "Images per second", "A folder of images counts as a video with so many frames per second.",
        unit="per second", ge=0.01, le=240, step=0.5,
    )  # fmt: skip
    step_seconds: float = setting(
        1.0, "Step in seconds", "With step: one frame in so many seconds.", unit="s", ge=0.01, le=86400, step=0.1
    )
    step_frames: int | None = setting(
        None, "Step in frames", "With step: every so many-th frame; takes the place of the step in seconds.",
        unit="frames", ge=1, le=1_000_000, step=1,
    )  # fmt: skip
    shot_method: Literal["content", "scene"] = setting(
        "content", "How cuts are found", "content: PySceneDetect's content detector. scene: FFmpeg's scene score."
    )
    shot_thresh: float | Auto = setting(
        "auto", "Cut threshold", "How different the frames on both sides of a cut are: 0 to 255 for content (auto: "
        "27), 0 to 1 for scene (auto: 0.4). Lower finds more cuts.", ge=0, le=255, step=0.05,
    )  # fmt: skip
    shot_frames: int = setting(
        1, "Frames per shot", "With shots: so many frames of each, spread evenly.", unit="frames", ge=1, le=1000, step=1
    )
    section_frames: int = setting(
        30, "Frames per section", "With sections: so many frames of the front, the middle and the end third each, "
        "spread evenly.", unit="frames", ge=1, le=100_000, step=1,
    )  # fmt: skip
    start: str | None = setting(None, "Start", "What comes before this time in each video is left out.", form=TIME_FORM)
    end: str | None = setting(None, "End", "What comes from this time on in each video is left out.", form=TIME_FORM)
    deinterlace: Literal["auto", "on", "off"] = setting(
        "auto", "Deinterlace", "Makes whole pictures of interlaced ones; auto: of frames that are marked as interlaced."
    )

    USED_BY: ClassVar[dict[str, tuple[str, ...]]] = {
        "rate": ("fps",),
        "step": ("step_seconds", "step_frames"),
        "every": (),
        "keyframes": (),
        "shots": ("shot_method", "shot_thresh", "shot_frames"),
        "sections": ("section_frames",),
    }
    """The settings that belong to one way of sampling alone."""

    @field_validator("start", "end", mode="before")
    @classmethod
    def _is_time(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = f"{value:.15g}"
        if isinstance(value, str):
            parse_time(value)
        return value

    def shaping(self) -> dict[str, Any]:
        """Without the settings of the other ways of sampling."""
        others = {name for way, names in self.USED_BY.items() if way != self.sampling for name in names}
        return {name: value for name, value in self.model_dump().items() if name not in others}

    def fragment(self) -> tuple[float, float | None]:
        """(start, end) in seconds; an end of None is that of the video."""
        return (parse_time(self.start) if self.start else 0.0), (parse_time(self.end) if self.end else None)
