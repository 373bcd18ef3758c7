"""Ordering rows along a space-filling curve, and cutting them into blocks with boxes."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["BLOCK", "TILE", "curve_order", "gather"]

BLOCK = 64
"""Rows of a block: few enough for small boxes, enough for a loop over them to pay."""
TILE = 128
"""Blocks whose boxes are compared with the centres at once."""

_STRICT = {"contract"}
# Sums may be added in any order, which is fixed once compiled.
_SUMS = {"contract", "reassoc", "nsz", "nnan", "ninf"}


@njit(cache=True, nogil=True, fastmath=_STRICT)
def curve_order(rows, low, steps, codes):
    """Places of rows along the curve: a radix sort of their keys in two rounds."""
    n, d = rows.shape
    top = codes.shape[1] - 1
    keys = np.empty(n, np.uint16)
    first = np.zeros(257, np.int64)
    second = np.zeros(257, np.int64)
    for i in range(n):
        key = np.uint32(0)
        for j in range(d):
            at = (rows[i, j] - low[j]) * steps[j]
            key |= codes[j, np.int64(min(max(at, 0.0), top))]
        # In the order of a Gray code neighbours along the curve differ in one feature only.
        for shift in (1, 2, 4, 8):
            key ^= key >> shift
        keys[i] = key
        first[(key & 255) + 1] += 1
        second[(key >> 8) + 1] += 1
    for byte in range(256):
        first[byte + 1] += first[byte]
        second[byte + 1] += second[byte]
    half = np.empty(n, np.uint16)
    for i in range(n):
        byte = keys[i] & 255
        half[first[byte]] = i
        first[byte] += 1
    order = np.empty(n, np.uint16)
    for i in range(n):
        row = half[i]
        byte = keys[row] >> 8
        order[second[byte]] = row
        second[byte] += 1
    return order


@njit(fastmath=_SUMS)
def _span(values):
    low = values[0]
    high = values[0]
    for i in range(len(values)):
        low = min(low, values[i])
        high = max(high, values[i])
    return low, high


@njit(fastmath=_SUMS)
def _center(values, middle):
    """Take the middle from some values; their sum after that."""
    total = 0.0
    for i in range(len(values)):
        off = values[i] - middle
        values[i] = off
        total += off
    return total


@njit(cache=True, nogil=True, fastmath=_STRICT)
def gather(rows, order, zero):
    """Rows (n, d) in blocks, in the given order; see `Blocks` for what is returned."""
    n = len(order)
    d = len(zero)
    count = (n + BLOCK - 1) // BLOCK
    tiles = (count + TILE - 1) // TILE
    near = np.empty((count, d, BLOCK), rows.dtype)
    middle = np.zeros((tiles, d, TILE), rows.dtype)
    half = np.zeros((tiles, d, TILE), rows.dtype)
    reach = np.zeros((tiles, TILE), rows.dtype)
    total = np.empty((count, d))
    near[count - 1] = 0
    for b in range(count):
        start = b * BLOCK
        tile, t = b // TILE, b % TILE
        length = min(BLOCK, n - start)
        places = order[start : start + length]
        block = near[b]
        for i in range(length):
            row = rows[places[i]]
            for j in range(d):
                block[j, i] = row[j]
        for j in range(d):
            values = block[j, :length]
            low, high = _span(values)
            center = rows.dtype.type(low + (high - low) * rows.dtype.type(0.5))
            widest = max(center - low, high - center)
            middle[tile, j, t] = center
            half[tile, j, t] = widest
            reach[tile, t] += widest * widest
            total[b, j] = _center(values, center) + np.float64(center) * length
    return near, middle, half, reach, total
