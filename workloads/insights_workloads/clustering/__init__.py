"""Clusters of people: k-means, how many there are, and what they mean."""

from insights_workloads.clustering.engine import Spread, cluster
from insights_workloads.clustering.result import (
    Clustering,
    ClusteringOptions,
    ClusterProfile,
    CriterionCurve,
    KRange,
    KSelection,
)

__all__ = [
    "ClusterProfile",
    "Clustering",
    "ClusteringOptions",
    "CriterionCurve",
    "KRange",
    "KSelection",
    "Spread",
    "cluster",
]
