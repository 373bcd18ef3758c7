"""Plain loops over rows and centres, in float64. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["assign", "fit_small", "spread_of", "two_nearest"]


@njit(cache=True, nogil=True, fastmath=False)
def assign(rows, centers):
    """Nearest centre of each row, int32 (n,), and its squared distance, float64 (n,)."""
    n, d = rows.shape
    k = centers.shape[0]
    labels = np.empty(n, np.int32)
    squared = np.empty(n)
    for i in range(n):
        nearest = np.inf
        best = 0
        for c in range(k):
            total = 0.0
            for j in range(d):
                gap = rows[i, j] - centers[c, j]
                total += gap * gap
            if total < nearest:
                nearest = total
                best = c
        labels[i] = best
        squared[i] = nearest
    return labels, squared


@njit(cache=True, nogil=True, fastmath=False)
def spread_of(rows, centers, labels):
    """Sum of squared distances of rows, (n, d), to the centres that they are labelled with."""
    n, d = rows.shape
    total = 0.0
    for i in range(n):
        squared = 0.0
        for j in range(d):
            gap = rows[i, j] - centers[labels[i], j]
            squared += gap * gap
        total += squared
    return total


@njit(cache=True, nogil=True, fastmath=False)
def two_nearest(rows, centers):
    """Distances, float64 (n, 2), of each row to its nearest and second nearest centre."""
    n, d = rows.shape
    k = centers.shape[0]
    out = np.empty((n, 2))
    for i in range(n):
        first = np.inf
        second = np.inf
        for c in range(k):
            total = 0.0
            for j in range(d):
                gap = rows[i, j] - centers[c, j]
                total += gap * gap
            if total < first:
                second = first
                first = total
            elif total < second:
                second = total
        out[i, 0] = np.sqrt(first)
        out[i, 1] = np.sqrt(second)
    return out


@njit(cache=True, nogil=True, fastmath=False)
def fit_small(rows, k, restarts, iterations, tolerance, seed):
    """k-means++ and Lloyd on rows that fit in the cache, best of several starts.

    Args:
        rows: float64 (n, d), C-contiguous, n >= 1.
        k: clusters, 1 <= k <= n.
        restarts: starts.
        iterations: most iterations a start.
        tolerance: squared movement of the centres below which a start ends.
        seed: of this fit.

    Returns:
        centers float64 (k, d), labels int32 (n,), inertia.
    """
    n, d = rows.shape
    np.random.seed(seed)
    best_inertia = np.inf
    best_centers = np.empty((k, d))
    best_labels = np.zeros(n, np.int32)
    labels = np.zeros(n, np.int32)
    squared = np.empty(n)
    for _ in range(restarts):
        centers = np.empty((k, d))
        centers[0] = rows[np.random.randint(n)]
        squared[:] = np.inf
        for c in range(1, k):
            total = 0.0
            for i in range(n):
                gap2 = 0.0
                for j in range(d):
                    gap = rows[i, j] - centers[c - 1, j]
                    gap2 += gap * gap
                squared[i] = min(squared[i], gap2)
                total += squared[i]
            target = np.random.random() * total
            pick = n - 1
            run = 0.0
            for i in range(n):
                run += squared[i]
                if run > target:
                    pick = i
                    break
            centers[c] = rows[pick]
        inertia = 0.0
        for _step in range(iterations):
            sums = np.zeros((k, d))
            counts = np.zeros(k)
            inertia = 0.0
            for i in range(n):
                nearest = np.inf
                best = 0
                for c in range(k):
                    gap2 = 0.0
                    for j in range(d):
                        gap = rows[i, j] - centers[c, j]
                        gap2 += gap * gap
                    if gap2 < nearest:
                        nearest = gap2
                        best = c
                labels[i] = best
                squared[i] = nearest
                inertia += nearest
                counts[best] += 1.0
                for j in range(d):
                    sums[best, j] += rows[i, j]
            moved = 0.0
            for c in range(k):
                if counts[c] == 0.0:
                    far = 0
                    for i in range(n):
                        if squared[i] > squared[far]:
                            far = i
                    squared[far] = 0.0
                    for j in range(d):
                        sums[c, j] = rows[far, j]
                    counts[c] = 1.0
                for j in range(d):
                    new = sums[c, j] / counts[c]
                    gap = new - centers[c, j]
                    moved += gap * gap
                    centers[c, j] = new
            if moved <= tolerance:
                break
        if inertia < best_inertia:
            best_inertia = inertia
            best_centers[:] = centers
            best_labels[:] = labels
    return best_centers, best_labels, best_inertia
