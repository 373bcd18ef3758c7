"""Whether clusters come back when other people had answered: the bootstrap.

Clusters are fitted again on people drawn with replacement and matched with the originals; a cluster
is as stable as its mean Jaccard similarity to its match (Hennig, 2007), and a person's membership
as sure as the share of fits that put them in the matched cluster.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from insights_workloads.clustering.kernels.plain import assign
from insights_workloads.clustering.kernels.small import fit_small
from insights_workloads.clustering.rows import draw
from insights_workloads.progress import Progress, silent

__all__ = ["bootstrap"]

_FITS = 20
_SAMPLE = 10_000


def bootstrap(
    rows: np.ndarray,
    labels: np.ndarray,
    k: int,
    weights: np.ndarray | None = None,
    *,
    seed: int,
    progress: Progress = silent,
) -> tuple[np.ndarray, np.ndarray]:
    """Stability of clusters and of memberships.

    Args:
        rows: scaled rows, float64 (n, d), C-contiguous.
        labels: int32 (n,), their clusters.
        k: clusters.
        weights: (n,), how likely each row is to be drawn against the others; all alike where None.
        seed: of the draws.
        progress: told how far it is.

    Returns:
        Jaccard similarity of each cluster, float64 (k,), and confidence of each membership,
        float32 (n,), both 0 to 1.
    """
    positions = draw(rows, _SAMPLE, seed + 11)
    sample = rows[positions]
    share = None if weights is None else _shares(weights[positions])
    random = np.random.default_rng([seed, 13])
    jaccard = np.zeros(k)
    agreed = np.zeros(len(rows), dtype=np.float32)
    for turn in range(_FITS):
        drawn = np.ascontiguousarray(sample[random.choice(len(sample), len(sample), p=share)])
        centers = fit_small(drawn, k, 4, 100, 1e-9, seed + turn)[0]
        again = assign(rows, centers)[0]
        shared = np.zeros((k, k))
        np.add.at(shared, (labels, again), 1)
        union = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
        similar = shared / np.maximum(union, 1)
        mine, theirs = linear_sum_assignment(-similar)
        jaccard[mine] += similar[mine, theirs]
        match = np.empty(k, dtype=np.int32)
        match[theirs] = mine
        agreed += match[again] == labels
        progress((turn + 1) / _FITS, "resampling people")
    return jaccard / _FITS, agreed / _FITS


def _shares(weights: np.ndarray) -> np.ndarray | None:
    """Probabilities, or None where nobody of a sample counts."""
    total = weights.sum()
    return np.asarray(weights / total) if total > 0 else None
