"""How faces that nobody has named are grouped."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator

from facecrop_core.settings.controls import setting
from facecrop_core.settings.section import Auto, Section
from facecrop_core.settings.texts import parse_numbers

CLUSTERS_FORM = "a number, a list such as 2,4,6, or a range such as 2-9"


class ClusteringSettings(Section):
    TITLE = "Clustering"

    group_mode: Literal["auto", "clustering", "classification", "off"] = setting(
        "auto", "Grouping after a scan", "clustering: faces of nobody known are grouped by person. classification: "
        "each face goes to the nearest reference. auto: clustering where the project has no references. off: neither.",
    )  # fmt: skip
    group_log: bool = setting(
        False, "Log of the grouping", "Writes log_clustering.csv or log_classification.csv into the project's logs: "
        "scores of each K-means, or each face's distances to the references.",
    )  # fmt: skip
    clusters: str | Auto = setting(
        "auto", "Clusters", "How many groups. auto: as many as there are people, faces of nobody in particular stay "
        "unknown. Numbers: K-means; of several the one with the best silhouette is taken. video-to-faces has 2-9.",
        form=CLUSTERS_FORM,
    )  # fmt: skip
    clusters_save_all: bool = setting(
        False, "Save all clusterings", "With several numbers of clusters: keeps the groups of every number, not only "
        "the best.",
    )  # fmt: skip
    random_state: int | None = setting(
        0, "Random state", "The seed of K-means: equal seeds give equal groups. off: other groups every time.",
        ge=0, le=2**32 - 1, step=1,
    )  # fmt: skip
    cluster_min_faces: int = setting(
        3, "Founding faces", "Good faces that are needed to found a group; fewer may join one.",
        unit="faces", ge=1, le=1000, step=1,
    )  # fmt: skip
    enc_oth_thr: float | Auto | None = setting(
        0.9, "Distance of others", "With classification: a face whose distance to every reference is this or more is "
        "'other'. Distance is 1 − similarity. auto: the model's own border. off: there is no such class.",
        ge=0, le=2, step=0.01, off_values=(-1,),
    )  # fmt: skip
    identity_consistency: float | Auto | None = setting(
        None, "Identity consistency", "Faces less like the rest of their own cluster than this are left out. auto: "
        "the model's own border. off: all stay.", ge=-1, le=1, step=0.01,
    )  # fmt: skip

    @field_validator("clusters", mode="before")
    @classmethod
    def _is_clusters(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value != "auto":
            parse_numbers(value)
        return value

    def cluster_numbers(self) -> list[int] | None:
        """The numbers of groups to try, rising; None for auto."""
        return None if self.clusters == "auto" else parse_numbers(self.clusters)
