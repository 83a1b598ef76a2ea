"""What a person who asks for help should tell: versions, providers, the engine in use, room and cores."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from facecrop_core.errors import FacecropError
from facecrop_core.models import store
from facecrop_core.models.cache import cache_folder
from facecrop_core.models.providers import SHORT_NAMES, cuda_device_count, unusable_because
from facecrop_core.models.runtime import devices
from facecrop_core.models.sessions import usable_cores
from facecrop_core.pipeline.engine import open_engine
from facecrop_core.settings import CONTROLS, Settings
from facecrop_core.video import hardware

PACKAGES = {
    "facecrop": ("facecrop",),
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime"),
    "opencv": ("opencv-python-headless", "opencv-python"),
    "av": ("av",),
    "insightface": ("insightface",),
    "dlib": ("dlib-bin", "dlib"),
    "gradio": ("gradio",),
}

HARDWARE = tuple(name for name in CONTROLS["hwaccel"].choices if name not in ("off", "auto"))


def diagnose(settings: Settings) -> dict[str, Any]:
    """Facts about this machine, as plain data. Opens the engine that the settings lead to.

    Keys: ``versions`` (by name, None where not installed), ``providers`` (name → empty where usable, else why not),
    ``hardware_decoding`` (the same for ``--hwaccel``), ``devices`` (those of ``--device``), ``cuda_devices`` (how many
    there are), ``cache_folder`` (optimised graphs and the like, which can be made again),
    ``engine`` (kind, name, why, licence, providers really in use, calibration; or error and hint), ``packs`` (installed
    name → folder, problems), ``cores``, ``free_bytes`` (of the working and the model folder), ``problems``.
    """
    engine = _engine(settings)
    packs = {
        name: {"folder": str(pack.folder), "problems": store.check_pack(pack.folder)}
        for name, pack in store.installed_packs().items()
    }
    problems = [f"{name}: {problem}" for name, pack in packs.items() for problem in pack["problems"]]
    if "error" in engine:
        problems.insert(0, engine["error"])
    return {
        "versions": _versions(),
        "providers": {name: unusable_because(name) for name in SHORT_NAMES.values()},
        "devices": _devices(settings),
        "cuda_devices": cuda_device_count(),
        "hardware_decoding": {name: hardware.unusable_because(name) for name in HARDWARE},
        "engine": engine,
        "packs": packs,
        "cores": usable_cores(),
        "cache_folder": str(cache_folder()),
        "free_bytes": {str(folder): _free_bytes(folder) for folder in (Path.cwd(), store.models_folder())},
        "problems": problems,
    }


def _versions() -> dict[str, str | None]:
    import av

    ffmpeg = ".".join(str(n) for n in av.library_versions["libavcodec"])
    found: dict[str, str | None] = {name: _version(packages) for name, packages in PACKAGES.items()}
    return found | {
        "python": platform.python_version(),
        "ffmpeg": str(getattr(av, "ffmpeg_version_info", "")) or None,
        "libavcodec": ffmpeg,
        "system": platform.platform(),
    }


def _version(packages: tuple[str, ...]) -> str | None:
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None


def _devices(settings: Settings) -> list[str]:
    try:
        return [str(device) for device in devices(settings)]
    except FacecropError as error:
        return [error.message]


def _engine(settings: Settings) -> dict[str, Any]:
    try:
        engine = open_engine(settings)
    except FacecropError as error:
        return {"error": error.message, "hint": error.hint}
    calibration = engine.calibration
    return {
        "kind": engine.kind,
        "name": engine.name,
        "why": engine.why,
        "licence": engine.licence,
        "providers": list(engine.providers),
        "detector": engine.detector.name,
        "embedder": engine.embedder.name,
        "metric": calibration.metric,
        "match": calibration.match,
        "unsure": calibration.unsure,
        "det_thresh": calibration.det_thresh,
    }


def _free_bytes(folder: Path) -> int:
    """Free bytes where a folder lies or would be made."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(existing).free
