"""Scaled rows, wherever they are, and the few questions that k-means asks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from insights_workloads.clustering.shards import Shard, add_up

__all__ = ["LocalRows", "Rows", "draw", "pick_farthest", "sample_positions", "sum_in_order"]


class Rows(Protocol):
    """Rows that k-means can run on. Every answer is the same for any way of holding them."""

    count: int
    width: int

    def totals(self, starts: Mapping[int, np.ndarray]) -> np.ndarray:
        """One pass for each of s sets of centres: sums and counts of the nearest rows.

        Args:
            starts: sets of centres, float64 (k, d), all of one k. Numbers from 0 say which earlier
                ones they follow: it makes a pass faster, and changes no bit.

        Returns:
            float64 (s, k, d + 1), counts as the last column.
        """

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, float]:
        """Nearest centre of each row, int32 (n,), and the inertia, in float64."""

    def squares(self) -> float:
        """Sum of the squares of all values, in float64."""

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Rows at ascending positions, (m, d)."""

    def sample(self, size: int, seed: int) -> np.ndarray:
        """Rows drawn at random, (m, d), m at most `size`."""

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows farthest from their centre, and that centre, int32 (m,).

        The rows are (m, d + 1), as what they are in `totals`.
        """


class LocalRows:
    """Rows in this process."""

    def __init__(self, rows: np.ndarray) -> None:
        """Hold rows, (n, d): float32 as they are, all others as float64."""
        kind = np.float32 if rows.dtype == np.float32 else np.float64
        self._rows = np.ascontiguousarray(rows, dtype=kind)
        self._shard = Shard(self._rows)
        self.count, self.width = self._rows.shape

    def totals(self, starts: Mapping[int, np.ndarray]) -> np.ndarray:
        """See `Rows`."""
        return add_up([self._shard.totals(list(starts), np.stack(list(starts.values())))])

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, float]:
        """See `Rows`."""
        labels = self._shard.labels(centers)
        return labels, sum_in_order([self._shard.inertia(centers, labels)])

    def squares(self) -> float:
        """See `Rows`."""
        return self._shard.squares()

    def take(self, positions: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        return np.asarray(self._rows[positions])

    def sample(self, size: int, seed: int) -> np.ndarray:
        """See `Rows`."""
        return self.take(sample_positions(self.count, size, seed))

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Rows`."""
        return pick_farthest([self._shard.farthest(centers, count)], count)


def sum_in_order(parts: Sequence[np.ndarray]) -> float:
    """Sum of what chunks gave, float64 (chunks,) a shard, in their order."""
    total = 0.0
    for value in np.concatenate(parts):
        total += float(value)
    return total


def pick_farthest(
    parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Farthest of the farthest rows of chunks, and their centres.

    A one stands behind each, (m, d + 1). Of equally far rows the first wins.
    """
    rows, labels, squared = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(-squared, kind="stable")[:count]
    return np.column_stack([rows[order], np.ones(len(order))]), labels[order]


def draw(rows: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Positions of a sample without replacement that follows from the values, not from their order.

    Rows are taken by a hash of their values, the least first. Of few rows it is all of them.

    Args:
        rows: float64 (n, d), finite.
        size: rows to draw at most.
        seed: of the hash.
    """
    bits = np.ascontiguousarray(rows + 0.0).view(np.uint64)
    mixed = np.full(len(rows), (seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64, np.uint64)
    for column in bits.T:
        # The finaliser of MurmurHash3, after each value.
        mixed ^= column
        for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(33)
    if len(rows) <= size:
        return np.argsort(mixed, kind="stable")
    least = np.argpartition(mixed, size)[:size]
    return np.asarray(least[np.argsort(mixed[least], kind="stable")])


def sample_positions(count: int, size: int, seed: int) -> np.ndarray:
    """Ascending positions of a sample without replacement, int64; all where there are fewer."""
    if count <= size:
        return np.arange(count, dtype=np.int64)
    random = np.random.default_rng([seed, count])
    return np.sort(random.choice(count, size, replace=False, shuffle=False)).astype(np.int64)
