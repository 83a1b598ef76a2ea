from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import clips
import cv2
import numpy as np
import pytest

from facecrop_core.errors import CancelledError, SettingsError
from facecrop_core.pipeline import prescan as prescan_module
from facecrop_core.pipeline.engine import engine_identity, open_engine
from facecrop_core.pipeline.events import Event, Note, Progress, Watch
from facecrop_core.pipeline.grown import BANK_FILE, grown_references
from facecrop_core.pipeline.prescan import small_canvas
from facecrop_core.pipeline.produce import add_references, evaluate, produce, project_references
from facecrop_core.pipeline.project import Project, Scan, make_scan_key
from facecrop_core.pipeline.scan import ScanResult, scan
from facecrop_core.pipeline.wanted import distance_of, references_digest, span_rules, wanted_references
from facecrop_core.records import Calibration, Engine
from facecrop_core.settings import Settings

WHOLE = Settings().with_values({"engine": "builtin", "det_size": 480, "fps": 4.0})
PRESCAN = WHOLE.with_values(
    {"prescan": True, "prescan_stride": 12, "prescan_pad_sec": 0.5, "prescan_bridge_gap_sec": 0.1}
)
GROWING = {"prescan_bank_dedupe": 1.0, "face_quality_min": 0.0, "prescan_add_cooldown_samples": 1}
SCENES = (("eric",), ("anna",), ("grace",), (), ("carl", "anna"), ())


@pytest.fixture(scope="module")
def engine() -> Engine:
    return open_engine(WHOLE)


@pytest.fixture(scope="module")
def film() -> Path:
    return clips.shared("prescan.mp4", film_at)[0]


def film_at(path: Path) -> None:
    clips.cast_clip(path, SCENES, size=(480, 270))


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, paths = tmp_path_factory.mktemp("photos"), {}
    for name in ("anna", "carl"):
        paths[name] = folder / f"{name}.png"
        cv2.imwrite(str(paths[name]), clips.person_photo(name))
    return paths


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, film: Path, engine: Engine, references: dict[str, Path]
) -> ScanResult:
    return run(film, tmp_path_factory.mktemp("whole") / "p", engine, WHOLE, references["anna"])


@pytest.fixture(scope="module")
def by_spans(
    tmp_path_factory: pytest.TempPathFactory, film: Path, engine: Engine, references: dict[str, Path]
) -> tuple[ScanResult, list[Event]]:
    events: list[Event] = []
    folder = tmp_path_factory.mktemp("spans") / "p"
    return run(film, folder, engine, PRESCAN, references["anna"], send=events.append), events


def run(
    film: Path, folder: Path, engine: Engine, settings: Settings, reference: Path | None = None, **watch: Any
) -> ScanResult:
    project = Project.create(folder)
    with project.lock():
        if reference is not None:
            add_references(project, [reference], engine, settings, Watch())
        return scan(film, project, settings, Watch(**watch), lambda: engine)


def ids(record: Scan) -> list[str]:
    return list(record.reader().table()["face_id"].tolist())


def kept(folder: Path, settings: Settings) -> set[str]:
    (produced,) = produce(Project.open(folder), settings)
    return set(produced.table["face_id"][produced.kept].tolist())


def test_only_spans_with_the_wanted_person_are_scanned(
    film: Path, engine: Engine, whole: ScanResult, by_spans: tuple[ScanResult, list[Event]]
) -> None:
    result, events = by_spans
    folder = result.scan.folder.parents[2]
    assert result.status == "complete" and result.samples < 0.75 * whole.samples
    assert set(ids(result.scan)) < set(ids(whole.scan)), "the same faces under the same numbers, but fewer"
    assert kept(folder, WHOLE) == kept(whole.scan.folder.parents[2], WHOLE) != set()
    found = result.scan.content["prescan"]
    times = result.scan.reader().table()["time_seconds"]
    assert all(any(start <= t <= end for start, end in found["spans"]) for t in times)
    assert len(found["spans"]) == 2 and found["coverage"]["complete"] and found["samples"] == 13
    assert any(isinstance(e, Progress) and e.stage == "prescan" for e in events)
    assert any(isinstance(e, Note) and "2 spans" in e.text for e in events)
    assert run(film, folder, engine, PRESCAN).reused


def test_without_references_a_pre_scan_is_refused(tmp_path: Path, film: Path, engine: Engine) -> None:
    with pytest.raises(SettingsError, match="no references"):
        run(film, tmp_path / "p", engine, PRESCAN)
    assert not (tmp_path / "p" / "scans").exists()


def test_nobody_found_is_a_complete_scan_without_samples(
    tmp_path: Path, engine: Engine, references: dict[str, Path]
) -> None:
    path = tmp_path / "film.mp4"
    clips.cast_clip(path, (("grace",), ()), seconds=0.6, size=(480, 270))
    result = run(path, tmp_path / "p", engine, PRESCAN, references["anna"])
    assert (result.status, result.samples, result.faces) == ("complete", 0, 0)
    assert result.scan.content["prescan"]["spans"] == [] and len(result.scan.reader().table()) == 0


def test_the_scan_key_knows_the_pre_scan_and_its_references() -> None:
    identity = engine_identity(WHOLE)
    plain = make_scan_key(WHOLE, identity)
    assert make_scan_key(WHOLE.with_values({"prescan_stride": 7, "face_quality_min": 5.0}), identity) == plain
    assert make_scan_key(WHOLE.with_values({"bank_growth": True, "grown_references": True}), identity) == plain
    keys = {make_scan_key(PRESCAN, identity, r) for r in ("one", "other")}
    keys |= {make_scan_key(PRESCAN.with_values({"prescan_stride": 7}), identity, "one"), plain}
    assert len(keys) == 4


def test_a_resumed_scan_does_not_repeat_the_pre_scan(
    tmp_path: Path,
    film: Path,
    engine: Engine,
    references: dict[str, Path],
    by_spans: tuple[ScanResult, list[Event]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stage in ("prescan", "scan"):
        stop = threading.Event()

        def stop_soon(event: Event, stage: str = stage, stop: threading.Event = stop) -> None:
            if isinstance(event, Progress) and event.stage == stage:
                stop.set()

        with pytest.raises(CancelledError):
            run(film, tmp_path / "p", engine, PRESCAN, references["anna"], send=stop_soon, stop=stop)
        interrupted = Project.open(tmp_path / "p").scans()[0]
        assert interrupted.status == "cancelled" and ("prescan" in interrupted.content) == (stage == "scan")

    def repeated(*_: Any) -> None:
        raise AssertionError("the pre-scan was repeated")

    monkeypatch.setattr(prescan_module, "prescan", repeated)
    result = run(film, tmp_path / "p", engine, PRESCAN)
    assert result.status == "complete" and ids(result.scan) == ids(by_spans[0].scan)


def test_a_film_cut_short_is_partial_though_its_spans_are_whole(
    tmp_path: Path, engine: Engine, references: dict[str, Path]
) -> None:
    clips.cast_clip(tmp_path / "film.mkv", (("anna",), ("grace",), ("eric",), ()), size=(480, 270))
    short = clips.cut_short(tmp_path / "film.mkv", tmp_path / "short.mkv", 0.6)
    result = run(short, tmp_path / "p", engine, PRESCAN, references["anna"])
    assert result.status == "partial" and result.faces > 0
    coverage = result.scan.content["coverage"]
    assert coverage["expected_seconds"] == pytest.approx(4, abs=0.2) and not coverage["complete"]
    assert max(end for _, end in result.scan.content["prescan"]["spans"]) < coverage["decoded_until_seconds"]


def test_grown_references_are_stored_with_the_scan_and_used_when_asked(
    tmp_path: Path, film: Path, engine: Engine, references: dict[str, Path]
) -> None:
    settings = PRESCAN.with_values(GROWING)
    result = run(film, tmp_path / "p", engine, settings, references["anna"])
    project, record = Project.open(tmp_path / "p"), Scan.open(result.scan.folder)
    own = project_references(project, record)
    grown = grown_references(record, own)
    assert len(own) == 1, "the user's references stay what they are"
    assert record.content["prescan"]["grown"] == len(grown) >= 2 and (record.folder / BANK_FILE).exists()
    assert {r.person for r in grown} == {"anna"} and all("grown by the pre-scan" in r.note for r in grown)
    assert all(cv2.imdecode(np.frombuffer(r.chip_jpeg, np.uint8), 1) is not None for r in grown)
    table = record.reader().table()
    plain = evaluate(record, table, own, settings).matches.similarity
    asked = evaluate(record, table, own, settings.with_values({"grown_references": True})).matches.similarity
    assert (asked >= plain - 1e-4).all() and (asked > plain + 1e-3).any()
    add_references(project, [references["carl"]], engine, settings, Watch())
    other = project_references(project, record)
    assert grown_references(record, other) == [], "they belong to the references that they grew from"
    assert not run(film, tmp_path / "p", engine, settings).reused, "and so do the spans"


def test_growth_in_the_scan_is_off_and_comes_without_a_new_scan(
    tmp_path: Path, film: Path, engine: Engine, references: dict[str, Path]
) -> None:
    quiet = WHOLE.with_values(GROWING)
    first = run(film, tmp_path / "p", engine, quiet, references["anna"])
    assert "bank" not in first.scan.content
    before = ids(first.scan)
    again = run(film, tmp_path / "p", engine, quiet.with_values({"bank_growth": True}))
    record = Scan.open(first.scan.folder)
    assert again.reused and ids(record) == before
    own = project_references(Project.open(tmp_path / "p"), record)
    grown = grown_references(record, own)
    assert record.content["bank"] == {"references": references_digest(own), "scan": len(grown)} and len(grown) >= 2
    written = (record.folder / BANK_FILE).stat().st_mtime_ns
    run(film, tmp_path / "p", engine, quiet.with_values({"bank_growth": True}))
    assert (record.folder / BANK_FILE).stat().st_mtime_ns == written, "not done again"


def test_auto_distances_are_the_borders_of_the_model() -> None:
    names = ("prescan_fd_add", "prescan_fd_enter", "prescan_fd_exit")
    arcface = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)
    assert [distance_of(PRESCAN.prescan, n, arcface) for n in names] == pytest.approx([0.22, 0.5, 0.6])
    for calibration in (arcface, Calibration("euclidean", 0.42, 0.36, 0.0), Calibration("cosine", 0.3, 0.2, 0.5)):
        add, enter, leave = (distance_of(PRESCAN.prescan, n, calibration) for n in names)
        assert 0 < add < enter == 1 - calibration.match < leave < 1  # type: ignore[operator]
    literal = PRESCAN.with_values({"prescan_fd_enter": 0.3, "prescan_fd_add": None}).prescan
    assert distance_of(literal, "prescan_fd_enter", arcface) == 0.3 and distance_of(literal, names[0], arcface) is None


def test_distances_out_of_order_are_refused() -> None:
    with pytest.raises(SettingsError, match="prescan_fd_enter must be below prescan_fd_exit"):
        WHOLE.with_values({"prescan_fd_enter": 0.6, "prescan_fd_exit": 0.5})
    with pytest.raises(SettingsError, match=r"add 0\.22, enter 0\.60, exit 0\.60"):
        span_rules(
            WHOLE.with_values({"prescan_fd_enter": 0.6}).prescan, Calibration("cosine", 0.5, 0.4, det_thresh=0.5)
        )


def test_the_small_picture_is_never_larger_than_the_scan_s() -> None:
    assert small_canvas((640, 360), 416) == (416, 234)
    assert small_canvas((360, 640), 416) == (360, 640)


def test_the_order_of_references_does_not_matter(tmp_path: Path, engine: Engine, references: dict[str, Path]) -> None:
    project = Project.create(tmp_path / "p")
    add_references(project, list(references.values()), engine, WHOLE, Watch())
    both = wanted_references(project, engine.embedder.model_sha256, WHOLE.prescan)
    assert references_digest(both) == references_digest(both[::-1]) != references_digest(both[:1])
