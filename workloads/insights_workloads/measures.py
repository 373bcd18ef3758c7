"""What a computation measures of itself while it runs: names, kinds and meanings.

A stage tells figures with its progress; where they go is none of its business. On Ray
`ray_metrics` exports them; elsewhere nobody keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = [
    "INERTIA",
    "MEASURES",
    "NOTHING",
    "PASSES",
    "PASS_SECONDS",
    "ROUNDS",
    "ROWS_PASSED",
    "ROWS_READ",
    "STAGE",
    "UNBALANCE",
    "Figures",
    "Measure",
]


@dataclass(frozen=True)
class Measure:
    """Something that is measured.

    Attributes:
        name: by Prometheus' conventions; Ray exports it with `ray_` before it, and `_total` behind
            that of a counter.
        kind: whether a figure of it is added to those before, or stands in their place.
        says: what it is.
        labels: names of labels of its own.
    """

    name: str
    kind: Literal["counter", "gauge"]
    says: str
    labels: tuple[str, ...] = ()


Figures = Mapping[Measure, float]
"""What was measured since the last time; of a counter what came to it."""

NOTHING: Figures = MappingProxyType({})

STAGE = Measure(
    "insights_workload_stage_active",
    "gauge",
    "1 for the stage that the driver is in, 0 for those that it has left.",
    ("stage",),
)
ROWS_READ = Measure(
    "insights_workload_rows_read", "counter", "Rows that were read from the roster."
)
ROWS_PASSED = Measure(
    "insights_workload_kmeans_rows",
    "counter",
    "Rows whose nearest centre k-means looked for: all rows, once a pass and start.",
)
PASSES = Measure("insights_workload_kmeans_passes", "counter", "Passes of k-means over all rows.")
# Two counters and no histogram: Ray's agent keeps buckets alone, and makes their sum up.
PASS_SECONDS = Measure(
    "insights_workload_kmeans_pass_seconds", "counter", "Time that these passes took."
)
INERTIA = Measure(
    "insights_workload_kmeans_inertia",
    "gauge",
    "Sum of squared distances of scaled rows to their centres after the last pass, of the best "
    "start.",
)
ROUNDS = Measure(
    "insights_workload_team_rounds",
    "counter",
    "Rounds that the search for teams has spent; a round tries an exchange for each person.",
)
UNBALANCE = Measure(
    "insights_workload_team_unbalance_ratio",
    "gauge",
    "How unequal the teams of the search are, as a share of what is to be expected by chance.",
)

MEASURES = (STAGE, ROWS_READ, ROWS_PASSED, PASSES, PASS_SECONDS, INERTIA, ROUNDS, UNBALANCE)
"""All of them, in the order of a run."""
