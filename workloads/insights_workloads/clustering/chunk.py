"""A fixed number of rows, made ready for passes of k-means.

What chunks give is added up in their order, so the same bits come out however they are spread over
shards and workers. Inside a chunk the way that is fastest for its features is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from insights_workloads.clustering.blocks import (
    Blocks,
    block_labels,
    block_totals,
    blocks_of,
    witness,
)
from insights_workloads.clustering.kernels.plain import spread_of_few, spread_of_many
from insights_workloads.clustering.products import (
    Tiles,
    product_labels,
    product_totals,
    tiles_of,
)

__all__ = ["CHUNK", "Chunk", "Totals", "add_up", "chunks_of"]

CHUNK = 65_536
"""Rows of every chunk but the last."""

_BOXED = 8
"""Features up to which boxes exclude enough centres to pay."""

Totals = tuple[np.ndarray, np.ndarray]
"""Sums float64 (k, d) and counts float64 (k,) of the rows nearest to each centre."""


class Chunk:
    """Rows of one chunk, float32 or float64 (n, d), 1 <= n <= CHUNK."""

    def __init__(self, rows: np.ndarray) -> None:
        """Hold the rows, and a copy of them in the order in which passes want them."""
        self.rows = rows
        self._ready: Blocks | Tiles = blocks_of(rows) if rows.shape[1] <= _BOXED else tiles_of(rows)

    def totals(self, centers: np.ndarray) -> Totals:
        """Sums and counts for centres, float64 (k, d)."""
        if isinstance(self._ready, Blocks):
            return block_totals(self._ready, centers)
        return product_totals(self._ready, centers)

    def labels(self, centers: np.ndarray) -> np.ndarray:
        """Nearest centre of each row, int32 (n,)."""
        if isinstance(self._ready, Blocks):
            return block_labels(self._ready, centers)
        return product_labels(self._ready, centers)

    def inertia(self, centers: np.ndarray, labels: np.ndarray) -> float:
        """Sum of squared distances to the centres of the labels, in float64."""
        if isinstance(self._ready, Blocks):
            zero = witness(self.rows.shape[1], self.rows.dtype)
            return float(spread_of_few(self.rows, centers, labels, zero))
        return float(spread_of_many(self.rows, centers, labels))

    def squares(self) -> float:
        """Sum of the squares of all values, in float64."""
        return float(np.einsum("nd,nd->", self.rows, self.rows, dtype=np.float64))

    def farthest(
        self, centers: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Farthest rows, their centres and squared distances; of equally far the first wins."""
        labels = self.labels(centers)
        squared = ((self.rows - centers[labels]) ** 2).sum(axis=1)
        order = np.argsort(-squared, kind="stable")[:count]
        return self.rows[order], labels[order], squared[order]


def chunks_of(rows: np.ndarray) -> list[Chunk]:
    """Rows, float32 or float64 (n, d), in chunks."""
    return [Chunk(rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]


def add_up(parts: Iterator[list[Totals]]) -> list[Totals]:
    """Add what chunks gave for each of several sets of centres, in the order of the chunks."""
    first = [(sums.copy(), counts.copy()) for sums, counts in next(parts)]
    for part in parts:
        for (sums, counts), (more, counted) in zip(first, part, strict=True):
            sums += more
            counts += counted
    return first
