"""Means and spreads of columns, in two passes over rows as they lie."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["column_moments"]


@njit(cache=True, nogil=True)
def column_moments(rows):
    """Means and standard deviations of the finite values of each column of rows, float64 (n, d).

    Values are divided by the largest of their column first, so that no square leaves the range of
    float64. A column without values has mean 0 and deviation 0.
    """
    n, d = rows.shape
    largest = np.full(d, 1e-300)
    for i in range(n):
        for j in range(d):
            size = abs(rows[i, j])
            if largest[j] < size < np.inf:
                largest[j] = size
    known = np.zeros(d)
    mean = np.zeros(d)
    for i in range(n):
        for j in range(d):
            if abs(rows[i, j]) < np.inf:
                known[j] += 1.0
                mean[j] += rows[i, j] / largest[j]
    mean /= np.maximum(known, 1.0)
    squared = np.zeros(d)
    for i in range(n):
        for j in range(d):
            if abs(rows[i, j]) < np.inf:
                gap = rows[i, j] / largest[j] - mean[j]
                squared[j] += gap * gap
    return mean * largest, np.sqrt(squared / np.maximum(known, 1.0)) * largest
