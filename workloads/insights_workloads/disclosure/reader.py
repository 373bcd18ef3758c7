"""Everything that a reader who is not the owner may see of a result, in one value.

It is made of y = x + e (see `noise`), of counts of five people and more, and of figures of quality
in two digits. Reports, tables and the status of a run draw nothing else: what is not in here cannot
be shown by mistake. `docs/privacy.md` says of each figure that is not made of y why it may be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from insights_crds.v1 import ENERGIES
from insights_workloads.clustering.profiles import describe
from insights_workloads.disclosure.few import FEWEST, shown_cells, shown_groups
from insights_workloads.disclosure.figures import (
    Bin,
    Estimate,
    bins,
    estimate,
    people_spread,
    rounded,
)
from insights_workloads.disclosure.rules import CONFIDENTIAL, is_open
from insights_workloads.disclosure.summary import told_summary
from insights_workloads.provenance import Provenance
from insights_workloads.results.result import RunResult, summarize
from insights_workloads.teams import TeamPlan
from insights_workloads.wheel import wheel_positions

__all__ = [
    "Protected",
    "ReaderAttribute",
    "ReaderChange",
    "ReaderCluster",
    "ReaderContent",
    "ReaderCriterion",
    "ReaderRule",
    "ReaderTeam",
    "ReaderTeams",
    "reader_content",
]

_LISTED_VALUES = 20
_COUNTED = ("atLeast", "atMost")
_VIEW = 0.05
"""Steps in which the picture's scale is chosen."""


@dataclass(frozen=True)
class Protected:
    """What may be told of people.

    Attributes:
        features: names of the columns, the energies first.
        told: float64 (n, d), y; a missing value is NaN.
        level: variance of the noise, as a multiple of that between people; 0 where the owner has
            switched it off.
    """

    features: tuple[str, ...]
    told: np.ndarray
    level: float


@dataclass(frozen=True)
class ReaderCluster:
    """A cluster.

    Attributes:
        number: from 0, the largest first.
        name: a short name that follows its means.
        words: one sentence; empty where it is too small to be told about.
        size: people; None where it is too small, or would give away one that is.
        share: of everyone, in hundredths.
        stability: Jaccard similarity under resampling, in hundredths.
        means: of each feature, empty where it is too small.
        effects: differences to everyone in standard deviations, empty likewise.
        place: of its centre in the picture, None likewise.
    """

    number: int
    name: str
    words: str
    size: int | None
    share: float | None
    stability: float | None
    means: tuple[Estimate | None, ...]
    effects: tuple[float, ...]
    place: tuple[float, float] | None


@dataclass(frozen=True)
class ReaderCriterion:
    """What a criterion says of the number of clusters: its name, its vote and what it looks at."""

    name: str
    vote: int | None
    says: str


@dataclass(frozen=True)
class ReaderChange:
    """What became of the clusters of before; counts of people are to the nearest five.

    Attributes:
        since: when they were published.
        people: in both.
        moved: not in the cluster that theirs became.
        adjusted_rand: in hundredths.
    """

    since: datetime
    people: int
    moved: int
    adjusted_rand: float


@dataclass(frozen=True)
class ReaderTeam:
    """A team: nothing that its people are like."""

    number: int
    name: str
    type: str
    size: int


@dataclass(frozen=True)
class ReaderTeams:
    """The teams together.

    Attributes:
        teams: each of them.
        before: share of all variance between teams that chance would give, in two digits.
        after: the same of these teams.
        moved: people who leave their current team, to the nearest five; None without current teams.
        reproducible: False where a time limit ended the search.
        plans: plans to choose from: number, whether it was chosen, values in two digits.
        objectives: kinds of these values.
    """

    teams: tuple[ReaderTeam, ...]
    before: float
    after: float
    moved: int | None
    reproducible: bool
    plans: tuple[tuple[int, bool, tuple[float, ...]], ...]
    objectives: tuple[str, ...]


@dataclass(frozen=True)
class ReaderRule:
    """A rule.

    Attributes:
        name: its name.
        hard: whether it must hold.
        says: what it asks for, empty where it is confidential.
        kept: whether every team keeps it; None where it is confidential.
    """

    name: str
    hard: bool
    says: str
    kept: bool | None


@dataclass(frozen=True)
class ReaderAttribute:
    """How people with each value of an attribute that an open rule counts are spread.

    Attributes:
        name: of the attribute.
        rows: (value, people, people in each cluster); None where it would tell of fewer than five.
    """

    name: str
    rows: tuple[tuple[str, int | None, tuple[int | None, ...]], ...]


@dataclass(frozen=True)
class ReaderContent:
    """Everything that a reader may see.

    Attributes:
        provenance: where it comes from.
        structure: False where people show no clusters; groups are then called segments.
        people: who took part.
        read: rows of the roster.
        rejected: rows that could not be used.
        faults: (column, fault, rows), rows being None where they are fewer than five.
        features: of the means.
        overall: means of everyone.
        level: variance of the noise, as a multiple of that between people.
        clusters: the clusters.
        outliers: people who belong to no cluster; None where they are fewer than five.
        because: why so many.
        silhouette: in hundredths.
        criteria: what each criterion says.
        change: what became of the clusters of before, None where none were.
        density: where people stand in the picture, by fives and more.
        view: distance from the middle of the picture to its rim.
        teams: the teams, None where none were asked for.
        rules: the rules.
        attributes: how the attributes that open rules count are spread.
        engine: version of the engine.
        summary: `status.summary`, in its wire form.
    """

    provenance: Provenance
    structure: bool
    people: int
    read: int
    rejected: int
    faults: tuple[tuple[str, str, int | None], ...]
    features: tuple[str, ...]
    overall: tuple[Estimate | None, ...]
    level: float
    clusters: tuple[ReaderCluster, ...]
    outliers: int | None
    because: str
    silhouette: float | None
    criteria: tuple[ReaderCriterion, ...]
    change: ReaderChange | None
    density: tuple[Bin, ...]
    view: float
    teams: ReaderTeams | None
    rules: tuple[ReaderRule, ...]
    attributes: tuple[ReaderAttribute, ...]
    engine: str
    summary: Mapping[str, Any]

    reader: Literal["reader"] = "reader"


def reader_content(
    result: RunResult, protected: Protected, provenance: Provenance, prefix: str
) -> ReaderContent:
    """What a reader may see of a result.

    Args:
        result: the result.
        protected: what may be told of its people.
        provenance: where it comes from.
        prefix: folder of its files.
    """
    clustering, plan = result.clustering, result.teams
    rules = _rules(result)
    broken = None
    if plan is not None:
        broken = sum(rule.kept is False and not rule.hard for rule in rules)
    summary = told_summary(summarize(result, prefix), broken)
    clusters, overall = _clusters(result, protected)
    view, density = _density(protected)
    outliers = int(clustering.outliers.sum())
    return ReaderContent(
        provenance=provenance,
        structure=clustering.structure,
        people=result.roster.rows,
        read=result.roster.read,
        rejected=result.roster.rejected.rows,
        faults=_faults(result),
        features=tuple(clustering.features),
        overall=overall,
        level=protected.level,
        clusters=clusters,
        outliers=outliers if outliers >= FEWEST else None,
        because=str(summary.get("clustersBecause", "")),
        silhouette=summary.get("silhouette"),
        criteria=tuple(
            ReaderCriterion(c.name, c.vote, c.says) for c in clustering.selection.curves
        ),
        change=_change(result, summary),
        density=density,
        view=view,
        teams=None if plan is None else _teams(plan, result.spec, summary),
        rules=rules,
        attributes=_attributes(result),
        engine=result.engine,
        summary=summary,
    )


def _clusters(
    result: RunResult, protected: Protected
) -> tuple[tuple[ReaderCluster, ...], tuple[Estimate | None, ...]]:
    clustering, level = result.clustering, protected.level
    at = [protected.features.index(name) for name in clustering.features]
    told = protected.told[:, at]
    spread = people_spread(told, level)
    overall = _means(told, spread, level)
    sizes = np.bincount(clustering.labels, minlength=clustering.k)
    shown = shown_groups(sizes)
    means = [
        _means(told[clustering.labels == cluster], spread, level) if shown[cluster] else ()
        for cluster in range(clustering.k)
    ]
    centers = np.array([_values(each, overall) for each in means]).reshape(clustering.k, len(at))
    profiles = describe(clustering.features, centers, sizes, _values(overall, overall), spread)
    energies = [protected.features.index(name) for name in ENERGIES]
    wheel = protected.told[:, energies]
    wheel_spread = people_spread(wheel, level)
    clusters = []
    for number, profile in enumerate(profiles):
        may = bool(shown[number])
        place = None
        if may:
            center = _means(wheel[clustering.labels == number], wheel_spread, level)
            x, y = wheel_positions(_values(center, center)[None, :])[0]
            place = (round(float(x), 3), round(float(y), 3))
        stability = clustering.profiles[number].stability
        clusters.append(
            ReaderCluster(
                number=number,
                name=profile.name if may else f"Few people {number + 1}",
                words=profile.words if may else "",
                size=int(sizes[number]) if may else None,
                share=round(float(sizes[number]) / len(told), 2) if may else None,
                stability=None if stability is None or not may else round(float(stability), 2),
                means=means[number],
                effects=tuple(round(effect, 2) for effect in profile.effects) if may else (),
                place=place,
            )
        )
    return tuple(clusters), overall


def _means(told: np.ndarray, spread: np.ndarray, level: float) -> tuple[Estimate | None, ...]:
    return tuple(estimate(told[:, at], float(spread[at]), level) for at in range(told.shape[1]))


def _values(means: Sequence[Estimate | None], overall: Sequence[Estimate | None]) -> np.ndarray:
    """Means as numbers; everyone's where there is none to tell."""
    means = means or overall
    return np.array(
        [
            mean.value if mean is not None else whole.value if whole is not None else 0.0
            for mean, whole in zip(means, overall, strict=True)
        ]
    )


def _density(protected: Protected) -> tuple[float, tuple[Bin, ...]]:
    at = [protected.features.index(name) for name in ENERGIES]
    energies = protected.told[:, at]
    places = wheel_positions(energies[np.isfinite(energies).all(axis=1)])
    if len(places) < FEWEST:
        return 1.0, ()
    reach = float(np.quantile(np.abs(places), 0.98))
    view = min(1.5, max(5 * _VIEW, _VIEW * np.ceil(reach / _VIEW)))
    return float(round(view, 2)), bins(places / view)


def _faults(result: RunResult) -> tuple[tuple[str, str, int | None], ...]:
    lines = sorted(result.roster.rejected.by_fault.items(), key=lambda line: (-line[1], line[0]))
    return tuple(
        (column, fault, rows if rows >= FEWEST else None) for (column, fault), rows in lines
    )


def _change(result: RunResult, summary: Mapping[str, Any]) -> ReaderChange | None:
    told = summary.get("clusterChange")
    if result.change is None or told is None:
        return None
    return ReaderChange(
        since=result.change.since,
        people=told["people"],
        moved=told["moved"],
        adjusted_rand=told["adjustedRand"],
    )


def _teams(plan: TeamPlan, spec: Mapping[str, Any], summary: Mapping[str, Any]) -> ReaderTeams:
    figures, balance = plan.figures, summary["balance"]
    objectives = (spec.get("teams") or {}).get("objectives") or ({"kind": "KPlus"},)
    moved = plan.moved
    return ReaderTeams(
        teams=tuple(
            ReaderTeam(number, figures.names[number], figures.types[number], int(size))
            for number, size in enumerate(figures.sizes)
        ),
        before=balance["before"],
        after=balance["after"],
        moved=None if moved is None else round(moved / FEWEST) * FEWEST,
        reproducible=plan.reproducible,
        plans=tuple(
            (offer.number, offer.chosen, tuple(rounded(value) for value in offer.values))
            for offer in plan.trade_offs
        ),
        objectives=tuple(str(part["kind"]) for part in objectives),
    )


def _rules(result: RunResult) -> tuple[ReaderRule, ...]:
    from insights_workloads.report.rule_words import rule_words

    constraints = (result.spec.get("teams") or {}).get("constraints") or ()
    broken = set()
    if result.teams is not None:
        broken = {(violation.rule, violation.hard) for violation in result.teams.violations}
    return tuple(
        ReaderRule(
            name=str(rule["name"]),
            hard="weight" not in rule,
            says=rule_words(rule) if is_open(rule) else "",
            kept=(str(rule["name"]), "weight" not in rule) not in broken
            if is_open(rule) and result.teams is not None
            else None,
        )
        for rule in constraints
    )


def _attributes(result: RunResult) -> tuple[ReaderAttribute, ...]:
    """Attributes that open rules count, unless a confidential rule looks at them, too."""
    if result.teams is None:
        return ()
    constraints = (result.spec.get("teams") or {}).get("constraints") or ()
    hidden = {_attribute(rule, kind) for rule in constraints for kind in CONFIDENTIAL}
    wanted = [_attribute(rule, kind) for rule in constraints for kind in _COUNTED]
    made = []
    for name in dict.fromkeys(name for name in wanted if name is not None and name not in hidden):
        column = pd.Series(result.roster.column(name).to_pylist(), dtype=object).dropna()
        values = column.astype(str).value_counts()
        if len(values) > _LISTED_VALUES:
            continue
        at = pd.Categorical(column.astype(str), categories=values.index).codes.astype(np.int64)
        k = result.clustering.k
        cells = np.bincount(
            at * k + result.clustering.labels[column.index.to_numpy()], minlength=len(values) * k
        ).reshape(len(values), k)
        may = shown_cells(cells)
        made.append(
            ReaderAttribute(
                name,
                tuple(
                    (
                        str(value) if may[row].any() else "(few people)",
                        int(cells[row].sum()) if cells[row].sum() >= FEWEST else None,
                        tuple(
                            int(c) if m else None for c, m in zip(cells[row], may[row], strict=True)
                        ),
                    )
                    for row, value in enumerate(values.index)
                ),
            )
        )
    return tuple(made)


def _attribute(rule: Mapping[str, Any], kind: str) -> str | None:
    part = rule.get(kind)
    return str(part["attribute"]) if isinstance(part, Mapping) else None
