"""k-means: seeding on a sample, Lloyd's iterations on all rows.

Starts are made by k-means++ (Arthur and Vassilvitskii, 2007). Where there are more rows than the
sample holds, each start is first run to its end on the sample, and only the best goes on over all
rows (Bradley and Fayyad, 1998): restarts then cost next to nothing, and k-means++ no pass at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from insights_workloads.clustering.kernels import fit_small
from insights_workloads.clustering.rows import Rows
from insights_workloads.progress import Progress, silent

__all__ = ["Fit", "fit", "sample_positions"]

_SAMPLE = 65_536


@dataclass(frozen=True)
class Fit:
    """A fitted k-means.

    Attributes:
        centers: float64 (k, d).
        inertia: sum of squared distances to the centres.
        iterations: passes over all rows.
    """

    centers: np.ndarray
    inertia: float
    iterations: int


def fit(
    rows: Rows,
    k: int,
    *,
    restarts: int,
    max_iterations: int,
    tolerance: float,
    seed: int,
    progress: Progress = silent,
) -> Fit:
    """Fit k-means.

    Args:
        rows: scaled rows; n >= k.
        k: clusters.
        restarts: starts.
        max_iterations: most passes over all rows.
        tolerance: ends when the centres' squared movement is below this share of the mean variance
            of a feature (as in scikit-learn).
        seed: of every random choice.
        progress: told how far it is.
    """
    sample = rows.take(sample_positions(rows.count, _SAMPLE, seed))
    threshold = tolerance * float(np.mean(np.var(sample, axis=0)))
    centers, _, _ = fit_small(sample, k, restarts, max_iterations, threshold, seed)
    progress(0.2, f"{restarts} starts on a sample")
    return lloyd(
        rows, centers, max_iterations=max_iterations, tolerance=threshold, progress=progress
    )


def lloyd(
    rows: Rows,
    centers: np.ndarray,
    *,
    max_iterations: int,
    tolerance: float,
    progress: Progress = silent,
) -> Fit:
    """Lloyd's iterations from given centres, until they move less than `tolerance` (squared)."""
    inertia, iteration = np.inf, 0
    for iteration in range(1, max_iterations + 1):
        sums, counts, inertia = rows.totals(centers)
        new = _means(rows, centers, sums, counts)
        moved = float(((new - centers) ** 2).sum())
        centers = new
        progress(min(0.95, 0.2 + 0.75 * iteration / (iteration + 10)), f"pass {iteration}")
        if moved <= tolerance:
            break
    # The inertia of a pass belongs to the centres that it began with.
    inertia = rows.totals(centers)[2]
    return Fit(centers, inertia, iteration)


def sample_positions(count: int, size: int, seed: int) -> np.ndarray:
    """Ascending positions of a sample without replacement, int64; all where there are fewer."""
    if count <= size:
        return np.arange(count, dtype=np.int64)
    random = np.random.default_rng([seed, count])
    return np.sort(random.choice(count, size, replace=False, shuffle=False)).astype(np.int64)


def _means(rows: Rows, centers: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        # As scikit-learn does: an empty cluster takes the row that is farthest from its centre,
        # and that row leaves the cluster that it was in.
        far, owners = rows.farthest(centers, len(empty))
        sums, counts = sums.copy(), counts.copy()
        for cluster, row, owner in zip(empty, far, owners, strict=True):
            sums[cluster] = row
            counts[cluster] = 1.0
            sums[owner] -= row
            counts[owner] -= 1.0
    safe = np.maximum(counts, 1.0)[:, None]
    return np.asarray(np.where(counts[:, None] > 0, sums / safe, centers))
