"""Which centres can be nearest somewhere in a box. One loop runs over the boxes of a tile."""

from __future__ import annotations

import numpy as np
from numba import njit

from insights_workloads.clustering.kernels.cutting import TILE

__all__ = ["from_middle", "may_win"]

_STRICT = {"contract"}


@njit(fastmath=_STRICT)
def from_middle(middle, centers, tile, squared, nearest, first, zero):
    """Squared distances of middles to centres, and the nearest centre of each."""
    for t in range(TILE):
        nearest[t] = np.inf
    for c in range(centers.shape[0]):
        for t in range(TILE):
            gap = middle[tile, 0, t] - centers[c, 0]
            far = gap * gap
            for j in range(1, len(zero)):
                gap = middle[tile, j, t] - centers[c, j]
                far += gap * gap
            squared[c, t] = far
            nearer = far < nearest[t]
            nearest[t] = far if nearer else nearest[t]
            first[t] = middle.dtype.type(c) if nearer else first[t]


@njit(fastmath=_STRICT)
def may_win(half, reach, centers, tile, own, squared, nearest, margin, alive, rivals, zero):
    """Which centres can be nearer than the nearest one somewhere in each box."""
    rivals[:] = 0
    for c in range(centers.shape[0]):
        for t in range(TILE):
            gain = half[tile, 0, t] * abs(centers[c, 0] - own[0, t])
            for j in range(1, len(zero)):
                gain += half[tile, j, t] * abs(centers[c, j] - own[j, t])
            slack = margin * (squared[c, t] + reach[tile, t])
            may = squared[c, t] - nearest[t] <= gain + gain + slack
            alive[c, t] = 1 if may else 0
            rivals[t] += 1 if may else 0
