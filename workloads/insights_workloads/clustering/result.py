"""What clustering is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from insights_workloads.clustering.members import Members
from insights_workloads.clustering.scaling import ExtremeValues

__all__ = [
    "ClusterProfile",
    "Clustering",
    "ClusteringOptions",
    "CriterionCurve",
    "KRange",
    "KSelection",
]


@dataclass(frozen=True)
class KRange:
    """Let the data say how many clusters there are.

    Attributes:
        min: fewest to consider; 1 stands for no clusters at all.
        max: most to consider.
    """

    min: int = 1
    max: int = 12


@dataclass(frozen=True)
class ClusteringOptions:
    """How to cluster.

    Attributes:
        k: number of clusters, or a range to choose from.
        scaling: `None` keeps the units, `Standard` divides by the standard deviation, `Robust` by
            the interquartile range.
        restarts: independent starts; the best is kept.
        max_iterations: most iterations of a start.
        tolerance: a start ends when its centres move less than this share of the variance.
        seed: seed of every random choice.
    """

    k: int | KRange = field(default_factory=KRange)
    scaling: Literal["None", "Standard", "Robust"] = "None"
    restarts: int = 8
    max_iterations: int = 300
    tolerance: float = 1e-4
    seed: int = 0


@dataclass(frozen=True)
class CriterionCurve:
    """What one criterion says of each number of clusters.

    Attributes:
        name: of the criterion.
        ks: numbers of clusters.
        values: its value for each.
        vote: the number that it prefers; None where it only informs.
        better: whether more or less is better.
        says: a sentence that explains it.
    """

    name: str
    ks: tuple[int, ...]
    values: tuple[float, ...]
    vote: int | None
    better: Literal["higher", "lower"]
    says: str


@dataclass(frozen=True)
class KSelection:
    """How the number of clusters was chosen.

    Attributes:
        k: the number.
        structure: False where people show no clusters; k is then a number of segments.
        because: a sentence why.
        curves: evidence, one curve a criterion.
    """

    k: int
    structure: bool
    because: str
    curves: tuple[CriterionCurve, ...] = ()


@dataclass(frozen=True)
class ClusterProfile:
    """What makes a cluster different from everyone.

    Attributes:
        name: a short name that follows its energies.
        words: one sentence.
        size: people.
        share: of everyone, 0 to 1.
        means: mean of each feature, in its own unit.
        differences: mean minus everyone's mean.
        effects: differences in standard deviations of everyone; descriptive, since these features
            made the clusters.
        stability: Jaccard similarity under resampling, 0 to 1; None where it was not measured.
        members: a few people by their rows, typical and borderline ones.
    """

    name: str
    words: str
    size: int
    share: float
    means: tuple[float, ...]
    differences: tuple[float, ...]
    effects: tuple[float, ...]
    stability: float | None = None
    members: Members = field(default_factory=Members)


@dataclass(frozen=True)
class Clustering:
    """Clusters of people.

    Attributes:
        features: names of the features.
        k: number of clusters.
        labels: int32 (n,), cluster of each person, the largest cluster first.
        centers: float64 (k, d), in the units of the input.
        overall: float64 (d,), everyone's mean.
        inertia: sum of squared distances to the centres, in scaled units.
        iterations: iterations of the best start.
        structure: False where people show no clusters; groups are then called segments.
        selection: how k was chosen, or that it was given, and whether people show clusters.
        silhouette: simplified silhouette, 0 to 1.
        profiles: one a cluster.
        outliers: bool (n,), people who belong nowhere; they have the label of the nearest cluster.
        confidence: float32 (n,), share of resampled fits that agree on a person's cluster, or None.
        extremes: features of which single values are so far from all others that they count as
            missing.
    """

    features: tuple[str, ...]
    k: int
    labels: np.ndarray
    centers: np.ndarray
    overall: np.ndarray
    inertia: float
    iterations: int
    structure: bool
    selection: KSelection
    silhouette: float
    profiles: tuple[ClusterProfile, ...]
    outliers: np.ndarray
    confidence: np.ndarray | None = None
    extremes: tuple[ExtremeValues, ...] = ()
