"""A first placement of units into teams, from which the search sets out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from insights_workloads.teams.problem import TeamProblem

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

    People start in their current team where there is one; the others are dealt out at random.
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
    for which in sorted(np.flatnonzero((sizes > 1) & (pulled < 0)), key=lambda w: (-sizes[w], w)):
        people = order[starts[which] : starts[which + 1]]
        chosen = _roomiest(problem, people, room)
        if chosen < 0:
            unit[people[1:]] = len(problem.unit) + people[1:]
            continue
        team[people] = chosen
        room[chosen] -= len(people)
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


def _roomiest(problem: TeamProblem, people: np.ndarray, room: np.ndarray) -> int:
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
        if (problem.eligibility is not None and len(left))
        else np.zeros(len(left), dtype=bool)
    )
    for person in left[picky]:
        may = problem.allowed[problem.eligible[person]] & (room > 0)
        chosen = int(np.argmax(np.where(may, room, -1))) if may.any() else int(np.argmax(room))
        team[person] = chosen
        room[chosen] -= 1
    places = np.repeat(np.arange(len(room), dtype=np.int32), np.maximum(room, 0))
    rest = left[~picky]
    team[rest] = random.permutation(places)[: len(rest)]
