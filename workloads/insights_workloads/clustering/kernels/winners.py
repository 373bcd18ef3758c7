"""Which of a block's candidates is nearest to each row, and the sums of what each one wins.

Every loop runs over the rows of a block without a branch. With up to four candidates labels are
never stored: rows are added up where they are compared.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import overload

__all__ = ["pair", "present_in", "quadruple", "rows_of", "triple", "winners"]

_STRICT = {"contract"}
# Sums may be added in any order, which is fixed once compiled.
_SUMS = {"contract", "reassoc", "nsz", "nnan", "ninf"}


def _add(sums, near, b, i, share):
    """Sums of columns, a tuple, plus a share of one row."""
    raise NotImplementedError


@overload(_add, inline="never", jit_options={"fastmath": _SUMS})
def _add_overload(sums, near, b, i, share):  # noqa: ARG001
    last = len(sums) - 1
    if last == 0:
        return lambda sums, near, b, i, share: (sums[0] + share * near[b, 0, i],)

    def several(sums, near, b, i, share):
        return (
            *_add(sums[:last], near, b, i, share),
            sums[last] + share * near[b, last, i],
        )

    return several


@njit(fastmath=_STRICT)
def _gain(near, b, i, toward, behind, a, zero):
    """Half of how much nearer, squared, row i is to candidate a than to the first candidate."""
    gain = -behind[a]
    for j in range(len(zero)):
        gain += near[b, j, i] * toward[a, j]
    return gain


@njit(fastmath=_SUMS)
def pair(near, b, toward, behind, zero):
    """Sums and number of rows that the second of two candidates wins."""
    one = near.dtype.type(1)
    none = near.dtype.type(0)
    sums = zero
    count = none
    for i in range(near.shape[2]):
        won = one if _gain(near, b, i, toward, behind, 1, zero) > none else none
        sums = _add(sums, near, b, i, won)
        count += won
    return sums, count


@njit(fastmath=_SUMS)
def triple(near, b, toward, behind, zero):
    """As `_pair`, for the second and the third of three candidates."""
    one = near.dtype.type(1)
    none = near.dtype.type(0)
    sums = zero
    more = zero
    count = none
    counted = none
    for i in range(near.shape[2]):
        second = _gain(near, b, i, toward, behind, 1, zero)
        third = _gain(near, b, i, toward, behind, 2, zero)
        won = one if (second > none) & (second >= third) else none
        other = one if (third > none) & (third > second) else none
        sums = _add(sums, near, b, i, won)
        more = _add(more, near, b, i, other)
        count += won
        counted += other
    return sums, count, more, counted


@njit(fastmath=_SUMS)
def quadruple(near, b, toward, behind, zero):
    """As `_pair`, for the second to the fourth of four candidates."""
    one = near.dtype.type(1)
    none = near.dtype.type(0)
    sums = zero
    more = zero
    most = zero
    count = none
    counted = none
    counting = none
    for i in range(near.shape[2]):
        second = _gain(near, b, i, toward, behind, 1, zero)
        third = _gain(near, b, i, toward, behind, 2, zero)
        fourth = _gain(near, b, i, toward, behind, 3, zero)
        won = one if (second > none) & (second >= third) & (second >= fourth) else none
        other = one if (third > none) & (third > second) & (third >= fourth) else none
        last = one if (fourth > none) & (fourth > second) & (fourth > third) else none
        sums = _add(sums, near, b, i, won)
        more = _add(more, near, b, i, other)
        most = _add(most, near, b, i, last)
        count += won
        counted += other
        counting += last
    return sums, count, more, counted, most, counting


@njit(fastmath=_SUMS)
def rows_of(near, b, winner, a, zero):
    """Sums and number of the rows that candidate a won."""
    one = near.dtype.type(1)
    none = near.dtype.type(0)
    sums = zero
    count = none
    for i in range(near.shape[2]):
        won = one if winner[i] == a else none
        sums = _add(sums, near, b, i, won)
        count += won
    return sums, count


@njit(fastmath=_STRICT)
def _first_five(near, b, toward, behind, best, winner, zero):
    for i in range(near.shape[2]):
        most = near.dtype.type(0)
        who = near.dtype.type(0)
        for a in range(1, 5):
            gain = _gain(near, b, i, toward, behind, a, zero)
            more = gain > most
            most = gain if more else most
            who = near.dtype.type(a) if more else who
        best[i] = most
        winner[i] = who


@njit(fastmath=_STRICT)
def _next_four(near, b, toward, behind, start, best, winner, zero):
    for i in range(near.shape[2]):
        most = best[i]
        who = winner[i]
        for a in range(4):
            gain = _gain(near, b, i, toward, behind, start + a, zero)
            more = gain > most
            most = gain if more else most
            who = near.dtype.type(start + a) if more else who
        best[i] = most
        winner[i] = who


@njit
def present_in(winner):
    """A bit for each candidate, modulo 64, that won a row."""
    bits = np.uint64(0)
    for i in range(len(winner)):
        bits |= np.uint64(1) << (np.uint64(winner[i]) & np.uint64(63))
    return bits


@njit(fastmath=_STRICT)
def winners(near, b, toward, behind, m, best, winner, zero):
    """Which of m candidates is nearest to each row of a block; of equals the first tried."""
    # Candidates are tried four at a time; the ones that fill up the last four cannot win.
    for a in range(m, m + 4):
        for j in range(len(zero)):
            toward[a, j] = 0
        behind[a] = np.inf
    _first_five(near, b, toward, behind, best, winner, zero)
    for start in range(5, m, 4):
        _next_four(near, b, toward, behind, start, best, winner, zero)
