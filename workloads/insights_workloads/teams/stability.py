"""Which new team goes on as which old one: moves are counted after the best matching."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from insights_workloads.teams.problem import TeamProblem

__all__ = ["moved_people", "movers", "rematched"]


def moved_people(problem: TeamProblem, team: np.ndarray) -> int | None:
    """People who leave their current team, None where there are no current teams."""
    return int(movers(problem, team).sum()) if len(problem.home) else None


def movers(problem: TeamProblem, team: np.ndarray) -> np.ndarray:
    """Who leaves their current team, bool (n,); empty where there are no current teams."""
    if not len(problem.home):
        return np.empty(0, dtype=bool)
    return np.asarray((problem.home != -1) & (problem.home != team))


def rematched(problem: TeamProblem, team: np.ndarray) -> np.ndarray:
    """The same teams under the names with which the fewest people move.

    Only teams that no rule tells apart change names: of the same type and size, without locked
    people, and open to the same people.

    Args:
        problem: the problem.
        team: int32 (n,), team of each person.

    Returns:
        int32 (n,).
    """
    if not len(problem.home):
        return team
    slots = problem.slots
    teams = len(slots.sizes)
    _, kind = np.unique(np.array(slots.types, dtype=str), return_inverse=True)
    pinned = np.where(slots.locked, np.arange(teams), -1)
    held = problem.fixed[problem.fixed >= 0]
    pinned[held] = held
    looks = np.column_stack([kind, slots.sizes, pinned, problem.allowed.T])
    _, alike = np.unique(looks, axis=0, return_inverse=True)
    came = problem.home >= 0
    old, new = problem.home[came], team[came]
    same = alike[old] == alike[new]
    # A trifle on the diagonal makes sure that a full matching exists, and breaks ties for it.
    rows = np.concatenate([new[same], np.arange(teams)])
    columns = np.concatenate([old[same], np.arange(teams)])
    weights = np.concatenate([np.ones(int(same.sum())), np.full(teams, 0.5 / teams)])
    overlap = coo_matrix((weights, (rows, columns)), shape=(teams, teams)).tocsr()
    found, names = min_weight_full_bipartite_matching(overlap, maximize=True)
    to = np.empty(teams, dtype=np.int32)
    to[found] = names
    return np.asarray(to[team], dtype=np.int32)
