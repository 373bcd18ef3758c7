"""The distribution of one mode that is nearest to some values, to draw from.

Densities between quantiles are brought to rise before a mode and to fall after it, by pooling
neighbours that do not (Ayer et al., 1955; isotonic regression); the mode is the one that changes
least. What has one mode stays as it is, however skewed, bounded or long-tailed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["Marginal", "bimodality", "unimodal"]

Marginal = Callable[[np.ndarray], np.ndarray]
"""Quantiles of a distribution: values for shares between 0 and 1."""

_KNOTS = 40
_BINS = 24
_LATTICE = 64
"""Values of a rounded feature up to which each keeps a share of its own."""


def unimodal(values: np.ndarray, step: float) -> Marginal:
    """The nearest distribution of one mode.

    Args:
        values: float64 (m,), m >= 1.
        step: unit to which they were rounded, 0 where they were not.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return lambda shares: np.full(len(shares), low)
    if step > 0 and (high - low) / step < _LATTICE:
        at = np.round((values - low) / step).astype(int)
        counts = np.bincount(at).astype(float)
        mass = _one_mode(counts, np.ones(len(counts)))
        below = np.cumsum(mass) / mass.sum()
        return lambda shares: (
            low + step * np.minimum(np.searchsorted(below, shares), len(counts) - 1)
        )
    knots = np.unique(np.quantile(values, _levels(len(values))))
    widths = np.diff(knots)
    inside = np.histogram(values, knots)[0].astype(float)
    mass = _one_mode(inside / widths, widths) * widths
    below = np.concatenate([[0.0], np.cumsum(mass) / mass.sum()])
    return lambda shares: np.interp(shares, below, knots)


def bimodality(values: np.ndarray) -> float:
    """Share of values that must move for their histogram to have one mode, 0 to 1.

    Args:
        values: float64 (m,), m >= 1.
    """
    low, high = np.percentile(values, [1, 99])
    if low >= high:
        return 0.0
    counts = np.histogram(np.clip(values, low, high), _BINS, (low, high))[0].astype(float)
    moved = np.cumsum(counts - _one_mode(counts, np.ones(_BINS)))
    return float(np.abs(moved).max() / len(values))


def _levels(count: int) -> np.ndarray:
    """Shares at which quantiles are taken: evenly, and nearer to both ends the fewer are beyond."""
    even = np.linspace(0, 1, _KNOTS + 1)
    tail = 2.0 ** np.arange(0, np.log2(max(count / _KNOTS, 2))) / count
    return np.unique(np.concatenate([even, tail, 1 - tail]))


def _one_mode(heights: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Heights that rise and then fall, with the same area, as near to those given as can be."""
    best, least = heights, np.inf
    for mode in range(len(heights)):
        rising = _rising(heights[: mode + 1], widths[: mode + 1])
        falling = _rising(heights[:mode:-1], widths[:mode:-1])[::-1]
        made = np.concatenate([rising, falling])
        cost = float((widths * (made - heights) ** 2).sum())
        if cost < least:
            best, least = made, cost
    return best


def _rising(heights: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Weighted isotonic regression by pooling adjacent violators."""
    blocks: list[list[float]] = []
    for height, width in zip(heights.tolist(), widths.tolist(), strict=True):
        blocks.append([height, width, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            after, before = blocks.pop(), blocks.pop()
            width = before[1] + after[1]
            blocks.append(
                [(before[0] * before[1] + after[0] * after[1]) / width, width, before[2] + after[2]]
            )
    return np.repeat([b[0] for b in blocks], [int(b[2]) for b in blocks])
