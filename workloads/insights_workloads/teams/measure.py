"""How good teams are, and which rules they break: measured anew, apart from the search."""

from __future__ import annotations

import numpy as np

from insights_workloads.teams.crowds import crowds
from insights_workloads.teams.plan import TeamFigures, Violation
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.stability import moved_people

__all__ = ["balance", "broken_rules", "figures"]


def balance(matrix: np.ndarray, team: np.ndarray) -> float:
    """Share of all variance that lies between teams, 0 to 1: 0 where all means are equal.

    Args:
        matrix: float64 (n, d).
        team: int32 (n,).
    """
    spread = matrix.std(axis=0)
    standard = (matrix - matrix.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    total = float((standard**2).sum())
    if total == 0.0:
        return 0.0
    sizes = np.maximum(np.bincount(team), 1)
    between = sum(float((np.bincount(team, column) ** 2 / sizes).sum()) for column in standard.T)
    return min(1.0, between / total)


def figures(problem: TeamProblem, team: np.ndarray) -> TeamFigures:
    """The teams in numbers."""
    matrix, slots = problem.matrix, problem.slots
    teams = len(slots.sizes)
    sizes = np.maximum(np.bincount(team, minlength=teams), 1)
    overall, spread = matrix.mean(axis=0), matrix.std(axis=0)
    safe = np.where(spread > 1e-12, spread, 1.0)
    means = np.column_stack([np.bincount(team, c, minlength=teams) / sizes for c in matrix.T])
    squares = np.column_stack(
        [
            np.bincount(team, (column - mean) ** 2, minlength=teams) / sizes
            for column, mean in zip(matrix.T, overall, strict=True)
        ]
    )
    within = squares - (means - overall) ** 2
    return TeamFigures(
        names=slots.names,
        types=slots.types,
        sizes=np.bincount(team, minlength=teams),
        means=means,
        distance=np.sqrt((((means - overall) / safe) ** 2).mean(axis=1)),
        variety=(within / safe**2).mean(axis=1),
    )


def broken_rules(problem: TeamProblem, team: np.ndarray) -> tuple[Violation, ...]:
    """Rules that teams break.

    Args:
        problem: the problem.
        team: int32 (n,), team of each person.
    """
    teams = len(problem.slots.sizes)
    found: dict[tuple[str, bool], list[float]] = {}

    def note(rule: str, weight: float | None, amounts: np.ndarray) -> None:
        if (amounts > 1e-9).any():
            entry = found.setdefault((rule, weight is None), [0.0, 0])
            entry[0] += float(amounts.sum())
            entry[1] += int((amounts > 1e-9).sum())

    for count in problem.counts:
        have = np.bincount(team[count.member], minlength=teams)
        over = np.maximum(count.low - have, 0) + np.maximum(have - count.high, 0)
        over = over + ((have == 1) & count.lone)
        note(count.name, count.weight, np.where(problem.slots.locked, 0, over))
    for group in problem.groups:
        crowded, _, sizes = crowds(team, group.group)
        excess = np.where(group.teams[crowded], np.maximum(sizes - group.most, 0), 0)
        note(group.name, group.weight, np.bincount(crowded, excess, teams))
    for bounds in problem.ranges:
        total = np.bincount(team, bounds.value, minlength=teams)
        slack = 1e-9 * np.maximum(1.0, np.abs(total))
        gap = np.maximum(bounds.low - total - slack, 0) + np.maximum(total - bounds.high - slack, 0)
        note(bounds.name, bounds.weight, gap)
    for lock in problem.locks:
        away = (lock.team >= 0) & (team != lock.team)
        note(lock.name, None, np.bincount(team[away], minlength=teams).astype(float))
    for tie in problem.ties:
        # People of a group beyond its largest part in one team.
        _, group_of, sizes = crowds(team, tie.group)
        largest = np.zeros(int(tie.group.max(initial=-1)) + 1)
        np.maximum.at(largest, group_of, sizes)
        apart = np.bincount(group_of, sizes, len(largest)) - largest
        note(tie.name, tie.weight, apart)
    for choice in problem.choices:
        outside = ~choice.allowed[choice.kind, team] & (problem.fixed < 0)
        amounts = np.bincount(team[outside], minlength=teams).astype(float)
        note(choice.name, choice.weight, amounts)
    moved = moved_people(problem, team)
    if problem.most_moves is not None and moved is not None:
        note("stability", None, np.array([max(0.0, moved - problem.most_moves)]))
    return tuple(
        Violation(rule, hard, amount, int(count))
        for (rule, hard), (amount, count) in sorted(found.items())
    )
