"""The shell: ``facecrop COMMAND``."""

from facecrop_core.cli.main import main

__all__ = ["main"]
