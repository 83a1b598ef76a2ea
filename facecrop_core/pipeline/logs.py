"""The project's log: rotated, beside the project's data, so that it goes when the project goes."""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facecrop_core.pipeline.events import Event, Note, Watch
from facecrop_core.table import writing

LOG_BYTES, LOG_FILES = 2_000_000, 3
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@contextmanager
def logging_to(path: Path, watch: Watch) -> Iterator[Watch]:
    """Write everything that Facecrop logs to ``path`` while inside; gives a watch whose notes are logged, too."""
    root = logging.getLogger("facecrop_core")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)

    def send(event: Event) -> None:
        if isinstance(event, Note):
            root.log(_LEVELS[event.level], event.text)
        watch.send(event)

    try:
        yield Watch(send, watch.stop)
    except BaseException as error:
        root.error("%s: %s", type(error).__name__, error)
        raise
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
