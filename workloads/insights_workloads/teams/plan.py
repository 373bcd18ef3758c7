"""What team formation answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from insights_workloads.teams.reasons import Reasons
from insights_workloads.teams.trade_offs import TradeOff

__all__ = ["Breach", "Conflict", "Outcome", "TeamFigures", "TeamPlan", "Violation", "violations"]


class Outcome(StrEnum):
    """Whether the teams obey all hard rules. Deciding is NP-hard, so there are three answers."""

    FEASIBLE = "Feasible"
    """Every hard rule holds."""
    INFEASIBLE = "Infeasible"
    """No teams can obey all hard rules; the conflict says why. No team is formed."""
    UNKNOWN = "FeasibilityUnknown"
    """None were found and none were proven impossible; the least broken teams are given."""


@dataclass(frozen=True)
class Conflict:
    """Rules that cannot all hold.

    Attributes:
        rules: their names; without any one of them teams may be possible.
        message: why, in numbers, and the cheapest way out. Never about a person.
    """

    rules: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Breach:
    """A rule that one team breaks. It tells of people: for the owner of the roster alone.

    Attributes:
        rule: its name.
        hard: whether it is a hard rule.
        team: the team, -1 where it is a matter of all teams together.
        amount: by how much, in the rule's own unit.
        people: rows of those who break it there, in their order; empty where it is a matter of the
            whole team (too few of some kind, a sum out of its range).
    """

    rule: str
    hard: bool
    team: int
    amount: float
    people: tuple[int, ...]


@dataclass(frozen=True)
class Violation:
    """A rule that the teams break.

    Attributes:
        rule: its name.
        hard: whether it is a hard rule.
        amount: by how much, over all teams, in the rule's own unit.
        teams: in how many teams.
    """

    rule: str
    hard: bool
    amount: float
    teams: int


@dataclass(frozen=True)
class TeamFigures:
    """The teams in numbers, one entry a team.

    Attributes:
        names: names.
        types: names of their types.
        sizes: int (g,), people.
        means: float64 (g, d), mean of each feature.
        distance: float64 (g,), how far the team's mean is from everyone's, in standard deviations
            of everyone (root mean square over the features).
        variety: float64 (g,), variance within the team as a share of everyone's; 1 is as varied.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    sizes: np.ndarray
    means: np.ndarray
    distance: np.ndarray
    variety: np.ndarray


@dataclass(frozen=True)
class TeamPlan:
    """Teams.

    Attributes:
        outcome: whether they obey all hard rules.
        team: int32 (n,), team of each person, -1 where none was formed.
        features: names of the features that were balanced.
        figures: the teams in numbers.
        balance_before: share of all variance that is expected between the teams of a random split
            into the same sizes, 0 to 1.
        balance_after: the same for these teams.
        conflict: why no teams can be formed, if so.
        violations: rules that are broken, hard and soft.
        breaches: the same, team by team and with the people.
        moved: people who leave their current team; None where there are no current teams.
        current: names of the current teams, one a person, None for people who join; empty where
            there are no current teams.
        moves: bool (n,), who leaves; empty likewise.
        rounds: work that was spent.
        reproducible: False where a time limit ended the search.
        trade_offs: plans that could be chosen instead, this one among them; empty where the spec
            asks for none.
        reasons: why the teams are as they are; None where none were formed.
    """

    outcome: Outcome
    team: np.ndarray
    features: tuple[str, ...]
    figures: TeamFigures
    balance_before: float
    balance_after: float
    conflict: Conflict | None = None
    violations: tuple[Violation, ...] = field(default=())
    breaches: tuple[Breach, ...] = field(default=())
    moved: int | None = None
    current: tuple[str | None, ...] = field(default=())
    moves: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    rounds: int = 0
    reproducible: bool = True
    reasons: Reasons | None = None
    trade_offs: tuple[TradeOff, ...] = field(default=())


def violations(breaches: Iterable[Breach]) -> tuple[Violation, ...]:
    """Breaches rule by rule, in the order of names."""
    found: dict[tuple[str, bool], list[float]] = {}
    for breach in breaches:
        found.setdefault((breach.rule, breach.hard), []).append(breach.amount)
    return tuple(
        Violation(rule, hard, sum(amounts), len(amounts))
        for (rule, hard), amounts in sorted(found.items())
    )
