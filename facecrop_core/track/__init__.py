"""Faces over time: shots and tracks."""

from facecrop_core.track.linking import LinkRules, link_tracks
from facecrop_core.track.picking import FacePicker, PickRules
from facecrop_core.track.shots import number_shots

__all__ = ["FacePicker", "LinkRules", "PickRules", "link_tracks", "number_shots"]
