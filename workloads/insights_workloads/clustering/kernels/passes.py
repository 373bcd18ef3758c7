"""One pass of k-means over the blocks of a chunk."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from insights_workloads.clustering.kernels.boxes import from_middle, may_win
from insights_workloads.clustering.kernels.cutting import BLOCK, TILE
from insights_workloads.clustering.kernels.winners import (
    pair,
    present_in,
    quadruple,
    rows_of,
    triple,
    winners,
)

__all__ = ["block_pass"]

_STRICT = {"contract"}


@intrinsic
def _touch(_context, address):  # noqa: ARG001
    """Ask for the cache line at an address."""

    def generate(context, builder, _signature, arguments):
        byte = ir.IntType(8).as_pointer()
        word = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, word, word, word]),
            "llvm.prefetch.p0",
        )
        pointer = builder.inttoptr(arguments[0], byte)
        builder.call(function, [pointer, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(types.uintp), generate


@njit
def _prefetch(near, b):
    """Ask for a block's rows, while the one before is worked on: blocks in need lie apart."""
    size = near.shape[1] * near.shape[2] * near.itemsize
    address = np.uintp(near.ctypes.data) + np.uintp(b * size)
    for line in range(0, size, 64):
        _touch(address + np.uintp(line))


@njit(fastmath=_STRICT)
def _give(sums, counts, rest, c, gained, count, middle, tile, t):
    """Give centre c the rows that it won, and take them from the rest."""
    counts[c] += count
    for j in range(len(gained)):
        part = gained[j] + np.float64(middle[tile, j, t]) * count
        sums[c, j] += part
        rest[j] -= part
    return count


@njit(cache=True, nogil=True, fastmath=_STRICT)
def block_pass(near, middle, half, reach, total, order, centers, margin, zero, labels):
    """Sums (k, d) and counts (k,) of the rows nearest to each of centers, float64 (k, d).

    The first six arrays are those of `Blocks`. `margin` is the share of squared distances that
    rounding may amount to. `zero` holds zeros of the rows' type, one a feature: their number is
    part of its type, so that loops over features are unrolled. `labels`, int32 (n,), is filled with
    the nearest centre of each row, unless it has no length.
    """
    n = len(order)
    k = centers.shape[0]
    d = len(zero)
    kind = near.dtype
    rounded = centers.astype(kind)
    squared = np.empty((k, TILE), kind)
    alive = np.empty((k, TILE), kind)
    rivals = np.empty(TILE, kind)
    nearest = np.empty(TILE, kind)
    first = np.zeros(TILE, kind)
    own = np.empty((d, TILE), kind)
    candidates = np.empty(k + 1, np.int64)
    toward = np.empty((k + 8, d), kind)
    behind = np.empty(k + 8, kind)
    best = np.empty(BLOCK, kind)
    winner = np.empty(BLOCK, kind)
    todo = np.empty(TILE, np.int64)
    rest = np.empty(d)
    sums = np.zeros((k, d))
    counts = np.zeros(k)
    for tile in range(middle.shape[0]):
        from_middle(middle, rounded, tile, squared, nearest, first, zero)
        for t in range(TILE):
            for j in range(d):
                own[j, t] = rounded[np.int64(first[t]), j]
        may_win(half, reach, rounded, tile, own, squared, nearest, margin, alive, rivals, zero)
        looked = 0
        for t in range(min(TILE, near.shape[0] - tile * TILE)):
            if rivals[t] > 1:
                todo[looked] = tile * TILE + t
                looked += 1
                continue
            b = tile * TILE + t
            main = np.int64(first[t])
            start = b * BLOCK
            length = min(BLOCK, n - start)
            counts[main] += length
            for j in range(d):
                sums[main, j] += total[b, j]
            for i in range(min(length, len(labels))):
                labels[order[start + i]] = main
        for at in range(looked):
            b = todo[at]
            t = b % TILE
            start = b * BLOCK
            length = min(BLOCK, n - start)
            main = np.int64(first[t])
            candidates[0] = main
            m = 1
            for c in range(k):
                if alive[c, t] > 0 and c != main:
                    candidates[m] = c
                    behind[m] = (squared[c, t] - nearest[t]) / 2
                    for j in range(d):
                        toward[m, j] = rounded[c, j] - own[j, t]
                    m += 1
            if at + 2 < looked:
                _prefetch(near, todo[at + 2])
            for j in range(d):
                rest[j] = total[b, j]
            left = float(length)
            if m <= 4 and len(labels) == 0:
                if m == 2:
                    gained, count = pair(near, b, toward, behind, zero)
                else:
                    if m == 3:
                        gained, count, more, counted = triple(near, b, toward, behind, zero)
                    else:
                        gained, count, more, counted, most, counting = quadruple(
                            near, b, toward, behind, zero
                        )
                        left -= _give(
                            sums, counts, rest, candidates[3], most, counting, middle, tile, t
                        )
                    left -= _give(sums, counts, rest, candidates[2], more, counted, middle, tile, t)
                left -= _give(sums, counts, rest, candidates[1], gained, count, middle, tile, t)
            else:
                winners(near, b, toward, behind, m, best, winner, zero)
                for i in range(min(length, len(labels))):
                    labels[order[start + i]] = candidates[np.int64(winner[i])]
                present = present_in(winner)
                for a in range(1, m):
                    if (present >> np.uint64(a & 63)) & np.uint64(1):
                        gained, count = rows_of(near, b, winner, kind.type(a), zero)
                        left -= _give(
                            sums, counts, rest, candidates[a], gained, count, middle, tile, t
                        )
            counts[main] += left
            for j in range(d):
                sums[main, j] += rest[j]
    return sums, counts
