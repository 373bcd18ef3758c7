"""Bringing features to one scale, in float64 and centred, so that no later step can overflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from insights_workloads.clustering.kernels.moments import column_moments

__all__ = ["Scale", "fit_scale"]


@dataclass(frozen=True)
class Scale:
    """A shift and a factor for each feature.

    Attributes:
        center: float64 (d,), mean of each feature over the people who have it.
        factor: float64 (d,), what a feature is divided by; positive.
    """

    center: np.ndarray
    factor: np.ndarray

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Scaled rows, float64 (n, d), C-contiguous. A missing value becomes the mean."""
        scaled = (rows - self.center) / self.factor
        np.nan_to_num(scaled, copy=False, nan=0.0)
        return np.ascontiguousarray(scaled)

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
    center, spread = column_moments(np.ascontiguousarray(rows, dtype=np.float64))
    if scaling == "Robust":
        known = np.where(np.isfinite(rows), rows, np.nan)
        known[:, np.isnan(known).all(axis=0)] = 0.0
        low, high = np.nanpercentile(known, [25, 75], axis=0)
        spread = np.where(high > low, high - low, spread)
    # Below this a feature is constant but for rounding.
    constant = spread <= 1e-12 * np.maximum(np.abs(center), 1e-300)
    if scaling == "None":
        widest = float(np.max(np.where(constant, 0.0, spread), initial=0.0))
        factor = np.full(rows.shape[1], 2.0 ** np.round(np.log2(widest)) if widest > 0 else 1.0)
    else:
        factor = np.where(constant, 1.0, spread)
    return Scale(center, factor)
