"""Which centres can be nearest somewhere in a box. A lane is a box; 64 boxes are a tile."""

from __future__ import annotations

import numpy as np
from numba import njit

from insights_workloads.clustering.kernels.lanes import (
    LANES,
    above,
    load,
    select,
    size,
    smaller,
    splat,
    store,
    times_plus,
)

__all__ = ["contenders"]


@njit(forceinline=True)
def contenders(blocks, tile, wanted, centers, margin, own, squared, ahead, able, who):
    """Which centres can be nearest somewhere in the boxes of a tile.

    Args:
        blocks: `Blocks` with the boxes.
        tile: which.
        wanted: mask of the boxes that are asked for.
        centers: (k, d), of the type of the rows.
        margin: share of squared distances that rounding may amount to.
        own: scratch (d + 1, 64).
        squared: filled with squared distances of middles and centres, (k, 64).
        ahead: filled with the square of what the nearest centre of the middle is ahead of those
            that cannot win, at least, anywhere in the box, (1, 64).
        able: filled with a mask of the boxes in which each centre of `who` can win.
        who: filled with the centres that can win in a box that is asked for, ascending.

    Returns:
        How many centres there are in `who`.
    """
    middle, half, reach = blocks.middle, blocks.half, blocks.reach
    k, d = centers.shape
    if not blocks.boxed:
        ahead[:] = np.inf
        for c in range(k):
            squares = centers.dtype.type(0)
            for j in range(d):
                squares += centers[c, j] * centers[c, j]
            squared[c] = squares
            able[c] = wanted
            who[c] = c
        return k
    nearest = splat(middle, np.inf)
    first = splat(middle, 0)
    for c in range(k):
        far = splat(middle, 0)
        for j in range(d):
            gap = load(middle, (tile, j)) - splat(middle, centers[c, j])
            far = times_plus(gap, gap, far)
        store(squared, (c,), far)
        first = select(above(nearest, far), splat(middle, c), first)
        nearest = smaller(far, nearest)
    store(own, (d,), first)
    for t in range(LANES):
        c = np.int64(own[d, t])
        for j in range(d):
            own[j, t] = centers[c, j]
    room = load(reach, (tile, 0))
    none = splat(middle, 0)
    least_ahead = splat(middle, np.inf)
    found = 0
    for c in range(k):
        far = load(squared, (c,))
        gain = none
        for j in range(d):
            off = size(load(own, (j,)) - splat(middle, centers[c, j]))
            gain = times_plus(off, load(half, (tile, j)), gain)
        around = far + room
        over = times_plus(around, -margin, times_plus(gain, -2, far - nearest))
        loses = above(over, none)
        # Distances to two centres differ by what their squares do, over the sum of the distances.
        squares = over * over / times_plus(around, 8, splat(middle, 1e-30))
        least_ahead = select(loses, smaller(squares, least_ahead), least_ahead)
        able[found] = ~loses
        who[found] = c
        if ~loses & wanted:
            found += 1
    store(ahead, (0,), least_ahead)
    return found
