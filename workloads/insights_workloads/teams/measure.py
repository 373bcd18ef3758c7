"""How good teams are, and who breaks which rules: measured anew, apart from the search."""

from __future__ import annotations

import numpy as np

from insights_workloads.teams.crowds import crowds
from insights_workloads.teams.plan import Breach, TeamFigures
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.stability import moved_people

__all__ = ["balance", "breaches", "figures"]


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


def breaches(problem: TeamProblem, team: np.ndarray) -> tuple[Breach, ...]:
    """Rules that teams break, and who breaks them, sorted by rule and team.

    Args:
        problem: the problem.
        team: int32 (n,), team of each person.
    """
    teams = len(problem.slots.sizes)
    found = _Found(team, teams)
    for count in problem.counts:
        have = np.bincount(team[count.member], minlength=teams)
        over = np.where(problem.slots.locked, 0, np.maximum(have - count.high, 0))
        over = over + ((have == 1) & count.lone & ~problem.slots.locked)
        under = np.where(problem.slots.locked, 0, np.maximum(count.low - have, 0))
        found.note(count.name, count.weight, over + under, count.member & (over > 0)[team])
    for group in problem.groups:
        crowded, group_of, sizes = crowds(team, group.group)
        excess = np.where(group.teams[crowded], np.maximum(sizes - group.most, 0), 0)
        full = (group_of.astype(np.int64) * teams + crowded)[excess > 0]
        too_many = np.isin(_pairs(team, group.group, teams), full)
        amounts = np.bincount(crowded, excess, teams)
        found.note(group.name, group.weight, amounts, too_many & (group.group >= 0))
    for bounds in problem.ranges:
        total = np.bincount(team, bounds.value, minlength=teams)
        slack = 1e-9 * np.maximum(1.0, np.abs(total))
        gap = np.maximum(bounds.low - total, 0) + np.maximum(total - bounds.high, 0)
        found.note(bounds.name, bounds.weight, np.where(gap > slack, gap, 0.0))
    for lock in problem.locks:
        found.each(lock.name, None, (lock.team >= 0) & (team != lock.team))
    for tie in problem.ties:
        found.each(tie.name, tie.weight, _outside_largest_part(team, tie.group, teams))
    for choice in problem.choices:
        outside = ~choice.allowed[choice.kind, team] & (problem.fixed < 0)
        found.each(choice.name, choice.weight, outside)
    moved = moved_people(problem, team)
    more = 0 if problem.most_moves is None or moved is None else moved - problem.most_moves
    if more > 0:
        away = np.flatnonzero((problem.home != -1) & (problem.home != team))
        found.breaches.append(Breach("stability", True, -1, float(more), tuple(away.tolist())))
    return found.sorted()


class _Found:
    """Breaches as they are found; those of one rule in one team are one."""

    def __init__(self, team: np.ndarray, teams: int) -> None:
        self.breaches: list[Breach] = []
        self._team, self._teams = team, teams
        self._noted: dict[tuple[str, bool], tuple[np.ndarray, np.ndarray]] = {}

    def each(self, rule: str, weight: float | None, who: np.ndarray) -> None:
        """People who break a rule by one each, bool (n,)."""
        self.note(rule, weight, np.bincount(self._team[who], minlength=self._teams), who)

    def note(
        self, rule: str, weight: float | None, amounts: np.ndarray, who: np.ndarray | None = None
    ) -> None:
        """By how much teams break a rule, (g,), and who does it, bool (n,)."""
        if not (amounts > 1e-9).any():
            return
        nothing = np.zeros(self._teams), np.zeros(len(self._team), dtype=bool)
        before, them = self._noted.get((rule, weight is None), nothing)
        them = them if who is None else them | who
        self._noted[rule, weight is None] = before + amounts, them

    def sorted(self) -> tuple[Breach, ...]:
        for (rule, hard), (amounts, who) in self._noted.items():
            people = np.flatnonzero(who)
            people = people[np.argsort(self._team[people], kind="stable")]
            ends = np.searchsorted(self._team[people], np.arange(self._teams + 1))
            for g in np.flatnonzero(amounts > 1e-9).tolist():
                here = tuple(people[ends[g] : ends[g + 1]].tolist())
                self.breaches.append(Breach(rule, hard, g, float(amounts[g]), here))
        return tuple(sorted(self.breaches, key=lambda b: (b.rule, b.hard, b.team)))


def _pairs(team: np.ndarray, group: np.ndarray, teams: int) -> np.ndarray:
    """Group and team of each person as one number."""
    return np.asarray(group.astype(np.int64) * teams + team)


def _outside_largest_part(team: np.ndarray, group: np.ndarray, teams: int) -> np.ndarray:
    """People of a group who are not in the team with most of it (the first of several), (n,)."""
    where, group_of, sizes = crowds(team, group)
    order = np.lexsort((where, -sizes, group_of))
    first = np.concatenate([[True], np.diff(group_of[order]) > 0])[: len(order)]
    largest = order[first]
    main = group_of[largest].astype(np.int64) * teams + where[largest]
    return np.asarray((group >= 0) & ~np.isin(_pairs(team, group, teams), main))
