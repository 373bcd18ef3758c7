"""Several objectives without one answer: a small set of plans of which none is better in all.

The objectives are searched under several weights, each with its part of the work, and plans that
another one beats in every objective are left out (a weighted-sum approximation of the Pareto set;
Marler and Arora, 2010). Weights and seeds are fixed, so that a number names the same plan again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from insights_workloads.teams.problem import TeamProblem

__all__ = ["TradeOff", "not_dominated", "objective_values", "reweighted", "weights_to_try"]

_EMPHASIS = 4.0


@dataclass(frozen=True)
class TradeOff:
    """One plan of the set.

    Attributes:
        number: from 1, by which the spec chooses it.
        weights: of the objectives, in the order of the spec.
        values: of each objective the share of what it looks at that lies between teams; less is
            better.
        chosen: whether it is the plan that is published.
    """

    number: int
    weights: tuple[float, ...]
    values: tuple[float, ...]
    chosen: bool


def weights_to_try(given: Sequence[float], points: int) -> list[tuple[float, ...]]:
    """Weights: those of the spec, then each objective in turn with four times as much, and more."""
    found = [tuple(given)]
    for turn in range(points - 1):
        at, factor = turn % len(given), _EMPHASIS ** (1 + turn // len(given))
        found.append(tuple(w * factor if j == at else w for j, w in enumerate(given)))
    return found


def reweighted(problem: TeamProblem, weights: Sequence[float]) -> TeamProblem:
    """The same problem with other weights of its objectives."""
    widths = [part.columns for part in problem.objectives]
    old = np.repeat([part.weight for part in problem.objectives], widths)
    factors = np.sqrt(np.repeat(np.asarray(weights, dtype=float), widths) / old)
    objectives = tuple(
        replace(part, weight=float(weight))
        for part, weight in zip(problem.objectives, weights, strict=True)
    )
    return replace(problem, balanced=problem.balanced * factors, objectives=objectives)


def objective_values(problem: TeamProblem, team: np.ndarray) -> tuple[float, ...]:
    """Each objective of teams, whatever its weight: 0 where all teams are as wanted.

    Args:
        problem: the problem.
        team: int32 (n,), team of each person.
    """
    teams = len(problem.slots.sizes)
    sizes = problem.slots.sizes if not problem.by_sum else np.full(teams, len(team) / teams)
    values, begin = [], 0
    for part in problem.objectives:
        columns = problem.balanced[:, begin : begin + part.columns]
        begin += part.columns
        sums = np.column_stack([np.bincount(team, c, minlength=teams) for c in columns.T])
        gaps = sums - columns.sum(axis=0) / teams
        total = float(((columns - columns.mean(axis=0)) ** 2).sum())
        between = float((gaps**2 / np.maximum(sizes, 1)[:, None]).sum())
        values.append(between / total if total > 0 else 0.0)
    return tuple(values)


def not_dominated(values: Sequence[Sequence[float]]) -> list[int]:
    """Rows that no other is at least as good as in all and better in one; of equal ones the first.

    Args:
        values: of each plan, less is better.
    """
    table = np.asarray(values, dtype=float)
    kept = []
    for at, row in enumerate(table):
        as_good = (table <= row).all(axis=1)
        better = as_good & (table < row).any(axis=1)
        same_before = as_good[:at] & (table[:at] == row).all(axis=1)
        if not better.any() and not same_before.any():
            kept.append(at)
    return kept
