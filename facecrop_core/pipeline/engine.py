"""Which models detect and embed, and opening them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from facecrop_core.errors import ModelError
from facecrop_core.models import catalogue, dlib_face, packs, store
from facecrop_core.models.calibrations import with_measured
from facecrop_core.models.runtime import Device, Runtime, decoding_device, devices
from facecrop_core.records import Engine
from facecrop_core.settings import Settings

log = logging.getLogger(__name__)

PREFERRED_PACK = "buffalo_l"


@dataclass(frozen=True)
class EngineChoice:
    """The engine that settings and machine lead to, not opened yet."""

    kind: Literal["builtin", "pack"]
    name: str
    why: str
    folder: Path | None = None


def choose_engine(settings: Settings) -> EngineChoice:
    """Follow ``--engine``, ``--pack``, $FACECROP_PACK and what is installed. Opens nothing.

    Raises:
        ModelError: a pack is named that does not exist, or one is demanded and none is there.
    """
    wish = settings.engine.engine
    if wish == "builtin":
        return EngineChoice("builtin", "builtin", "the built-in engine was asked for")
    for named, by in ((settings.engine.pack, "--pack"), (os.environ.get("FACECROP_PACK"), "$FACECROP_PACK")):
        if named:
            folder = _folder_of(named)
            return EngineChoice("pack", folder.name, f"{by} names {named}", folder)
    installed = store.installed_packs().get(PREFERRED_PACK)
    if installed is not None:
        return EngineChoice("pack", PREFERRED_PACK, f"{PREFERRED_PACK} is installed", installed.folder)
    if wish == "pack":
        raise ModelError(
            "A pack was asked for, but none is named and none is installed.",
            f"Name one with --pack, or get one with: facecrop models get {PREFERRED_PACK}",
        )
    return EngineChoice("builtin", "builtin", f"no pack is named and {PREFERRED_PACK} is not installed")


def engine_identity(settings: Settings) -> dict[str, str]:
    """Kind, name and the SHA-256 of both models of the engine in use, without loading any.

    Raises:
        ModelError: see ``choose_engine``; or the pack is foreign, incomplete or altered.
    """
    choice = choose_engine(settings)
    detector, embedder = _files_of(choice)
    return {
        "kind": choice.kind,
        "name": choice.name,
        "detector_sha256": store.file_sha256(detector),
        "embedder_sha256": store.file_sha256(embedder),
    }


def open_engine(
    settings: Settings,
    *,
    device: Device | None = None,
    threads: int | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Engine:
    """Open the detector and the embedder that the settings ask for.

    Args:
        settings: engine, pack, provider, half precision and detection size are used.
        device: one of ``models.runtime.devices(settings)``; by default the first.
        threads: that one run of a model uses, for callers with worker threads of their own; by default a model's
            ``detect`` and ``embed`` share out over all usable cores, with ``low_cpu`` they keep to one.
        on_notice: told, from any thread, what slows the run down for good, such as a GPU without enough memory; by
            default the log.

    Raises:
        ModelError: see ``engine_identity``.
        SettingsError: an execution provider or a device is unknown.
    """
    choice, runtime = choose_engine(settings), settings.runtime
    device = device or devices(settings)[0]
    faces = None if runtime.enc_batch_size == "auto" else runtime.enc_batch_size
    opened_with = Runtime(runtime.ep, device, runtime.half, runtime.low_cpu, threads, on_notice or log.warning, faces)
    engine = ENGINES[choice.kind](choice, settings, opened_with)
    return replace(engine, decoder=decoding_device(settings, device))


def _open_builtin(choice: EngineChoice, settings: Settings, runtime: Runtime) -> Engine:
    from facecrop_core.detect import DETECTORS
    from facecrop_core.embed import EMBEDDERS

    embedder = EMBEDDERS["dlib"](runtime)
    return Engine(
        kind="builtin",
        name=choice.name,
        why=choice.why,
        licence=catalogue.BUILTIN_LICENCE,
        detector=DETECTORS["dlib"](settings.detection.det_size, threads=1 if runtime.low_cpu else runtime.threads),
        embedder=embedder,
        calibration=with_measured(catalogue.DLIB_CALIBRATION, embedder.model_sha256),
        providers=embedder.providers,
    )


def _open_pack(choice: EngineChoice, settings: Settings, runtime: Runtime) -> Engine:
    from facecrop_core.detect import ScrfdDetector
    from facecrop_core.embed import ArcFaceEmbedder

    detector_file, embedder_file = _files_of(choice)
    detector = ScrfdDetector(detector_file, settings.detection.det_size, runtime)
    embedder = ArcFaceEmbedder(embedder_file, runtime)
    return Engine(
        kind="pack",
        name=choice.name,
        why=choice.why,
        licence=licence_of(choice),
        detector=detector,
        embedder=embedder,
        calibration=with_measured(catalogue.calibration_of(embedder.model_sha256), embedder.model_sha256),
        providers=tuple(dict.fromkeys((*detector.providers, *embedder.providers))),
    )


ENGINES = {"pack": _open_pack, "builtin": _open_builtin}


def licence_of(choice: EngineChoice) -> str:
    """The licence of an engine's models: as noted when the pack was fetched, as published, or unknown."""
    if choice.folder is None:
        return catalogue.BUILTIN_LICENCE
    noted = store.read_note(choice.folder).get("licence")
    published = catalogue.PACKS.get(choice.name)
    return str(noted or (published.licence if published else catalogue.UNKNOWN_LICENCE))


def _files_of(choice: EngineChoice) -> tuple[Path, Path]:
    if choice.folder is None:
        return dlib_face.model_file(dlib_face.LANDMARKS_FILE), dlib_face.model_file(dlib_face.EMBEDDER_FILE)
    parts = packs.find_parts(choice.folder)
    store.require_intact(choice.folder, parts.detector, parts.embedder)
    return parts.detector, parts.embedder


def _folder_of(named: str) -> Path:
    """A pack's folder from what a user wrote: a folder, or the name of an installed pack."""
    folder = Path(named).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if os.sep in named or "/" in named:
        packs.find_parts(folder)  # says that it is missing and what was expected
    return store.find_pack(named).folder
