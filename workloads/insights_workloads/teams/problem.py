"""A team problem in arrays: what the search and the checks look at.

People who must stay together are one unit; what is exchanged are units of the same size, so that
sizes never change during the search.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from insights_workloads.teams.distinct_rows import distinct_rows
from insights_workloads.teams.objectives import ObjectivePart
from insights_workloads.teams.sizes import TeamSlots

__all__ = [
    "ChoiceRule",
    "CountRule",
    "CurrentTeams",
    "GroupRule",
    "LockRule",
    "RangeRule",
    "TeamProblem",
    "TieRule",
    "clashing_locks",
    "combined",
    "derived",
    "spoken_of",
    "units",
    "waits_for",
]


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
class TieRule:
    """People of the same group are in the same team.

    Attributes:
        name: of the rule.
        weight: None where it is hard.
        group: int32 (n,), -1 for people in no group.
    """

    name: str
    weight: float | None
    group: np.ndarray


@dataclass(frozen=True)
class LockRule:
    """People are in a given team.

    Attributes:
        name: of the rule.
        team: int32 (n,), -1 for people who are free or wait.
        waits: int32 (n,), for people whose team is not there yet by its name: which of
            `TeamProblem.waiting` it is; -1 for all others.
        closed: whether these teams take nobody else.
    """

    name: str
    team: np.ndarray
    waits: np.ndarray
    closed: bool


@dataclass(frozen=True)
class ChoiceRule:
    """People may only be in some teams.

    Attributes:
        name: of the rule.
        weight: None where it is hard.
        kind: int32 (n,), row of `allowed`.
        allowed: bool (kinds, g), teams that people of a kind may be in.
        named: bool (g,), teams that it speaks of by their name.
    """

    name: str
    weight: float | None
    kind: np.ndarray
    allowed: np.ndarray
    named: np.ndarray


@dataclass(frozen=True)
class CurrentTeams:
    """Teams that people are in now.

    Attributes:
        team: int32 (n,), which of `names`; -1 for people who join.
        names: of the current teams, the largest first.
        goes_on: int32 (t,), team that has its name; -1 where none has.
        open_to: bool (g,), teams that may go on from a current team of another name.
    """

    team: np.ndarray
    names: tuple[str, ...]
    goes_on: np.ndarray
    open_to: np.ndarray

    def by_person(self) -> tuple[str | None, ...]:
        """Name of each person's team, None for people who join."""
        names = (*self.names, None)
        return tuple(names[team] for team in self.team.tolist())

    def home(self, goes_on: np.ndarray) -> np.ndarray:
        """Team of each person if current teams go on in these, int32 (n,); see `TeamProblem`."""
        place = np.where(goes_on >= 0, goes_on, -2).astype(np.int32)
        # The last entry answers for people who join.
        return np.asarray(np.append(place, np.int32(-1))[self.team])


@dataclass(frozen=True)
class TeamProblem:
    """Everything that decides which teams are good and which are allowed.

    Attributes:
        features: names of the balanced features.
        matrix: float64 (n, d), the features in their units, without missing values.
        balanced: float64 (n, m), centred and weighted columns whose team means are to be zero.
        objectives: whose columns these are.
        by_sum: whether team sums, not means, are to be equal.
        slots: the teams and their sizes.
        unit: int32 (n,), unit of each person.
        fixed: int32 (n,), team that a person must be in, -1 for none.
        eligible: int32 (n,), row of `allowed`.
        allowed: bool (classes, g), teams that a class of people may be in under all hard rules.
        choices: rules about which teams people may be in, hard and soft.
        counts: bounds on kinds of people.
        groups: spread groups.
        ranges: ranges of sums.
        home: int32 (n,), current team by its index, -1 for none, -2 for one that is no more; empty
            where there are no current teams. While teams wait, that with the fewest moves that
            sizes alone demand.
        current: what `home` was made of, None where there are no current teams.
        most_moves: most people who may leave their current team, None for no bound.
        move_price: what a move costs.
        ties: rules that keep people together; hard ones made units.
        locks: rules that fix people.
        waiting: names that locks give to teams, which ones is not decided yet.
        worst_weight: share of the objective that looks at the worst team, 0 to 1.
    """

    features: tuple[str, ...]
    matrix: np.ndarray
    balanced: np.ndarray
    objectives: tuple[ObjectivePart, ...]
    by_sum: bool
    slots: TeamSlots
    unit: np.ndarray
    fixed: np.ndarray
    eligible: np.ndarray
    allowed: np.ndarray
    choices: tuple[ChoiceRule, ...]
    counts: tuple[CountRule, ...]
    groups: tuple[GroupRule, ...]
    ranges: tuple[RangeRule, ...]
    home: np.ndarray
    current: CurrentTeams | None
    most_moves: int | None
    move_price: float
    ties: tuple[TieRule, ...]
    locks: tuple[LockRule, ...]
    waiting: tuple[str, ...]
    worst_weight: float

    @property
    def together(self) -> tuple[str, ...]:
        """Names of the rules that keep people together."""
        tied = [tie.name for tie in self.ties if tie.weight is None]
        return (*tied, *(lock.name for lock in self.locks if (lock.waits >= 0).any()))

    @property
    def hard_rules(self) -> tuple[str, ...]:
        """Names of all hard rules, each once."""
        named = [
            *(tie.name for tie in self.ties if tie.weight is None),
            *(lock.name for lock in self.locks),
            *(rule.name for rule in self.choices if rule.weight is None),
            *(rule.name for rule in self.counts if rule.weight is None),
            *(rule.name for rule in self.groups if rule.weight is None),
            *(rule.name for rule in self.ranges if rule.weight is None),
            *(["stability"] if self.most_moves is not None else []),
        ]
        return tuple(dict.fromkeys(named))

    def only(self, names: Collection[str]) -> TeamProblem:
        """The same people and sizes under these hard rules alone, without soft ones."""
        locks = tuple(lock for lock in self.locks if lock.name in names)
        # A team stays closed only while all of its people are locked: it would lack the others.
        closed = self.slots.locked.copy()
        for lock in self.locks:
            if lock.closed and lock.name not in names:
                closed[lock.team[lock.team >= 0]] = False
        part = replace(
            self,
            slots=replace(self.slots, locked=closed),
            choices=tuple(r for r in self.choices if r.weight is None and r.name in names),
            counts=tuple(r for r in self.counts if r.weight is None and r.name in names),
            groups=tuple(r for r in self.groups if r.weight is None and r.name in names),
            ranges=tuple(r for r in self.ranges if r.weight is None and r.name in names),
            most_moves=self.most_moves if "stability" in names else None,
            ties=tuple(tie for tie in self.ties if tie.weight is None and tie.name in names),
            locks=locks,
        )
        return derived(part)


def derived(problem: TeamProblem) -> TeamProblem:
    """The problem with all that follows from its rules: units, fixed people, eligibility.

    A name that waits for its team keeps its people together, and apart from other such names; any
    open team may take it that no lock and no choice speaks of.
    """
    people, slots = len(problem.unit), problem.slots
    fixed = np.full(people, -1, dtype=np.int32)
    for lock in reversed(problem.locks):
        fixed = np.where(lock.team >= 0, lock.team, fixed)
    waits = waits_for(problem)
    eligible, allowed = combined(problem.choices, people, ~slots.locked)
    lock_names = {lock.name for lock in problem.locks}
    groups = tuple(rule for rule in problem.groups if rule.name not in lock_names)
    tied = [tie.group for tie in problem.ties if tie.weight is None]
    if (waits >= 0).any():
        may_take = ~slots.locked & ~spoken_of(problem)
        eligible = np.where(waits >= 0, np.int32(len(allowed)), eligible)
        allowed = np.vstack([allowed, may_take[None, :]])
        tied += [waits, *(lock.waits for lock in problem.locks)]
        one_each = np.full(people, -1, dtype=np.int32)
        codes, first = np.unique(waits, return_index=True)
        one_each[first[codes >= 0]] = 0
        everywhere = np.ones(len(slots.sizes), dtype=bool)
        first_lock = next(lock.name for lock in problem.locks if (lock.waits >= 0).any())
        groups += (GroupRule(first_lock, None, one_each, 1, everywhere),)
    return replace(
        problem,
        unit=units(tied, people),
        fixed=np.asarray(fixed, dtype=np.int32),
        eligible=np.asarray(eligible, dtype=np.int32),
        allowed=allowed,
        groups=groups,
    )


def waits_for(problem: TeamProblem) -> np.ndarray:
    """Which of `problem.waiting` each person waits for, int32 (n,), -1 for none.

    Of several locks the first counts; that they differ is refused.
    """
    waits = np.full(len(problem.unit), -1, dtype=np.int32)
    for lock in reversed(problem.locks):
        waits = np.where(lock.waits >= 0, lock.waits, waits)
    return waits


def clashing_locks(problem: TeamProblem) -> tuple[str, str] | None:
    """Two rules that lock the same person into different teams, or None."""
    for at, lock in enumerate(problem.locks):
        for other in problem.locks[:at]:
            both = ((lock.team >= 0) | (lock.waits >= 0)) & ((other.team >= 0) | (other.waits >= 0))
            if (both & ((lock.team != other.team) | (lock.waits != other.waits))).any():
                return other.name, lock.name
    return None


def spoken_of(problem: TeamProblem) -> np.ndarray:
    """Teams that hard rules speak of by their names, bool (g,): these keep them."""
    named = np.zeros(len(problem.slots.sizes), dtype=bool)
    for lock in problem.locks:
        named[lock.team[lock.team >= 0]] = True
    for rule in problem.choices:
        if rule.weight is None:
            named |= rule.named
    return named


def combined(
    choices: Sequence[ChoiceRule], people: int, open_teams: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Teams that people may be in under all hard rules: row of each person, and the rows."""
    eligible = np.zeros(people, dtype=np.int32)
    allowed = open_teams[None, :].copy()
    for rule in choices:
        if rule.weight is None:
            both = eligible.astype(np.int64) * len(rule.allowed) + rule.kind
            first, which, _ = distinct_rows(both[:, None])
            allowed = allowed[eligible[first]] & rule.allowed[rule.kind[first]]
            eligible = which.astype(np.int32)
    return eligible, allowed


def units(groups: Sequence[np.ndarray], people: int) -> np.ndarray:
    """Units of people who must stay together, int32 (n,): connected components over groups."""
    left, right = [], []
    for group in groups:
        order = np.argsort(group, kind="stable")
        order = order[group[order] >= 0]
        same = group[order[1:]] == group[order[:-1]]
        left.append(order[:-1][same])
        right.append(order[1:][same])
    if not left:
        return np.arange(people, dtype=np.int32)
    edges = (np.concatenate(left), np.concatenate(right))
    graph = coo_matrix((np.ones(len(edges[0])), edges), shape=(people, people))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)
