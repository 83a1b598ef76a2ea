"""Jobs in the background: a thread supervises a worker process.

A crash costs one job, cancelling can kill, and the page's own process stays free to answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from facecrop_core.errors import CancelledError, FacecropError
from facecrop_core.pipeline.events import Event, Note, Progress, Watch
from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.sources import is_link
from facecrop_core.table import commit_json, read_json

State = Literal["running", "done", "cancelled", "failed", "interrupted"]
EVENTS_PER_SECOND = 5.0
SECONDS_TO_STOP = 4.0
NOTES_KEPT = 200
SINGLE_PATHS = ("project", "out", "reference_sheet")


@dataclass
class Job:
    """A job as others may look at it. ``token`` is unguessable and the only key to it."""

    token: str
    request: JobRequest
    state: State = "running"
    progress: Progress | None = None
    notes: list[Note] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: str = ""
    hint: str = ""
    started_utc: float = field(default_factory=time.time)


class Runner:
    """Starts jobs and keeps what is known of them in ``folder``, so that a new server finds the old one's jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._jobs: dict[str, Job] = {}
        self._stops: dict[str, Any] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._spawn = multiprocessing.get_context("spawn")
        for path in sorted(folder.glob("*.json")):
            self._load(path)

    def start(self, request: JobRequest) -> Job:
        """Begin a job and return at once."""
        job = Job(secrets.token_urlsafe(16), request)
        self._jobs[job.token] = job
        self._save(job)
        stop = self._stops[job.token] = self._spawn.Event()
        thread = threading.Thread(target=self._supervise, args=(job, stop), name=f"job {job.token[:6]}", daemon=True)
        self._threads[job.token] = thread
        thread.start()
        return job

    def get(self, token: str) -> Job | None:
        return self._jobs.get(token)

    def jobs(self) -> list[Job]:
        """All jobs, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: -job.started_utc)

    def cancel(self, token: str) -> None:
        """Ask a job to stop; after a few seconds its process is killed. Does nothing for a job that has ended."""
        stop = self._stops.get(token)
        if stop is not None:
            stop.set()

    def wait(self, token: str, timeout_seconds: float | None = None) -> Job:
        """Wait until a job has ended."""
        self._threads[token].join(timeout_seconds)
        return self._jobs[token]

    def close(self) -> None:
        """Stop every running job and wait for them."""
        for token, thread in self._threads.items():
            self.cancel(token)
            thread.join(SECONDS_TO_STOP + 5)

    def _supervise(self, job: Job, stop: Any) -> None:
        ours, theirs = self._spawn.Pipe(duplex=False)
        process = self._spawn.Process(target=_work, args=(job.request, theirs, stop), name="facecrop-worker")
        process.start()
        theirs.close()
        stop_asked = 0.0
        try:
            while self._receive(job, ours):
                if stop.is_set():
                    stop_asked = stop_asked or time.monotonic()
                    if time.monotonic() - stop_asked > SECONDS_TO_STOP:
                        process.kill()
        finally:
            process.join()
            if job.state == "running":
                self._end_without_word(job, stop.is_set(), process.exitcode)
            self._save(job)

    def _receive(self, job: Job, pipe: Connection) -> bool:
        """Take in what the worker has sent. Returns False once it has ended."""
        try:
            if not pipe.poll(0.2):
                return True
            kind, content = pipe.recv()
        except (EOFError, OSError):
            return False
        if kind == "event":
            if isinstance(content, Progress):
                job.progress = content
            else:
                job.notes = [*job.notes[-NOTES_KEPT + 1 :], content]
        elif kind == "done":
            job.state, job.result = "done", content
        else:
            job.state, job.error, job.hint = content
        return True

    def _end_without_word(self, job: Job, asked: bool, exit_code: int | None) -> None:
        if asked:
            job.state, job.error = "cancelled", "The run was stopped."
        else:
            job.state, job.error = "failed", f"The worker process ended unexpectedly (exit code {exit_code})."
            job.hint = "What was found so far is kept. Start the run again to go on."

    def _save(self, job: Job) -> None:
        content = dataclasses.asdict(job) | {"notes": [dataclasses.asdict(note) for note in job.notes]}
        request = content["request"]
        request |= {key: str(request[key]) for key in SINGLE_PATHS if request[key] is not None}
        request |= {key: [str(path) for path in request[key]] for key in ("videos", "references")}
        commit_json(self.folder / f"{job.token}.json", content)

    def _load(self, path: Path) -> None:
        content = read_json(path)
        request = content["request"]
        request |= {key: Path(request[key]) for key in SINGLE_PATHS if request.get(key) is not None}
        request |= {"references": tuple(Path(text) for text in request["references"])}
        request |= {"videos": tuple(text if is_link(text) else Path(text) for text in request["videos"])}
        progress = content["progress"]
        state = "interrupted" if content["state"] == "running" else content["state"]
        self._jobs[content["token"]] = Job(
            **content
            | {
                "request": JobRequest(**request),
                "progress": Progress(**progress) if progress else None,
                "notes": [Note(**note) for note in content["notes"]],
                "state": state,
            }
        )


def _work(request: JobRequest, pipe: Connection, stop: Any) -> None:
    """The worker process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    last_sent, last_stage = 0.0, ""

    def send(event: Event) -> None:
        nonlocal last_sent, last_stage
        if isinstance(event, Progress):
            now = time.monotonic()
            if event.stage == last_stage and now - last_sent < 1 / EVENTS_PER_SECOND:
                return
            last_sent, last_stage = now, event.stage
        with contextlib.suppress(OSError):  # the server is gone; the job goes on
            pipe.send(("event", event))

    try:
        message: tuple[str, Any] = ("done", run_job(request, Watch(send, stop)))
    except CancelledError as error:
        message = ("ended", ("cancelled", error.message, error.hint))
    except FacecropError as error:
        message = ("ended", ("failed", error.message, error.hint))
    with contextlib.suppress(OSError):
        pipe.send(message)
    os._exit(0)  # as the shell does: Arrow's threads may abort a process that is torn down


def _end_with_parent() -> None:
    """A worker without its server would hold the project for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
