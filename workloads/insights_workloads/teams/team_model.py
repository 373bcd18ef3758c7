"""Whether one team of a kind can be put together at all, from everyone there is.

Numbers make nearly everybody a type of their own, too many to spread in one model. But where no
single team can keep a range beside the other rules, no set of teams can.
"""

from __future__ import annotations

import numpy as np
from ortools.sat.python import cp_model

from insights_workloads.teams.distinct_rows import distinct_rows
from insights_workloads.teams.problem import TeamProblem

__all__ = ["some_team_is_impossible"]

_WORK = 2.0
"""Deterministic seconds of the solver for a kind of team."""
_MOST_TYPES = 5_000
_MOST_CLASSES = 50
_DIGITS = 6


def some_team_is_impossible(problem: TeamProblem) -> bool:
    """Whether there is a team that no choice of people makes right."""
    counts = [rule for rule in problem.counts if rule.weight is None]
    ranges = [rule for rule in problem.ranges if rule.weight is None]
    if not ranges:
        return False
    free = problem.fixed < 0
    table = np.column_stack(
        [rule.member[free] for rule in counts] + [rule.value[free] for rule in ranges]
    )
    first, _, supply = distinct_rows(table)
    types = table[first]
    if len(types) > _MOST_TYPES:
        return False
    teams = len(problem.slots.sizes)
    held = problem.fixed[~free]
    room = problem.slots.sizes - np.bincount(held, minlength=teams)
    kinds = [room]
    for count in counts:
        have = np.bincount(held[count.member[~free]], minlength=teams)
        kinds += [count.low - have, count.high - have, np.where(count.lone, 1 - have, -1)]
    for rule in ranges:
        sums = np.bincount(held, rule.value[~free], minlength=teams)
        kinds += [rule.low - sums, rule.high - sums]
    looks = np.column_stack(kinds)[~problem.slots.locked]
    classes = looks[distinct_rows(looks)[0]]
    return len(classes) <= _MOST_CLASSES and any(
        _impossible(types, supply, team, len(counts)) for team in classes
    )


def _impossible(types: np.ndarray, supply: np.ndarray, team: np.ndarray, counts: int) -> bool:
    room = int(team[0])
    if room < 0:
        return True
    model = cp_model.CpModel()
    taken = [model.new_int_var(0, min(room, int(many)), "") for many in supply]
    model.add(sum(taken) == room)
    for at in range(counts):
        total = sum(x for x, kind in zip(taken, types, strict=True) if kind[at])
        low, high, lone = (int(bound) for bound in team[1 + 3 * at : 4 + 3 * at])
        model.add_linear_constraint(total, max(low, 0), high)
        if lone >= 0:
            model.add(total != lone)
    for at in range(counts, types.shape[1]):
        low, high = team[1 + 3 * counts + 2 * (at - counts) :][:2]
        most = max(1e-9, float(np.abs(types[:, at]).max()))
        scale = 10.0 ** (_DIGITS - np.ceil(np.log10(most)))
        whole = np.round(types[:, at] * scale)
        # Rounding is outwards, so that nothing possible is called impossible.
        slack = room * float(np.abs(whole - types[:, at] * scale).max()) + 1e-6
        summed = sum(int(w) * x for w, x in zip(whole, taken, strict=True))
        if np.isfinite(low):
            model.add(summed >= int(np.ceil(low * scale - slack)))
        if np.isfinite(high):
            model.add(summed <= int(np.floor(high * scale + slack)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = _WORK
    return bool(solver.solve(model) == cp_model.INFEASIBLE)
