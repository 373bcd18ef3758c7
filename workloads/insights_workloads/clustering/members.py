"""Who stands for a cluster, and who could as well be in another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from insights_workloads.clustering.kernels.plain import two_nearest

__all__ = ["Borderline", "Members", "members_of"]

_LISTED = 3
_BETWEEN = 0.1
"""Share of the distance to the next centre by which that of one's own may be less at most."""


@dataclass(frozen=True)
class Borderline:
    """A person who is nearly as near to another cluster.

    Attributes:
        row: their row.
        other: the other cluster.
    """

    row: int
    other: int


@dataclass(frozen=True)
class Members:
    """A few people of a cluster, by their rows.

    Attributes:
        typical: those nearest to the centre, the nearest first.
        borderline: those nearest to another centre, the nearest first; none where nobody is.
    """

    typical: tuple[int, ...] = ()
    borderline: tuple[Borderline, ...] = ()


def members_of(rows: np.ndarray, labels: np.ndarray, centers: np.ndarray) -> tuple[Members, ...]:
    """Typical and borderline members of each cluster; of equals the first row.

    Args:
        rows: scaled rows, float64 (n, d), C-contiguous.
        labels: int32 (n,), their clusters.
        centers: float64 (k, d).
    """
    own, next_ = two_nearest(rows, centers).T
    behind = np.full(len(rows), np.inf)
    np.divide(next_ - own, next_, out=behind, where=np.isfinite(next_) & (next_ > 0))
    found = []
    for cluster in range(len(centers)):
        mine = np.flatnonzero(labels == cluster)
        between = mine[behind[mine] <= _BETWEEN]
        found.append(
            Members(
                typical=tuple(_first(mine, own).tolist()),
                borderline=tuple(
                    Borderline(row, _other(rows[row], centers, cluster))
                    for row in _first(between, behind).tolist()
                ),
            )
        )
    return tuple(found)


def _first(rows: np.ndarray, by: np.ndarray) -> np.ndarray:
    """The few rows with the least values, in their order."""
    values = by[rows]
    if len(rows) > _LISTED:
        # All that are as low as the last one that is listed: sorting them is cheap.
        low = values <= np.partition(values, _LISTED - 1)[_LISTED - 1]
        rows, values = rows[low], values[low]
    return np.asarray(rows[np.argsort(values, kind="stable")][:_LISTED])


def _other(row: np.ndarray, centers: np.ndarray, cluster: int) -> int:
    squared = ((centers - row) ** 2).sum(axis=1)
    squared[cluster] = np.inf
    return int(np.argmin(squared))
