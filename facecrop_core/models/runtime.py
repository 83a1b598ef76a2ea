"""How models are to be run, as the settings say: devices, half precision, threads and sizes of batches."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from facecrop_core.errors import SettingsError
from facecrop_core.models.providers import CPU, SHORT_NAMES, choose_providers, cuda_device_count
from facecrop_core.settings import Settings
from facecrop_core.settings.texts import parse_devices

log = logging.getLogger(__name__)

GPU_BATCH, CPU_BATCH = 16, 2
"""On a CPU a model is as quick with one picture as with several, and the next worker gets its share sooner."""


@dataclass(frozen=True)
class Device:
    """``kind`` auto takes what the providers lead to; ``index`` counts from 0 as CUDA and DirectML do."""

    kind: Literal["auto", "cpu", "cuda"] = "auto"
    index: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.index}" if self.kind == "cuda" else self.kind


@dataclass(frozen=True)
class Runtime:
    """How one worker opens its models.

    ``threads`` are those that one run of a model uses (ONNX Runtime's intra-op threads). Who gives them has threads of
    its own that run models, so ``ModelSession.map`` stays in the caller's; by default it shares out over all cores.
    ``on_notice`` is told, from any thread, what slows a run down for good. ``faces_at_once`` limits an embedder's
    batch.
    """

    ep: str = "auto"
    device: Device = Device()
    half: Literal["auto", "on", "off"] = "auto"
    low_cpu: bool = False
    threads: int | None = None
    on_notice: Callable[[str], None] = log.warning
    faces_at_once: int | None = None

    def providers(self) -> tuple[str, ...]:
        """Full names of the providers to open with, best first.

        Raises:
            SettingsError: a provider is unknown.
        """
        return choose_providers(self.ep, self.low_cpu, self.device.kind)


def devices(settings: Settings) -> tuple[Device, ...]:
    """The devices of ``--device``, one worker each.

    Raises:
        SettingsError: CUDA works here, but has no device of that number.
    """
    if settings.runtime.low_cpu:
        return (Device("cpu"),)
    named = tuple(Device(kind, index) for kind, index in parse_devices(settings.runtime.device))
    count = cuda_device_count()
    for device in named:
        if device.kind == "cuda" and 0 < count <= device.index:
            known = ", ".join(f"cuda:{i}" for i in range(count))
            raise SettingsError(f"There is no device {device}.", f"There are: {known}, cpu.")
    return named


def decoding_device(settings: Settings, device: Device) -> str:
    """What a worker's ``VideoReader`` gets as ``hwaccel``: CUDA decodes on the GPU that the worker's models run on."""
    wish = settings.runtime.hwaccel
    return f"cuda:{device.index}" if wish == "cuda" and device.kind == "cuda" else wish


def runs_on_gpu(providers: tuple[str, ...]) -> bool:
    """Whether models with these providers in use leave the processor's cores to others."""
    return bool(providers) and providers[0] not in (CPU, SHORT_NAMES["openvino"])


def detection_batch(settings: Settings, providers: tuple[str, ...]) -> int:
    """How many frames a worker should look at together; ``providers`` are those in use, none without ONNX Runtime."""
    if settings.runtime.det_batch_size != "auto":
        return settings.runtime.det_batch_size
    return GPU_BATCH if runs_on_gpu(providers) else CPU_BATCH
