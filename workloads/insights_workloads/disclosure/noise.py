"""Noise that stays: what readers are told of people is made of y = x + e, and e never changes.

e is normal, drawn once for each person of a source, and known to nobody. Whatever is published of
y, however often and in whatever groups, tells of a person at most their own y; an average over a
year of publications has nothing to average. Noise for each cell or each publication has that flaw
(arXiv 1902.06414, 1804.06752).

The covariance of e is at least that of the features between people, times a level: noise of less
correlation than the features could be filtered out. It is kept in layers that are only ever added.
Were it estimated anew for each publication, y would change by (A' - A)z with the same z; who knows
A and A' solves that for z, and so knows x. A layer is independent of those before, and what has one
more tells no more than what was told without it.

Who gets which draw is decided by an HMAC-SHA256 over source and identifier, with a secret of the
namespace.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Layer", "missing_layer", "protect"]

_SLACK = 1.25
"""How far the variance of people may outgrow that of the noise before a layer is added: an attacker
is then off by sqrt(1 / (1 + 1.25)) = 0.67 of the spread between people, and not by 0.71."""
_FENCE = 3.0
"""Interquartile ranges beyond the quartiles at which values are cut off (Tukey, 1977)."""
_DRAWS = 4
"""Normal numbers in a digest of 32 bytes."""


@dataclass(frozen=True)
class Layer:
    """Noise that was added at some time, and has been there since.

    Attributes:
        features: names of the features.
        factor: float64 (f, f); the layer adds factor @ z, where z are standard normal numbers.
        low: float64 (f,), where values of each feature are cut off; of several layers the first
            that has the feature decides.
        high: float64 (f,).
    """

    features: tuple[str, ...]
    factor: np.ndarray
    low: np.ndarray
    high: np.ndarray


def missing_layer(
    values: np.ndarray, features: Sequence[str], level: float, layers: Sequence[Layer]
) -> Layer | None:
    """The layer that has to be added before these people may be told of; None where none has.

    Args:
        values: float64 (n, d), a missing value is NaN.
        features: names of the columns.
        level: variance of the noise, as a multiple of that of the people.
        layers: those that are there.
    """
    if level <= 0 or not len(values):
        return None
    low, high = _fences(values, features, layers)
    wanted = level * _covariance(np.clip(values, low, high))
    there = _there(features, layers)
    unit = np.sqrt(np.maximum(wanted.diagonal(), there.diagonal()))
    unit = np.where(unit > 0, unit, 1.0)
    scale = np.outer(unit, unit)
    if float(np.linalg.eigvalsh((wanted - _SLACK * there) / scale).max()) <= 1e-9:
        return None
    lacking, vectors = np.linalg.eigh((wanted - there) / scale)
    factor = unit[:, None] * vectors * np.sqrt(np.maximum(lacking, 0.0))
    return Layer(tuple(features), factor, low, high)


def protect(
    values: np.ndarray,
    features: Sequence[str],
    ids: Sequence[str],
    layers: Sequence[Layer],
    *,
    secret: bytes,
    source: str,
) -> np.ndarray:
    """What may be told of people: y = x + e, float64 (n, d). A missing value stays missing.

    Args:
        values: x, float64 (n, d).
        features: names of the columns.
        ids: identifiers of the people.
        layers: the noise.
        secret: of the namespace.
        source: what the identifiers are unique in.
    """
    low, high = _fences(values, features, layers)
    told = np.clip(values, low, high)
    for number, layer in enumerate(layers):
        normal = _normals(ids, len(layer.features), secret, f"{len(source)}:{source}:{number}")
        added = normal @ layer.factor.T
        for at, name in enumerate(features):
            if name in layer.features:
                told[:, at] += added[:, layer.features.index(name)]
    return np.asarray(told)


def _fences(
    values: np.ndarray, features: Sequence[str], layers: Sequence[Layer]
) -> tuple[np.ndarray, np.ndarray]:
    """Where values are cut off: a slip of the keyboard would be everybody's noise otherwise."""
    low, high = np.full(len(features), -np.inf), np.full(len(features), np.inf)
    for at, name in enumerate(features):
        layer = next((each for each in layers if name in each.features), None)
        if layer is not None:
            j = layer.features.index(name)
            low[at], high[at] = layer.low[j], layer.high[j]
            continue
        known = values[~np.isnan(values[:, at]), at]
        if len(known):
            q = np.quantile(known, (0.01, 0.25, 0.75, 0.99))
            reach = _FENCE * (q[2] - q[1])
            low[at], high[at] = min(q[0], q[1] - reach), max(q[3], q[2] + reach)
    return low, high


def _covariance(values: np.ndarray) -> np.ndarray:
    """Of everybody; missing values take part as the mean, and the spread is that of known ones."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    centred = np.where(known, values - mean, 0.0)
    stretch = np.sqrt(len(values) / count)
    return np.asarray(centred.T @ centred / len(values) * np.outer(stretch, stretch))


def _there(features: Sequence[str], layers: Sequence[Layer]) -> np.ndarray:
    """Covariance of the noise so far, of these features."""
    total = np.zeros((len(features), len(features)))
    for layer in layers:
        rows = np.zeros((len(features), len(layer.features)))
        for at, name in enumerate(features):
            if name in layer.features:
                rows[at] = layer.factor[layer.features.index(name)]
        total += rows @ rows.T
    return total


def _normals(ids: Sequence[str], count: int, secret: bytes, scope: str) -> np.ndarray:
    """Standard normal numbers, float64 (n, count), by Box and Muller (1958) from digests."""
    blocks = -(-count // _DRAWS)
    digests = b"".join(
        hmac.digest(secret, f"{scope}:{block}:{one}".encode(), "sha256")
        for one in ids
        for block in range(blocks)
    )
    drawn = np.frombuffer(digests, dtype="<u8").reshape(len(ids), blocks * _DRAWS)
    uniform = ((drawn >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    radius = np.sqrt(-2.0 * np.log(uniform[:, 0::2]))
    angle = 2.0 * np.pi * uniform[:, 1::2]
    normal = np.empty_like(uniform)
    normal[:, 0::2], normal[:, 1::2] = radius * np.cos(angle), radius * np.sin(angle)
    return np.asarray(normal[:, :count])
