"""Mixtures of Gaussians of one shared shape, and how many of them explain some people best.

`mixture_likelihood` (a kernel) has a covariance for each Gaussian, which suits groups of different
spreads and needs many people; here they share one, which suits few people in many features. Both
start from k-means and from average linkage, since k-means would rather halve a large group than
find two small ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from insights_workloads.clustering.kernels.mixture import mixture_likelihood
from insights_workloads.clustering.rows import draw

__all__ = ["Mixture", "Starts", "bic", "fit_shared", "full_rank"]

_LINKED = 800
_FEWEST = 5
"""People of a group that linkage may start from."""
_ITERATIONS = 60
_GAIN = 1e-4
"""Nats a person below which an iteration is the last."""


@dataclass(frozen=True)
class Mixture:
    """Gaussians with one covariance.

    Attributes:
        log_likelihood: of the rows it was fitted to.
        weights: float64 (k,).
        means: float64 (k, d).
        root: float64 (d, d), lower Cholesky root of the covariance.
    """

    log_likelihood: float
    weights: np.ndarray
    means: np.ndarray
    root: np.ndarray

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Likeliest Gaussian of each row, int64 (n,)."""
        return np.asarray(_log_shares(rows, self.weights, self.means, self.root).argmax(axis=1))


class Starts:
    """Labels to start from: those of k-means, and those of average linkage."""

    def __init__(self, rows: np.ndarray, seed: int) -> None:
        """Link some of the rows, float64 (n, d)."""
        self._rows = rows
        self._linked = rows[draw(rows, _LINKED, seed)]
        self._tree = linkage(self._linked, "average") if len(rows) > 1 else None

    def labels(self, k: int) -> np.ndarray | None:
        """Labels by the nearest centre of the k largest groups of linkage, int64 (n,).

        It cuts further where single people stand apart; None where it finds no k groups.
        """
        if self._tree is None:
            return None
        for cut in (k, 2 * k, 4 * k):
            group = fcluster(self._tree, cut, "maxclust") - 1
            sizes = np.bincount(group)
            largest = np.argsort(-sizes, kind="stable")[:k]
            if len(largest) == k and sizes[largest].min() >= _FEWEST:
                centers = np.array([self._linked[group == one].mean(axis=0) for one in largest])
                squared = (centers**2).sum(axis=1) - 2 * self._rows @ centers.T
                return np.asarray(squared.argmin(axis=1))
        return None


def full_rank(rows: np.ndarray) -> np.ndarray:
    """Coordinates without directions in which nobody differs, float64 (n, r)."""
    centred = rows - rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    kept = axes[sizes > 1e-6 * max(sizes[0], 1e-300)]
    return np.ascontiguousarray(centred @ kept.T)


def bic(rows: np.ndarray, k: int, starts: Sequence[np.ndarray]) -> tuple[float, Mixture | None]:
    """Least BIC of a mixture of k Gaussians over both shapes and all starts; less is better.

    Args:
        rows: float64 (n, d), of full rank.
        k: Gaussians.
        starts: labels, int (n,).

    Returns:
        BIC (Schwarz, 1978, with the sign of a price), and the mixture if a shared shape is best.
    """
    n, d = rows.shape
    floor = 1e-4 * float(rows.var())
    shape = d * (d + 1) / 2
    best: tuple[float, Mixture | None] = (np.inf, None)
    for labels in starts:
        shared = fit_shared(rows, labels, k)
        price = (k * d + shape + k - 1) * np.log(n) - 2 * shared.log_likelihood
        if price < best[0]:
            best = price, shared
        own = mixture_likelihood(rows, labels.astype(np.int32), k, floor, 60, 1e-3)
        price = (k * (d + shape) + k - 1) * np.log(n) - 2 * own
        if price < best[0]:
            best = float(price), None
    return best


def fit_shared(rows: np.ndarray, labels: np.ndarray, k: int) -> Mixture:
    """Fit by expectation and maximisation.

    Args:
        rows: float64 (n, d), of full rank.
        labels: int (n,), where to begin.
        k: Gaussians.
    """
    n, d = rows.shape
    floor = 1e-4 * float(rows.var())
    shares = np.zeros((n, k))
    shares[np.arange(n), labels] = 1.0
    scatter, last = rows.T @ rows, -np.inf
    for _ in range(_ITERATIONS):
        counts = shares.sum(axis=0) + 1e-9
        means = (shares.T @ rows) / counts[:, None]
        covariance = (scatter - (means.T * counts) @ means) / n
        root = np.linalg.cholesky(covariance + floor * np.eye(d))
        logs = _log_shares(rows, counts / n, means, root)
        top = logs.max(axis=1, keepdims=True)
        shares = np.exp(logs - top)
        total = shares.sum(axis=1, keepdims=True)
        shares /= total
        likelihood = float((top + np.log(total)).sum())
        if likelihood - last < _GAIN * n:
            break
        last = likelihood
    return Mixture(likelihood, counts / n, means, root)


def _log_shares(
    rows: np.ndarray, weights: np.ndarray, means: np.ndarray, root: np.ndarray
) -> np.ndarray:
    """Log of weight times density, (n, k)."""
    white, centers = np.linalg.solve(root, rows.T).T, np.linalg.solve(root, means.T).T
    squared = (white**2).sum(axis=1)[:, None] - 2 * white @ centers.T + (centers**2).sum(axis=1)
    scale = np.log(np.diag(root)).sum() + 0.5 * rows.shape[1] * np.log(2 * np.pi)
    return np.asarray(np.log(weights) - 0.5 * squared - scale)
