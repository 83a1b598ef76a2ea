"""Who people are: reference photos, matching, and what a project remembers of them."""

from facecrop_core.people.actions import Action
from facecrop_core.people.bank import Addition, GrowthRules, ReferenceBank
from facecrop_core.people.calibrating import Measured, measure
from facecrop_core.people.classification import Classification, classify
from facecrop_core.people.clustering import Clusters, cluster_faces
from facecrop_core.people.consistency import consistent, mean_likeness
from facecrop_core.people.curation import Curation
from facecrop_core.people.exchange import export_people, import_people
from facecrop_core.people.kmeans import Grouping, best_grouping, clustering_log_rows, k_means
from facecrop_core.people.matching import bands, match, people_of, rank_people
from facecrop_core.people.photos import collect_photos, collect_refs_dir
from facecrop_core.people.quality import face_quality
from facecrop_core.people.references import ReferencesRead, Refused, read_references
from facecrop_core.people.refinding import NO_FACE, NOT_SAMPLED, FaceKey, KeyColumns, Why, find_again
from facecrop_core.people.spans import Hysteresis, Span, SpanRules, round_off
from facecrop_core.people.store import PeopleStore, Person, StoredReference, Verdict

__all__ = [
    "NOT_SAMPLED",
    "NO_FACE",
    "Action",
    "Addition",
    "Classification",
    "Clusters",
    "Curation",
    "FaceKey",
    "Grouping",
    "GrowthRules",
    "Hysteresis",
    "KeyColumns",
    "Measured",
    "PeopleStore",
    "Person",
    "ReferenceBank",
    "ReferencesRead",
    "Refused",
    "Span",
    "SpanRules",
    "StoredReference",
    "Verdict",
    "Why",
    "bands",
    "best_grouping",
    "classify",
    "cluster_faces",
    "clustering_log_rows",
    "collect_photos",
    "collect_refs_dir",
    "consistent",
    "export_people",
    "face_quality",
    "find_again",
    "import_people",
    "k_means",
    "match",
    "mean_likeness",
    "measure",
    "people_of",
    "rank_people",
    "read_references",
    "round_off",
]
