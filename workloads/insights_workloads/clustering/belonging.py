"""People who belong nowhere: far from everybody, or from every cluster."""

from __future__ import annotations

import numpy as np
from scipy import special
from scipy.spatial import cKDTree

__all__ = ["isolated", "nowhere"]

_FENCES = 2.0
_TAIL = 1e-5
"""Share of the people of a Gaussian cluster who may be said to belong nowhere."""
_ROUNDS = 3


def isolated(rows: np.ndarray) -> np.ndarray:
    """Rows whose neighbours are far away as those of most are not, bool (n,).

    The distance to some near neighbour is compared on a log scale with its quartiles (Tukey's
    fences). They have no say in how many clusters there are.

    Args:
        rows: float64 (n, d).
    """
    near = max(4, min(10, len(rows) // 60))
    if len(rows) <= 2 * near:
        return np.zeros(len(rows), dtype=bool)
    distance = cKDTree(rows).query(rows, near + 1)[0][:, -1]
    scale = np.median(distance)
    if scale <= 0:
        # Most have a double: who has none is no less at home.
        return np.zeros(len(rows), dtype=bool)
    logs = np.log(np.maximum(distance, 1e-3 * scale))
    low, high = np.percentile(logs, [25, 75])
    return np.asarray(logs > high + _FENCES * (high - low))


def nowhere(rows: np.ndarray, labels: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """People too far from their cluster's centre to be one of it, bool (n,).

    Distances are those of Mahalanobis, by what the people of clusters share, as a multiple of the
    median in the cluster; a person stands out beyond what a Gaussian has once in 100,000.

    Args:
        rows: scaled rows, float64 (n, d).
        labels: int (n,), their clusters.
        centers: float64 (k, d).
    """
    out = np.zeros(len(rows), dtype=bool)
    d = rows.shape[1]
    bound = special.chdtri(d, _TAIL) / special.chdtri(d, 0.5)
    for _ in range(_ROUNDS):
        kept = rows[~out] - centers[labels[~out]]
        _, sizes, axes = np.linalg.svd(kept, full_matrices=False)
        some = sizes > 1e-6 * max(sizes[0], 1e-300)
        if not some.any():
            break
        white = axes[some].T / sizes[some] * np.sqrt(len(kept))
        squared = (((rows - centers[labels]) @ white) ** 2).sum(axis=1)
        found = np.zeros(len(rows), dtype=bool)
        for cluster in range(len(centers)):
            mine = labels == cluster
            if mine.any():
                typical = np.median(squared[mine & ~out]) if (mine & ~out).any() else 0.0
                found |= mine & (squared > bound * typical) & (typical > 0)
        if (found == out).all():
            break
        out = found
    return out
