"""One pass of k-means by matrix products, over rows in tiles of columns."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["TILE", "fill", "product_pass"]

TILE = 512
"""Rows whose products with all centres stay in the cache."""
_FEW = 16
"""Centres up to which sums, too, are cheaper as a product."""


@njit(cache=True, nogil=True)
def fill(rows, columns):
    """Rows (n, d) into tiles of columns (t, d, TILE)."""
    for at in range(len(columns)):
        tile = columns[at]
        part = rows[at * tile.shape[1] : (at + 1) * tile.shape[1]]
        for i in range(len(part)):
            for j in range(tile.shape[0]):
                tile[j, i] = part[i, j]


@njit(nogil=True, fastmath={"contract"})
def _better(products, behind, c, best, winner):
    for i in range(len(best)):
        value = products[i] - behind
        more = value > best[i]
        best[i] = value if more else best[i]
        winner[i] = c if more else winner[i]


@njit(nogil=True, fastmath={"contract"})
def _best_two(first, second, behind, further, best, winner):
    for i in range(len(best)):
        value = first[i] - behind
        other = second[i] - further
        more = other > value
        best[i] = other if more else value
        winner[i] = best.dtype.type(1) if more else best.dtype.type(0)


@njit(nogil=True, fastmath={"contract"})
def _add(total, row):
    for j in range(len(row)):
        total[j] += row[j]


@njit(nogil=True)
def _mark(winner, c, share):
    one = share.dtype.type(1)
    none = share.dtype.type(0)
    for i in range(len(winner)):
        share[i] = one if winner[i] == c else none


@njit(cache=True, nogil=True, fastmath={"contract"})
def product_pass(rows, columns, centers, behind, sums, counts, labels):
    """Add sums (k, d) and counts (k,) of the rows nearest to each of centers, (k, d).

    Rows and columns are those of `Tiles`, centres of their type; `behind`, (k,), holds half the
    squared lengths of the centres; sums and counts are float64. `labels`, int32 (n,), is filled
    with the nearest centre of each row, unless it has no length.
    """
    n = len(rows)
    k = len(centers)
    kind = columns.dtype
    best = np.empty(TILE, kind)
    winner = np.zeros(TILE, kind)
    products = np.empty((k, TILE), kind)
    gained = np.empty(centers.shape, kind)
    for at in range(len(columns)):
        start = at * TILE
        length = min(TILE, n - start)
        np.dot(centers, columns[at], products)
        if k > 1:
            _best_two(products[0], products[1], behind[0], behind[1], best, winner)
        for c in range(2, k):
            _better(products[c], behind[c], kind.type(c), best, winner)
        for i in range(min(length, len(labels))):
            labels[start + i] = np.int32(winner[i])
        for i in range(length):
            counts[np.int64(winner[i])] += 1.0
        if k > _FEW:
            for i in range(length):
                _add(sums[np.int64(winner[i])], rows[start + i])
            continue
        # The sums are a product, too: of marks, one for each row that a centre wins.
        winner[length:] = -1
        for c in range(k):
            _mark(winner, kind.type(c), products[c])
        np.dot(products, columns[at].T, gained)
        for c in range(k):
            _add(sums[c], gained[c])
