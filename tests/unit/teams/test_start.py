"""Teams are near what rules and balance ask for before any search, and mended without losing it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_crds.v1 import Teams
from insights_workloads.teams import compile_problem, search
from insights_workloads.teams.crowds import crowds
from insights_workloads.teams.nested_order import nested_order
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.search import repair
from insights_workloads.teams.start import place
from insights_workloads.teams.state import SearchState

FOUR = ("red", "yellow", "green", "blue")


def problem(n: int, rules: list[dict], seed: int = 0) -> TeamProblem:
    random = np.random.default_rng(seed)
    matrix = random.uniform(0, 100, (n, 4))
    columns = {
        "lead": [str(x) for x in random.choice(["yes", "no"], n, p=[0.2, 0.8])],
        "site": [str(x) for x in random.choice(list("abcdef"), n)],
        "pair": [f"p{i // 2}" if i < n // 5 else None for i in range(n)],
        "cost": random.normal(100, 20, n),
        "red": matrix[:, 0],
    }
    table = {name: pa.chunked_array([pa.array(values)]) for name, values in columns.items()}
    spec = {"size": {"min": 8, "max": 8}, "constraints": rules, "worstTeamWeight": 0}
    spec["objectives"] = [{"kind": "Variance"}]
    return compile_problem(Teams.model_validate(spec), FOUR, matrix, table.__getitem__)


PAIR = {"name": "pair", "keepTogether": {"attribute": "pair"}}
LEAD = {"name": "lead", "atLeast": {"attribute": "lead", "values": ["yes"], "count": 1}}
SITE = {"name": "site", "keepApart": {"attribute": "site", "maxTogether": 2}}
COST = {"name": "cost", "range": {"field": "cost", "aggregate": "Sum", "min": 760, "max": 840}}
RED = {"name": "red", "range": {"field": "red", "aggregate": "Mean", "min": 45, "max": 55}}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(1, 7), st.integers(0, 1_000))
def test_a_nested_order_has_everyone_once(count, columns, seed) -> None:
    table = np.random.default_rng(seed).integers(0, 9, (columns, count)).astype(float)
    assert sorted(nested_order(table)) == list(range(count))


def test_who_is_at_the_same_place_of_two_nested_orders_is_alike_in_all_columns() -> None:
    left, right = np.random.default_rng(0).uniform(size=(2, 4, 5_000))
    apart = left[:, nested_order(left)] - right[:, nested_order(right)]
    assert (apart.std(axis=1) < 0.2).all()  # 0.41 at random.


@pytest.mark.parametrize("rules", [[], [PAIR]])
def test_a_placement_is_balanced_before_any_search(rules) -> None:
    state = SearchState(whole := problem(4_000, rules), place(whole, 0))
    assert state.unbalance() < 0.1


def test_a_placement_meets_ranges_and_deals_out_who_is_scarce() -> None:
    whole = problem(4_000, [PAIR, LEAD, COST, RED])
    team = SearchState(whole, place(whole, 0)).people_teams()
    teams = np.bincount(team[whole.counts[0].member], minlength=500)
    assert (teams >= 1).mean() > 0.95
    for rule in whole.ranges:
        total = np.bincount(team, rule.value)
        # A third of teams drawn at random are outside the narrower of the two.
        assert ((total >= rule.low) & (total <= rule.high)).mean() > 0.9


def test_a_repair_mends_teams_and_leaves_them_balanced(monkeypatch) -> None:
    whole = problem(4_000, [PAIR, LEAD, SITE, COST])
    other = SearchState(whole, place(whole, 0))
    with monkeypatch.context() as patch:
        patch.setattr(search, "_NEAREST", 4_000)
        repair(other, 0)
    state = SearchState(whole, place(whole, 0))
    assert state.broken_teams().sum() > 100
    repair(state, 0)
    assert not state.broken_teams().any()
    assert state.unbalance() < 0.75 * other.unbalance()  # Which exchanged with anybody.
    np.testing.assert_array_equal(np.bincount(state.people_teams()), np.full(500, 8))
    held = state.held
    sums = np.zeros_like(held.sums)
    np.add.at(sums, held.slot_team, state.cost.values[held.slots])
    np.testing.assert_allclose(held.sums, sums, atol=1e-8)


@pytest.mark.parametrize("groups", [3, 10_000])
def test_crowds_are_counted_alike_with_few_groups_and_many(groups) -> None:
    random = np.random.default_rng(groups)
    team, group = random.integers(0, 50, 400), random.integers(-1, groups, 400)
    found = {(int(t), int(g)): int(p) for t, g, p in zip(*crowds(team, group), strict=True)}
    pairs = [(int(t), int(g)) for t, g in zip(team, group, strict=True) if g >= 0]
    assert found == {pair: pairs.count(pair) for pair in set(pairs)}
    assert list(found) == sorted(found)
