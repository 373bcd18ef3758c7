"""Team formation from end to end: prove what is impossible, place, search, measure."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from insights_workloads.progress import Progress, silent
from insights_workloads.teams.certificates import find_conflict
from insights_workloads.teams.kernels import anneal
from insights_workloads.teams.measure import balance, broken_rules, figures, moved_people
from insights_workloads.teams.plan import Conflict, Outcome, TeamFigures, TeamPlan
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.start import Placement, place

__all__ = ["TeamOptions", "form_teams"]

_HARD = 1e4
_TRIES = 30_000_000
"""Exchanges that are tried in all, where the spec names no rounds; a round is one a person."""
_MOST_ROUNDS = 20_000
_FEWEST_ROUNDS = 30
_STEPS = 60
_COLDEST = 1e-5
_QUENCH = 0.15
"""Share of the work that is spent at temperature 0, at the end."""


@dataclass(frozen=True)
class TeamOptions:
    """How to search.

    Attributes:
        seed: of every random choice.
        rounds: work to spend, in tried exchanges a person; None for a default by size.
        time_limit_seconds: ends the search early, and marks the plan as not reproducible.
    """

    seed: int = 0
    rounds: int | None = None
    time_limit_seconds: float | None = None


def form_teams(
    problem: TeamProblem, options: TeamOptions, *, progress: Progress = silent
) -> TeamPlan:
    """Form teams.

    Args:
        problem: see `compile.compile_problem`.
        options: how to search.
        progress: told how far it is; may raise to stop.
    """
    conflict = find_conflict(problem)
    if conflict is not None:
        return _refused(problem, conflict)
    placed = place(problem, options.seed)
    state = _State(problem, placed)
    rounds, reproducible = _search(state, options, progress)
    team = state.people_teams()
    violations = broken_rules(problem, team, placed.split)
    hard = any(violation.hard for violation in violations)
    return TeamPlan(
        outcome=Outcome.UNKNOWN if hard else Outcome.FEASIBLE,
        team=team,
        features=problem.features,
        figures=figures(problem, team),
        balance_before=balance(problem.matrix, _random_split(problem, options.seed)),
        balance_after=balance(problem.matrix, team),
        violations=violations,
        moved=moved_people(problem, team),
        rounds=rounds,
        reproducible=reproducible,
    )


def _search(state: _State, options: TeamOptions, progress: Progress) -> tuple[int, bool]:
    people = len(state.problem.unit)
    rounds = options.rounds or max(_FEWEST_ROUNDS, min(_MOST_ROUNDS, _TRIES // people))
    tries = rounds * people
    steps = min(_STEPS, rounds)
    began = time.monotonic()
    hottest = state.scale
    for step in range(steps):
        warm = step / max(1.0, steps * (1.0 - _QUENCH))
        hot = hottest * _COLDEST**warm if warm < 1.0 else 0.0
        if not state.exchange(tries // steps, hot, options.seed * 1_000_003 + step):
            break
        progress((step + 1) / steps, f"{rounds:,} rounds")
        limit = options.time_limit_seconds
        if limit is not None and time.monotonic() - began > limit:
            return rounds * (step + 1) // steps, False
    return rounds, True


class _State:
    """The arrays that the kernel changes in place."""

    def __init__(self, problem: TeamProblem, placed: Placement) -> None:
        self.problem = problem
        self._placed = placed
        teams = len(problem.slots.sizes)
        units = len(placed.unit_team)
        self._unit_of = np.empty(len(problem.unit), dtype=np.int64)
        unit_sizes = np.diff(placed.unit_start)
        self._unit_of[placed.unit_people] = np.repeat(np.arange(units), unit_sizes)
        order = np.argsort(placed.unit_team, kind="stable")
        self.slots = order.astype(np.int32)
        self.slot_team = placed.unit_team[order].astype(np.int32)
        self._team_start = np.searchsorted(self.slot_team, np.arange(teams + 1)).astype(np.int64)
        self._class_start, self._class_slots = _classes(unit_sizes[order], placed.movable[order])
        balanced = problem.balanced
        if problem.by_sum:
            self._target = np.zeros(balanced.shape[1]) + balanced.sum(axis=0) / teams
            divisor = np.full(teams, problem.slots.sizes.mean())
        else:
            self._target = np.zeros(balanced.shape[1])
            divisor = problem.slots.sizes.astype(float)
        self._divisor = np.maximum(divisor, 1.0)
        # A team drawn at random has a cost of one a column.
        self.scale = float(max(balanced.shape[1], 1))
        self._values = self._by_unit(balanced)
        self._sums = self._by_team(self._values, placed.unit_team, teams)
        self._rules(problem, placed, teams)
        self._groups(problem, teams)
        self._classes_of_units(problem, placed)
        self._moved = moved_people(problem, self.people_teams()) or 0

    def exchange(self, tries: int, hot: float, seed: int) -> bool:
        """Try exchanges; False where there is nothing to exchange."""
        if self._class_start[-1] < 2 or len(self.problem.slots.sizes) < 2:
            return False
        self._moved = anneal(
            self.slots,
            self._team_start,
            self.slot_team,
            self._class_start,
            self._class_slots,
            self._sums,
            self._target,
            self._divisor,
            float(self.problem.worst_weight),
            self.scale,
            self._values,
            self._tallies,
            self._low,
            self._high,
            self._lone,
            self._rule_weight,
            self._tally_values,
            self._group_of,
            self._group_most,
            self._group_weight,
            self._group_holds,
            self._placed.unit_start,
            self._placed.unit_people,
            self._unit_class,
            self._allowed,
            self.problem.home,
            self._moved,
            -1 if self.problem.most_moves is None else self.problem.most_moves,
            float(self.problem.move_price),
            tries,
            hot,
            seed % 2**31,
        )
        return True

    def people_teams(self) -> np.ndarray:
        """Team of each person, int32 (n,)."""
        unit_team = np.empty(len(self.slots), dtype=np.int32)
        unit_team[self.slots] = self.slot_team
        return np.asarray(unit_team[self._unit_of])

    def _by_unit(self, columns: np.ndarray) -> np.ndarray:
        out = np.add.reduceat(columns[self._placed.unit_people], self._placed.unit_start[:-1])
        return np.ascontiguousarray(out, dtype=np.float64)

    def _by_team(self, values: np.ndarray, unit_team: np.ndarray, teams: int) -> np.ndarray:
        out = np.zeros((teams, values.shape[1]))
        for column in range(values.shape[1]):
            out[:, column] = np.bincount(unit_team, values[:, column], minlength=teams)
        return out

    def _rules(self, problem: TeamProblem, placed: Placement, teams: int) -> None:
        never = np.zeros(teams, dtype=bool)
        rules = [(r.member, r.low, r.high, r.lone, r.weight, 1.0) for r in problem.counts]
        for rule in problem.ranges:
            # Beyond a range counts in shares of the usual deviation, not in the rule's own unit.
            unit = max(float(rule.value.std()), 1e-9)
            rules.append((rule.value, rule.low, rule.high, never, rule.weight, unit))
        n = len(problem.unit)
        columns = [np.asarray(column, dtype=float) for column, *_ in rules]
        self._tally_values = self._by_unit(
            np.column_stack(columns) if columns else np.zeros((n, 0))
        )
        self._tallies = self._by_team(self._tally_values, placed.unit_team, teams)
        self._low = _stacked([low for _, low, *_ in rules], teams)
        self._high = _stacked([high for _, _, high, *_ in rules], teams)
        self._lone = _stacked([lone for *_, lone, _, _ in rules], teams).astype(bool)
        self._rule_weight = np.array(
            [(_HARD if weight is None else weight) / unit for *_, weight, unit in rules]
        )

    def _groups(self, problem: TeamProblem, teams: int) -> None:
        n = len(problem.unit)
        rules = problem.groups
        self._group_of = (
            np.stack([rule.group for rule in rules]) if rules else np.empty((0, n), np.int32)
        )
        self._group_most = np.array([rule.most for rule in rules], dtype=np.int32)
        self._group_weight = np.array([_HARD if r.weight is None else r.weight for r in rules])
        self._group_holds = (
            np.stack([rule.teams for rule in rules]) if rules else np.empty((0, teams), bool)
        )

    def _classes_of_units(self, problem: TeamProblem, placed: Placement) -> None:
        by_person = problem.eligible[placed.unit_people]
        first = by_person[placed.unit_start[:-1]]
        self._unit_class = first.astype(np.int32)
        self._allowed = problem.allowed
        mixed = np.flatnonzero(
            np.minimum.reduceat(by_person, placed.unit_start[:-1])
            != np.maximum.reduceat(by_person, placed.unit_start[:-1])
        )
        for unit in mixed:
            # A unit may be where all of its people may be.
            people = placed.unit_people[placed.unit_start[unit] : placed.unit_start[unit + 1]]
            row = problem.allowed[problem.eligible[people]].all(axis=0)
            self._unit_class[unit] = len(self._allowed)
            self._allowed = np.vstack([self._allowed, row])


def _classes(sizes: np.ndarray, movable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slots that may be exchanged with each other: movable, and of units of the same size."""
    starts, slots = [0], []
    for size in np.unique(sizes[movable]):
        members = np.flatnonzero(movable & (sizes == size))
        slots.append(members)
        starts.append(starts[-1] + len(members))
    joined = np.concatenate(slots) if slots else np.empty(0)
    return np.array(starts, dtype=np.int64), joined.astype(np.int32)


def _stacked(columns: list[np.ndarray], teams: int) -> np.ndarray:
    if not columns:
        return np.zeros((teams, 0))
    return np.ascontiguousarray(np.column_stack(columns), dtype=np.float64)


def _random_split(problem: TeamProblem, seed: int) -> np.ndarray:
    team = np.repeat(np.arange(len(problem.slots.sizes), dtype=np.int32), problem.slots.sizes)
    return np.random.default_rng([seed, 17]).permutation(team)


def _refused(problem: TeamProblem, conflict: Conflict) -> TeamPlan:
    empty = np.empty(0)
    return TeamPlan(
        outcome=Outcome.INFEASIBLE,
        team=np.full(len(problem.unit), -1, dtype=np.int32),
        features=problem.features,
        figures=TeamFigures((), (), empty, np.empty((0, len(problem.features))), empty, empty),
        balance_before=0.0,
        balance_after=0.0,
        conflict=conflict,
    )
