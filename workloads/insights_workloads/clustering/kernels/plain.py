"""Plain loops over rows and centres, in float64. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["assign", "spread_of_few", "spread_of_many", "two_nearest"]


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


@njit(cache=True, nogil=True, fastmath={"contract"})
def spread_of_few(rows, centers, labels, zero):
    """As `spread_of_many`; zeros, one a feature, let the loop over few features be unrolled."""
    total = 0.0
    for i in range(len(rows)):
        c = np.uint64(labels[i])
        squared = 0.0
        for j in range(len(zero)):
            gap = rows[i, j] - centers[c, j]
            squared += gap * gap
        total += squared
    return total


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def spread_of_many(rows, centers, labels):
    """Sum of squared distances of rows, (n, d), to the centres that they are labelled with."""
    total = 0.0
    for i in range(len(rows)):
        row = rows[i]
        center = centers[labels[i]]
        for j in range(len(row)):
            gap = row[j] - center[j]
            total += gap * gap
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
