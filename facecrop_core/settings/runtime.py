"""Settings of the machine: providers, devices, threads and batches. None of them changes what a scan stores."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from facecrop_core.settings.controls import setting
from facecrop_core.settings.section import Auto, Section
from facecrop_core.settings.texts import parse_devices


class RuntimeSettings(Section):
    TITLE = "Runtime"

    ep: str = setting(
        "auto",
        "Execution providers",
        "ONNX Runtime's providers in order, such as trt,cuda,cpu; auto: CUDA where it works.",
    )
    device: str = setting(
        "auto", "Device", "Where models run. auto: on the first device of the providers. A list such as cuda:0,cuda:1 "
        "has one worker on each.", form="auto, cpu, cuda, cuda:N or a list of these",
    )  # fmt: skip
    workers: int | Auto = setting(
        "auto", "Workers", "How many threads look at frames at a time. auto: one for each core, up to eight.",
        unit="threads", ge=1, le=64, step=1,
    )  # fmt: skip
    half: Literal["auto", "on", "off"] = setting(
        "auto", "Half precision", "TensorRT: on and auto compute with 16 bits, which is quicker and changes embeddings "
        "from the third decimal on. CUDA computes as the model's file says; off also forbids it TensorFloat-32. "
        "CoreML: on adds up with 16 bits. The CPU always computes with 32 bits.",
    )  # fmt: skip
    det_batch_size: int | Auto = setting(
        "auto", "Detection batch", "Frames that a worker looks at together. auto: two, 16 on a GPU; halved where its "
        "memory does not suffice.", unit="pictures", ge=1, le=512, step=1,
    )  # fmt: skip
    enc_batch_size: int | Auto = setting(
        "auto", "Embedding batch", "Most faces that go through the embedder together. auto: all of the frames that are "
        "looked at together; halved where a GPU's memory does not suffice.", unit="faces", ge=1, le=512, step=1,
    )  # fmt: skip
    embed: Literal["all", "track", "needed"] = setting(
        "all", "Embed", "Which faces get an embedding. track: the best of each track, one a second at least; where sim "
        "is auto, the others take their track's person. needed: then also all faces of tracks that may show a person "
        "of the references. What is missing can be made later, without looking for faces again.",
    )  # fmt: skip
    hwaccel: Literal["off", "auto", "cuda", "vaapi", "videotoolbox", "d3d11va", "dxva2", "vulkan"] = setting(
        "off", "Hardware decoding", "Decodes on a graphics card. auto: on the first device that works. What it cannot "
        "decode, and interlaced films, the processor decodes. Damaged places are told less exactly than by the "
        "processor.",
    )  # fmt: skip
    disk_full: Literal["wait", "stop"] = setting(
        "wait", "When the disk is full", "wait pauses the run until there is room again, stop ends it with an error."
    )
    low_cpu: bool = setting(False, "Low CPU", "Use few threads and the CPU only, so that the machine stays responsive.")

    @field_validator("device")
    @classmethod
    def _is_devices(cls, value: str) -> str:
        parse_devices(value)
        return value
