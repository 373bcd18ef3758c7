"""Rows in blocks of neighbours, so that a pass of k-means can leave most of its work out.

Rows are ordered along a space-filling curve (Morton, 1966) and cut into blocks of a fixed size,
each with the box that holds it. A centre that is farther from every point of the box than another
cannot win a row of the block (Kanungo et al., 2002); where one centre is left, the block is settled
by its sums without a look at its rows. What is left runs over columns without a branch.

A block's rows are kept relative to the middle of its box: differences of squared distances then
lose no digits, wherever the block lies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from insights_workloads.clustering.kernels.cutting import curve_order, gather
from insights_workloads.clustering.kernels.passes import block_pass

__all__ = ["Blocks", "block_labels", "block_totals", "blocks_of", "witness"]

_KEY_BITS = 16


class Blocks(NamedTuple):
    """Blocks of at most 65,536 rows of d features, all of the rows' own float type.

    Attributes:
        near: (b, d, BLOCK), rows less their block's middle; zero after the last row.
        middle: (t, d, TILE), middles of the boxes of tile t; block b is number b % TILE of tile
            b // TILE, and tiles end in zeros.
        half: (t, d, TILE), half their widths.
        reach: (t, TILE), squared half diagonals.
        total: float64 (b, d), sums of the rows of each block.
        order: uint16 (n,), the row that stands at each place.
    """

    near: np.ndarray
    middle: np.ndarray
    half: np.ndarray
    reach: np.ndarray
    total: np.ndarray
    order: np.ndarray


def blocks_of(rows: np.ndarray) -> Blocks:
    """Blocks of some rows, float32 or float64 (n, d), C-contiguous, 1 <= n <= 65,536."""
    low, steps, codes = _grid(rows)
    order = curve_order(rows, low, steps, codes)
    near, middle, half, reach, total = gather(rows, order, witness(rows.shape[1], rows.dtype))
    return Blocks(near, middle, half, reach, total, order)


def _grid(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid with cells as near to cubes as 16 bits allow, and each step's bits of the key."""
    sample = np.sort(rows[:: max(1, len(rows) // 512)], axis=0)
    trim = len(sample) // 100
    low, high = sample[trim], sample[-1 - trim]
    width = np.maximum(high - low, np.finfo(rows.dtype).tiny * 2.0**_KEY_BITS).astype(np.float64)
    bits = np.zeros(len(width), dtype=np.int64)
    turns = []
    for _ in range(_KEY_BITS):
        widest = int(np.argmax(width / 2.0**bits))
        bits[widest] += 1
        turns.append(widest)
    codes = np.zeros((len(width), 2 ** int(bits.max())), dtype=np.uint32)
    step = np.arange(codes.shape[1])
    seen = np.zeros_like(bits)
    for place, feature in enumerate(turns):
        seen[feature] += 1
        last = np.minimum(step, 2 ** bits[feature] - 1)
        bit = (last >> (bits[feature] - seen[feature])) & 1
        codes[feature] |= (bit << (_KEY_BITS - 1 - place)).astype(np.uint32)
    return low, (2.0**bits / width).astype(rows.dtype), codes


def block_totals(blocks: Blocks, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums float64 (k, d) and counts float64 (k,) of the rows nearest to each centre."""
    return _run(blocks, centers, np.empty(0, dtype=np.int32))


def block_labels(blocks: Blocks, centers: np.ndarray) -> np.ndarray:
    """Nearest centre of each row, int32 (n,), in the order in which the rows were given."""
    labels = np.empty(len(blocks.order), dtype=np.int32)
    _run(blocks, centers, labels)
    return labels


def _run(blocks: Blocks, centers: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kind = blocks.near.dtype
    width = blocks.near.shape[1]
    # More than rounding can amount to, in the boxes and where rows are compared.
    margin = kind.type(4 * (width + 4) * np.finfo(kind).eps)
    sums, counts = block_pass(*blocks, centers, margin, witness(width, kind), labels)
    return sums, counts


def witness(width: int, dtype: np.dtype) -> tuple[np.floating, ...]:
    """Zeros, one a feature: their number is part of the type, so that kernels can be unrolled."""
    return (dtype.type(0),) * width
