"""Facecrop: from videos to clean face datasets.

The library in short: ``scan`` looks at a video once and stores every face in a ``Project``; ``produce`` says, as often
as you like, who each face is and whether it is kept; ``write_dataset`` writes the crops. ``cluster_project`` groups
faces of people whom nobody has named; ``ProjectPeople`` is everybody, with all that a user can say of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Project",
    "ProjectPeople",
    "Settings",
    "__version__",
    "cluster_project",
    "produce",
    "scan",
    "write_dataset",
]

if TYPE_CHECKING:
    from facecrop_core.pipeline.grouping import cluster_project
    from facecrop_core.pipeline.people import ProjectPeople
    from facecrop_core.pipeline.produce import produce, write_dataset
    from facecrop_core.pipeline.project import Project
    from facecrop_core.pipeline.scan import scan
    from facecrop_core.settings import Settings

_HOMES = {
    "Project": "facecrop_core.pipeline.project",
    "ProjectPeople": "facecrop_core.pipeline.people",
    "Settings": "facecrop_core.settings",
    "cluster_project": "facecrop_core.pipeline.grouping",
    "write_dataset": "facecrop_core.pipeline.produce",
    "produce": "facecrop_core.pipeline.produce",
    "scan": "facecrop_core.pipeline.scan",
}


def __getattr__(name: str) -> Any:
    """Load the library's parts when they are first used, so that the shell starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"facecrop_core has no {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
