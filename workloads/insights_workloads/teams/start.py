"""A first placement of units into teams, from which the search sets out."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heapreplace

import numpy as np

from insights_workloads.teams.nested_order import nested_order
from insights_workloads.teams.problem import RangeRule, TeamProblem

__all__ = ["Placement", "place", "placed_as"]


@dataclass(frozen=True)
class Placement:
    """Units in teams.

    Attributes:
        unit_start: int64 (u + 1,), first entry of each unit in `unit_people`.
        unit_people: int32 (n,), people of the units.
        unit_team: int32 (u,), team of each unit.
        movable: bool (u,), whether a unit may change teams.
    """

    unit_start: np.ndarray
    unit_people: np.ndarray
    unit_team: np.ndarray
    movable: np.ndarray


def place(problem: TeamProblem, seed: int) -> Placement:
    """Place every unit: locked ones first, then large ones where there is room, then the rest.

    A unit that finds no team with room is taken apart.

    People start in their current team where there is one; the others are dealt out kind by kind, so
    that teams have nearly equally many of each, and at random among those of a kind.
    """
    random = np.random.default_rng([seed, 5])
    room = problem.slots.sizes.copy()
    team = np.full(len(problem.unit), -1, dtype=np.int32)
    unit = problem.unit.copy()
    order = np.argsort(unit, kind="stable")
    sizes = np.bincount(unit)
    starts = np.concatenate([[0], np.cumsum(sizes)])

    locked = problem.fixed >= 0
    pulled = np.full(len(sizes), -1, dtype=np.int32)
    pulled[unit[locked]] = problem.fixed[locked]
    for which in np.flatnonzero(pulled >= 0):
        people = order[starts[which] : starts[which + 1]]
        team[people] = pulled[which]
        room[pulled[which]] -= len(people)
    roomiest = _Roomiest(problem, room)
    for which in sorted(np.flatnonzero((sizes > 1) & (pulled < 0)), key=lambda w: (-sizes[w], w)):
        people = order[starts[which] : starts[which + 1]]
        chosen = roomiest.take(people)
        if chosen < 0:
            unit[people[1:]] = len(problem.unit) + people[1:]
            continue
        team[people] = chosen
    _deal(problem, team, room, random)
    return _placement(problem, unit, team)


def placed_as(problem: TeamProblem, team: np.ndarray) -> Placement:
    """The placement of given teams, int32 (n,), that keep every unit together."""
    return _placement(problem, problem.unit, team)


def _placement(problem: TeamProblem, unit: np.ndarray, team: np.ndarray) -> Placement:
    _, unit = np.unique(unit, return_inverse=True)
    order = np.argsort(unit, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(unit))]).astype(np.int64)
    return Placement(
        unit_start=starts,
        unit_people=order.astype(np.int32),
        unit_team=team[order[starts[:-1]]],
        movable=np.maximum.reduceat(problem.fixed[order], starts[:-1]) < 0,
    )


class _Roomiest:
    """Finds the team with most room for people who stay together, and takes the room."""

    def __init__(self, problem: TeamProblem, room: np.ndarray) -> None:
        """Look at the room, which is changed in place."""
        self._problem = problem
        self._room = room
        self._alike = not len(problem.home) and len(problem.allowed) == 1
        self._heap = [
            (-int(left), at)
            for at, (left, may) in enumerate(zip(room, problem.allowed[0], strict=True))
            if may
        ]
        heapify(self._heap)

    def take(self, people: np.ndarray) -> int:
        """The team, -1 where there is none; the first of several."""
        size = len(people)
        if self._alike:
            if not self._heap or -self._heap[0][0] < size:
                return -1
            left, chosen = self._heap[0]
            heapreplace(self._heap, (left + size, chosen))
        else:
            chosen = self._of_all(people)
        if chosen >= 0:
            self._room[chosen] -= size
        return chosen

    def _of_all(self, people: np.ndarray) -> int:
        problem, room = self._problem, self._room
        may = problem.allowed[problem.eligible[people]].all(axis=0) & (room >= len(people))
        if len(problem.home):
            homes = problem.home[people]
            for home in homes[homes >= 0]:
                if may[home]:
                    return int(home)
        return int(np.argmax(np.where(may, room, -1))) if may.any() else -1


def _deal(
    problem: TeamProblem, team: np.ndarray, room: np.ndarray, random: np.random.Generator
) -> None:
    """Put everyone who is left somewhere: home, then where they may be, then anywhere."""
    left = np.flatnonzero(team < 0)
    left = left[random.permutation(len(left))]
    if len(problem.home):
        staying = []
        for person in left:
            home = problem.home[person]
            if home >= 0 and room[home] > 0 and problem.allowed[problem.eligible[person], home]:
                team[person] = home
                room[home] -= 1
            else:
                staying.append(person)
        left = np.array(staying, dtype=np.int64)
    picky = (
        ~problem.allowed[problem.eligible[left]][:, ~problem.slots.locked].all(axis=1)
        if len(problem.allowed) > 1 and len(left)
        else np.zeros(len(left), dtype=bool)
    )
    for person in left[picky]:
        may = problem.allowed[problem.eligible[person]] & (room > 0)
        chosen = int(np.argmax(np.where(may, room, -1))) if may.any() else int(np.argmax(room))
        team[person] = chosen
        room[chosen] -= 1
    rest = left[~picky]
    _in_turns(problem, team, room, rest[_by_kind(problem, rest)], random)


def _by_kind(problem: TeamProblem, people: np.ndarray) -> np.ndarray:
    """An order of people in which those whom hard rules see as the same stand together."""
    keys = [rule.member[people] for rule in problem.counts if rule.weight is None]
    groups = [rule.group[people] for rule in problem.groups if rule.weight is None]
    keys += sorted(groups, key=lambda group: int(group.max(initial=-1)))
    return np.lexsort(keys[::-1]) if keys else np.arange(len(people))


def _in_turns(
    problem: TeamProblem,
    team: np.ndarray,
    room: np.ndarray,
    people: np.ndarray,
    random: np.random.Generator,
) -> None:
    """Give each team that has room one of the next people, in turns; all take part in the last.

    Whom of them is decided by what each team lacks, in hard ranges and in balance.
    """
    sizes = problem.slots.sizes
    ranges = [rule for rule in problem.ranges if rule.weight is None]
    wanted = [_middle(rule, sizes) for rule in ranges]
    wanted += [np.full(len(sizes), total / len(sizes)) for total in problem.balanced.sum(axis=0)]
    values = np.array([*(rule.value for rule in ranges), *problem.balanced.T])
    lacks = np.array(wanted)
    there = np.flatnonzero(team >= 0)
    for lack, value in zip(lacks, values, strict=True):
        lack -= np.bincount(team[there], value[there], len(sizes))
    for left in range(int(room.max(initial=0)), 0, -1):
        takers = random.permutation(np.flatnonzero(room >= left))
        given, people = people[: len(takers)], people[len(takers) :]
        takers = takers[: len(given)]
        takers = takers[nested_order(lacks[:, takers])]
        given = given[nested_order(values[:, given])]
        team[given] = takers
        lacks[:, takers] -= values[:, given]


def _middle(rule: RangeRule, sizes: np.ndarray) -> np.ndarray:
    """The middle of each team's range, or what is nearest to the usual in an open one."""
    bounded = np.isfinite(rule.low) & np.isfinite(rule.high)
    wanted = np.clip(rule.value.mean() * sizes, rule.low, rule.high)
    wanted[bounded] = (rule.low[bounded] + rule.high[bounded]) / 2
    return np.asarray(wanted)
