"""Scaled rows, wherever they are, and the few questions that k-means asks of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from insights_workloads.clustering.kernels import CHUNK, assign, assign_and_sum

__all__ = ["LocalRows", "Rows", "Totals"]

Totals = tuple[np.ndarray, np.ndarray, float]
"""Sums float64 (k, d), counts float64 (k,) and inertia of a pass."""


class Rows(Protocol):
    """Rows that k-means can run on. Every answer is the same for any way of holding them."""

    count: int
    width: int

    def totals(self, centers: np.ndarray) -> Totals:
        """One pass: assign every row, and add up by cluster."""

    def labels(self, centers: np.ndarray) -> np.ndarray:
        """Nearest centre of each row, int32 (n,)."""

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Rows at ascending positions, float64 (m, d)."""

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows farthest from their centre, float64 (m, d), and that centre, int32 (m,)."""


class LocalRows:
    """Rows in this process."""

    def __init__(self, rows: np.ndarray) -> None:
        """Hold rows, float64 (n, d)."""
        self._rows = np.ascontiguousarray(rows, dtype=np.float64)
        self.count, self.width = self._rows.shape

    def totals(self, centers: np.ndarray) -> Totals:
        """See `Rows`."""
        return add_up(assign_and_sum(chunk, centers) for chunk in chunks(self._rows))

    def labels(self, centers: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        return np.asarray(assign(self._rows, centers)[0])

    def take(self, positions: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        return np.asarray(self._rows[positions])

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Rows`."""
        rows, labels, _ = pick_farthest(self._rows, centers, count)
        return rows, labels


def chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Rows in chunks of `CHUNK`."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def add_up(parts: Iterator[Totals]) -> Totals:
    """Add what chunks gave, in their order."""
    sums, counts, inertia = next(parts)
    for more_sums, more_counts, more_inertia in parts:
        sums = sums + more_sums
        counts = counts + more_counts
        inertia += more_inertia
    return sums, counts, float(inertia)


def pick_farthest(
    rows: np.ndarray, centers: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Farthest rows, their centres and their squared distances; of equally far the first wins."""
    labels, squared = assign(rows, centers)
    order = np.argsort(-squared, kind="stable")[:count]
    return rows[order], labels[order], squared[order]
