"""The project's log: rotated, beside the project's data, so that it goes when the project goes."""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facecrop_core.files import writing
from facecrop_core.names import readable
from facecrop_core.pipeline.events import Event, Note, Watch

ROOT = "facecrop_core"
LOG_BYTES, LOG_FILES = 2_000_000, 3
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _LogFile(logging.handlers.RotatingFileHandler):
    """A log whose lines may be lost, on a full disk say: a run neither ends nor chatters for that."""

    def handleError(self, record: logging.LogRecord) -> None:
        self.lost = True


class _Forward(logging.Handler):
    """Shows whoever watches what a stage warns of."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.WARNING)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != ROOT:  # the root's own records are notes that were sent already
            self._watch.send(Note("error" if record.levelno >= logging.ERROR else "warning", record.getMessage()))


@contextmanager
def logging_to(path: Path, watch: Watch) -> Iterator[Watch]:
    """Write everything that Facecrop logs to ``path`` while inside, and show its warnings to the watch.

    Gives a watch whose notes are logged, too.
    """
    root, forward = logging.getLogger(ROOT), _Forward(watch)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(
            path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True, errors="backslashreplace"
        )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    root.addHandler(forward)

    def send(event: Event) -> None:
        if isinstance(event, Note):
            root.log(_LEVELS[event.level], readable(event.text))
        watch.send(event)

    try:
        yield Watch(send, watch.stop)
    except BaseException as error:
        root.error("%s: %s", type(error).__name__, error)
        raise
    finally:
        root.removeHandler(handler)
        root.removeHandler(forward)
        root.setLevel(level)
        handler.close()
