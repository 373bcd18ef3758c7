"""Drawing starting centres by k-means++."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["plus_plus"]


@njit(nogil=True, fastmath={"contract"})
def _closer(columns, at, nearest, out):
    """Squared distances to the nearest centre if row `at` were one more."""
    d, n = columns.shape
    out[:] = 0.0
    for j in range(d):
        column = columns[j]
        value = column[at]
        for i in range(n):
            gap = column[i] - value
            out[i] += gap * gap
    for i in range(n):
        out[i] = min(out[i], nearest[i])


@njit(nogil=True, fastmath={"reassoc"})
def _sum(values):
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@njit(cache=True, nogil=True)
def plus_plus(columns, draws):
    """Rows picked as centres, int64 (k,), from columns (d, n) by uniform draws (k, trials)."""
    n = columns.shape[1]
    k, trials = draws.shape
    picks = np.empty(k, np.int64)
    nearest = np.full(n, np.inf)
    trial = np.empty(n)
    best = np.empty(n)
    picks[0] = min(n - 1, int(draws[0, 0] * n))
    _closer(columns, picks[0], nearest, best)
    nearest[:] = best
    wanted = np.empty(trials)
    found = np.empty(trials, np.int64)
    for c in range(1, k):
        total = _sum(nearest)
        wanted[:] = np.sort(draws[c]) * total
        found[:] = n - 1
        run = 0.0
        at = 0
        for i in range(n):
            run += nearest[i]
            while at < trials and run > wanted[at]:
                found[at] = i
                at += 1
            if at == trials:
                break
        least = np.inf
        for candidate in found:
            _closer(columns, candidate, nearest, trial)
            left = _sum(trial)
            if left < least:
                least = left
                picks[c] = candidate
                best[:] = trial
        nearest[:] = best
    return picks
