"""Which team takes a name that a lock gives, and which one goes on from a current team.

Names of teams that are not there wait in the compiled problem, so that proofs look at every way to
give them out. A search needs them given out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from insights_workloads.teams.problem import (
    CurrentTeams,
    TeamProblem,
    combined,
    derived,
    spoken_of,
    waits_for,
)

__all__ = ["by_size", "settled", "settled_as"]


def settled(problem: TeamProblem) -> TeamProblem:
    """The problem with every name given to the team that fits its people best."""
    if not problem.waiting:
        return problem
    return _with_places(problem, _best_fit(problem))


def settled_as(problem: TeamProblem, team: np.ndarray) -> TeamProblem:
    """The problem with every name given as people stand in teams, int32 (n,), that keep its locks.

    Current teams go on where most of their people stay.
    """
    places = np.full(len(problem.waiting), -1, dtype=np.int32)
    for lock in problem.locks:
        there = lock.waits >= 0
        places[lock.waits[there]] = team[there]
    named = _with_places(problem, places)
    current = named.current
    if current is None:
        return named
    return replace(named, home=current.home(_most_stay(current, named, team)))


def _with_places(problem: TeamProblem, places: np.ndarray) -> TeamProblem:
    """The problem with the names that wait given to these teams, int32 (names,), -1 for none."""
    names = list(problem.slots.names)
    for name, place in zip(problem.waiting, places.tolist(), strict=True):
        if place >= 0:
            names[place] = name
    at = dict(zip(problem.waiting, places.tolist(), strict=True))
    to = np.append(places, np.int32(-1))
    current = problem.current
    home = problem.home
    if current is not None:
        # A team that takes a new name goes on from no other one.
        kept = np.where(np.isin(current.goes_on, places[places >= 0]), -1, current.goes_on)
        goes_on = [at.get(name, int(was)) for name, was in zip(current.names, kept, strict=True)]
        current = replace(current, goes_on=np.array(goes_on, dtype=np.int32))
        home = current.home(by_size(current, problem.slots.sizes))
    locks = tuple(
        replace(
            lock,
            team=np.where(lock.waits >= 0, to[lock.waits], lock.team).astype(np.int32),
            waits=np.full_like(lock.waits, -1),
        )
        for lock in problem.locks
    )
    return derived(
        replace(
            problem,
            slots=replace(problem.slots, names=tuple(names)),
            locks=locks,
            waiting=(),
            current=current,
            home=home,
        )
    )


def _best_fit(problem: TeamProblem) -> np.ndarray:
    """Team for each name, the largest crowd first: one that holds it, of a type for its people.

    The crowd is everyone who is kept together with somebody of that name.
    """
    slots = problem.slots
    eligible, allowed = combined(problem.choices, len(problem.unit), ~slots.locked)
    waits = waits_for(problem)
    crowd = np.bincount(problem.unit)
    first = np.full(len(problem.waiting), -1, dtype=np.int64)
    there = np.flatnonzero(waits >= 0)
    first[waits[there[::-1]]] = there[::-1]
    size = np.where(first >= 0, crowd[problem.unit[first]], 0)
    held = np.bincount(problem.fixed[problem.fixed >= 0], minlength=len(slots.sizes))
    room = slots.sizes - held
    free = ~slots.locked & ~spoken_of(problem)
    places = np.full(len(problem.waiting), -1, dtype=np.int32)
    by_name = [np.flatnonzero(waits == code) for code in range(len(problem.waiting))]
    for code in np.argsort(-size, kind="stable").tolist():
        left = np.flatnonzero(free)
        if not len(left):
            break
        barred = (~allowed[eligible[by_name[code]]][:, left]).sum(axis=0)
        spare = room[left] - size[code]
        chosen = left[np.lexsort((left, spare, barred, spare < 0))[0]]
        places[code] = chosen
        free[chosen] = False
    return places


def by_size(current: CurrentTeams, sizes: np.ndarray) -> np.ndarray:
    """Where current teams go on if sizes alone decide: fewest people find no place that way.

    Both sorted by size and paired: for people without a place, max(0, crowd - size), no other
    pairing has fewer.
    """
    goes_on = current.goes_on.copy()
    without = np.flatnonzero(goes_on < 0)
    free = np.setdiff1d(np.flatnonzero(current.open_to), goes_on)
    free = free[np.argsort(-sizes[free], kind="stable")]
    pairs = min(len(without), len(free))
    goes_on[without[:pairs]] = free[:pairs]
    return goes_on


def _most_stay(current: CurrentTeams, problem: TeamProblem, team: np.ndarray) -> np.ndarray:
    """Where current teams without a team of their name go on, so that most of their people stay."""
    goes_on = current.goes_on.copy()
    without = np.flatnonzero(goes_on < 0)
    free = np.setdiff1d(np.flatnonzero(current.open_to), goes_on)
    if not len(without) or not len(free):
        return goes_on
    row = np.full(len(current.names) + 1, -1)
    row[without] = np.arange(len(without))
    column = np.full(len(problem.slots.sizes), -1)
    column[free] = np.arange(len(free))
    here = (row[current.team] >= 0) & (column[team] >= 0)
    rows, columns = row[current.team[here]], column[team[here]]
    # Each may also go on nowhere: a full matching exists, and pairs without people are not made.
    size = len(without)
    padded = coo_matrix(
        (
            np.concatenate([np.ones(len(rows)), np.full(size, 0.5)]),
            (
                np.concatenate([rows, np.arange(size)]),
                np.concatenate([columns, len(free) + np.arange(size)]),
            ),
        ),
        shape=(size, len(free) + size),
    ).tocsr()
    found, to = min_weight_full_bipartite_matching(padded, maximize=True)
    for old, new in zip(found.tolist(), to.tolist(), strict=True):
        if new < len(free):
            goes_on[without[old]] = free[new]
    return goes_on
