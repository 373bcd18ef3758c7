"""Scaled rows, wherever they are, and the few questions that k-means asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from insights_workloads.clustering.chunk import Totals, add_up, chunks_of

__all__ = ["LocalRows", "Rows", "pick_farthest"]


class Rows(Protocol):
    """Rows that k-means can run on. Every answer is the same for any way of holding them."""

    count: int
    width: int

    def totals(self, starts: Sequence[np.ndarray]) -> list[Totals]:
        """One pass for each of several sets of centres: sums and counts of the nearest rows."""

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, float]:
        """Nearest centre of each row, int32 (n,), and the inertia, in float64."""

    def squares(self) -> float:
        """Sum of the squares of all values, in float64."""

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Rows at ascending positions, (m, d)."""

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows farthest from their centre, (m, d), and that centre, int32 (m,)."""


class LocalRows:
    """Rows in this process."""

    def __init__(self, rows: np.ndarray) -> None:
        """Hold rows, (n, d): float32 as they are, all others as float64."""
        kind = np.float32 if rows.dtype == np.float32 else np.float64
        self._rows = np.ascontiguousarray(rows, dtype=kind)
        self._chunks = chunks_of(self._rows)
        self.count, self.width = self._rows.shape

    def totals(self, starts: Sequence[np.ndarray]) -> list[Totals]:
        """See `Rows`."""
        # A chunk is in the cache for all sets of centres.
        return add_up([chunk.totals(centers) for centers in starts] for chunk in self._chunks)

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, float]:
        """See `Rows`."""
        labels = [chunk.labels(centers) for chunk in self._chunks]
        inertia = 0.0
        for chunk, mine in zip(self._chunks, labels, strict=True):
            inertia += chunk.inertia(centers, mine)
        return np.concatenate(labels), inertia

    def squares(self) -> float:
        """See `Rows`."""
        return sum(chunk.squares() for chunk in self._chunks)

    def take(self, positions: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        return np.asarray(self._rows[positions])

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Rows`."""
        return pick_farthest([chunk.farthest(centers, count) for chunk in self._chunks], count)


def pick_farthest(
    parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Farthest of the farthest rows of chunks, and their centres; of equally far the first wins."""
    rows, labels, squared = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(-squared, kind="stable")[:count]
    return rows[order], labels[order]
