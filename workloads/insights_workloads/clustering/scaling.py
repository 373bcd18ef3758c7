"""Bringing features to one scale, in float64 and centred, so that no later step can overflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from insights_workloads.clustering.kernels.moments import column_moments

__all__ = ["ExtremeValues", "Scale", "bounds", "extremes", "fit_scale"]

_RANGES = 10.0
_FEW = 0.01
_QUARTILES = 100_000


@dataclass(frozen=True)
class ExtremeValues:
    """Values of a feature that count as missing, since they would decide everything.

    Attributes:
        feature: its name.
        people: how many have one.
        low: below which a value is extreme.
        high: above which one is.
    """

    feature: str
    people: int
    low: float
    high: float


@dataclass(frozen=True)
class Scale:
    """A shift and a factor for each feature.

    Attributes:
        center: float64 (d,), mean of each feature over the people who have it.
        factor: float64 (d,), what a feature is divided by; positive.
        low: float64 (d,), below which a value counts as missing.
        high: float64 (d,), above which one does.
    """

    center: np.ndarray
    factor: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Scaled rows, float64 (n, d), C-contiguous. A missing value becomes the mean."""
        scaled = (self.within(rows) - self.center) / self.factor
        np.nan_to_num(scaled, copy=False, nan=0.0)
        return np.ascontiguousarray(scaled)

    def within(self, rows: np.ndarray) -> np.ndarray:
        """Rows with NaN for values that are missing or extreme."""
        if np.isinf(self.low).all() and np.isinf(self.high).all():
            return rows
        return np.where((rows < self.low) | (rows > self.high), np.nan, rows)

    def undo(self, scaled: np.ndarray) -> np.ndarray:
        """Rows in the units of the input."""
        return np.asarray(scaled * self.factor + self.center)


def fit_scale(rows: np.ndarray, scaling: Literal["None", "Standard", "Robust"]) -> Scale:
    """The scale of some rows.

    `None` keeps the units relative to each other: one factor, a power of two near the largest
    spread, serves all features, which changes no result and keeps squares of any input in range.

    Args:
        rows: float64 (n, d); NaN where a value is missing.
        scaling: see `ClusteringOptions`.
    """
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    low, high = bounds(rows)
    center, spread = column_moments(
        np.where((rows < low) | (rows > high), np.nan, rows)
        if np.isfinite((low, high)).any()
        else rows
    )
    if scaling == "Robust":
        known = np.where(np.isfinite(rows), rows, np.nan)
        known[:, np.isnan(known).all(axis=0)] = 0.0
        first, third = np.nanpercentile(known, [25, 75], axis=0)
        spread = np.where(third > first, third - first, spread)
    # Below this a feature is constant but for rounding.
    constant = spread <= 1e-12 * np.maximum(np.abs(center), 1e-300)
    if scaling == "None":
        widest = float(np.max(np.where(constant, 0.0, spread), initial=0.0))
        factor = np.full(rows.shape[1], 2.0 ** np.round(np.log2(widest)) if widest > 0 else 1.0)
    else:
        factor = np.where(constant, 1.0, spread)
    return Scale(*_coarse(center, factor), low, high)


def bounds(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values beyond which one is extreme, lowest and highest (d,): a slip of the keyboard, say.

    Ten interquartile ranges beyond the quartiles; twice as far, and again, where more than one
    person in a hundred is beyond, since that is how the feature is, and no slip. A feature of which
    half of the people have the same value has no bounds.

    Args:
        rows: float64 (n, d); NaN where a value is missing.
    """
    d = rows.shape[1]
    low, high = np.full(d, -np.inf), np.full(d, np.inf)
    for j in range(d):
        column = rows[:, j]
        known = column[~np.isnan(column)]
        if not len(known):
            continue
        # Every some-th is enough for quartiles of very many.
        first, third = np.percentile(known[:: max(1, len(known) // _QUARTILES)], [25, 75])
        reach = _RANGES * (third - first)
        lowest, highest = known.min(), known.max()
        if reach <= 0 or (lowest >= first - reach and highest <= third + reach):
            continue
        while ((known < first - reach) | (known > third + reach)).mean() > _FEW:
            reach *= 2
        low[j], high[j] = first - reach, third + reach
    return low, high


def extremes(rows: np.ndarray, features: Sequence[str], scale: Scale) -> tuple[ExtremeValues, ...]:
    """Features with values beyond a scale's bounds, and how many.

    Args:
        rows: float64 (n, d); NaN where a value is missing.
        features: names of its columns.
        scale: of these rows.
    """
    beyond = ((rows < scale.low) | (rows > scale.high)).sum(axis=0)
    return tuple(
        ExtremeValues(features[j], int(beyond[j]), float(scale.low[j]), float(scale.high[j]))
        for j in np.flatnonzero(beyond).tolist()
    )


def _coarse(center: np.ndarray, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without the last digits, which follow from the order in which rows were added up."""
    mantissa, exponent = np.frexp(factor)
    coarse = np.ldexp(np.round(np.ldexp(mantissa, 30)), exponent - 30)
    unit = np.ldexp(1.0, exponent - 24)
    return np.round(center / unit) * unit, coarse
