"""k-means: seeding on a sample, Lloyd's iterations on all rows.

Starts are made by k-means++ (Arthur and Vassilvitskii, 2007). Where there are more rows than the
sample holds, each start is first run to its end on the sample, and only the best goes on over all
rows (Bradley and Fayyad, 1998): restarts then cost next to nothing, and k-means++ no pass at all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from insights_workloads.clustering.rows import LocalRows, Rows
from insights_workloads.clustering.seeding import seed_centers
from insights_workloads.measures import INERTIA, PASS_SECONDS, PASSES, ROWS_PASSED
from insights_workloads.progress import Progress, silent

__all__ = ["SAMPLE", "Fit", "fit"]

SAMPLE = 65_536
"""Rows on which starts are tried."""


@dataclass(frozen=True)
class Fit:
    """A fitted k-means.

    Attributes:
        centers: float64 (k, d).
        labels: int32 (n,), nearest centre of each row.
        inertia: sum of squared distances to the centres, in float64.
        iterations: passes over all rows.
    """

    centers: np.ndarray
    labels: np.ndarray
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
    sample: np.ndarray | None = None,
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
        sample: some of the rows, or all of few, to begin with; drawn where None.
        progress: told how far it is.
    """
    if sample is None:
        sample = rows.sample(SAMPLE, seed)
    threshold = tolerance * float(np.mean(np.var(sample, axis=0)))
    random = np.random.default_rng([seed, k])
    starts = [seed_centers(sample, k, random) for _ in range(restarts)]
    small = rows if rows.count <= SAMPLE else LocalRows(sample)
    best = lloyd(
        small,
        starts,
        max_iterations=max_iterations,
        tolerance=threshold,
        progress=progress if small is rows else silent,
    )
    if small is rows:
        return best
    progress(0.2, f"{restarts} starts on a sample")
    return lloyd(
        rows, [best.centers], max_iterations=max_iterations, tolerance=threshold, progress=progress
    )


def lloyd(
    rows: Rows,
    starts: Sequence[np.ndarray],
    *,
    max_iterations: int,
    tolerance: float,
    progress: Progress = silent,
) -> Fit:
    """Lloyd's iterations from each of some starts; the fit that explains most.

    What a start explains, in its last pass, is what its inertia leaves of the sum of squares of all
    values. It comes with the sums, so that only the best start has to be assigned.

    Args:
        rows: scaled rows.
        starts: sets of centres, float64 (k, d), all of one k. They share passes over the rows.
        max_iterations: most passes.
        tolerance: a start ends when its centres move less than this, squared.
        progress: told how far it is.
    """
    if not starts:
        raise ValueError("starts is empty; give at least one set of centres")
    centers = np.array(starts, dtype=np.float64)
    passes = np.zeros(len(centers), dtype=np.int64)
    explained = np.full(len(centers), -np.inf)
    going = np.arange(len(centers))
    # Nothing is measured for nobody.
    squares = 0.0 if progress is silent else rows.squares()
    for iteration in range(1, max_iterations + 1):
        began = time.perf_counter()
        totals = rows.totals({int(at): centers[at] for at in going})
        seconds = time.perf_counter() - began
        new = _means(rows, centers[going], totals)
        moved = ((new - centers[going]) ** 2).sum(axis=(1, 2))
        centers[going], passes[going], explained[going] = new, iteration, _explained(totals)
        measured = {
            ROWS_PASSED: rows.count * len(going),
            PASSES: 1,
            PASS_SECONDS: seconds,
            INERTIA: max(0.0, squares - float(explained.max())),
        }
        going = going[moved > tolerance]
        done = min(0.95, 0.2 + 0.75 * iteration / (iteration + 10))
        progress(done, f"pass {iteration}", measured)
        if not len(going):
            break
    best = int(np.argmax(explained))
    labels, inertia = rows.assign(centers[best])
    return Fit(centers[best], labels, inertia, int(passes[best]))


def _explained(totals: np.ndarray) -> np.ndarray:
    """Sum of squares of what each row's mean of its cluster is, for each start, (s,)."""
    sums, counts = totals[:, :, :-1], totals[:, :, -1]
    return np.asarray(((sums**2).sum(axis=2) / np.where(counts > 0, counts, 1.0)).sum(axis=1))


def _means(rows: Rows, centers: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Means of the rows of each cluster, (s, k, d)."""
    sums, counts = totals[:, :, :-1], totals[:, :, -1:]
    if not counts.all():
        sums, counts = sums.copy(), counts.copy()
        for at in np.flatnonzero((counts == 0).any(axis=(1, 2))):
            _fill_empty(rows, centers[at], sums[at], counts[at])
    return np.asarray(np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), centers))


def _fill_empty(rows: Rows, centers: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> None:
    """Let an empty cluster take the row that is farthest from its centre, as scikit-learn does.

    That row leaves the cluster that it was in.
    """
    empty = np.flatnonzero(counts == 0)
    far, owners = rows.farthest(centers, len(empty))
    for cluster, row, owner in zip(empty, far, owners, strict=True):
        sums[cluster], counts[cluster] = row[:-1], row[-1]
        sums[owner] -= row[:-1]
        counts[owner] -= row[-1]
