"""What people without clusters would look like: reference data for the test of one cluster.

Every null is like the data in its range, its rounding, its gaps and its number of rows, and has one
cluster. Structure is claimed only where the data is unlike all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special, stats

from insights_workloads.clustering.unimodal import Marginal, unimodal

__all__ = ["Null", "null_models"]

Null = Callable[[np.random.Generator], np.ndarray]
"""Draws reference rows, float64 (n, d)."""

_TRAITS = np.array([[1.0, 1.0, 0.0, 0.0], [-1.0, 1.0, 0.0, 0.0]])
_CALIBRATIONS = 3
_PROJECTIONS = 8


def null_models(rows: np.ndarray, missing: np.ndarray | None = None) -> dict[str, Null]:
    """Nulls for some rows.

    `uniform`: a box of the data's range (Tibshirani, Walther and Hastie, 2001). `gaussian`: the
    data's mean and covariance. `same shape`: the data's marginals, each brought to one mode, tied
    by a Gaussian copula of the data's rank correlations, and held to the sums that the data keeps.
    It knows skewed features, answers of few values, and profiles that add up to a constant. A
    marginal as it is would not do: clusters that show in it would show in the reference as well.
    `traits`: for data that lies in the plane of two traits from which four energies are made, the
    same in the traits' own axes: energies of two correlated percentiles without any cluster fill a
    rotated square, which none of the others can do.

    Args:
        rows: float64 (n, d), finite; 0 where a value is missing.
        missing: bool (n, d), or None where nothing is.
    """
    known = np.ones(rows.shape, dtype=bool) if missing is None else ~missing
    columns = [
        column[there] if there.any() else np.zeros(1)
        for column, there in zip(rows.T, known.T, strict=True)
    ]
    low = np.array([column.min() for column in columns])
    high = np.array([column.max() for column in columns])
    step = np.array([_step(column) for column in columns])
    n, d = rows.shape

    def like_data(drawn: np.ndarray) -> np.ndarray:
        rounded = np.where(
            step > 0, low + np.round((drawn - low) / np.where(step > 0, step, 1)) * step, drawn
        )
        return np.ascontiguousarray(np.where(known, np.clip(rounded, low, high), 0.0))

    mean = np.array([column.mean() for column in columns])
    root = _root(_covariance(rows - mean, known))
    models: dict[str, Null] = {
        # Half a unit more at both ends: rounding would else halve the outermost values.
        "uniform": lambda random: like_data(
            random.uniform(low - step / 2, high + step / 2, (n, d))
        ),
        "gaussian": lambda random: like_data(mean + random.standard_normal((n, d)) @ root.T),
    }
    shape = _copula(columns, step, rows, known)
    models["same shape"] = lambda random: like_data(shape(random))
    if missing is None and _is_plane_of_traits(rows):
        traits = rows @ _TRAITS.T
        drawn = _copula(
            list(traits.T),
            np.array([_step(c) for c in traits.T]),
            traits,
            np.ones(traits.shape) > 0,
        )
        total = rows[:, 0].mean() + rows[:, 2].mean()

        def energies(random: np.random.Generator) -> np.ndarray:
            pair = drawn(random)
            red, yellow = (pair[:, 0] - pair[:, 1]) / 2, (pair[:, 0] + pair[:, 1]) / 2
            return like_data(np.column_stack([red, yellow, total - red, total - yellow]))

        models["traits"] = energies
    return models


def _copula(
    columns: list[np.ndarray], step: np.ndarray, rows: np.ndarray, known: np.ndarray
) -> Null:
    """Marginals of one mode, tied by rank correlations, in the subspace in which the rows lie."""
    n, d = rows.shape
    marginals: list[Marginal] = [
        unimodal(column, unit) for column, unit in zip(columns, step, strict=True)
    ]
    wanted = _correlation(_scores(rows, known), known)
    normals = _constants(rows, step) if known.all() else np.empty((0, d))
    mean = rows.mean(axis=0)

    def draw(random: np.random.Generator, root: np.ndarray, count: int) -> np.ndarray:
        order = np.argsort(random.standard_normal((count, d)) @ root.T, axis=0)
        values = [m(np.sort(random.random(count))) for m in marginals]
        made = np.empty((count, d))
        for j in range(d):
            made[order[:, j], j] = values[j]
        for _ in range(_PROJECTIONS if len(normals) else 0):
            made -= (made - mean) @ normals.T @ normals
            for j in range(d):
                made[np.argsort(made[:, j]), j] = values[j]
        if len(normals):
            made -= (made - mean) @ normals.T @ normals
        return made

    # Few values, and the bending of scores, make drawn columns less alike than was asked for.
    asked, whole = wanted, np.ones((n, d), dtype=bool)
    if not len(normals):
        for _ in range(_CALIBRATIONS):
            trial = draw(np.random.default_rng(0), _root(asked), n)
            asked = np.clip(asked + wanted - _correlation(_scores(trial, whole), whole), -1, 1)
            np.fill_diagonal(asked, 1.0)
    root = _root(asked)
    return lambda random: draw(random, root, n)


def _scores(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Normal scores of ranks, (n, d); 0 where a value is missing."""
    scores = np.zeros(rows.shape)
    for j, there in enumerate(known.T):
        if there.any():
            ranks = stats.rankdata(rows[there, j])
            scores[there, j] = special.ndtri(ranks / (there.sum() + 1))
    return scores


def _covariance(centred: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Covariances, each of the rows that have both values."""
    filled = np.where(known, centred, 0.0)
    both = known.astype(float).T @ known.astype(float)
    return np.asarray(filled.T @ filled / np.maximum(both - 1, 1))


def _correlation(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    covariance = _covariance(scores, known)
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    correlation = np.clip(covariance / np.outer(spread, spread), -1, 1)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation)


def _constants(rows: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Directions in which all rows are the same but for rounding, orthonormal (q, d)."""
    _, sizes, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    spread = sizes / np.sqrt(len(rows))
    rounding = 1.5 * np.sqrt(((axes * step) ** 2).sum(axis=1) / 12)
    return np.asarray(axes[spread <= np.maximum(rounding, 1e-6 * max(spread[0], 1e-300))])


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
