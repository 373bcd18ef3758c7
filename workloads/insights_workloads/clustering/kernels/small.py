"""Many fits of k-means to few rows: everything stays in the cache, and 64 rows are taken at once.

Distances are in float32, which is enough to compare numbers of clusters; sums are in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from insights_workloads.clustering.kernels.lanes import (
    LANES,
    above,
    first,
    kept_sum,
    load,
    select,
    smaller,
    splat,
    store,
    times_plus,
)

__all__ = ["fit_small"]


@njit(nogil=True)
def _near(blocks, n, center, bound, out, totals):
    """Squared distances of n rows to a centre, but no more than a bound; sums of each block."""
    for b in range(len(blocks)):
        far = splat(blocks, 0)
        for j in range(blocks.shape[1]):
            gap = load(blocks, (b, j)) - splat(blocks, center[j])
            far = times_plus(gap, gap, far)
        far = smaller(far, load(bound, (b,)))
        store(out, (b,), far)
        totals[b] = kept_sum(far, first(n - b * LANES))
    return totals.sum()


@njit(nogil=True)
def _assign(blocks, n, centers, nearest, label):
    """Nearest centre of each of n rows, and its squared distance; the sum of these."""
    total = 0.0
    for b in range(len(blocks)):
        least = splat(blocks, np.inf)
        who = splat(blocks, 0)
        for c in range(len(centers)):
            far = splat(blocks, 0)
            for j in range(blocks.shape[1]):
                gap = load(blocks, (b, j)) - splat(blocks, centers[c, j])
                far = times_plus(gap, gap, far)
            who = select(above(least, far), splat(blocks, c), who)
            least = smaller(far, least)
        store(nearest, (b,), least)
        store(label, (b,), who)
        total += kept_sum(least, first(n - b * LANES))
    return total


@njit(nogil=True)
def _at(totals, nearest, n, target):
    """The row at which the running sum of what rows are off exceeds a target."""
    run = 0.0
    for b in range(len(totals)):
        if run + totals[b] > target:
            for i in range(min(LANES, n - b * LANES)):
                run += nearest[b, i]
                if run > target:
                    return b * LANES + i
        else:
            run += totals[b]
    return n - 1


@njit(nogil=True)
def _seed(rows, blocks, trial, nearest, best, trial_totals, totals, best_totals, centers):
    """Greedy k-means++ (Arthur and Vassilvitskii, 2007): of some draws the one that helps most."""
    n = len(rows)
    trials = 2 + int(np.log(len(centers)))
    centers[0] = rows[np.random.randint(n)]
    nearest[:] = np.inf
    total = _near(blocks, n, centers[0], nearest, nearest, totals)
    for c in range(1, len(centers)):
        least = np.inf
        for _ in range(trials):
            pick = _at(totals, nearest, n, np.random.random() * total)
            left = _near(blocks, n, rows[pick], nearest, trial, trial_totals)
            if left < least:
                least = left
                centers[c] = rows[pick]
                best[:] = trial
                best_totals[:] = trial_totals
        nearest[:] = best
        totals[:] = best_totals
        total = least


@njit(nogil=True)
def _move(rows, nearest, label, sums, counts, centers):
    """Centres to the means of their rows; an empty one takes the farthest row. Squared movement."""
    n, d = rows.shape
    k = len(centers)
    sums[:] = 0.0
    counts[:] = 0.0
    names, off = label.ravel(), nearest.ravel()
    for i in range(n):
        c = np.int64(names[i])
        counts[c] += 1.0
        total, row = sums[c], rows[i]
        for j in range(d):
            total[j] += row[j]
    moved = 0.0
    for c in range(k):
        if counts[c] == 0.0:
            far = np.argmax(off[:n])
            off[far] = 0.0
            sums[c] = rows[far]
            counts[c] = 1.0
        for j in range(d):
            new = sums[c, j] / counts[c]
            gap = new - centers[c, j]
            moved += gap * gap
            centers[c, j] = new
    return moved


@njit(cache=True, nogil=True)
def fit_small(rows, k, restarts, iterations, tolerance, seed):
    """k-means++ and Lloyd's iterations, best of several starts.

    Args:
        rows: float64 (n, d), C-contiguous, n >= 1, centred and scaled.
        k: clusters, 1 <= k <= n.
        restarts: starts.
        iterations: most iterations of a start.
        tolerance: squared movement of the centres below which a start ends.
        seed: of this fit.

    Returns:
        centers float64 (k, d), labels int32 (n,), inertia.
    """
    n, d = rows.shape
    np.random.seed(seed)
    count = (n + LANES - 1) // LANES
    blocks = np.zeros((count, d, LANES), np.float32)
    for i in range(n):
        for j in range(d):
            blocks[i // LANES, j, i % LANES] = rows[i, j]
    trial, nearest = np.zeros((count, LANES), np.float32), np.zeros((count, LANES), np.float32)
    best, label = np.zeros((count, LANES), np.float32), np.zeros((count, LANES), np.float32)
    trial_totals, totals, best_totals = np.zeros(count), np.zeros(count), np.zeros(count)
    sums = np.empty((k, d))
    counts = np.empty(k)
    centers = np.empty((k, d))
    best_inertia = np.inf
    best_centers = np.empty((k, d))
    best_labels = np.zeros(n, np.int32)
    for _ in range(restarts):
        _seed(rows, blocks, trial, nearest, best, trial_totals, totals, best_totals, centers)
        inertia = 0.0
        for _step in range(iterations):
            inertia = _assign(blocks, n, centers.astype(np.float32), nearest, label)
            if _move(rows, nearest, label, sums, counts, centers) <= tolerance:
                break
        if inertia < best_inertia:
            best_inertia = inertia
            best_centers[:] = centers
            for i in range(n):
                best_labels[i] = np.int32(label[i // LANES, i % LANES])
    return best_centers, best_labels, best_inertia
