"""Who people are: reference photos, matching, and what a project remembers of them."""

from facecrop_core.people.matching import match
from facecrop_core.people.photos import collect_photos, collect_refs_dir
from facecrop_core.people.references import read_references
from facecrop_core.people.store import PeopleStore

__all__ = ["PeopleStore", "collect_photos", "collect_refs_dir", "match", "read_references"]
