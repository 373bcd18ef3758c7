"""Ten and twelve people: what the searches find is the optimum that a solver proves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from ortools.sat.python import cp_model

from insights_crds.v1 import Teams
from insights_workloads.teams import TeamOptions, compile_problem, form_teams
from insights_workloads.teams.diversity import diverse_groups, largest_squares

from .test_teams import FOUR, form


def optimum(worth, low, high):
    """Most worth of pairs within groups, for whole numbers."""
    n, model = len(worth), cp_model.CpModel()
    inside = [[model.new_bool_var("") for _ in low] for _ in range(n)]
    for row in inside:
        model.add_exactly_one(row)
    for g, (few, many) in enumerate(zip(low, high, strict=True)):
        model.add_linear_constraint(sum(row[g] for row in inside), int(few), int(many))
    terms = []
    for i in range(n):
        for j in range(i):
            for g in range(len(low)):
                both = model.new_bool_var("")
                model.add_multiplication_equality(both, [inside[i][g], inside[j][g]])
                terms.append(int(worth[i, j]) * both)
    model.maximize(sum(terms))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    return solver.objective_value


SHAPES = [
    (10, [5, 5], [5, 5]),
    (10, [2, 2, 3], [4, 4, 5]),
    (12, [3, 3, 3, 3], [3, 3, 3, 3]),
    (12, [4, 4], [8, 8]),
]


@pytest.mark.parametrize(("n", "low", "high"), SHAPES)
@pytest.mark.parametrize("seed", range(2))
def test_the_most_diverse_groups_are_found(n, low, high, seed) -> None:
    random = np.random.default_rng(seed)
    half = np.triu(random.integers(0, 101, (n, n)), 1)
    found = diverse_groups(
        half + half.T, np.array(low), np.array(high), seed=seed, more=lambda r: r < 100
    )
    sizes = np.bincount(found.group, minlength=len(low))
    assert (sizes >= low).all()
    assert (sizes <= high).all()
    assert found.value == optimum(half + half.T, low, high)


@pytest.mark.parametrize(("n", "teams"), [(10, 2), (12, 3), (12, 4)])
@pytest.mark.parametrize("seed", range(2))
def test_the_most_equal_teams_are_found(n, teams, seed) -> None:
    matrix = np.random.default_rng(seed).integers(0, 11, (n, 4)).astype(float)
    spec = {"count": teams, "objectives": [{"kind": "Variance"}], "worstTeamWeight": 0}
    plan = form(spec, matrix, seed=seed, rounds=20_000)
    standard = matrix / matrix.std(axis=0)
    squares = ((standard[:, None] - standard[None]) ** 2).sum(axis=2)
    worth = np.round(squares * 1e6).astype(np.int64)
    within = sum(worth[np.ix_(m, m)].sum() for m in (plan.team == g for g in range(teams))) / 2
    even = [n // teams] * teams
    assert within == pytest.approx(optimum(worth, even, even), abs=100)


@pytest.mark.parametrize("kind", ["Variance", "KPlus"])
def test_the_best_of_all_126_ways_to_make_two_teams_of_ten_people_is_always_found(kind) -> None:
    halves = np.array([first for first in combinations(range(10), 5) if 0 in first])
    for seed in range(12):
        matrix = np.random.default_rng(seed).uniform(0, 100, (10, 4))
        spec = Teams.model_validate({"count": 2, "objectives": [{"kind": kind}]})
        problem = compile_problem(spec, FOUR, matrix, {}.__getitem__)
        gaps = (problem.balanced[halves].sum(axis=1) ** 2).sum(axis=1)
        team = form_teams(problem, TeamOptions(seed)).team
        found = (problem.balanced[team == 0].sum(axis=0) ** 2).sum()
        # Both teams are equally far from the mean, so the worst is no other than the sum says.
        assert found == pytest.approx(gaps.min())


def test_sizes_with_the_most_pairs() -> None:
    sizes = largest_squares(10, np.array([2, 2, 3]), np.array([4, 4, 5]))
    assert (sizes**2).sum() == 38
    with pytest.raises(ValueError, match="12 people do not fit 2 groups of 4 to 10"):
        largest_squares(12, np.array([2, 2]), np.array([5, 5]))


def test_the_same_seed_gives_the_same_groups() -> None:
    random = np.random.default_rng(5)
    half = np.triu(random.random((40, 40)), 1)
    bounds = np.array([8] * 5), np.array([8] * 5)
    first, second = (
        diverse_groups(half + half.T, *bounds, seed=3, more=lambda r: r < 20).group
        for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()
