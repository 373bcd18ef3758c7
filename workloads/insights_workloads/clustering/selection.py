"""How many clusters there are, honestly: first whether there are any, then how many.

First people are compared with references that have no clusters (`nulls`); only data that is unlike
every one of them is said to have structure. Then three criteria vote, each of which knows one kind
of wrong number, and their median counts: prediction strength (Tibshirani and Walther, 2005),
simplified silhouette (Hruschka et al., 2006) and BIC of Gaussian mixtures (Fraley and Raftery,
2002). Single people far from all others have no say in it (`belonging`). The gap statistic is
reported, and does not vote. There is no elbow rule.
"""

from __future__ import annotations

import numpy as np

from insights_workloads.clustering.belonging import isolated
from insights_workloads.clustering.distinct import distinct_at_most
from insights_workloads.clustering.kernels.plain import assign, two_nearest
from insights_workloads.clustering.kernels.small import fit_small
from insights_workloads.clustering.mixtures import Starts, bic, fit_shared, full_rank
from insights_workloads.clustering.nulls import Null, null_models
from insights_workloads.clustering.result import CriterionCurve, KRange, KSelection
from insights_workloads.clustering.rows import draw
from insights_workloads.clustering.unimodal import bimodality
from insights_workloads.progress import Progress, silent

__all__ = ["choose_k", "judge_k", "silhouette"]

_SAMPLE = 3_000
_TEST_SAMPLE = 1_000
_REFERENCES = 60
_LEVEL = 0.02
"""Chance of as much in each reference, all of which must be beyond it; `benchmarks/structure.py`
chose it: with 0.01 small groups beside a large one are missed more often."""
_STRENGTH = 0.8
_SPLITS = 8
_MIXTURE_SPLITS = 4
_JUDGED = 12
_PAIR = 2
_SEGMENTS = 4
"""Segments where there are no clusters: a number that managers can work with, as good as any."""


def choose_k(
    rows: np.ndarray,
    k_range: KRange,
    *,
    seed: int,
    missing: np.ndarray | None = None,
    progress: Progress = silent,
) -> KSelection:
    """Choose the number of clusters.

    Args:
        rows: scaled rows, float64 (n, d), or a sample of them.
        k_range: numbers to consider.
        seed: of every random choice.
        missing: bool (n, d), values that nobody told; None where there are none.
        progress: told how far it is.

    Returns:
        The choice with its evidence. Where people show no clusters and the range allows 1, it says
        so, and gives a number of segments.
    """
    distinct = distinct_at_most(rows, k_range.max)
    highest = max(1, min(k_range.max, distinct, len(rows) // 5))
    if highest < max(2, k_range.min):
        k = max(1, min(k_range.min, distinct))
        return KSelection(k, False, f"{_too_few(rows, distinct)}; {k} was taken.")
    sample = rows[draw(rows, _SAMPLE, seed)]
    tested = draw(rows, _TEST_SAMPLE, seed + 1)
    test, gaps = rows[tested], None if missing is None else missing[tested]
    ks = tuple(range(2, highest + 1))
    structure, null_curves = _structure(test, gaps, _spaced(ks), seed, progress)
    progress(0.6, "comparing numbers of clusters")
    curves = _votes(sample, ks, seed)
    progress(1.0, "comparing numbers of clusters")
    if k_range.min == 1 and not structure:
        k = min(_SEGMENTS, highest)
        because = (
            f"People show no clusters: they are no more grouped than references without any. The "
            f"{k} groups are segments of a continuum, useful as names, not kinds of people."
        )
        return KSelection(k, False, because, (*curves, *null_curves))
    votes = sorted(curve.vote for curve in curves if curve.vote is not None)
    k = int(max(k_range.min, min(highest, votes[len(votes) // 2])))
    said = ", ".join(f"{c.name} {c.vote}" for c in curves if c.vote is not None)
    because = f"{k} is the median of the votes: {said}."
    if not structure:
        because += " References without clusters look much the same, so take them as segments."
    return KSelection(k, structure, because, (*curves, *null_curves))


def judge_k(
    rows: np.ndarray, k: int, *, seed: int, missing: np.ndarray | None = None
) -> KSelection:
    """What is to be said of a number of clusters that was given: whether people show any.

    Args:
        rows: scaled rows, float64 (n, d).
        k: the number.
        seed: of every random choice.
        missing: as for `choose_k`.
    """
    given = "The number was given in the spec."
    most = max(k, _JUDGED)
    distinct = distinct_at_most(rows, most)
    highest = min(most, distinct, len(rows) // 5)
    if highest < 2:
        return KSelection(k, False, f"{given} {_too_few(rows, distinct)}.")
    tested = draw(rows, _TEST_SAMPLE, seed + 1)
    gaps = None if missing is None else missing[tested]
    structure, curves = _structure(
        rows[tested], gaps, _spaced(tuple(range(2, highest + 1))), seed, silent
    )
    if not structure:
        given += (
            " People show no clusters: they are no more grouped than references without any, so "
            "take the groups as segments of a continuum."
        )
    return KSelection(k, structure, given, curves)


def _too_few(rows: np.ndarray, distinct: int) -> str:
    if distinct < 2:
        return "All people have the same values, so there are no clusters to look for"
    if len(rows) // 5 < 2:
        return f"{len(rows)} people are too few to look for clusters"
    return f"People have only {distinct} different profiles, too few to look for clusters"


def _spaced(ks: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers that a test may do with: all small ones, and large ones about a seventh apart."""
    spaced: list[int] = []
    for k in ks:
        if not spaced or k >= spaced[-1] * 8 / 7 or k == ks[-1]:
            spaced.append(k)
    return tuple(spaced)


def silhouette(rows: np.ndarray, centers: np.ndarray) -> float:
    """Simplified silhouette, 0 to 1: how much nearer people are to their centre than to the next.

    Args:
        rows: scaled rows, float64 (n, d).
        centers: float64 (k, d).
    """
    if len(centers) < 2:
        return 0.0
    near, next_ = two_nearest(rows, centers).T
    largest = np.maximum(next_, 1e-300)
    return float(np.mean(1.0 - near / largest))


def _structure(
    rows: np.ndarray,
    missing: np.ndarray | None,
    ks: tuple[int, ...],
    seed: int,
    progress: Progress,
) -> tuple[bool, tuple[CriterionCurve, ...]]:
    observed = _statistics(rows, ks, seed)
    structure = True
    curves = []
    models = null_models(rows, missing)
    for at, (name, null) in enumerate(models.items()):
        references = _references(rows, null, ks, seed + 100 * at)
        progress(0.6 * (at + 1) / len(models), "comparing with people without clusters")
        mean, spread = references.mean(axis=0), np.maximum(references.std(axis=0), 1e-12)
        score = float(((mean - observed) / spread).max())
        own = ((mean - references) / spread).max(axis=1)
        # The references' own largest scores, smoothed by a Gumbel fit: a tail of 2% from 60 draws.
        scale = max(float(own.std()) * np.sqrt(6) / np.pi, 1e-9)
        location = float(own.mean()) - 0.5772 * scale
        tail = 1.0 - np.exp(-np.exp(min(700.0, -(score - location) / scale)))
        structure &= tail < _LEVEL
        gap = (mean - observed)[: len(ks)]
        curves.append(
            CriterionCurve(
                f"gap to {name} reference",
                ks,
                tuple(float(g) for g in gap),
                None,
                "higher",
                f"How much tighter clusters are than in a {name} reference without clusters "
                f"(chance of as much: {tail:.1%}).",
            )
        )
    return bool(structure), tuple(curves)


def _references(rows: np.ndarray, null: Null, ks: tuple[int, ...], seed: int) -> np.ndarray:
    random = np.random.default_rng([seed, len(rows), 7])
    return np.array([_statistics(null(random), ks, seed + turn) for turn in range(_REFERENCES)])


def _statistics(rows: np.ndarray, ks: tuple[int, ...], seed: int) -> np.ndarray:
    """How clustered rows look, less is more: what k clusters leave, and the dip between two.

    What they leave is log(W_k / W_1), for each k. The dip (after Hartigan and Hartigan, 1985) is
    how far the distribution of people along the line between two centres is from the nearest one of
    one mode: it sees a valley between groups that explain little of the spread.
    """
    rows = np.ascontiguousarray(rows)
    whole = max(float(((rows - rows.mean(axis=0)) ** 2).sum()), 1e-300)
    statistics, between = [], 0.0
    for k in ks:
        if k > len(rows):
            statistics.append(-700.0)
            continue
        centers, _, within = fit_small(rows, k, 1, 20, 1e-9 * whole, seed + k)
        statistics.append(float(np.log(max(within / whole, 1e-300))))
        if k == _PAIR:
            between = -bimodality(rows @ (centers[1] - centers[0]))
    return np.array([*statistics, between])


def _votes(rows: np.ndarray, ks: tuple[int, ...], seed: int) -> tuple[CriterionCurve, ...]:
    rows = np.ascontiguousarray(rows[~isolated(rows)])
    fits = {k: fit_small(rows, k, 4 + k // 4, 50, 1e-10, seed + k) for k in ks}
    strength = [_prediction_strength(rows, k, seed) for k in ks]
    widths = tuple(silhouette(rows, fits[k][0]) for k in ks)
    flat = full_rank(rows)
    starts = Starts(flat, seed)
    prices, mixtures = [], []
    for k in ks:
        linked = starts.labels(k)
        price, mixture = bic(flat, k, [fits[k][1], *(() if linked is None else (linked,))])
        prices.append(price)
        mixtures.append(mixture)
    best = int(np.argmin(prices))
    if strength[best] < _STRENGTH and mixtures[best] is not None:
        # Groups of very different sizes are none that k-means would find.
        strength[best] = max(strength[best], _mixture_strength(flat, ks[best], seed))
    strong = [k for k, value in zip(ks, strength, strict=True) if value >= _STRENGTH]
    return (
        CriterionCurve(
            "prediction strength",
            ks,
            tuple(strength),
            max(strong) if strong else 2,
            "higher",
            "Whether clusters found in one half of the people predict those of the other half.",
        ),
        CriterionCurve(
            "silhouette",
            ks,
            widths,
            ks[int(np.argmax(widths))],
            "higher",
            "How much nearer people are to their own centre than to the next.",
        ),
        CriterionCurve(
            "BIC",
            ks,
            tuple(prices),
            ks[best],
            "lower",
            "How well a mixture of so many Gaussians explains people, less a price for each.",
        ),
    )


def _prediction_strength(rows: np.ndarray, k: int, seed: int) -> float:
    random = np.random.default_rng([seed, k, 3])
    total = 0.0
    for split in range(_SPLITS):
        if (total + _SPLITS - split) / _SPLITS < _STRENGTH:
            # What is left cannot make it strong any more.
            return total / split
        order = random.permutation(len(rows))
        half = len(rows) // 2
        train = np.ascontiguousarray(rows[order[:half]])
        test = np.ascontiguousarray(rows[order[half:]])
        if k > half:
            return 0.0
        centers = fit_small(train, k, 3, 40, 1e-10, seed + split)[0]
        _, labels, _ = fit_small(test, k, 3, 40, 1e-10, seed + 1000 + split)
        total += _agreement(labels, assign(test, centers)[0], k)
    return total / _SPLITS


def _mixture_strength(rows: np.ndarray, k: int, seed: int) -> float:
    """Prediction strength of a mixture of k Gaussians of one shape."""
    random = np.random.default_rng([seed, k, 5])
    strengths = []
    for split in range(_MIXTURE_SPLITS):
        order = random.permutation(len(rows))
        halves = [np.ascontiguousarray(part) for part in np.array_split(rows[order], 2)]
        fitted = []
        for at, half in enumerate(halves):
            starts = [fit_small(half, k, 3, 40, 1e-10, seed + split)[1]]
            linked = Starts(half, seed + at).labels(k)
            starts += [] if linked is None else [linked]
            fitted.append(
                max((fit_shared(half, s, k) for s in starts), key=lambda m: m.log_likelihood)
            )
        strengths.append(_agreement(fitted[1].labels(halves[1]), fitted[0].labels(halves[1]), k))
    return float(np.mean(strengths))


def _agreement(labels: np.ndarray, predicted: np.ndarray, k: int) -> float:
    """Least share, over clusters, of pairs of their people who are predicted to be together."""
    table = np.zeros((k, k))
    np.add.at(table, (labels, predicted), 1)
    sizes = table.sum(axis=1)
    pairs = (table * (table - 1)).sum(axis=1)
    return float(np.where(sizes > 1, pairs / np.maximum(sizes * (sizes - 1), 1), 1.0).min())
