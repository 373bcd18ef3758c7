"""What changed since the previous execution: which cluster became which, and how many moved.

Labels mean nothing across executions, so clusters are matched first, by the people they share
(Hungarian method). People are paired by the caller; who they are is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Two clusterings of the same people.

    Attributes:
        matches: pairs (previous cluster, current cluster) that share people, by current cluster.
        people: people in both.
        moved: bool (people,), not in the match of their previous cluster.
        adjusted_rand: adjusted Rand index (Hubert and Arabie, 1985); 1 is the same partition, about
            0 is what chance gives.
    """

    matches: tuple[tuple[int, int], ...]
    people: int
    moved: np.ndarray
    adjusted_rand: float

    @property
    def moved_count(self) -> int:
        """People who moved."""
        return int(self.moved.sum())


def compare(previous: np.ndarray, current: np.ndarray) -> Comparison:
    """Compare two clusterings of the same people.

    Args:
        previous: int (n,), clusters from 0 of people in the previous execution.
        current: int (n,), clusters from 0 of the same people, in the same order, now.

    Raises:
        ValueError: the two are not of the same length.
    """
    if previous.shape != current.shape:
        raise ValueError(
            f"previous has {previous.shape} labels and current {current.shape}; give one of each "
            "for every person in both executions."
        )
    if not len(current):
        return Comparison((), 0, np.zeros(0, dtype=bool), 1.0)
    shared = np.zeros((int(previous.max()) + 1, int(current.max()) + 1), dtype=np.int64)
    np.add.at(shared, (previous, current), 1)
    before, now = linear_sum_assignment(-shared)
    kept = shared[before, now] > 0
    became = np.full(len(shared), -1)
    became[before[kept]] = now[kept]
    pairs = sorted(zip(before[kept].tolist(), now[kept].tolist(), strict=True), key=lambda p: p[1])
    return Comparison(
        matches=tuple(pairs),
        people=len(current),
        moved=became[previous] != current,
        adjusted_rand=float(adjusted_rand_score(previous, current)),
    )
