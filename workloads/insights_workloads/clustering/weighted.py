"""Rows of which some count for more than others, in this process.

A row of weight 3 is three equal rows to every sum. Plain loops do it: weights are rare, and what
makes passes over blocks fast is that they know the sums of whole blocks beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from insights_workloads.clustering.kernels.plain import assign

__all__ = ["WeightedRows"]


class WeightedRows:
    """Rows with weights; see `rows.Rows`. Counts are sums of weights."""

    def __init__(self, rows: np.ndarray, weights: np.ndarray) -> None:
        """Hold rows, float64 (n, d), C-contiguous, and weights (n,), none below 0, one above."""
        self._rows = rows
        self._weights = np.asarray(weights, dtype=np.float64)
        self.count, self.width = rows.shape

    def totals(self, starts: Mapping[int, np.ndarray]) -> np.ndarray:
        """See `Rows`."""
        return np.stack([self._totals(centers) for centers in starts.values()])

    def _totals(self, centers: np.ndarray) -> np.ndarray:
        labels, _ = assign(self._rows, centers)
        shares = [self._weights * column for column in self._rows.T]
        return np.column_stack(
            [np.bincount(labels, one, len(centers)) for one in (*shares, self._weights)]
        )

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, float]:
        """See `Rows`."""
        labels, squared = assign(self._rows, centers)
        return labels, float(self._weights @ squared)

    def squares(self) -> float:
        """See `Rows`."""
        return float(self._weights @ (self._rows**2).sum(axis=1))

    def take(self, positions: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        return np.asarray(self._rows[positions])

    def sample(self, size: int, seed: int) -> np.ndarray:
        """Rows drawn with replacement, each as likely as it counts."""
        random = np.random.default_rng([seed, self.count])
        share = self._weights / self._weights.sum()
        return self.take(np.sort(random.choice(self.count, size, p=share)))

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Rows`. Rows that count come first."""
        labels, squared = assign(self._rows, centers)
        squared[self._weights == 0] = -1.0
        order = np.argsort(-squared, kind="stable")[:count]
        weights = self._weights[order, None]
        return np.hstack([weights * self._rows[order], weights]), labels[order]
