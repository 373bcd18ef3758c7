"""Every unit in every team as a yes or no: exact, for what is small enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from insights_workloads.teams.problem import CurrentTeams, TeamProblem, clashing_locks

__all__ = ["Verdict", "assign", "is_small"]

_WORK = 20.0
"""Deterministic seconds of the solver."""
_MOST_CELLS = 40_000
_FEW_CELLS = 2_000
"""Units times teams up to which the model answers in milliseconds."""
_DIGITS = 6
"""Decimal digits to which ranges of numbers are looked at."""


@dataclass(frozen=True)
class Verdict:
    """What the model says.

    Attributes:
        impossible: whether it is proven that no teams obey the rules.
        team: int32 (n,), teams that obey them, None where none were found.
    """

    impossible: bool
    team: np.ndarray | None = None


def is_small(problem: TeamProblem) -> bool:
    """Whether every assignment can be tried many times over."""
    return len(np.unique(problem.unit)) * len(problem.slots.sizes) <= _FEW_CELLS


def assign(problem: TeamProblem) -> Verdict:
    """Find teams that obey all hard rules, or prove that there are none, if it is small enough.

    Rules are hard constraints without enforcement literals, which would destroy the bounds that
    linear relaxations give.
    """
    kinds, unit = np.unique(problem.unit, return_inverse=True)
    n, teams = len(kinds), len(problem.slots.sizes)
    if n * teams > _MOST_CELLS:
        return Verdict(False)
    if clashing_locks(problem) is not None:
        return Verdict(True)
    model = cp_model.CpModel()
    inside = [[model.new_bool_var("") for _ in range(teams)] for _ in range(n)]
    size = np.bincount(unit)
    for row in inside:
        model.add_exactly_one(row)
    for g in range(teams):
        model.add(sum(int(size[u]) * inside[u][g] for u in range(n)) == int(problem.slots.sizes[g]))
    for person, team in enumerate(problem.fixed):
        for g in range(teams):
            may = g == team if team >= 0 else problem.allowed[problem.eligible[person], g]
            if not may:
                model.add(inside[int(unit[person])][g] == 0)
    for count in problem.counts:
        if count.weight is None:
            members = np.bincount(unit[count.member], minlength=n)
            some = np.flatnonzero(members)
            for g in np.flatnonzero(~problem.slots.locked).tolist():
                total = sum(int(members[u]) * inside[u][g] for u in some)
                domain = [
                    v
                    for v in range(int(count.low[g]), int(count.high[g]) + 1)
                    if not (count.lone[g] and v == 1)
                ]
                model.add_linear_expression_in_domain(total, cp_model.Domain.from_values(domain))
    for group in problem.groups:
        if group.weight is None:
            for code in np.unique(group.group[group.group >= 0]):
                members = np.bincount(unit[group.group == code], minlength=n)
                some = np.flatnonzero(members)
                if members.sum() > group.most:
                    for g in np.flatnonzero(group.teams).tolist():
                        total = sum(int(members[u]) * inside[u][g] for u in some)
                        model.add(total <= group.most)
    for bounds in problem.ranges:
        if bounds.weight is None:
            _keep_in_range(model, inside, np.bincount(unit, bounds.value), bounds.low, bounds.high)
    if problem.most_moves is not None and problem.current is not None:
        _keep_moves(model, inside, unit, problem, problem.current, problem.most_moves)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = _WORK
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Verdict(status == cp_model.INFEASIBLE)
    chosen = np.array([[solver.value(cell) for cell in row] for row in inside])
    return Verdict(False, np.asarray(chosen.argmax(axis=1)[unit], dtype=np.int32))


def _keep_moves(
    model: cp_model.CpModel,
    inside: list[list[cp_model.IntVar]],
    unit: np.ndarray,
    problem: TeamProblem,
    current: CurrentTeams,
    most: int,
) -> None:
    """Few enough leave their current team, whichever team that one goes on in."""
    teams = range(len(problem.slots.sizes))
    taken: dict[str, list[cp_model.IntVar]] = {}
    for lock in problem.locks:
        for person in np.flatnonzero(lock.waits >= 0).tolist():
            name = problem.waiting[int(lock.waits[person])]
            taken.setdefault(name, inside[int(unit[person])])
    goes_on = []
    for old, name in enumerate(current.names):
        places = [model.new_bool_var("") for _ in teams]
        model.add_at_most_one(places)
        at = int(current.goes_on[old])
        if name in taken:
            for here, place in zip(taken[name], places, strict=True):
                model.add(place == here)
        else:
            for g in np.flatnonzero(~current.open_to).tolist():
                if g != at:
                    model.add(places[g] == 0)
            if at >= 0:
                # It goes on under its name, unless that team takes a new one.
                renamed = sum(cells[at] for cells in taken.values())
                model.add(places[at] + renamed >= 1)
        goes_on.append(places)
    for g in teams:
        model.add_at_most_one(places[g] for places in goes_on)
    stays = []
    for person in np.flatnonzero(current.team >= 0).tolist():
        for g in teams:
            both = model.new_bool_var("")
            model.add_implication(both, inside[int(unit[person])][g])
            model.add_implication(both, goes_on[int(current.team[person])][g])
            stays.append(both)
    model.add(sum(stays) >= int((current.team >= 0).sum()) - most)


def _keep_in_range(
    model: cp_model.CpModel,
    inside: list[list[cp_model.IntVar]],
    value: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> None:
    scale = 10.0 ** (_DIGITS - np.ceil(np.log10(max(1e-9, np.abs(value).max()))))
    # Rounding is outwards, so that nothing possible is called impossible.
    whole = np.round(value * scale).astype(np.int64)
    slack = np.abs(whole - value * scale).sum() + 1e-6
    for g in range(len(low)):
        total = sum(int(whole[u]) * inside[u][g] for u in range(len(whole)))
        if np.isfinite(low[g]):
            model.add(total >= int(np.ceil(low[g] * scale - slack)))
        if np.isfinite(high[g]):
            model.add(total <= int(np.floor(high[g] * scale + slack)))
