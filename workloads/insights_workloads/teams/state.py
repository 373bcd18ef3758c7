"""A problem and its placement as the arrays that kernels look at and change."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from itertools import pairwise

import numpy as np

from insights_workloads.teams.crowds import crowds
from insights_workloads.teams.distinct_rows import distinct_rows
from insights_workloads.teams.kernels import HARD, Cost, Occupancy
from insights_workloads.teams.nested_order import nested_order
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.stability import moved_people
from insights_workloads.teams.start import Placement

__all__ = ["SearchState"]


class SearchState:
    """What a search looks at and changes.

    Attributes:
        cost: what teams cost.
        held: who is where.
        class_start: int64 (c + 1,), first entry of each class of exchangeable slots.
        class_slots: int32, slots of each class: movable, and of the same unit size.
        unit_sizes: int64 (s,), people of the unit in each slot, 0 where it may not move.
        hard: bool (r,), tallied columns that hard rules look at.
        counts: how many of the tallied columns count people; the others sum numbers.
        ruled: whether hard rules look at who is in a team.
    """

    def __init__(self, problem: TeamProblem, placed: Placement) -> None:
        """Build the arrays."""
        teams = len(problem.slots.sizes)
        sizes = np.diff(placed.unit_start)
        self._unit_of = np.empty(len(problem.unit), dtype=np.int64)
        self._unit_of[placed.unit_people] = np.repeat(np.arange(len(sizes)), sizes)
        slots = np.argsort(placed.unit_team, kind="stable").astype(np.int32)
        slot_team = placed.unit_team[slots].astype(np.int32)
        self.class_start, self.class_slots = _classes(sizes[slots], placed.movable[slots])
        self.unit_sizes = np.where(placed.movable[slots], sizes[slots], 0)
        self._movable = placed.movable[slots]
        self.counts = len(problem.counts)
        weights = [r.weight for r in problem.counts] + [r.weight for r in problem.ranges]
        self.hard = np.array([weight is None for weight in weights], dtype=np.bool_)
        self._hard_groups = [at for at, rule in enumerate(problem.groups) if rule.weight is None]
        self.ruled = bool(self.hard.any() or self._hard_groups)
        self.cost = _cost(problem, placed)
        self.held = Occupancy(
            slots=slots,
            team_start=np.searchsorted(slot_team, np.arange(teams + 1)).astype(np.int64),
            slot_team=slot_team,
            sums=_by_team(self.cost.values, placed.unit_team, teams),
            tallies=_by_team(self.cost.tallied, placed.unit_team, teams),
            excess=np.zeros(teams),
            away=np.zeros(1, dtype=np.int64),
        )
        team = self.people_teams()
        self.held.away[0] = moved_people(problem, team) or 0
        for rule in range(len(problem.groups)):
            self.held.excess[:] += self.cost.group_weight[rule] * self._crowded(rule)

    def people_teams(self) -> np.ndarray:
        """Team of each person, int32 (n,)."""
        unit_team = np.empty(len(self.held.slots), dtype=np.int32)
        unit_team[self.held.slots] = self.held.slot_team
        return np.asarray(unit_team[self._unit_of])

    def value(self) -> float:
        """What all teams cost together, up to a constant that no exchange changes."""
        cost, held = self.cost, self.held
        balance = ((held.sums - cost.target) ** 2).sum(axis=1) / cost.divisor
        worst = balance**2 / cost.scale
        beyond = np.maximum(cost.low - held.tallies, 0.0) + np.maximum(
            held.tallies - cost.high, 0.0
        )
        beyond += cost.lone & (held.tallies == 1.0)
        misfit = float(cost.misfit[cost.unit_class[held.slots], held.slot_team].sum())
        away = int(held.away[0])
        over = max(0, away - cost.most_moves) if cost.most_moves >= 0 else 0
        return float(
            ((1.0 - cost.worst) * balance + cost.worst * worst).sum()
            + (beyond * cost.weight).sum()
            + held.excess.sum()
            + misfit
            + cost.price * away
            + HARD * over
        )

    def unbalance(self) -> float:
        """How far teams are from their target, where 1 is what teams drawn at random are."""
        cost, held = self.cost, self.held
        gaps = ((held.sums - cost.target) ** 2).sum(axis=1)
        return float((gaps / cost.divisor).mean() / cost.scale)

    def holding(self, held: Occupancy) -> SearchState:
        """A state with the same costs and another placement."""
        other = copy(self)
        other.held = held
        return other

    def snapshot(self) -> Occupancy:
        """Who is where now."""
        return Occupancy(*(part.copy() for part in self.held))

    @cached_property
    def likeness(self) -> tuple[np.ndarray, np.ndarray]:
        """Units of each class, in its entries, so that neighbours are alike; entry of each unit."""
        columns = np.column_stack([self.cost.values, self.cost.tallied[:, self.counts :]])
        ring = self.held.slots[self.class_slots]
        for low, high in pairwise(self.class_start):
            ring[low:high] = ring[low:high][nested_order(columns[ring[low:high]].T)]
        place = np.full(len(self.held.slots), -1, dtype=np.int32)
        place[ring] = np.arange(len(ring))
        return ring, place

    def broken_teams(self) -> np.ndarray:
        """Teams in which a hard rule is broken, bool (g,)."""
        cost, held = self.cost, self.held
        beyond = (held.tallies < cost.low - 1e-9) | (held.tallies > cost.high + 1e-9)
        beyond |= cost.lone & (held.tallies == 1.0)
        broken = np.asarray((beyond & self.hard).any(axis=1))
        for rule in self._hard_groups:
            broken |= self._crowded(rule) > 0
        outside = cost.misfit[cost.unit_class[held.slots], held.slot_team] >= HARD
        broken[held.slot_team[outside & self._movable]] = True
        return broken

    def _crowded(self, rule: int) -> np.ndarray:
        """People too many of a group in each team, float64 (g,)."""
        cost, teams = self.cost, len(self.held.excess)
        team, _, sizes = crowds(self.people_teams(), cost.groups[rule])
        excess = np.maximum(sizes - cost.group_most[rule], 0)
        excess = np.where(cost.group_holds[rule, team], excess, 0)
        return np.bincount(team, excess, teams)


def _cost(problem: TeamProblem, placed: Placement) -> Cost:
    teams, people = len(problem.slots.sizes), len(problem.unit)
    balanced = problem.balanced
    if problem.by_sum:
        divisor = np.full(teams, problem.slots.sizes.mean())
    else:
        divisor = problem.slots.sizes.astype(float)
    never = np.zeros(teams, dtype=bool)
    rules = [(r.member, r.low, r.high, r.lone, r.weight, 1.0) for r in problem.counts]
    for bounds in problem.ranges:
        # Beyond a range counts in usual deviations, not in the rule's own unit.
        unit = max(float(bounds.value.std()), 1e-9)
        rules.append((bounds.value, bounds.low, bounds.high, never, bounds.weight, unit))
    tallied = [np.asarray(column, dtype=float) for column, *_ in rules]
    soft = [tie for tie in problem.ties if tie.weight is not None]
    everywhere = np.ones(teams, dtype=bool)
    spread = [(rule.group, rule.most, rule.weight, rule.teams) for rule in problem.groups]
    spread += [(tie.group, -1, tie.weight, everywhere) for tie in soft]
    unit_class, misfit = _misfit(problem, placed)
    return Cost(
        # Zero but for sums, since the columns are centred.
        target=balanced.sum(axis=0) / teams,
        divisor=np.maximum(divisor, 1.0),
        worst=float(problem.worst_weight),
        # What a team drawn at random costs.
        scale=max(float(balanced.var(axis=0).sum()), 1e-9),
        values=_by_unit(balanced, placed),
        low=_stacked([low for _, low, *_ in rules], teams),
        high=_stacked([high for _, _, high, *_ in rules], teams),
        lone=_stacked([lone for *_, lone, _, _ in rules], teams).astype(bool),
        weight=np.array([(HARD if w is None else w) / unit for *_, w, unit in rules], dtype=float),
        tallied=_by_unit(np.column_stack(tallied) if tallied else np.zeros((people, 0)), placed),
        groups=np.array([group for group, *_ in spread], np.int32).reshape(-1, people),
        group_most=np.array([most for _, most, *_ in spread], dtype=np.int32),
        group_weight=np.array([HARD if w is None else w for *_, w, _ in spread], dtype=float),
        group_holds=np.array([holds for *_, holds in spread], dtype=np.bool_).reshape(-1, teams),
        tied=bool(soft),
        unit_start=placed.unit_start,
        unit_people=placed.unit_people,
        unit_class=unit_class,
        misfit=misfit,
        home=problem.home,
        most_moves=-1 if problem.most_moves is None else problem.most_moves,
        price=float(problem.move_price),
    )


def _misfit(problem: TeamProblem, placed: Placement) -> tuple[np.ndarray, np.ndarray]:
    """Class of each unit, and what it costs to have one of a class in a team."""
    teams = len(problem.slots.sizes)
    by_person = np.zeros(len(problem.unit), dtype=np.int64)
    rows = np.zeros((1, teams))
    for rule in problem.choices:
        both = by_person * len(rule.allowed) + rule.kind
        first, which, _ = distinct_rows(both[:, None])
        price = HARD if rule.weight is None else rule.weight
        rows = rows[by_person[first]] + price * ~rule.allowed[rule.kind[first]]
        by_person = which
    starts = placed.unit_start[:-1]
    kinds = by_person[placed.unit_people]
    classes = kinds[starts].astype(np.int32)
    # A unit of several people is a class of its own.
    large = np.flatnonzero(np.diff(placed.unit_start) > 1) if len(rows) > 1 else np.empty(0, int)
    sums = [
        rows[kinds[placed.unit_start[unit] : placed.unit_start[unit + 1]]].sum(axis=0)
        for unit in large
    ]
    classes[large] = len(rows) + np.arange(len(large))
    return classes, np.vstack([rows, *sums])


def _by_unit(columns: np.ndarray, placed: Placement) -> np.ndarray:
    out = np.add.reduceat(columns[placed.unit_people], placed.unit_start[:-1])
    return np.ascontiguousarray(out, dtype=np.float64)


def _by_team(values: np.ndarray, unit_team: np.ndarray, teams: int) -> np.ndarray:
    out = np.zeros((teams, values.shape[1]))
    for column in range(values.shape[1]):
        out[:, column] = np.bincount(unit_team, values[:, column], minlength=teams)
    return out


def _classes(sizes: np.ndarray, movable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slots that may be exchanged with each other: movable, and of units of the same size."""
    starts, slots = [0], [np.empty(0, np.int64)]
    for size in np.unique(sizes[movable]):
        slots.append(np.flatnonzero(movable & (sizes == size)))
        starts.append(starts[-1] + len(slots[-1]))
    return np.array(starts, dtype=np.int64), np.concatenate(slots).astype(np.int32)


def _stacked(columns: list[np.ndarray], teams: int) -> np.ndarray:
    if not columns:
        return np.zeros((teams, 0))
    return np.ascontiguousarray(np.column_stack(columns), dtype=np.float64)
