"""What the owner's report says, before it says how: one frozen value, made from a result.

The owner is told everything. What any other reader is told is made apart, in `disclosure`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from insights_crds.v1 import ENERGIES
from insights_workloads.clustering import Clustering
from insights_workloads.disclosure.rules import confidential_rules
from insights_workloads.ingest import Roster
from insights_workloads.provenance import Provenance
from insights_workloads.report.rule_words import rule_words
from insights_workloads.results.previous import Change
from insights_workloads.results.result import RunResult
from insights_workloads.teams import TeamPlan
from insights_workloads.teams.coverage import Lack, lacking, task_force

__all__ = [
    "AttributeTable",
    "BreachLine",
    "ClusterMembers",
    "OwnerContent",
    "PersonLine",
    "owner_content",
]

_POINTS = 200_000
_LISTED_TEAMS = 400
_LISTED_PEOPLE = 3_000
_FORCE = 6
"""People of the task force that is proposed."""
_LISTED_VALUES = 20
_COUNTED = ("atLeast", "atMost", "noLoneMinority")
_HOLDS = {
    "Locked": "stays by {}",
    "KeptTogether": "together with others by {}",
    "Eligible": "may be in some teams only by {}",
}


@dataclass(frozen=True)
class PersonLine:
    """Why a person is where they are.

    Attributes:
        name: name, or id.
        team: index of the team.
        why: in words, without an attribute of anybody.
        partner: name of the person whose place would be next best, empty where there is none.
        price: what that costs, as a share of what a random team costs; None where there is none.
    """

    name: str
    team: int
    why: str
    partner: str
    price: float | None


@dataclass(frozen=True)
class BreachLine:
    """A rule that a team breaks.

    Attributes:
        rule: its name.
        hard: whether it must hold.
        team: name of the team, or all teams where it is a matter of them together.
        amount: by how much, in the rule's own unit.
        people: names of those who break it, empty where it is a matter of the whole team.
    """

    rule: str
    hard: bool
    team: str
    amount: float
    people: tuple[str, ...]


@dataclass(frozen=True)
class ClusterMembers:
    """A few people of a cluster, each by a pseudonym that is made for this report, and their name.

    Attributes:
        typical: those nearest to its centre.
        borderline: those who are nearly as near to another cluster, and its index.
    """

    typical: tuple[str, ...]
    borderline: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class AttributeTable:
    """How people with each value of an attribute are spread.

    Attributes:
        attribute: its name.
        values: its values, the most frequent first.
        clusters: int (v, k), people of each value in each cluster.
        teams: int (v, g), in each team.
    """

    attribute: str
    values: tuple[str, ...]
    clusters: np.ndarray
    teams: np.ndarray


@dataclass(frozen=True)
class OwnerContent:
    """Everything that stands in the report of the owner.

    Attributes:
        provenance: where it comes from.
        headline: the result in one sentence.
        people: people who took part.
        read: rows of the roster.
        rejected: rows that could not be used.
        faults: (column, fault, rows), the most frequent first.
        clustering: the clusters.
        weight: feature by which people counted, None where all counted the same.
        change: what became of the clusters published before, None where none were.
        energies: float64 (m, 4), energies of everyone or of a sample.
        labels: int (m,), their clusters.
        centers: float64 (k, 4), mean energies of the clusters.
        sampled: whether `energies` is a sample.
        teams: the teams, None where none were asked for.
        before: float64 (g,), distance from everyone of teams of a random split.
        rules: names of the rules of the spec, each with whether it is hard and what it says.
        breaches: which rule is broken in which team, and by whom.
        outliers: people who belong to no cluster.
        attributes: how the attributes that rules count are spread.
        cluster_members: a few people of each cluster.
        lack: energies that teams lack, None without teams.
        force: name and team of each person of a task force that could be picked of all teams.
        objectives: kinds of the objectives.
        listed_teams: indices of the teams that are listed.
        members: names of people by team, empty where they are too many.
        binding: rules that leave a team no room, by team, without those that are confidential.
        lines: one for each person, empty where they are too many.
        engine: version of the engine.
        fingerprint: of the input.
    """

    provenance: Provenance
    headline: str
    people: int
    read: int
    rejected: int
    faults: tuple[tuple[str, str, int], ...]
    clustering: Clustering
    weight: str | None
    change: Change | None
    energies: np.ndarray
    labels: np.ndarray
    centers: np.ndarray
    sampled: bool
    teams: TeamPlan | None
    before: np.ndarray
    rules: tuple[tuple[str, bool, str], ...]
    breaches: tuple[BreachLine, ...]
    outliers: int
    attributes: tuple[AttributeTable, ...]
    cluster_members: tuple[ClusterMembers, ...]
    lack: Lack | None
    force: tuple[tuple[str, str], ...]
    objectives: tuple[str, ...]
    listed_teams: tuple[int, ...]
    members: Mapping[int, Sequence[str]]
    binding: tuple[tuple[str, ...], ...]
    lines: tuple[PersonLine, ...]
    engine: str
    fingerprint: str


def owner_content(result: RunResult, provenance: Provenance) -> OwnerContent:
    """What the owner's report says of a result.

    Args:
        result: the result.
        provenance: where it comes from.
    """
    roster, clustering, plan = result.roster, result.clustering, result.teams
    energies = roster.matrix(ENERGIES)
    centers = np.array([energies[clustering.labels == c].mean(axis=0) for c in range(clustering.k)])
    labels = clustering.labels
    sampled = len(energies) > _POINTS
    if sampled:
        chosen = np.random.default_rng(0).choice(len(energies), _POINTS, replace=False)
        energies, labels = energies[chosen], labels[chosen]
    rejected = roster.rejected
    faults = sorted(
        ((column, fault, rows) for (column, fault), rows in rejected.by_fault.items()),
        key=lambda line: (-line[2], line[0], line[1]),
    )
    constraints = (result.spec.get("teams") or {}).get("constraints") or ()
    return OwnerContent(
        provenance=provenance,
        headline=_headline(result),
        people=roster.rows,
        read=roster.read,
        rejected=rejected.rows,
        faults=tuple(faults),
        clustering=clustering,
        weight=(result.spec.get("clustering") or {}).get("weight"),
        change=result.change,
        energies=energies,
        labels=labels,
        centers=centers,
        sampled=sampled,
        teams=plan,
        before=_distances_of_chance(plan),
        rules=tuple((str(c["name"]), "weight" not in c, rule_words(c)) for c in constraints),
        breaches=_breaches(result),
        outliers=int(clustering.outliers.sum()),
        attributes=_attributes(result, constraints),
        cluster_members=_cluster_members(result),
        lack=None
        if plan is None
        else lacking(roster.matrix(ENERGIES), plan.team, len(plan.figures.names)),
        force=_force(result),
        objectives=tuple(
            str(part["kind"])
            for part in (result.spec.get("teams") or {}).get("objectives") or ({"kind": "KPlus"},)
        ),
        listed_teams=_listed(plan),
        members=_members(result),
        binding=_binding(plan, confidential_rules(result.spec)),
        lines=_lines(result),
        engine=result.engine,
        fingerprint=roster.fingerprint,
    )


def _headline(result: RunResult) -> str:
    clustering, plan = result.clustering, result.teams
    kind = "clusters" if clustering.structure else "segments"
    if clustering.k == 1:
        kind = kind[:-1]
    text = f"{result.roster.rows:,} people in {clustering.k} {kind}"
    if plan is None:
        return text + "."
    count = len(plan.figures.names)
    text += f" and {count:,} team{'s' if count != 1 else ''}"
    if plan.balance_after > 0 and plan.balance_before / plan.balance_after >= 2.25:
        # Of distances, which is what the report shows, and not of their squares.
        times = math.sqrt(plan.balance_before / plan.balance_after)
        text += f", {times:,.0f} times as alike as chance would make them"
    text += "."
    if (broken := sum(each.hard for each in plan.violations)) > 0:
        text += f" {broken} hard rule{'s are' if broken != 1 else ' is'} not kept."
    return text


def _distances_of_chance(plan: TeamPlan | None) -> np.ndarray:
    """Distances that teams of the same sizes would have by chance, one draw each.

    The mean of s people drawn from n is off by a normal deviation of (1/s)(1 - s/n) a feature.
    """
    if plan is None:
        return np.empty(0)
    sizes = np.maximum(plan.figures.sizes.astype(float), 1.0)
    spread = np.sqrt((1.0 - sizes / max(1.0, float(sizes.sum()))) / sizes)
    random = np.random.default_rng(0)
    draws = random.standard_normal((len(sizes), max(1, len(plan.features))))
    return np.asarray(spread * np.sqrt((draws**2).mean(axis=1)))


def _cluster_members(result: RunResult) -> tuple[ClusterMembers, ...]:
    """Pseudonyms count, and are no function of a person, for slides that show no names."""
    names = _called(result.roster)

    def called(row: int, cluster: int, at: int) -> str:
        pseudonym = f"person {cluster + 1}{'abcdefghijklmnopqrstuvwxyz'[at]}"
        return f"{pseudonym}, {names[row]}"

    made = []
    for cluster, profile in enumerate(result.clustering.profiles):
        few = profile.members
        count = len(few.typical)
        made.append(
            ClusterMembers(
                tuple(called(row, cluster, at) for at, row in enumerate(few.typical)),
                tuple(
                    (called(one.row, cluster, count + at), one.other)
                    for at, one in enumerate(few.borderline)
                ),
            )
        )
    return tuple(made)


def _attributes(
    result: RunResult, constraints: Sequence[Mapping[str, object]]
) -> tuple[AttributeTable, ...]:
    """Tables of the attributes that rules count."""
    plan, roster = result.teams, result.roster
    if plan is None or len(plan.figures.names) > _LISTED_TEAMS:
        return ()
    wanted = [_attribute(rule, kind) for rule in constraints for kind in _COUNTED]
    tables = []
    for name in dict.fromkeys(name for name in wanted if name is not None):
        column = pd.Series(roster.column(name).to_pylist(), dtype=object).dropna().astype(str)
        values = column.value_counts()
        if len(values) > _LISTED_VALUES:
            continue
        at = pd.Categorical(column, categories=values.index).codes.astype(np.int64)
        rows = column.index.to_numpy()
        by_cluster = _counted(at, result.clustering.labels[rows], len(values), result.clustering.k)
        by_team = _counted(at, plan.team[rows], len(values), len(plan.figures.names))
        tables.append(
            AttributeTable(
                attribute=name,
                values=tuple(str(value) for value in values.index),
                clusters=by_cluster,
                teams=by_team,
            )
        )
    return tuple(tables)


def _breaches(result: RunResult) -> tuple[BreachLine, ...]:
    plan = result.teams
    if plan is None:
        return ()
    names = _called(result.roster)
    return tuple(
        BreachLine(
            rule=each.rule,
            hard=each.hard,
            team=plan.figures.names[each.team] if each.team >= 0 else "all teams together",
            amount=float(each.amount),
            people=tuple(names[row] for row in each.people),
        )
        for each in plan.breaches
    )


def _attribute(rule: Mapping[str, object], kind: str) -> str | None:
    part = rule.get(kind)
    return str(part["attribute"]) if isinstance(part, Mapping) else None


def _counted(value: np.ndarray, group: np.ndarray, values: int, groups: int) -> np.ndarray:
    cells = np.bincount(value * groups + group, minlength=values * groups)
    return np.asarray(cells.reshape(values, groups))


def _listed(plan: TeamPlan | None) -> tuple[int, ...]:
    if plan is None:
        return ()
    count = len(plan.figures.names)
    if count <= _LISTED_TEAMS:
        return tuple(range(count))
    # Of many teams the worst are worth a look; the whole table is in the result files.
    worst = np.argsort(-plan.figures.distance, kind="stable")[:_LISTED_TEAMS]
    return tuple(int(at) for at in worst)


def _members(result: RunResult) -> dict[int, list[str]]:
    plan, roster = result.teams, result.roster
    if plan is None or roster.rows > _LISTED_PEOPLE:
        return {}
    members: dict[int, list[str]] = {}
    for name, team in zip(_called(roster), plan.team, strict=True):
        members.setdefault(int(team), []).append(name)
    return members


def _called(roster: Roster) -> list[str]:
    """What people are called: by name, with the identifier where others have the same name."""
    ids = [str(one) for one in roster.column("id").to_pylist()]
    if not roster.named:
        return ids
    names = [name or one for name, one in zip(roster.column("name").to_pylist(), ids, strict=True)]
    many = Counter(names)
    return [
        f"{name} ({one})" if many[name] > 1 and name != one else name
        for name, one in zip(names, ids, strict=True)
    ]


def _force(result: RunResult) -> tuple[tuple[str, str], ...]:
    """A task force by energies alone: which roles matter is for `insights simulate` to be told."""
    plan, roster = result.teams, result.roster
    if plan is None or roster.rows > _LISTED_PEOPLE or len(plan.figures.names) < 2:
        return ()
    names = _called(roster)
    picked = task_force(roster.matrix(ENERGIES), plan.team, min(_FORCE, roster.rows)).people
    return tuple((names[at], plan.figures.names[int(plan.team[at])]) for at in picked)


def _binding(plan: TeamPlan | None, confidential: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    if plan is None or plan.reasons is None:
        return ()
    return tuple(
        tuple(rule for rule in rules if rule not in confidential) for rules in plan.reasons.binding
    )


def _lines(result: RunResult) -> tuple[PersonLine, ...]:
    plan, roster = result.teams, result.roster
    if plan is None or plan.reasons is None or not len(plan.reasons.partner):
        return ()
    reasons = plan.reasons
    names = _called(roster)
    why = [
        "; ".join(_HOLDS[hold.kind].format(hold.rule) for hold in reasons.holds if hold.people[at])
        for at in range(len(names))
    ]
    return tuple(
        PersonLine(
            name=names[at],
            team=int(plan.team[at]),
            why=why[at] or "for balance",
            partner=names[other] if other >= 0 else "",
            price=float(reasons.price[at]) if other >= 0 else None,
        )
        for at, other in enumerate(reasons.partner.tolist())
    )
