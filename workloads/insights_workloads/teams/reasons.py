"""Why teams are as they are: the rules that bind each, and what is next best for each person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from insights_workloads.teams.crowds import crowds
from insights_workloads.teams.distinct_rows import distinct_rows
from insights_workloads.teams.kernels import HARD
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.reason_kernels import best_exchanges
from insights_workloads.teams.state import SearchState

__all__ = ["Hold", "Reasons", "find_reasons"]

_EXPLAINED = 3_000
"""People up to whom the next best exchange is looked for: it takes all pairs."""
_NEAR = 0.02
"""Part of a range from whose end on it binds."""


@dataclass(frozen=True)
class Hold:
    """A rule that keeps a person where they are.

    Attributes:
        rule: its name.
        kind: how it holds, of `Locked`, `KeptTogether` and `Eligible`.
        people: bool (n,), whom.
    """

    rule: str
    kind: str
    people: np.ndarray


@dataclass(frozen=True)
class Reasons:
    """Why teams are as they are.

    Attributes:
        binding: for each team the hard rules that leave it no room: bounds that are met exactly,
            groups that are full, locks.
        holds: rules that keep people where they are.
        partner: int32 (n,), with whom the least costly exchange would be, -1 where there is none.
            Empty where there are too many people to look.
        price: float64 (n,), what that exchange costs, as a share of what a random team costs; inf
            where every exchange breaks a hard rule.
    """

    binding: tuple[tuple[str, ...], ...]
    holds: tuple[Hold, ...]
    partner: np.ndarray
    price: np.ndarray


def find_reasons(problem: TeamProblem, state: SearchState, team: np.ndarray) -> Reasons:
    """Find reasons.

    Args:
        problem: the problem.
        state: the state at the end of the search.
        team: int32 (n,), team of each person.
    """
    partner, price = _next_best(state, len(team))
    return Reasons(_binding(problem, team), tuple(_holds(problem)), partner, price)


def _binding(problem: TeamProblem, team: np.ndarray) -> tuple[tuple[str, ...], ...]:
    teams = len(problem.slots.sizes)
    found: dict[str, np.ndarray] = {}

    def note(rule: str, where: np.ndarray) -> None:
        found[rule] = found.get(rule, False) | (where & ~problem.slots.locked)

    for count in problem.counts:
        if count.weight is None:
            have = np.bincount(team[count.member], minlength=teams)
            full = (have == count.high) & (count.high < problem.slots.sizes)
            short = (have == count.low) & (count.low > 0)
            note(count.name, full | short | (count.lone & (have == 2)))
    for group in problem.groups:
        if group.weight is None:
            crowded, _, sizes = crowds(team, group.group)
            full = np.bincount(crowded, sizes >= group.most, minlength=teams) > 0
            note(group.name, full & group.teams)
    for bounds in problem.ranges:
        if bounds.weight is None:
            total = np.bincount(team, bounds.value, minlength=teams)
            span = np.where(np.isfinite(bounds.high - bounds.low), bounds.high - bounds.low, 0.0)
            slack = _NEAR * np.where(span > 0, span, np.abs(total))
            note(bounds.name, (total < bounds.low + slack) | (total > bounds.high - slack))
    for lock in problem.locks:
        note(lock.name, np.bincount(lock.team[lock.team >= 0], minlength=teams) > 0)
    if not found:
        return ((),) * teams
    # Teams share the names of few sets of rules: a list a team would keep the collector busy.
    first, which, _ = distinct_rows(np.column_stack(list(found.values())))
    named = [tuple(rule for rule, where in found.items() if where[team]) for team in first]
    return tuple(named[at] for at in which)


def _holds(problem: TeamProblem) -> list[Hold]:
    holds = [Hold(lock.name, "Locked", lock.team >= 0) for lock in problem.locks]
    for tie in problem.ties:
        if tie.weight is None:
            shared = np.bincount(tie.group + 1)[tie.group + 1] > 1
            holds.append(Hold(tie.name, "KeptTogether", shared & (tie.group >= 0)))
    for rule in problem.choices:
        if rule.weight is None:
            free = np.atleast_1d(rule.allowed[:, ~problem.slots.locked].all(axis=1))
            holds.append(Hold(rule.name, "Eligible", ~free[rule.kind]))
    return holds


def _next_best(state: SearchState, people: int) -> tuple[np.ndarray, np.ndarray]:
    if people > _EXPLAINED:
        return np.empty(0, np.int32), np.empty(0)
    cost, held = state.cost, state.held
    other, change = best_exchanges(cost, held, state.class_start, state.class_slots, _EXPLAINED)
    partner = np.full(people, -1, dtype=np.int32)
    price = np.full(people, np.inf)
    first = cost.unit_people[cost.unit_start[held.slots]]
    # Where every exchange breaks a hard rule, nobody is the next best.
    known = np.flatnonzero((other >= 0) & (change < HARD / 2))
    for slot in known:
        unit = held.slots[slot]
        members = cost.unit_people[cost.unit_start[unit] : cost.unit_start[unit + 1]]
        partner[members] = first[other[slot]]
        price[members] = change[slot] / cost.scale
    return partner, price
