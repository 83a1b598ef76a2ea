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

GPU_DETECTION_BATCH, GPU_EMBEDDING_BATCH = 16, 64
CPU_BATCH_PER_CORE, MOST_CPU_BATCH = 4, 32


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
    ``on_notice`` is told, from any thread, what slows a run down for good.
    """

    ep: str = "auto"
    device: Device = Device()
    half: Literal["auto", "on", "off"] = "auto"
    low_cpu: bool = False
    threads: int | None = None
    on_notice: Callable[[str], None] = log.warning

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


def detection_batch(settings: Settings, providers: tuple[str, ...], cores: int) -> int:
    """How many pictures a detector should get at once; ``providers`` are those in use, none for the built-in engine."""
    return _batch(settings.runtime.det_batch_size, providers, cores, GPU_DETECTION_BATCH)


def embedding_batch(settings: Settings, providers: tuple[str, ...], cores: int) -> int:
    """How many chips an embedder should get at once."""
    return _batch(settings.runtime.enc_batch_size, providers, cores, GPU_EMBEDDING_BATCH)


def _batch(wish: int | str, providers: tuple[str, ...], cores: int, on_gpu: int) -> int:
    if isinstance(wish, int):
        return wish
    if runs_on_gpu(providers):
        return on_gpu
    return min(CPU_BATCH_PER_CORE * cores, MOST_CPU_BATCH)
