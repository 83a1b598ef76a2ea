"""WebDataset: OUT/000000.tar, 000001.tar …, each with 000000001.png and 000000001.json per sample."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facecrop_core.export.files import SIDECAR_SUFFIX
from facecrop_core.export.layout import Layout
from facecrop_core.export.metadata import plain
from facecrop_core.export.shards import SHARD_SUFFIX, Shard, members
from facecrop_core.files import writing
from facecrop_core.settings.sections import ExportSettings

SHARD_NAME = re.compile(r"(\d{6,})\.tar(\.part)?")


class WebDatasetLayout(Layout):
    """Samples are numbered through all shards, in the order in which they are written.

    A shard counts once it is finished: what a killed run had in its last one is gone, with its lines of the metadata. A
    sample's JSON is its line of the metadata; with sidecars the transform is in it, as ``transform``.
    """

    def __init__(self, out: Path, export: ExportSettings, persons: Sequence[str], videos: Sequence[str]) -> None:
        super().__init__(out, export, persons, videos)
        shards: list[int] = []
        with writing(out):
            for path in sorted(out.iterdir()):
                if match := SHARD_NAME.fullmatch(path.name):
                    if match[2]:
                        path.unlink()
                    else:
                        shards.append(int(match[1]))
        names = members(out / f"{max(shards):06d}{SHARD_SUFFIX}") if shards else {}
        self._sample = max((int(name.split(".")[0]) for name in names if name[:1].isdecimal()), default=0) + 1
        self._number = max(shards, default=-1) + 1
        self._shard: Shard | None = None

    def name(self, row: Mapping[str, Any]) -> str:
        if self._shard is not None and self._shard.samples >= self.export.shard_samples:
            self.close()
        return f"{self._number:06d}{SHARD_SUFFIX}/{self._sample:09d}.{self.suffix}"

    def save(self, name: str, data: bytes, others: Mapping[str, bytes], row: Mapping[str, Any]) -> None:
        shard, file = name.split("/")
        key = file.split(".")[0]
        content = dict(plain(row))
        if SIDECAR_SUFFIX in others:
            content["transform"] = json.loads(others[SIDECAR_SUFFIX])
        files = {file: data, f"{key}.json": json.dumps(content, ensure_ascii=False).encode("utf-8")}
        files |= {key + suffix: other for suffix, other in others.items() if suffix != SIDECAR_SUFFIX}
        if self._shard is None:
            self._shard = Shard(self.out / shard)
        self._shard.add(files)

    def take_back(self, name: str, others: Mapping[str, bytes]) -> None:
        if self._shard is not None:
            self._shard.take_back()

    def done(self, name: str) -> None:
        self._sample += 1

    def close(self) -> None:
        if self._shard is None:
            return
        if self._shard.samples:
            self._shard.finish()
            self._number += 1
        else:
            self._shard.drop()
        self._shard = None
