"""Consecutive rows, made ready for passes of k-means.

What chunks give is added up in their order, so the same bits come out however they are spread over
shards and workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from insights_workloads.clustering.blocks import BlockedRows
from insights_workloads.clustering.kernels.plain import spread, unrolled

__all__ = ["CHUNK", "Shard", "add_up"]

CHUNK = 524_288
"""Rows of every chunk but the last.

The more rows are ordered together, the smaller are the boxes of their blocks and the more a pass
leaves out: with a million rows it takes two thirds of the time that it takes with chunks of 65,536.
With larger chunks than this, ordering costs what passes gain.
"""


class Shard:
    """Rows, float32 or float64 (n, d), n >= 1, whose first one begins a chunk."""

    def __init__(self, rows: np.ndarray) -> None:
        """Hold the rows, and a copy of them in the order in which passes want them."""
        self.rows = rows
        self._blocked = BlockedRows(rows, CHUNK)

    def totals(self, slots: Sequence[int], centers: np.ndarray) -> np.ndarray:
        """Sums and, as a last column, counts of the rows nearest to each centre, for each chunk.

        Args:
            slots: a number for each set of centres, the same for its next ones: what was found for
                the last ones is then made use of. It does not change a bit of the answer.
            centers: float64 (s, k, d).

        Returns:
            float64 (s, chunks, k, d + 1).
        """
        return self._blocked.totals(slots, centers)

    def labels(self, centers: np.ndarray) -> np.ndarray:
        """Nearest of centres, float64 (k, d), of each row: int32 (n,)."""
        return self._blocked.labels(centers)

    def inertia(self, centers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Sum of squared distances to the centres of the labels, float64 (chunks,)."""
        return np.asarray(spread(self.rows, centers, labels, CHUNK, unrolled(self.rows.shape[1])))

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


def add_up(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Add what the chunks of shards gave, float64 (s, chunks, k, d + 1), in their order."""
    total: np.ndarray | None = None
    for part in parts:
        for chunk in part.swapaxes(0, 1):
            if total is None:
                total = chunk.copy()
            else:
                total += chunk
    if total is None:
        raise ValueError("there are no shards to add up; give at least one")
    return total
