"""Objectives as columns: teams are good where the sums of these columns are as wanted.

Minimising the squared sums by team, divided by size, maximises the variance within teams of
whatever the columns hold: means (Variance), means and squares (k-plus, Papenberg 2024), or
coordinates whose squared distances are the distances between people (Diversity).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from insights_crds.v1 import Teams

__all__ = ["ObjectivePart", "balanced_columns", "distance_coordinates"]

_LANDMARKS = 256
_COORDINATES = 24


@dataclass(frozen=True)
class ObjectivePart:
    """An objective among the balanced columns.

    Attributes:
        kind: as in the spec.
        columns: how many are its own, next to each other and in the order of the spec.
        weight: of the objective.
    """

    kind: str
    columns: int
    weight: float


def balanced_columns(
    spec: Teams, features: Sequence[str], matrix: np.ndarray
) -> tuple[np.ndarray, tuple[ObjectivePart, ...]]:
    """Columns of all objectives, float64 (n, m), each weighted by the root of its weight.

    Columns have mean zero, so that the wanted sum is zero whatever the size of a team; those of
    `SkillSum` have not, since there the sums themselves are to be equal.

    Args:
        spec: `spec.teams`.
        features: names of the columns of `matrix`.
        matrix: float64 (n, d), without missing values.
    """
    parts, objectives = [], []
    for objective in spec.objectives:
        names = list(objective.features) or list(features)
        chosen = matrix[:, [list(features).index(name) for name in names]]
        centred = _standard(chosen)
        if objective.kind == "SkillSum":
            columns = [chosen / _spread(chosen)]
        elif objective.kind == "Diversity":
            columns = [distance_coordinates(centred)]
        elif objective.kind == "KPlus":
            columns = [centred, _standard(centred**2)]
        else:
            columns = [centred]
        parts.append(np.sqrt(objective.weight) * np.hstack(columns))
        objectives.append(ObjectivePart(objective.kind, parts[-1].shape[1], objective.weight))
    return np.ascontiguousarray(np.hstack(parts)), tuple(objectives)


def distance_coordinates(points: np.ndarray) -> np.ndarray:
    """Coordinates whose squared Euclidean distances are nearly the distances between points.

    Distances are of negative type, so such coordinates exist (Schoenberg, 1938). They are found
    from landmarks (de Silva and Tenenbaum, 2004), and scaled to the variance of the points.

    Args:
        points: float64 (n, d), centred.

    Returns:
        float64 (n, m), centred, m at most 24.
    """
    n = len(points)
    landmarks = points[np.linspace(0, n - 1, min(n, _LANDMARKS)).astype(int)]
    between = cdist(landmarks, landmarks)
    rows = between.mean(axis=0)
    values, vectors = np.linalg.eigh(-0.5 * (between - rows - rows[:, None] + rows.mean()))
    kept = np.flatnonzero(values > 1e-9 * max(values[-1], 1e-12))[::-1][:_COORDINATES]
    if not len(kept):
        return np.zeros((n, 1))
    axes = vectors[:, kept] / np.sqrt(values[kept])
    found = -0.5 * (cdist(points, landmarks) - rows) @ axes
    found -= found.mean(axis=0)
    variance = float((found**2).sum())
    return np.asarray(found * np.sqrt(float((points**2).sum()) / max(variance, 1e-12)))


def _standard(matrix: np.ndarray) -> np.ndarray:
    return np.asarray((matrix - matrix.mean(axis=0)) / _spread(matrix))


def _spread(matrix: np.ndarray) -> np.ndarray:
    spread = matrix.std(axis=0)
    return np.where(spread > 1e-12, spread, 1.0)
