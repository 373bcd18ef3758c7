"""`spec.clustering`: on which features people are grouped, and into how many groups."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from insights_crds.model import Model, Rule
from insights_crds.v1.scalars import FieldName
from insights_crds.v1.source import ENERGIES

__all__ = ["AutomaticClusters", "ClusterCount", "Clustering"]


class AutomaticClusters(Model):
    """Let the data say how many clusters there are, in a range that may include one."""

    min: Annotated[int, Field(ge=1, le=100)] = 1
    """Fewest clusters to consider. One stands for "no clusters at all"."""
    max: Annotated[int, Field(ge=1, le=100)] = 12
    """Most clusters to consider."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.min <= self.max",
            lambda a: a.min <= a.max,
            "min must not be above max",
        ),
    )


class ClusterCount(Model):
    """How many clusters: a number, or chosen from the data."""

    fixed: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Exactly so many clusters."""
    auto: AutomaticClusters | None = None
    """As many as the data has, within a range."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.fixed) != has(self.auto)",
            lambda c: (c.fixed is None) != (c.auto is None),
            "exactly one of fixed and auto must be set",
        ),
    )


class Clustering(Model):
    """k-means over the features of the roster."""

    features: Annotated[list[FieldName], Field(min_length=1, max_length=64)] = list(ENERGIES)
    """Features to cluster by: energies and features of the source."""
    weight: FieldName | None = None
    """Feature of the source with how much each person counts for the centres: working hours, or how
    many a row stands for. 0 or more; who lacks it counts as the average. Everybody counts the same
    where left out."""
    scaling: Literal["None", "Standard", "Robust"] = "None"
    """`None` keeps the units, `Standard` divides by the standard deviation, `Robust` by the
    interquartile range."""
    k: ClusterCount = ClusterCount(auto=AutomaticClusters())
    """How many clusters."""
    restarts: Annotated[int, Field(ge=1, le=1000)] = 8
    """Independent starts of k-means++; the best is kept."""
    max_iterations: Annotated[int, Field(ge=1, le=10_000)] = 300
    """Most iterations of a start."""
    tolerance: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """A start ends when its centres move less than this share of the features' variance."""
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] = 0
    """Seed of every random choice. Same seed and input, same clusters."""

    set_lists: ClassVar[frozenset[str]] = frozenset({"features"})
