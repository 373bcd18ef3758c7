"""Clustering from end to end: scale, choose k, fit, describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from insights_workloads.clustering.belonging import nowhere
from insights_workloads.clustering.distinct import distinct_at_most
from insights_workloads.clustering.lloyd import SAMPLE, fit
from insights_workloads.clustering.members import members_of
from insights_workloads.clustering.profiles import describe
from insights_workloads.clustering.result import Clustering, ClusteringOptions, KRange, KSelection
from insights_workloads.clustering.rows import LocalRows, Rows, draw
from insights_workloads.clustering.scaling import Scale, extremes, fit_scale
from insights_workloads.clustering.selection import choose_k, judge_k, silhouette
from insights_workloads.clustering.stability import bootstrap
from insights_workloads.clustering.weighted import WeightedRows
from insights_workloads.measures import NOTHING, Figures
from insights_workloads.progress import Progress, silent

__all__ = ["Spread", "cluster", "select"]

Spread = Callable[[Scale], Rows]
"""Puts the rows, scaled, where k-means is to run on them."""

_SILHOUETTE_SAMPLE = 100_000


def cluster(
    matrix: np.ndarray,
    features: Sequence[str],
    options: ClusteringOptions,
    *,
    weights: np.ndarray | None = None,
    spread: Spread | None = None,
    progress: Progress = silent,
) -> Clustering:
    """Cluster people.

    Args:
        matrix: float64 (n, d), n >= 1; NaN where an optional feature is missing.
        features: names of its columns.
        options: how.
        weights: float64 (n,), how much each person counts for the centres, for everyone's mean and
            for how likely they are drawn where clusters are fitted again; none below 0, one above.
            How many clusters there are is asked of people without regard to it.
        spread: where to run k-means; in this process where None or where there are weights.
        progress: told how far it is.

    Returns:
        Clusters, the largest first. Fewer than asked for where there are fewer distinct people.
    """
    scale = fit_scale(matrix, options.scaling)
    scaled = scale.apply(matrix)
    if isinstance(options.k, KRange):
        selection = choose_k(
            scaled,
            options.k,
            seed=options.seed,
            missing=_missing(matrix, scale),
            progress=_part(progress, 0.0, 0.5),
        )
        k = selection.k
    else:
        selection = judge_k(scaled, options.k, seed=options.seed, missing=_missing(matrix, scale))
        k = options.k
    # Who counts for nothing makes no cluster.
    k = min(k, distinct_at_most(scaled if weights is None else scaled[weights > 0], k))
    rows: Rows
    if weights is not None:
        rows = WeightedRows(scaled, weights)
    else:
        rows = spread(scale) if spread is not None else LocalRows(scaled)
    fitted = fit(
        rows,
        k,
        restarts=options.restarts,
        max_iterations=options.max_iterations,
        tolerance=options.tolerance,
        seed=options.seed,
        # Whoever sorts a roster anew finds the same people together.
        sample=None if weights is not None else scaled[draw(scaled, SAMPLE, options.seed)],
        progress=_part(progress, 0.5, 0.85),
    )
    labels, centers, sizes = _largest_first(fitted.labels, fitted.centers)
    stability, confidence = bootstrap(
        scaled, labels, k, weights, seed=options.seed, progress=_part(progress, 0.85, 1.0)
    )
    sample = scaled[draw(scaled, _SILHOUETTE_SAMPLE, options.seed)]
    overall = scale.undo(np.average(scaled, axis=0, weights=weights))
    in_units = scale.undo(centers)
    return Clustering(
        features=tuple(features),
        k=k,
        labels=labels,
        centers=in_units,
        overall=overall,
        inertia=fitted.inertia,
        iterations=fitted.iterations,
        structure=selection.structure,
        selection=selection,
        silhouette=silhouette(sample, centers),
        profiles=describe(
            features,
            in_units,
            sizes,
            overall,
            scaled.std(axis=0) * scale.factor,
            stability,
            members_of(scaled, labels, centers),
        ),
        outliers=nowhere(scaled, labels, centers)
        if selection.structure
        else np.zeros(len(labels), dtype=bool),
        confidence=confidence,
        extremes=extremes(matrix, features, scale),
    )


def select(
    matrix: np.ndarray,
    scaling: Literal["None", "Standard", "Robust"],
    k_range: KRange,
    *,
    seed: int,
) -> KSelection:
    """How many clusters `cluster` would look for, and why; see there."""
    scale = fit_scale(matrix, scaling)
    return choose_k(scale.apply(matrix), k_range, seed=seed, missing=_missing(matrix, scale))


def _missing(matrix: np.ndarray, scale: Scale) -> np.ndarray | None:
    """Where a value is missing or counts as such, bool (n, d); None where none is."""
    missing = np.isnan(scale.within(matrix))
    return missing if missing.any() else None


def _largest_first(
    labels: np.ndarray, centers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sizes = np.bincount(labels, minlength=len(centers))
    # Of equally large ones the lower centre first, whichever start was the best by a last digit.
    order = np.lexsort((*centers.T[::-1], -sizes))
    rank = np.empty(len(centers), dtype=np.int32)
    rank[order] = np.arange(len(centers), dtype=np.int32)
    return rank[labels], np.ascontiguousarray(centers[order]), sizes[order]


def _part(progress: Progress, low: float, high: float) -> Progress:
    def inner(fraction: float, message: str = "", figures: Figures = NOTHING) -> None:
        progress(low + (high - low) * fraction, message, figures)

    return inner
