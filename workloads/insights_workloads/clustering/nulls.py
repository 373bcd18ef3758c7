"""What people without clusters would look like: reference data for the test of one cluster.

Every null is like the data in its range, its rounding and its number of rows, and has one cluster.
Structure is claimed only where the data is unlike all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

__all__ = ["Null", "null_models"]

Null = Callable[[np.random.Generator], np.ndarray]
"""Draws reference rows, float64 (n, d)."""

_TRAITS = np.array([[1.0, 1.0, 0.0, 0.0], [-1.0, 1.0, 0.0, 0.0]])


def null_models(rows: np.ndarray) -> dict[str, Null]:
    """Nulls for some rows.

    `uniform`: a box of the data's range (Tibshirani, Walther and Hastie, 2001). `gaussian`: the
    data's mean and covariance. `traits`: for data that lies in the plane of two traits from which
    four energies are made, a box in the traits' own axes, tied by a Gaussian copula of their rank
    correlation: energies of two correlated percentiles without any cluster fill a rotated square,
    which neither of the others can do. Marginals of the data are not copied: where clusters show
    in a marginal, a reference that copies it would show them too.

    Args:
        rows: float64 (n, d), finite.
    """
    low, high = rows.min(axis=0), rows.max(axis=0)
    step = np.array([_step(column) for column in rows.T])
    n = len(rows)

    def like_data(drawn: np.ndarray) -> np.ndarray:
        rounded = np.where(step > 0, np.round(drawn / np.where(step > 0, step, 1)) * step, drawn)
        return np.ascontiguousarray(np.clip(rounded, low, high))

    mean, covariance = rows.mean(axis=0), np.atleast_2d(np.cov(rows, rowvar=False))
    root = _root(covariance)
    models: dict[str, Null] = {
        # Half a unit more at both ends: rounding would else halve the outermost values.
        "uniform": lambda random: like_data(
            random.uniform(low - step / 2, high + step / 2, (n, len(low)))
        ),
        "gaussian": lambda random: like_data(mean + random.standard_normal((n, len(low))) @ root.T),
    }
    if _is_plane_of_traits(rows):
        traits = rows @ _TRAITS.T
        drawn = _copula(traits)
        total = rows[:, 0].mean() + rows[:, 2].mean()

        def energies(random: np.random.Generator) -> np.ndarray:
            pair = drawn(random)
            red, yellow = (pair[:, 0] - pair[:, 1]) / 2, (pair[:, 0] + pair[:, 1]) / 2
            return like_data(np.column_stack([red, yellow, total - red, total - yellow]))

        models["traits"] = energies
    return models


def _copula(rows: np.ndarray) -> Null:
    """A box of the data's range whose columns are tied by the data's rank correlation."""
    n, d = rows.shape
    scores = stats.norm.ppf(stats.rankdata(rows, axis=0) / (n + 1))
    root = _root(np.corrcoef(scores, rowvar=False))
    half = np.array([_step(column) for column in rows.T]) / 2
    low, high = rows.min(axis=0) - half, rows.max(axis=0) + half

    def draw(random: np.random.Generator) -> np.ndarray:
        uniform = stats.norm.cdf(random.standard_normal((n, d)) @ root.T)
        return np.asarray(low + (high - low) * uniform)

    return draw


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _is_plane_of_traits(rows: np.ndarray) -> bool:
    """Whether four columns are opposite in pairs, as energies of two traits are."""
    if rows.shape[1] != 4:
        return False
    spread = float(rows.std(axis=0).max())
    pairs = rows[:, :2] + rows[:, 2:]
    return spread > 0 and float(pairs.std(axis=0).max()) < 0.05 * spread


def _step(column: np.ndarray) -> float:
    """The unit to which a column was rounded, 0 where it was not."""
    values = np.unique(column)
    if len(values) < 2 or len(values) > 0.5 * len(column):
        return 0.0
    gap = float(np.diff(values).min())
    off = np.abs((values - values[0]) / gap - np.round((values - values[0]) / gap))
    return gap if off.max() < 1e-6 else 0.0
