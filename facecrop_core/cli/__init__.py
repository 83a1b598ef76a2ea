"""The shell: ``facecrop COMMAND``."""

from facecrop_core.cli.main import main, run

__all__ = ["main", "run"]
