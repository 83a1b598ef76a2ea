"""Which of ONNX Runtime's execution providers work on this machine, found out before ONNX Runtime tries.

onnxruntime-gpu lists TensorRT and CUDA on every machine. Asked for one that cannot start, it prints red text and goes
on with the CPU; so the driver, a device and the libraries are probed first.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import sys
from functools import cache

from facecrop_core.errors import SettingsError
from facecrop_core.settings import nearest

log = logging.getLogger(__name__)

SHORT_NAMES = {
    "trt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
CPU = SHORT_NAMES["cpu"]
ON_CPU = (SHORT_NAMES["openvino"], CPU)
"""Providers that can compute on the processor."""
NVIDIA = (SHORT_NAMES["trt"], SHORT_NAMES["cuda"])


def parse_wish(ep: str) -> tuple[str, ...]:
    """Full provider names of a wish such as ``trt,cuda,cpu``; empty for ``auto``.

    Raises:
        SettingsError: a name is unknown.
    """
    if ep.strip().lower() in ("auto", ""):
        return ()
    by_word = SHORT_NAMES | {full.lower(): full for full in SHORT_NAMES.values()}
    names = []
    for word in (part.strip().lower() for part in ep.split(",")):
        if word not in by_word:
            known = nearest(word, by_word) or f"There are: auto, {', '.join(SHORT_NAMES)}."
            raise SettingsError(f"There is no execution provider '{word}'.", known)
        names.append(by_word[word])
    return tuple(dict.fromkeys(names))


def choose_providers(ep: str = "auto", low_cpu: bool = False, device: str = "auto") -> tuple[str, ...]:
    """The providers to open a session with, best first; always ends with the CPU.

    What was asked for by name and cannot be used is left out with a warning in the log. ``device`` cpu leaves only
    providers that compute on the processor; cuda asks for CUDA by name where no provider was named.
    """
    wish = parse_wish(ep)
    if low_cpu:
        return (CPU,)
    if device == "cpu":
        wish = tuple(name for name in wish if name in ON_CPU) or (CPU,)
    elif not wish and device == "cuda":
        wish = (SHORT_NAMES["cuda"],)
    if not wish:
        return (SHORT_NAMES["cuda"], CPU) if not unusable_because(SHORT_NAMES["cuda"]) else (CPU,)
    chosen = []
    for name in wish:
        reason = unusable_because(name)
        if reason:
            _warn_once(name, reason)
        else:
            chosen.append(name)
    return (*chosen, CPU) if CPU not in chosen else tuple(chosen)


@cache
def _warn_once(name: str, reason: str) -> None:
    log.warning("%s cannot be used: %s. The next provider or the CPU takes its place.", name, reason)


@cache
def unusable_because(provider: str) -> str:
    """Why a provider cannot be used on this machine; empty where it can."""
    import onnxruntime

    if provider not in onnxruntime.get_available_providers():
        return "this build of ONNX Runtime does not have it"
    if provider in NVIDIA:
        reason = _no_cuda()
        if not reason and provider == SHORT_NAMES["trt"] and not _loads("nvinfer_10.dll", "libnvinfer.so.10"):
            reason = "TensorRT's library nvinfer 10 is not installed"
        return reason
    return ""


@cache
def cuda_device_count() -> int:
    """How many GPUs the NVIDIA driver sees; 0 without a driver."""
    driver = _load("nvcuda.dll", "libcuda.so.1")
    count = ctypes.c_int(0)
    if driver is None or driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def _no_cuda() -> str:
    if not _loads("nvcuda.dll", "libcuda.so.1"):
        return "there is no NVIDIA driver"
    if not cuda_device_count():
        return "the NVIDIA driver sees no GPU"
    import onnxruntime

    major = str(getattr(onnxruntime, "cuda_version", "")).split(".")[0]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find; the check below says it better
        getattr(onnxruntime, "preload_dlls", lambda: None)()
    libraries = [("cudnn64_9.dll", "libcudnn.so.9")]
    if major:
        libraries += [(f"{n}64_{major}.dll", f"lib{n}.so.{major}") for n in ("cublasLt", "cublas", "cudart")]
    missing = [linux.removeprefix("lib") for windows, linux in libraries if not _loads(windows, linux)]
    return f"CUDA's libraries are not installed ({', '.join(missing)})" if missing else ""


def cuda_runtime() -> ctypes.CDLL | None:
    """CUDA's runtime library, in the version that this ONNX Runtime is made for; None where it is not there."""
    import onnxruntime

    major = str(getattr(onnxruntime, "cuda_version", "")).split(".")[0]
    return _load(f"cudart64_{major}.dll", f"libcudart.so.{major}") if major and cuda_device_count() else None


def _loads(windows: str, linux: str) -> bool:
    return _load(windows, linux) is not None


def _load(windows: str, linux: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(windows if sys.platform == "win32" else linux)
    except OSError:
        return None
