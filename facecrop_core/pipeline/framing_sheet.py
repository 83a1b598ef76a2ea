"""The same faces in every style of framing, in one picture, for the eye."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from facecrop_core.crop import frame_crops, render_crop
from facecrop_core.crop_plan import CropPlan
from facecrop_core.errors import OutputError
from facecrop_core.export import Tile, TileGroup, write_tiles
from facecrop_core.pipeline.events import Progress, Watch
from facecrop_core.pipeline.produce import Produced, produce
from facecrop_core.pipeline.project import Project
from facecrop_core.pixels import encode_image
from facecrop_core.records import REASONS, FloatArray
from facecrop_core.select import LABELS
from facecrop_core.settings import Settings
from facecrop_core.settings.framing import Style
from facecrop_core.video import TimesPlan, VideoReader

STYLES: tuple[Style, ...] = get_args(Style)
WORDS: dict[Style, str] = {
    "square": "around the box, the eyes or the nose",
    "arcface": "landmarks as in ArcFace's 112-pixel chip",
    "ffhq": "landmarks as in FFHQ",
    "face": "DeepFaceLab's full face",
    "whole": "DeepFaceLab's whole face",
    "head": "DeepFaceLab's head",
    "portrait": "the box, each border further out",
    "ratio": "the best of several shapes, with the upper body",
    "frame": "the whole frame",
}
TILE_QUALITY = 92
LEFT_OUT_COLOR = (226, 92, 80)
FEATURE_SCALES = (30.0, 20.0, 1.0, 0.35, 60.0)
"""What counts as one step apart: yaw and pitch in degrees, doublings of size, place across the frame, seconds."""
OTHER_PERSON = 2.0
"""As many steps apart are two people."""


@dataclass(frozen=True)
class _Chosen:
    """A face: which of the scans, and its row there."""

    scan: int
    row: int


def write_framing_sheet(
    project: Project, settings: Settings, path: Path, faces: int = 24, watch: Watch | None = None
) -> int:
    """Draw up to so many faces of a project, each in every style; returns how many faces there are.

    They are spread over people, poses, sizes and time. A red edge says that the style's crop would be left out.

    Raises:
        OutputError: no face is kept by the settings, or the file cannot be written. SourceError: a video is gone.
    """
    watch = watch or Watch()
    everything = produce(project, settings)
    chosen = choose_spread(everything, faces)
    if not chosen:
        raise OutputError("There is no face to draw.", "Loosen the gates, or scan a video with faces first.")
    by_style = {style: settings.with_values({"framing": style}) for style in STYLES}
    tiles: dict[Style, dict[_Chosen, Tile]] = {style: {} for style in STYLES}
    for number, produced in enumerate(everything):
        of_scan = [face for face in chosen if face.scan == number]
        if of_scan:
            _draw_scan(produced, of_scan, by_style, tiles, watch)
    groups = [TileGroup(style, WORDS[style], [tiles[style][face] for face in chosen]) for style in STYLES]
    detail = f"{len(chosen)} faces, from {project.folder.name}"
    write_tiles(path, "Framing", detail, groups, columns=len(chosen))
    return len(chosen)


def choose_spread(everything: Sequence[Produced], count: int) -> list[_Chosen]:
    """Kept faces far from each other in person, pose, size, place and time, the most ordinary one first.

    Farthest-point sampling: each next face is the one that is farthest from all before it.
    """
    faces = [_Chosen(number, int(row)) for number, produced in enumerate(everything) for row in produced.kept]
    if not faces:
        return []
    features = np.concatenate([_features(produced) for produced in everything])
    who = np.array([1000 * f.scan + everything[f.scan].matches.person[f.row] for f in faces])
    order = [int(np.argmin(np.linalg.norm(features - np.median(features, axis=0), axis=1)))]
    distance = np.full(len(faces), np.inf)
    while len(order) < min(count, len(faces)):
        last = order[-1]
        apart = np.linalg.norm(features - features[last], axis=1) + OTHER_PERSON * (who != who[last])
        distance = np.minimum(distance, apart)
        order.append(int(np.argmax(distance)))
    return [faces[place] for place in sorted(order)]


def _features(produced: Produced) -> FloatArray:
    """What the kept faces differ in, float32 [n, 5], about one apart where it can be seen."""
    table, rows = produced.table, produced.kept
    boxes = table.boxes_xyxy[rows]
    seen = [
        table["yaw"][rows],
        table["pitch"][rows],
        np.log2(np.maximum(boxes[:, 3] - boxes[:, 1], 1)),
        (boxes[:, 0] + boxes[:, 2]) / 2 / table.video.width,
        table["time_seconds"][rows],
    ]
    return np.asarray(np.nan_to_num(np.stack(seen, axis=1) / np.array(FEATURE_SCALES)), np.float32)


def _draw_scan(
    produced: Produced,
    faces: Sequence[_Chosen],
    by_style: dict[Style, Settings],
    tiles: dict[Style, dict[_Chosen, Tile]],
    watch: Watch,
) -> None:
    """One decode pass over the frames of these faces."""
    table, video = produced.table, produced.scan.video
    plans = {style: frame_crops(table, settings.framing) for style, settings in by_style.items()}
    by_time: dict[float, list[_Chosen]] = defaultdict(list)
    for face in faces:
        by_time[round(float(table["time_seconds"][face.row]), 6)].append(face)
    times = sorted({float(table["time_seconds"][face.row]) for face in faces})
    with VideoReader(video, TimesPlan(times), (0, 0), slots=2) as reader:
        for frame in reader:
            watch.check_cancelled()
            try:
                for face in by_time.get(round(frame.time_seconds, 6), ()):
                    for style, plan in plans.items():
                        image = render_crop(frame, plan, face.row, by_style[style].framing)
                        data = encode_image(image, "jpeg", TILE_QUALITY)
                        name = produced.person_name(face.row) or "" if style == STYLES[0] else ""
                        tiles[style][face] = _tile(plan, face.row, data, name)
            finally:
                frame.release()
            watch.send(Progress("export", video.path.name))


def _tile(plan: CropPlan, row: int, data: bytes, name: str) -> Tile:
    wide, high = plan.extent_wh[row]
    reason = LABELS.get(REASONS[plan.reasons[row]], "")
    words = reason or f"{wide:.0f}x{high:.0f} px, {plan.upscale[row]:.2f}x"
    return Tile(data, (name, words) if name else (words,), LEFT_OUT_COLOR if reason else None)
