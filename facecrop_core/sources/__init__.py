"""From what a user names to the videos on disk."""

from facecrop_core.sources.fetch_job import Allowance, Fetched
from facecrop_core.sources.fetching import fetch_link
from facecrop_core.sources.finding import Source, absolute_name, find_sources
from facecrop_core.sources.links import VIDEO_SUFFIXES, Link, is_link
from facecrop_core.sources.shelf import read_shelf

__all__ = [
    "VIDEO_SUFFIXES",
    "Allowance",
    "Fetched",
    "Link",
    "Source",
    "absolute_name",
    "fetch_link",
    "find_sources",
    "is_link",
    "read_shelf",
]
