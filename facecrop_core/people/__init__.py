"""Who people are: reference photos, matching, and what a project remembers of them."""

from facecrop_core.people.bank import Addition, GrowthRules, ReferenceBank
from facecrop_core.people.matching import match, rank_people
from facecrop_core.people.photos import collect_photos, collect_refs_dir
from facecrop_core.people.references import read_references
from facecrop_core.people.spans import Hysteresis, Span, SpanRules, round_off
from facecrop_core.people.store import PeopleStore

__all__ = [
    "Addition",
    "GrowthRules",
    "Hysteresis",
    "PeopleStore",
    "ReferenceBank",
    "Span",
    "SpanRules",
    "collect_photos",
    "collect_refs_dir",
    "match",
    "rank_people",
    "read_references",
    "round_off",
]
