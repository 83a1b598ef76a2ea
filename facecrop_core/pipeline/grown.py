"""References that were found in a video: stored with its scan, used where ``grown_references`` asks for them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

import numpy as np

from facecrop_core.people import ReferenceBank, rank_people
from facecrop_core.pipeline.project import Scan
from facecrop_core.pipeline.wanted import growth_rules, references_digest
from facecrop_core.records import Calibration, FaceTable, FloatArray, IntArray, Reference
from facecrop_core.settings import Settings
from facecrop_core.table import commit_table, read_samples, read_table

log = logging.getLogger(__name__)

BANK_FILE = "bank.parquet"
Origin = Literal["prescan", "scan"]


def store_grown(scan: Scan, origin: Origin, grown: Sequence[Reference], references: Sequence[Reference]) -> None:
    """Put the references of one origin in place of those that the scan has from there; scan.json is not written yet.

    ``references`` are the user's, to which the grown ones belong.
    """
    import pyarrow as pa

    kept = {o: r for o, r in _load(scan).items() if o != origin} | {origin: list(grown)}
    rows = [(o, r) for o, of_origin in kept.items() for r in of_origin]
    columns = {
        "origin": [o for o, _ in rows],
        "person": [r.person for _, r in rows],
        "source": [r.source for _, r in rows],
        "embedding": pa.array([np.asarray(r.embedding, np.float32) for _, r in rows], pa.list_(pa.float32())),
        "chip_jpeg": pa.array([r.chip_jpeg for _, r in rows], pa.binary()),
        "det_score": pa.array([r.det_score for _, r in rows], pa.float64()),
        "note": pa.array([r.note for _, r in rows], pa.string()),
    }
    commit_table(scan.folder / BANK_FILE, pa.table(columns))
    counts = {o: len(of_origin) for o, of_origin in kept.items()}
    scan.content["bank"] = {"references": references_digest(references), **counts}


def with_grown(scan: Scan, references: Sequence[Reference], settings: Settings) -> list[Reference]:
    """The user's references and, where the settings ask for them, those that grew from just these."""
    if not references or not settings.matching.grown_references:
        return list(references)
    return [*references, *grown_references(scan, references)]


def grown_references(scan: Scan, references: Sequence[Reference], origin: Origin | None = None) -> list[Reference]:
    """What grew in a scan from these references, from one origin or from all. Nothing grows from negatives."""
    bank = scan.content.get("bank")
    if bank is None:
        return []
    if bank["references"] != references_digest([r for r in references if not r.negative]):
        log.info("The grown references of %s belong to other references, and are not used.", scan.video.path.name)
        return []
    return [r for o, of_origin in _load(scan).items() for r in of_origin if origin in (None, o)]


def _load(scan: Scan) -> dict[Origin, list[Reference]]:
    path = scan.folder / BANK_FILE
    loaded: dict[Origin, list[Reference]] = {}
    if "bank" in scan.content and path.exists():
        for row in read_table(path).to_pylist():
            origin, vector = row.pop("origin"), np.array(row.pop("embedding"), np.float32)
            loaded.setdefault(origin, []).append(Reference(embedding=vector, **row))
    return loaded


def grow_in_scan(scan: Scan, references: Sequence[Reference], settings: Settings) -> bool:
    """Grow the bank by the scan's own faces, as ``bank_growth`` asks. Returns whether scan.json has to be written.

    Done after the scan, from what it stored, in the order of time: growth changes none of its rows. It is not done
    again for the same references and gates.
    """
    if not settings.prescan.bank_growth or not references:
        return False
    engine = scan.engine
    calibration = Calibration(engine["metric"], engine["match"], engine["unsure"], engine["det_thresh"])
    rules = growth_rules(settings.prescan, calibration)
    asked = {"references": references_digest(references), "embedded": scan.content.get("embedded"), **asdict(rules)}
    if scan.content.get("bank_growth") == asked:
        return False
    before = grown_references(scan, references, "prescan")
    bank = ReferenceBank(references, calibration.metric, rules, before)
    table = scan.reader().table()
    _, scores = rank_people(table.embeddings, references, list({r.person: 0 for r in references}), calibration.metric)
    near = 1 - scores[:, 0] <= rules.enter  # others cannot become references
    numbers = read_samples(scan.folder)["sample"]
    grown, seen = [], 0
    for sample in np.unique(table["sample"][near]):
        passed = int(np.searchsorted(numbers, sample, side="right"))
        rows = np.arange(*np.searchsorted(table["sample"], [sample, sample + 1]))
        grown += _take(bank, scan, table, rows, passed - seen)
        seen = passed
    if scan.content.get("bank", {}).get("references") != asked["references"]:
        scan.content.pop("bank", None)  # it grew from other references
    store_grown(scan, "scan", grown, references)
    scan.content["bank_growth"] = asked
    return True


def _take(bank: ReferenceBank, scan: Scan, table: FaceTable, rows: IntArray, samples: int) -> list[Reference]:
    """What one sample's faces add to the bank."""
    vectors: FloatArray = np.asarray(table.embeddings[rows], np.float32)
    taken = []
    for added in bank.grow(vectors, lambda face: float(table["laplacian"][rows[face]]), samples):
        row = int(rows[added.face])
        taken.append(
            Reference(
                added.person,
                f"{scan.video.path.name} at {table['time_seconds'][row]:.3f} s",
                vectors[added.face],
                scan.thumbs().read(int(table["thumb_offset"][row]), int(table["thumb_size"][row])),
                float(table["det_score"][row]),
                f"grown by the scan: distance {added.distance:.3f}, sharpness {table['laplacian'][row]:.0f}",
            )
        )
    return taken
