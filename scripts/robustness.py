#!/usr/bin/env python3
"""Prints docs/robustness.md: each fault, what happens, and the test that holds it.

scripts/robustness.py > docs/robustness.md
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from media import MEDIA  # noqa: E402

from facecrop_core.names import readable  # noqa: E402


@dataclass(frozen=True)
class Fault:
    """``tests`` are named as pytest does, below ``tests/`` and without parameters."""

    fault: str
    happens: str
    tests: tuple[str, ...]


DECODING = (
    Fault(
        "A decoder crashes, hangs, spins or wants too much memory",
        "Its child process ends, by itself or by the watchdog; the video fails with a reason, what was found in it is "
        "kept, and the queue goes on.",
        (
            "video/test_isolation.py::test_probing_fails_with_a_reason",
            "video/test_isolation.py::test_reading_fails_with_a_reason",
            "video/test_isolation.py::test_the_queue_goes_on_after_a_film_that_kills_its_decoder",
            "video/test_isolation.py::test_a_child_is_under_limits",
            "video/test_reader_failures.py::test_a_child_that_hangs_is_killed",
        ),
    ),
    Fault(
        "A playlist, a script of FFmpeg's or a text file calls itself a video",
        "Refused as no video; nothing else is opened or asked for.",
        ("video/test_probe.py::test_what_only_claims_to_be_a_video_is_refused",),
    ),
    Fault(
        "A film was cut short or is damaged inside",
        "Decoded as far as it goes; the scan is `partial` with the damaged ranges, exit status 3, its faces kept.",
        (
            "video/test_media.py::test_status_and_coverage",
            "video/test_reader_failures.py::test_a_film_that_was_cut_short_is_not_complete",
            "video/test_reader_failures.py::test_damage_inside_is_counted_located_and_left_out",
            "pipeline/test_scan.py::test_a_film_cut_short_is_partial_and_keeps_its_faces",
        ),
    ),
    Fault(
        "The reading process dies",
        "Its decoding child ends with it, and no shared memory stays behind.",
        ("video/test_reader_failures.py::test_the_child_ends_with_its_parent",),
    ),
    Fault(
        "A picture of too many pixels",
        "Refused by its header.",
        ("people/test_references.py::test_a_picture_of_too_many_pixels_is_refused_unread",),
    ),
)
STORING = (
    Fault(
        "The process is killed at any write, truncation, fsync, rename or removal",
        "What was committed before counts. The same command goes on, comes to the rows of an uninterrupted run and "
        "removes what the killed one left.",
        (
            "faults/test_kill_sweep.py::test_killed_at_every_write_rename_and_fsync_a_scan_resumes_to_the_same_rows",
            "faults/test_kill_sweep.py::test_killed_at_some_writes_a_scan_resumes_to_the_same_rows",
            "table/test_parts.py::test_killed_at_every_step_and_resumed_gives_the_same_rows",
            "export/test_dataset_writer.py::test_after_a_kill_the_next_run_brings_the_metadata_up_to_date",
        ),
    ),
    Fault(
        "The disk fills up",
        "The run says so, waits, and goes on by itself once there is room; it can be stopped meanwhile. With "
        "`--disk-full stop` it ends with an error and can be resumed.",
        (
            "faults/test_disk_full.py::test_a_disk_that_is_really_full_is_waited_for",
            "faults/test_disk_full.py::test_a_scan_waits_for_room_and_goes_on",
            "faults/test_disk_full.py::test_an_export_waits_for_room",
            "faults/test_disk_full.py::test_a_run_that_waits_can_be_cancelled",
            "faults/test_disk_full.py::test_told_to_stop_it_ends_with_an_error_and_can_be_resumed",
        ),
    ),
    Fault(
        "Little room is left when a run begins",
        "A warning says how much is free and about how much is needed.",
        ("faults/test_disk_full.py::test_little_space_is_said_beforehand",),
    ),
    Fault(
        "A second process uses the same project",
        "It is told which process on which machine holds the project. A lock ends with its process.",
        ("faults/test_cancel.py::test_the_second_of_two_processes_says_who_holds_the_project",),
    ),
    Fault(
        "The project lies on a network file system",
        "A warning; SQLite keeps a plain journal, and a heartbeat file guards the project between machines.",
        (
            "faults/test_storage.py::test_sqlite_uses_its_plain_journal_on_a_network",
            "faults/test_storage.py::test_a_lock_on_a_network_has_a_heartbeat",
            "faults/test_storage.py::test_another_machine_is_believed_while_its_heart_beats",
        ),
    ),
    Fault(
        "The volume of a project or an output folder is not mounted",
        "Refused; nothing is made in its empty place.",
        (
            "faults/test_storage.py::test_no_dataset_is_written_in_place_of_a_volume",
            "faults/test_storage.py::test_an_unmounted_volume_is_no_empty_project",
            "faults/test_storage.py::test_an_empty_mount_point_is_no_empty_project",
        ),
    ),
    Fault(
        "Files of a project vanish, rot, are cut or appear",
        "`facecrop verify` names them, by digests stored with each part; strays are told from losses.",
        (
            "faults/test_verify.py::test_what_was_lost_is_found",
            "faults/test_verify.py::test_no_flipped_bit_changes_a_sample_unseen",
            "faults/test_verify.py::test_grown_references_are_looked_at",
            "faults/test_verify.py::test_fetched_videos_are_looked_at",
            "faults/test_verify.py::test_strays_are_harmless",
            "faults/test_verify.py::test_a_dataset_is_compared_with_its_list",
        ),
    ),
    Fault(
        "A scanned video is moved or changed",
        "`facecrop verify` names it; a changed one is another video to a scan.",
        (
            "faults/test_verify.py::test_a_video_that_is_gone_or_changed_is_found",
            "video/test_probe.py::test_fingerprint_sees_size_and_blocks",
        ),
    ),
    Fault(
        "Settings or models change between two runs",
        "Another scan; rows of two scans never mix.",
        ("pipeline/test_scan.py::test_a_second_scan_does_nothing_and_other_settings_do_not_mix",),
    ),
)
RUNNING = (
    Fault(
        "A run is stopped in any stage",
        "It ends, what it has is stored and can be exported, and the same command goes on.",
        ("faults/test_cancel.py::test_asked_in_any_stage_a_run_stops_and_keeps_what_it_has",),
    ),
    Fault(
        "A run hangs in any stage when it is stopped",
        "It is ended within five seconds, from the page and from the shell; no process is left, nothing is damaged, "
        "and `--json` still ends with its object.",
        (
            "faults/test_cancel.py::test_a_job_that_hangs_in_a_stage_is_ended_and_leaves_no_process",
            "faults/test_cancel.py::test_ctrl_c_ends_a_run_that_hangs_and_leaves_no_process",
        ),
    ),
    Fault(
        "A background run's process dies, or its server",
        "Only this job fails, with a reason; after a restart it reads as interrupted and can be started again.",
        (
            "pipeline/test_runner.py::test_a_worker_that_dies_costs_only_its_job",
            "pipeline/test_runner.py::test_what_ran_when_the_server_died_reads_as_interrupted",
        ),
    ),
    Fault(
        "File names with spaces, quotes, line feeds, right-to-left marks, leading dashes, `%03d`, brackets, or bytes "
        "that are no UTF-8",
        "They go all the way through; logs and terminals show them escaped, tables as UTF-8, project.json keeps the "
        "very bytes.",
        (
            "faults/test_names.py::test_every_video_is_scanned_and_exported",
            "faults/test_names.py::test_project_and_log_name_them",
            "faults/test_names.py::test_the_table_of_faces_takes_them",
            "faults/test_names.py::test_a_terminal_that_knows_only_ascii_shows_them",
            "video/test_probe.py::test_hostile_names_open",
        ),
    ),
)
CONNECTIONS = (
    Fault(
        "Something in us or in a library wants to reach another machine",
        "An extraction makes no attempt at all: no connection, no look-up of an address, in none of its processes.",
        ("faults/test_no_connection.py::test_an_extraction_tries_to_reach_nobody",),
    ),
    Fault(
        "A link leads to this machine or its network, by itself, a redirect, a playlist or a name that changes",
        "Refused; a fetch reaches public addresses only.",
        (
            "sources/test_fetching.py::test_redirects_do_not_lead_inside",
            "sources/test_fetching.py::test_formats_and_playlists_of_segments_do_not_lead_inside",
            "sources/test_guard.py::test_a_name_that_changes_its_address_is_refused_when_connecting",
            "sources/test_guard.py::test_every_way_of_writing_this_machine_is_refused",
        ),
    ),
    Fault(
        "A download never ends, breaks off, or promises one size and sends another",
        "Stopped at the cap of bytes or time; what broke off is gone on with.",
        (
            "sources/test_fetching.py::test_an_endless_answer_is_stopped",
            "sources/test_fetching.py::test_what_broke_off_is_gone_on_with",
        ),
    ),
    Fault(
        "A download does not end, or the server does not answer, when the run is stopped",
        "It is left within five seconds; no process is left, what the queue found before can be exported, and the same "
        "command goes on with what is there of the download.",
        (
            "faults/test_cancel.py::test_a_download_that_does_not_end_is_left_within_seconds",
            "faults/test_cancel.py::test_a_job_that_hangs_in_a_stage_is_ended_and_leaves_no_process",
            "faults/test_cancel.py::test_ctrl_c_ends_a_run_that_hangs_and_leaves_no_process",
            "sources/test_fetching.py::test_a_run_that_ended_is_gone_on_with_by_the_next",
        ),
    ),
    Fault(
        "A model's download breaks off or is tampered with",
        "Gone on with; refused where its SHA-256 differs.",
        (
            "models/test_pack_store.py::test_goes_on_after_the_server_died_half_way",
            "models/test_pack_store.py::test_a_flipped_byte_is_refused_and_nothing_is_installed",
        ),
    ),
)
SECTIONS = {"Decoding": DECODING, "Storing": STORING, "Running": RUNNING, "Connections": CONNECTIONS}

FIGURES = """
## Figures

| what | command |
|---|---|
| memory, descriptors, shared memory and processes of a scan of six hours | `benchmarks/memory.py --make-film six_hours.mp4`, then `benchmarks/memory.py scan six_hours.mp4 --project p --fps 1 --pack PACK` |
| what isolation costs | `benchmarks/isolation.py` |

Six hours of 320 × 180 at 1 fps with SCRFD-500M and MobileFaceNet on two busy cores: 21,600 samples and 43,200 faces in
773 s; PSS of both processes 294 MB in the first third and 296 MB in the last, 369 MB at its peak, when tracks are linked
at the end; 16 open descriptors and 6 MB of shared memory throughout, nothing left in /dev/shm. The faces' table is what
grows: about 2 kB for each face when it is read.
"""  # noqa: E501


def page() -> str:
    lines = ["# Robustness", "", "Generated by `make docs` from `scripts/robustness.py` and `tests/media.py`.", ""]
    for title, faults in SECTIONS.items():
        lines += [f"## {title}", "", "| fault | what happens | held by |", "|---|---|---|"]
        lines += [f"| {f.fault} | {f.happens} | {'<br>'.join(f'`{test}`' for test in f.tests)} |" for f in faults]
        lines.append("")
    lines += ["## Films", "", "Each is made by `tests/media.py` and read by `video/test_media.py`.", ""]
    lines += ["| film | status | seconds decoded | frames decoded |", "|---|---|---|---|"]
    for medium in MEDIA:
        refused = medium.status == "refused"
        spans = ["–", "–"] if refused else [_span(medium.seconds), _span(medium.frames)]
        lines.append(f"| {readable(medium.name)} | {medium.status} | {spans[0]} | {spans[1]} |")
    return "\n".join(lines) + "\n" + FIGURES


def _span(limits: tuple[float, float]) -> str:
    low, high = limits
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


if __name__ == "__main__":
    sys.stdout.write(page())
