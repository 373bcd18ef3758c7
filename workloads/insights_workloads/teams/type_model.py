"""Whether people can be spread at all, when only their type and the kind of team count.

Units that look the same to every rule are one type, teams that look the same are one class: the
model asks how many units of each type go to all teams of a class together. Its size does not grow
with the number of people. It leaves out what ties single people to single teams, so where it has no
solution there are no teams, and where it has one there may be none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from insights_workloads.teams.distinct_rows import distinct_rows
from insights_workloads.teams.problem import TeamProblem

__all__ = ["spreading_is_impossible"]

_WORK = 4.0
"""Deterministic seconds of the solver."""
_MOST_CELLS = 60_000


@dataclass(frozen=True)
class _Counts:
    """Hard counts of one set of people, over all rules about just these people.

    Attributes:
        member: bool (n,).
        low: int (g,).
        high: int (g,).
        lone: bool (g,), where 1 is no possible count.
    """

    member: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lone: np.ndarray


def spreading_is_impossible(problem: TeamProblem) -> bool:
    """Whether types of units cannot be spread over classes of teams under the hard rules."""
    counts = _merged(problem)
    fixed = problem.fixed
    # A unit is where any of its people is locked.
    pulled = np.full(int(problem.unit.max(initial=0)) + 1, -1, dtype=np.int64)
    locked = fixed >= 0
    pulled[problem.unit[locked]] = fixed[locked]
    place = pulled[problem.unit]
    teams = len(problem.slots.sizes)
    room = problem.slots.sizes - np.bincount(place[place >= 0], minlength=teams)
    open_teams = ~problem.slots.locked
    if (room < 0).any() or (room[~open_teams] > 0).any():
        return True
    low, high, lone = [], [], []
    for rule in counts:
        have = np.bincount(place[(place >= 0) & rule.member], minlength=teams)
        low.append(np.where(open_teams, np.maximum(rule.low - have, 0), 0))
        high.append(np.where(open_teams, np.minimum(rule.high - have, room), 0))
        # With one here already, 0 more is what is forbidden.
        low[-1] = np.where(open_teams & rule.lone & (have == 1), np.maximum(low[-1], 1), low[-1])
        lone.append(open_teams & rule.lone & (have == 0))
    free = place < 0
    classes, class_size = _distinct(
        [room, open_teams, *low, *high, *lone, *_columns(problem, open_teams)]
    )
    types, type_size = _types(problem, counts, free)
    if not len(types):
        return any(bool((part > 0).any()) for part in low)
    if len(types) * len(classes) > _MOST_CELLS:
        return False
    model = cp_model.CpModel()
    width = len(counts)
    allowed = problem.allowed
    cells: dict[tuple[int, int], cp_model.IntVar] = {}
    for t, kind in enumerate(types):
        for c, team in enumerate(classes):
            eligible = all(allowed[int(e), team] for e in kind[1 + width :] if e >= 0)
            fits = kind[0] <= room[team] and all(
                kind[1 + at] <= high[at][team] for at in range(width)
            )
            if eligible and fits and open_teams[team]:
                most = int(min(type_size[t], class_size[c] * (room[team] // kind[0])))
                cells[t, c] = model.new_int_var(0, most, "")
    for t in range(len(types)):
        model.add(sum(v for (s, _), v in cells.items() if s == t) == int(type_size[t]))
    for c, team in enumerate(classes):
        if not open_teams[team]:
            continue
        here = [(t, v) for (t, s), v in cells.items() if s == c]
        many = int(class_size[c])
        model.add(sum(int(types[t][0]) * v for t, v in here) == many * int(room[team]))
        # Of units of at least half a team and a bit, each team takes so many and no more.
        for least in {int(types[t][0]) for t, _ in here if types[t][0] > 1}:
            bound = many * (int(room[team]) // least)
            model.add(sum(v for t, v in here if types[t][0] >= least) <= bound)
        for at in range(width):
            members = [(int(types[t][1 + at]), v) for t, v in here if types[t][1 + at]]
            few, most = int(low[at][team]), int(high[at][team])
            if few > most:
                return True
            alone = bool(lone[at][team])
            if alone and most == 1:
                most = 0
            total = sum(m * v for m, v in members)
            # A unit brings a team no nearer to its least than that least.
            model.add(sum(min(m, few) * v for m, v in members) >= many * few)
            model.add(total <= many * most)
            if alone and members:
                model.add(total != 1)
                if few == 1:
                    model.add(total >= 2 * many)
    return _proven(model)


def _proven(model: cp_model.CpModel) -> bool:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = _WORK
    return bool(solver.solve(model) == cp_model.INFEASIBLE)


def _merged(problem: TeamProblem) -> list[_Counts]:
    """Rules about the same people as one."""
    found: dict[bytes, _Counts] = {}
    for rule in problem.counts:
        if rule.weight is not None:
            continue
        key = rule.member.tobytes()
        old = found.get(key)
        found[key] = (
            _Counts(rule.member, rule.low, rule.high, rule.lone)
            if old is None
            else _Counts(
                rule.member,
                np.maximum(old.low, rule.low),
                np.minimum(old.high, rule.high),
                old.lone | rule.lone,
            )
        )
    for group in problem.groups:
        if group.weight is not None:
            continue
        # Only groups that fill most of the teams can be a reason on their own.
        teams = len(problem.slots.sizes)
        sizes = np.bincount(group.group[group.group >= 0])
        for code in np.flatnonzero(sizes * 2 >= teams * group.most)[:40]:
            most = np.where(group.teams, group.most, problem.slots.sizes)
            member = group.group == code
            nothing = np.zeros(teams, dtype=np.int64)
            found[f"{group.name} {code}".encode()] = _Counts(
                member, nothing, most, np.zeros(teams, dtype=bool)
            )
    return list(found.values())


def _columns(problem: TeamProblem, open_teams: np.ndarray) -> list[np.ndarray]:
    """What eligibility sees of teams."""
    return list({row.tobytes(): row for row in problem.allowed & open_teams}.values())


def _types(
    problem: TeamProblem, counts: list[_Counts], free: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct (size, members by count rule, classes of eligibility) of units, and how many."""
    unit = problem.unit[free]
    known, at = np.unique(unit, return_inverse=True)
    columns = [np.bincount(at, minlength=len(known))]
    columns += [
        np.bincount(at, c.member[free], minlength=len(known)).astype(np.int64) for c in counts
    ]
    classes = problem.eligible[free]
    if problem.allowed.shape[0] > 1:
        # People of a unit may be of several classes; the lowest and the highest are looked at.
        lowest = np.full(len(known), np.iinfo(np.int64).max)
        highest = np.full(len(known), -1, dtype=np.int64)
        np.minimum.at(lowest, at, classes)
        np.maximum.at(highest, at, classes)
        columns += [lowest, highest]
    table = np.stack(columns, axis=1)
    first, _, many = distinct_rows(table)
    return table[first], many


def _distinct(columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """One team of each class, and teams of each class."""
    table = np.stack([np.asarray(column, dtype=np.int64) for column in columns], axis=1)
    first, _, size = distinct_rows(table)
    return first, size
