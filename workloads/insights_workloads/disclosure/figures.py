"""Figures of groups of people, made of what may be told of each, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10, sqrt

import numpy as np

from insights_workloads.disclosure.few import FEWEST

__all__ = ["Bin", "Estimate", "bins", "estimate", "people_spread", "rounded"]


@dataclass(frozen=True)
class Estimate:
    """A mean, in digits that are true.

    Attributes:
        value: the mean.
        error: standard deviation of what it is off by; 0 where nothing was added to it.
        decimals: digits behind the point that are told.
    """

    value: float
    error: float
    decimals: int

    def __str__(self) -> str:
        """The mean in its digits."""
        return f"{self.value:.{self.decimals}f}"

    @property
    def off(self) -> str:
        """What it may be off by, in the same digits; empty where it is exact."""
        return f"{self.error:.{self.decimals}f}" if self.error else ""


@dataclass(frozen=True)
class Bin:
    """A square of a picture in which there are at least five people.

    Attributes:
        x: of its middle.
        y: of its middle.
        edge: length of its sides.
        shade: share of the fullest bin, in tenths.
    """

    x: float
    y: float
    edge: float
    shade: float


def people_spread(told: np.ndarray, level: float) -> np.ndarray:
    """Standard deviations between people, float64 (d,), as far as they can be seen in y.

    The variance of y is that of x and the noise's, which is `level` times that of x.
    """
    if not len(told):
        return np.zeros(told.shape[1])
    known = np.isfinite(told)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, told, 0.0).sum(axis=0) / count
    squares = np.where(known, told - mean, 0.0) ** 2
    return np.asarray(np.sqrt(squares.sum(axis=0) / count / (1.0 + level)))


def estimate(told: np.ndarray, spread: float, level: float) -> Estimate | None:
    """A mean of one feature; None where it would be about fewer than five people.

    Args:
        told: float64 (n,), y.
        spread: standard deviation between people.
        level: variance of the noise, as a multiple of that of people.
    """
    known = told[np.isfinite(told)]
    if len(known) < FEWEST:
        return None
    error = spread * sqrt(level / len(known))
    decimals = 2 if error <= 0 else max(0, -floor(log10(error)))
    # One digit that is off; two where the first is a one.
    if error > 0 and error * 10**decimals < 2:
        decimals += 1
    return Estimate(round(float(known.mean()), decimals), round(error, decimals), decimals)


def bins(places: np.ndarray) -> tuple[Bin, ...]:
    """How densely people stand: squares of at least five people, none of fewer.

    Args:
        places: float64 (n, 2), of y, in a square from -1 to 1; who is beyond counts at the edge.
    """
    across = int(min(40, max(6, sqrt(len(places) / 6))))
    edge = 2.0 / across
    at = np.clip(((places + 1.0) / edge).astype(np.int64), 0, across - 1)
    counts = np.bincount(at[:, 0] * across + at[:, 1], minlength=across * across)
    most = int(counts.max(initial=1))
    return tuple(
        Bin(
            x=round(-1 + (column + 0.5) * edge, 6),
            y=round(-1 + (row + 0.5) * edge, 6),
            edge=round(edge, 6),
            shade=max(0.1, round(counts[column * across + row] / most, 1)),
        )
        for column in range(across)
        for row in range(across)
        if counts[column * across + row] >= FEWEST
    )


def rounded(value: float) -> float:
    """A figure of quality in two digits, all that is told of one that is made of everybody."""
    return float(f"{value:.2g}")
