"""Which of a block's contenders is nearest to each of its rows. A lane is a row."""

from __future__ import annotations

import numpy as np
from numba import njit

from insights_workloads.clustering.kernels.lanes import (
    above,
    larger,
    least,
    load,
    smaller,
    splat,
    times_plus,
)

__all__ = ["contend"]


@njit(forceinline=True)
def contend(near, b, toward, behind, m, won):
    """Let the contenders of a block contend for its rows.

    Of equally near contenders the first wins.

    Args:
        near: rows of `Blocks`.
        b: the block.
        toward: (at least m, d), what each contender lies apart from the first one.
        behind: (at least m,), half of how much farther, squared, each is from the block's middle.
        m: contenders, at least 2; there is room for three more behind them.
        won: filled with a mask of the rows that each wins, uint64 (at least m,).

    Returns:
        Half of how much nearer, squared, a row is to its winner than to the next, at least.
    """
    lead = (
        _one_by_one(near, b, toward, behind, m, won)
        if m < 8
        else (_by_fours(near, b, toward, behind, m, won))
    )
    taken = np.uint64(0)
    for a in range(m - 1, 0, -1):
        more = won[a]
        won[a] = more & ~taken
        taken |= more
    won[0] = ~taken
    return lead


@njit(forceinline=True)
def _one_by_one(near, b, toward, behind, m, won):
    """Mark the rows for which a contender is better than all before it; the least lead."""
    best = splat(near, 0)
    second = splat(near, -np.inf)
    for a in range(1, m):
        gain = splat(near, -behind[a])
        for j in range(near.shape[1]):
            gain = times_plus(load(near, (b, j)), toward[a, j], gain)
        won[a] = above(gain, best)
        second = larger(second, smaller(best, gain))
        best = larger(best, gain)
    return least(best - second)


@njit
def _by_fours(near, b, toward, behind, m, won):
    """As `_one_by_one`, for many: four share what is loaded of the rows."""
    best = splat(near, 0)
    second = splat(near, -np.inf)
    for a in range(1, m, 4):
        one, two = splat(near, -behind[a]), splat(near, -behind[a + 1])
        three, four = splat(near, -behind[a + 2]), splat(near, -behind[a + 3])
        for j in range(near.shape[1]):
            column = load(near, (b, j))
            one = times_plus(column, toward[a, j], one)
            two = times_plus(column, toward[a + 1, j], two)
            three = times_plus(column, toward[a + 2, j], three)
            four = times_plus(column, toward[a + 3, j], four)
        for gain in (one, two, three, four):
            won[a] = above(gain, best)
            second = larger(second, smaller(best, gain))
            best = larger(best, gain)
            a += 1
    return least(best - second)
