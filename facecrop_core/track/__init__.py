"""Faces over time: shots and tracks."""

from facecrop_core.track.linking import LinkRules, link_tracks
from facecrop_core.track.shots import number_shots

__all__ = ["LinkRules", "link_tracks", "number_shots"]
