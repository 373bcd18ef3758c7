"""A team problem in arrays: what the search and the checks look at.

People who must stay together are one unit; what is exchanged are units of the same size, so that
sizes never change during the search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from insights_workloads.teams.sizes import TeamSlots

__all__ = ["CountRule", "GroupRule", "RangeRule", "TeamProblem"]


@dataclass(frozen=True)
class CountRule:
    """A bound on how many people of some kind a team has.

    Attributes:
        name: of the rule.
        weight: None where it is hard.
        member: bool (n,), who counts.
        low: int (g,), fewest in each team.
        high: int (g,), most in each team.
        lone: bool (g,), teams in which exactly one is forbidden as well.
    """

    name: str
    weight: float | None
    member: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lone: np.ndarray


@dataclass(frozen=True)
class GroupRule:
    """People of the same group are spread.

    Attributes:
        name: of the rule.
        weight: None where it is hard.
        group: int32 (n,), -1 for people in no group.
        most: most of a group in one team.
        teams: bool (g,), teams that it holds for.
    """

    name: str
    weight: float | None
    group: np.ndarray
    most: int
    teams: np.ndarray


@dataclass(frozen=True)
class RangeRule:
    """The sum of a number over a team stays in a range.

    Attributes:
        name: of the rule.
        weight: None where it is hard.
        value: float64 (n,).
        low: float64 (g,), -inf for no bound.
        high: float64 (g,), inf for no bound.
    """

    name: str
    weight: float | None
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class TeamProblem:
    """Everything that decides which teams are good and which are allowed.

    Attributes:
        features: names of the balanced features.
        matrix: float64 (n, d), the features in their units, without missing values.
        balanced: float64 (n, m), centred and weighted columns whose team means are to be zero.
        by_sum: whether team sums, not means, are to be equal.
        slots: the teams and their sizes.
        unit: int32 (n,), unit of each person.
        fixed: int32 (n,), team that a person must be in, -1 for none.
        eligible: int32 (n,), row of `allowed`.
        allowed: bool (classes, g), teams that a class of people may be in.
        counts: bounds on kinds of people.
        groups: spread groups.
        ranges: ranges of sums.
        home: int32 (n,), current team by its index, -1 for none; empty where there are none.
        most_moves: most people who may leave their current team, None for no bound.
        move_price: what a move costs.
        together: names of the rules that made units of several people.
        eligibility: name of the eligibility rule, if any.
        lock: name of the lock rule, if any.
        worst_weight: share of the objective that looks at the worst team, 0 to 1.
    """

    features: tuple[str, ...]
    matrix: np.ndarray
    balanced: np.ndarray
    by_sum: bool
    slots: TeamSlots
    unit: np.ndarray
    fixed: np.ndarray
    eligible: np.ndarray
    allowed: np.ndarray
    counts: tuple[CountRule, ...]
    groups: tuple[GroupRule, ...]
    ranges: tuple[RangeRule, ...]
    home: np.ndarray
    most_moves: int | None
    move_price: float
    together: tuple[str, ...]
    eligibility: str | None
    lock: str | None
    worst_weight: float
