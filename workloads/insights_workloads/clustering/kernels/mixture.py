"""Mixtures of Gaussians with full covariances, by expectation and maximisation."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["mixture_likelihood"]

_STRICT = {"contract"}
_SUMS = {"contract", "reassoc", "nsz"}
_NEVER = 40.0
"""Nats behind the likeliest component from which a share is no more than rounding."""


@njit(nogil=True, fastmath=_SUMS)
def _weighted(share, first, second):
    total = 0.0
    for i in range(len(share)):
        total += share[i] * first[i] * second[i]
    return total


@njit(nogil=True, fastmath=_SUMS)
def _dot(share, column):
    total = 0.0
    for i in range(len(share)):
        total += share[i] * column[i]
    return total


@njit(nogil=True, fastmath=_STRICT)
def _less_times(out, factor, column):
    for i in range(len(out)):
        out[i] -= factor * column[i]


@njit(nogil=True, fastmath=_STRICT)
def _less_square(out, column, scale):
    """Scale a column, and take half its squares from out."""
    for i in range(len(out)):
        column[i] *= scale
        out[i] -= 0.5 * column[i] * column[i]


@njit(nogil=True, fastmath=_STRICT)
def _maximise(columns, shares, floor, weights, means, roots):
    """Weights, means and Cholesky roots of the covariances, from each row's shares."""
    k = len(shares)
    d, n = columns.shape
    off = np.empty((d, n))
    ones = np.ones(n)
    for c in range(k):
        mass = _dot(shares[c], ones) + 1e-10
        weights[c] = mass / n
        for j in range(d):
            means[c, j] = _dot(shares[c], columns[j]) / mass
            off[j] = columns[j] - means[c, j]
        covariance = np.empty((d, d))
        for j in range(d):
            for other in range(j + 1):
                value = _weighted(shares[c], off[j], off[other]) / mass
                covariance[j, other] = value
                covariance[other, j] = value
            covariance[j, j] += floor
        roots[c] = np.linalg.cholesky(covariance)


@njit(nogil=True, fastmath=_STRICT)
def _expect(columns, weights, means, roots, shares):
    """Shares of each component in each row; the mean log-likelihood."""
    k = len(shares)
    d, n = columns.shape
    white = np.empty((d, n))
    for c in range(k):
        constant = np.log(weights[c]) - 0.5 * d * np.log(2.0 * np.pi)
        for j in range(d):
            constant -= np.log(roots[c, j, j])
        shares[c] = constant
        for j in range(d):
            white[j] = columns[j] - means[c, j]
            for other in range(j):
                _less_times(white[j], roots[c, j, other], white[other])
            _less_square(shares[c], white[j], 1.0 / roots[c, j, j])
    likelihood = 0.0
    for i in range(n):
        most = shares[0, i]
        for c in range(1, k):
            most = max(most, shares[c, i])
        total = 0.0
        for c in range(k):
            behind = most - shares[c, i]
            shares[c, i] = np.exp(-behind) if behind < _NEVER else 0.0
            total += shares[c, i]
        likelihood += most + np.log(total)
        for c in range(k):
            shares[c, i] /= total
    return likelihood / n


@njit(cache=True, nogil=True, fastmath=_STRICT)
def mixture_likelihood(rows, labels, k, floor, iterations, tolerance):
    """Log-likelihood of a mixture that begins with given clusters.

    Args:
        rows: float64 (n, d).
        labels: int32 (n,), clusters to begin with.
        k: components.
        floor: added to every variance.
        iterations: most iterations.
        tolerance: ends when the mean log-likelihood of a row grows by less.
    """
    n, d = rows.shape
    columns = rows.T.copy()
    shares = np.zeros((k, n))
    for i in range(n):
        shares[labels[i], i] = 1.0
    weights = np.empty(k)
    means = np.empty((k, d))
    roots = np.empty((k, d, d))
    before = -np.inf
    for _ in range(iterations):
        _maximise(columns, shares, floor, weights, means, roots)
        now = _expect(columns, weights, means, roots, shares)
        if abs(now - before) < tolerance:
            before = now
            break
        before = now
    return before * n
