"""Plain loops over rows and centres, in float64. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["assign", "spread", "two_nearest", "unrolled"]


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


def unrolled(features):
    """A number for each of a few features, none for more than eight.

    How long a tuple is is part of its type, so loops over it are unrolled.
    """
    return (0,) * features if features <= 8 else ()


@njit(forceinline=True, fastmath={"contract", "reassoc"})
def _many(rows, i, centers, center):
    """A squared distance, added up in any order."""
    squared = 0.0
    for j in range(rows.shape[1]):
        gap = rows[i, j] - centers[center, j]
        squared += gap * gap
    return squared


@njit(cache=True, nogil=True, fastmath={"contract"})
def spread(rows, centers, labels, rows_a_chunk, few):
    """Sum of squared distances of each chunk's rows, (n, d), to the centres of their labels.

    `few` is what `unrolled` gives for d.
    """
    n = len(rows)
    out = np.empty((n + rows_a_chunk - 1) // rows_a_chunk)
    for chunk in range(len(out)):
        total = 0.0
        for i in range(chunk * rows_a_chunk, min(n, (chunk + 1) * rows_a_chunk)):
            center = np.uint64(labels[i])
            squared = 0.0
            for j in range(len(few)):
                gap = rows[i, j] - centers[center, j]
                squared += gap * gap
            if len(few) == 0:
                squared = _many(rows, i, centers, center)
            total += squared
        out[chunk] = total
    return out


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
