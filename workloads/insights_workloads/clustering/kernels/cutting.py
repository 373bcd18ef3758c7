"""Ordering rows along a space-filling curve, and cutting them into blocks with boxes."""

from __future__ import annotations

import numpy as np
from numba import njit

from insights_workloads.clustering.kernels.lanes import (
    LANES,
    first,
    kept_sum,
    least,
    load,
    most,
    select,
    splat,
    store,
    times_plus,
    transpose,
)

__all__ = ["cut"]

_MOST_BITS = 16
"""Bits of a row's place on the curve, at most: counters stay in the cache."""
_ROWS_A_CELL = 8
_SAMPLE = 256


@njit
def _grid(rows, bits, low, steps, last, base, codes):
    """A grid with cells as near to cubes as the bits allow, and each step's bits of the key."""
    d = rows.shape[1]
    every = max(1, len(rows) // _SAMPLE)
    width = np.empty(d)
    for j in range(d):
        sample = np.sort(rows[::every, j])
        trim = len(sample) // 100
        low[j] = sample[trim]
        width[j] = max(np.float64(sample[len(sample) - 1 - trim]) - low[j], 1e-30)
    sizes = width.copy()
    turns = np.empty(bits, np.int64)
    halvings = np.zeros(d, np.int64)
    for turn in range(bits):
        widest = np.argmax(sizes)
        sizes[widest] /= 2
        halvings[widest] += 1
        turns[turn] = widest
    used = 0
    for j in range(d):
        steps[j] = 2.0 ** halvings[j] / width[j]
        last[j] = (1 << halvings[j]) - 1
        base[j] = used
        for step in range(1 << halvings[j]):
            code = 0
            left = halvings[j]
            for turn in range(bits):
                if turns[turn] == j:
                    left -= 1
                    code |= ((step >> left) & 1) << (bits - 1 - turn)
            codes[used] = code
            used += 1


@njit(forceinline=True, fastmath={"contract", "nnan"})
def _code(value, j, low, steps, last, base, codes):
    step = min(max((value - low[j]) * steps[j], low.dtype.type(0)), last[j])
    return codes[base[j] + np.uint32(np.int32(step))]


@njit(fastmath={"contract", "nnan"})
def _keys(rows, low, steps, last, base, codes, keys, few):
    """The cell of each row, numbered by bits of its features in turns (Morton, 1966)."""
    for i in range(len(rows)):
        key = np.uint32(0)
        for j in range(len(few)):
            key |= _code(rows[i, j], j, low, steps, last, base, codes)
        keys[i] = key


@njit
def _order(keys, counts, order):
    """Places of rows along the curve: a counting sort of their keys."""
    counts[:] = 0
    for key in keys:
        counts[key] += 1
    start = 0
    for rank in range(len(counts)):
        # In the order of a Gray code neighbours along the curve differ in one feature only.
        cell = rank ^ (rank >> 1)
        count = counts[cell]
        counts[cell] = start
        start += count
    for i in range(len(keys)):
        order[counts[keys[i]]] = i
        counts[keys[i]] += 1


@njit(cache=True, nogil=True)
def cut(rows, rows_a_chunk, boxed, near, middle, half, reach, total, order, few):
    """Fill blocks with the rows of each chunk, (n, d), ordered if they are boxed; see `Blocks`.

    `few` is what `unrolled` gives for d.
    """
    n, d = rows.shape
    kind = rows.dtype
    low = np.empty(d, kind)
    steps = np.empty(d, kind)
    last = np.empty(d, kind)
    base = np.empty(d, np.uint32)
    codes = np.empty((1 << _MOST_BITS) + d, np.uint32)
    keys = np.empty(min(n, rows_a_chunk), np.uint16)
    counts = np.empty(1 << _MOST_BITS, np.int32)
    picked = np.empty(LANES, np.uint32)
    for begin in range(0, n, rows_a_chunk):
        part = rows[begin : begin + rows_a_chunk]
        places = order[begin : begin + rows_a_chunk]
        if boxed:
            bits = 1
            while bits < _MOST_BITS and _ROWS_A_CELL << bits < len(part):
                bits += 1
            _grid(part, bits, low, steps, last, base, codes)
            _keys(part, low, steps, last, base, codes, keys, few)
            _order(keys[: len(part)], counts[: 1 << bits], places)
        else:
            places[:] = np.arange(len(part))
        for start in range(0, len(part), LANES):
            b = (begin + start) // LANES
            length = min(LANES, len(part) - start)
            if not boxed and length == LANES:
                for group in range(0, d, 8):
                    j = min(group, d - 8)
                    for i in range(0, LANES, 8):
                        transpose(part, (start + i, j), near, (b, j, i))
            else:
                for i in range(LANES):
                    picked[i] = places[min(start + i, len(part) - 1)]
                for j in range(d):
                    for i in range(LANES):
                        near[b, j, i] = part[picked[i], j]
            _enclose(b, length, boxed, near, middle, half, reach, total)


@njit(forceinline=True)
def _enclose(b, length, boxed, near, middle, half, reach, total):
    """The box of a block, and its rows less the middle of it."""
    tile, t = b // LANES, b % LANES
    d = near.shape[1]
    kind = near.dtype
    here = first(length)
    squares = splat(near, 0)
    for j in range(d):
        values = load(near, (b, j))
        center = kind.type(0)
        if boxed:
            low, high = least(values), most(values)
            center = kind.type(low + (high - low) * kind.type(0.5))
            middle[tile, j, t] = center
            half[tile, j, t] = max(center - low, high - center)
        off = select(here, values - splat(near, center), splat(near, 0))
        store(near, (b, j), off)
        squares = times_plus(off, off, squares)
        total[b, j] = kept_sum(off, here) + np.float64(center) * length
    reach[tile, 0, t] = most(squares)
    total[b, d] = length
