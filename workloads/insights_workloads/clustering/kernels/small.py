"""Many fits of k-means to few rows: everything stays in the cache, and loops run over columns.

Distances are in float32, which is enough to compare numbers of clusters; sums are in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["fit_small"]

_STRICT = {"contract"}
_SUMS = {"contract", "reassoc", "nsz"}


@njit(nogil=True, fastmath=_STRICT)
def _squared(columns, center, out):
    """Squared distances of all rows to one centre."""
    for j in range(len(columns)):
        column = columns[j]
        value = np.float32(center[j])
        if j == 0:
            for i in range(len(column)):
                gap = column[i] - value
                out[i] = gap * gap
        else:
            for i in range(len(column)):
                gap = column[i] - value
                out[i] += gap * gap


@njit(nogil=True, fastmath=_STRICT)
def _keep_nearer(squared, c, nearest, label):
    for i in range(len(squared)):
        nearer = squared[i] < nearest[i]
        nearest[i] = squared[i] if nearer else nearest[i]
        label[i] = np.float32(c) if nearer else label[i]


@njit(nogil=True, fastmath=_SUMS)
def _total(values):
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@njit(nogil=True, fastmath=_STRICT)
def _seed(rows, columns, squared, nearest, best, label, centers):
    """Greedy k-means++ (Arthur and Vassilvitskii, 2007): of some draws the one that helps most."""
    n = len(rows)
    trials = 2 + int(np.log(len(centers)))
    centers[0] = rows[np.random.randint(n)]
    _squared(columns, centers[0], nearest)
    for c in range(1, len(centers)):
        total = _total(nearest)
        least = np.inf
        for _ in range(trials):
            target = np.random.random() * total
            pick = n - 1
            run = 0.0
            for i in range(n):
                run += nearest[i]
                if run > target:
                    pick = i
                    break
            _squared(columns, rows[pick], squared)
            _keep_nearer(nearest, 0, squared, label)
            left = _total(squared)
            if left < least:
                least = left
                centers[c] = rows[pick]
                best[:] = squared
        nearest[:] = best


@njit(nogil=True, fastmath=_STRICT)
def _move(rows, nearest, label, sums, counts, centers):
    """Centres to the means of their rows; an empty one takes the farthest row. Squared movement."""
    k, d = centers.shape
    sums[:] = 0.0
    counts[:] = 0.0
    for i in range(len(rows)):
        c = np.int64(label[i])
        counts[c] += 1.0
        for j in range(d):
            sums[c, j] += rows[i, j]
    moved = 0.0
    for c in range(k):
        if counts[c] == 0.0:
            far = np.argmax(nearest)
            nearest[far] = 0.0
            sums[c] = rows[far]
            counts[c] = 1.0
        for j in range(d):
            new = sums[c, j] / counts[c]
            gap = new - centers[c, j]
            moved += gap * gap
            centers[c, j] = new
    return moved


@njit(cache=True, nogil=True, fastmath=_STRICT)
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
    columns = rows.T.astype(np.float32)
    squared = np.empty(n, np.float32)
    nearest = np.empty(n, np.float32)
    best = np.empty(n, np.float32)
    label = np.zeros(n, np.float32)
    sums = np.empty((k, d))
    counts = np.empty(k)
    centers = np.empty((k, d))
    best_inertia = np.inf
    best_centers = np.empty((k, d))
    best_labels = np.zeros(n, np.int32)
    for _ in range(restarts):
        _seed(rows, columns, squared, nearest, best, label, centers)
        inertia = 0.0
        for _step in range(iterations):
            label[:] = 0.0
            _squared(columns, centers[0], nearest)
            for c in range(1, k):
                _squared(columns, centers[c], squared)
                _keep_nearer(squared, c, nearest, label)
            inertia = _total(nearest)
            if _move(rows, nearest, label, sums, counts, centers) <= tolerance:
                break
        if inertia < best_inertia:
            best_inertia = inertia
            best_centers[:] = centers
            for i in range(n):
                best_labels[i] = np.int32(label[i])
    return best_centers, best_labels, best_inertia
