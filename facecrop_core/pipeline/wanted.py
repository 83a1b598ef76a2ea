"""Who is looked for, and how near is near for the model in use."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from facecrop_core.errors import SettingsError
from facecrop_core.people import GrowthRules, PeopleStore, SpanRules
from facecrop_core.pipeline.project import Project
from facecrop_core.records import Calibration, Reference
from facecrop_core.settings.prescan import PrescanSettings

ADD_SHARE = 0.44
"""Of the distance at which two faces are taken for one person: PersonCapture's 0.22, where ArcFace models have 0.5."""


def wanted_references(project: Project, embedder_sha256: str, settings: PrescanSettings) -> list[Reference]:
    """The project's references of this model.

    Raises:
        SettingsError: a pre-scan is to look for them, and there are none.
    """
    references = stored_references(project, embedder_sha256)
    if settings.prescan and not references:
        raise SettingsError(
            "A pre-scan looks for wanted people, but the project has no references made with this model.",
            "Name photos with --refs, or scan everything with --prescan off.",
        )
    return references


def stored_references(project: Project, embedder_sha256: str) -> list[Reference]:
    """The project's references of this model; none where it has none."""
    if not project.people_path.exists():
        return []
    with PeopleStore(project.people_path) as store:
        return store.references(embedder_sha256)


def references_digest(references: Sequence[Reference]) -> str:
    """Which people, by which embeddings, trusted how far; the order does not matter."""

    def row(r: Reference) -> bytes:
        rest = b"" if not r.negative and r.confidence == 1 else f"\0{r.negative}\0{r.confidence:.6f}".encode()
        return r.person.encode() + b"\0" + np.asarray(r.embedding, "<f4").tobytes() + rest

    rows = sorted(map(row, references))
    return hashlib.blake2b(b"\0\0".join(rows), digest_size=16).hexdigest()


def distance_of(settings: PrescanSettings, name: str, calibration: Calibration) -> float | None:
    """A distance setting as a number; None where it is off.

    ``auto`` enters where the scan would match a face with the person, so that no face that it would keep is too far to
    open a span, and exits where a face is not even unsure. With PersonCapture's numbers on the same scale (0.45 and
    0.52 where the border is 0.5), 17 % of a person's faces in a film of low bit rate were lost; so, none. A Euclidean
    distance goes with the root of a cosine one.
    """
    value = getattr(settings, name)
    if value != "auto":
        return None if value is None else float(value)
    border = 1 - calibration.match
    share = ADD_SHARE if calibration.metric == "cosine" else math.sqrt(ADD_SHARE)
    autos = {"prescan_fd_enter": border, "prescan_fd_exit": 1 - calibration.unsure, "prescan_fd_add": share * border}
    return autos[name]


def span_rules(settings: PrescanSettings, calibration: Calibration) -> SpanRules:
    """The settings as rules for this model.

    Raises:
        SettingsError: with ``auto`` filled in, the distances are not in order.
    """
    enter = distance_of(settings, "prescan_fd_enter", calibration)
    leave = distance_of(settings, "prescan_fd_exit", calibration)
    add = distance_of(settings, "prescan_fd_add", calibration)
    assert enter is not None and leave is not None, "only growth can be off"
    if not (add or 0) < enter < leave:
        raise SettingsError(
            f"With this model the pre-scan's distances are add {add or 0:.2f}, enter {enter:.2f}, exit {leave:.2f}, "
            "and have to rise in this order.",
            "Give all three as numbers, or leave all three at auto.",
        )
    return SpanRules(
        enter, leave, settings.prescan_pad_sec, settings.prescan_min_segment_sec, settings.prescan_bridge_gap_sec
    )


def growth_rules(settings: PrescanSettings, calibration: Calibration) -> GrowthRules:
    """The settings as gates for this model's references."""
    return GrowthRules(
        add=distance_of(settings, "prescan_fd_add", calibration),
        enter=span_rules(settings, calibration).enter,
        sharpness=settings.face_quality_min,
        alike=settings.prescan_bank_dedupe,
        cooldown=settings.prescan_add_cooldown_samples,
        most=settings.prescan_bank_max,
    )
