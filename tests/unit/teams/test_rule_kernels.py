"""In sound teams the quick check of rules says the same as the exact cost."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_crds.v1 import Teams
from insights_workloads.teams import TeamOptions, Threads, compile_problem, form_teams
from insights_workloads.teams.distinct_rows import distinct_rows
from insights_workloads.teams.kernels import HARD, change
from insights_workloads.teams.rule_kernels import fits, gather, rule_lanes
from insights_workloads.teams.start import place
from insights_workloads.teams.state import SearchState
from insights_workloads.teams.subset_exchange import SubsetExchange

FOUR = ("red", "yellow", "green", "blue")
RULES = [
    {"name": "lead", "atLeast": {"attribute": "role", "values": ["lead"], "count": 1}},
    {"name": "cap", "atMost": {"attribute": "role", "values": ["dev"], "share": 0.7}},
    {"name": "lone", "noLoneMinority": {"attribute": "site", "values": ["bonn"]}},
    {"name": "sites", "keepApart": {"attribute": "site", "maxTogether": 4}},
    {"name": "cliques", "keepApart": {"attribute": "clique"}},
    {"name": "cost", "range": {"field": "cost", "aggregate": "Sum", "min": 30, "max": 70}},
    {"name": "pair", "keepTogether": {"attribute": "pair"}},
]


def problem(n, seed):
    random = np.random.default_rng(seed)
    text = {
        "role": [str(r) for r in random.choice(["lead", "dev", "ops"], n, p=[0.3, 0.5, 0.2])],
        "site": [str(s) for s in random.choice(["oslo", "rome", "bonn"], n)],
        # Of the people of a pair the check knows one clique only, so pairs are in none.
        "clique": [
            f"c{c}" if c < n // 4 and i >= n // 5 else None
            for i, c in enumerate(random.integers(0, n, n))
        ],
        "pair": [f"p{i // 2}" if i < n // 5 else None for i in range(n)],
    }
    table = {name: pa.chunked_array([pa.array(values)]) for name, values in text.items()}
    table["cost"] = pa.chunked_array([pa.array(random.integers(2, 11, n).astype(float))])
    spec = Teams.model_validate({"size": {"min": 7, "max": 8}, "constraints": RULES})
    matrix = random.uniform(0, 100, (n, 4))
    return compile_problem(spec, FOUR, matrix, table.__getitem__)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_the_check_agrees_with_the_exact_cost(seed, size) -> None:
    state = SearchState(problem(240, seed), place(problem(240, seed), seed))
    cost, held = state.cost, state.held
    teams = np.arange(len(held.team_start) - 1, dtype=np.int32)
    width = np.diff(held.team_start).astype(np.int32)
    members = (held.team_start[:-1, None] + np.arange(width.max())[None, :]).astype(np.int32)
    members = np.minimum(members, len(held.slots) - 1)
    lanes = rule_lanes(cost, state.hard, state.counts, int(width.max()))
    checks = gather(lanes, cost, held, teams, members, width)
    broken = state.broken_teams()
    random = np.random.default_rng(seed)
    seen = 0
    for _ in range(400):
        g, h = random.choice(len(teams), 2, replace=False)
        singles = [np.flatnonzero(state.unit_sizes[members[t, : width[t]]] == 1) for t in (g, h)]
        out, into = (random.permutation(s)[:size].astype(np.int32) for s in singles)
        if len(out) < size or len(into) < size:
            continue
        leaving, entering = held.slots[members[g, out]], held.slots[members[h, into]]
        worse = change(cost, held, g, h, leaving, entering, size, np.inf, np.empty(3))
        allowed = fits(lanes, cost, checks, g, h, out, into)
        if not broken[[g, h]].any():
            # In sound teams every hard rule here has a lane or a list of its own.
            assert allowed == (worse < HARD / 10)
            seen += 1
            if allowed:
                # So much so that what groups cost need not be counted any more.
                assert lanes.whole
                parts = np.empty(3)
                assert change(cost, held, g, h, leaving, entering, size, -np.inf, parts) == worse
                assert not parts[:2].any()
    assert seen


def test_units_of_several_people_are_exchanged_too() -> None:
    whole = problem(2_000, 3)
    state = SearchState(whole, place(whole, 0))
    pairs = np.flatnonzero(np.bincount(whole.unit) == 2)
    before = state.people_teams()
    exchange = SubsetExchange(state, (4, 3, 2, 1), 0, Threads())
    for turn in range(40):
        exchange.round(turn, 0.5)
    after = state.people_teams()
    np.testing.assert_array_equal(np.bincount(after), np.bincount(before))
    moved = 0
    for unit in pairs:
        people = np.flatnonzero(whole.unit == unit)
        assert len(set(after[people])) == 1
        moved += after[people[0]] != before[people[0]]
    assert moved > len(pairs) / 20
    again = SearchState(whole, place(whole, 0))
    other = SubsetExchange(again, (4, 3, 2, 1), 0, Threads())
    for turn in range(40):
        other.round(turn, 0.5)
    assert again.people_teams().tobytes() == after.tobytes()
    np.testing.assert_allclose(state.held.tallies, _tallies(state), atol=1e-9)


def _tallies(state):
    out = np.zeros_like(state.held.tallies)
    np.add.at(out, state.held.slot_team, state.cost.tallied[state.held.slots])
    return out


def test_many_small_teams_under_all_rules_are_found_and_sound() -> None:
    whole = problem(2_000, 5)
    plan = form_teams(whole, TeamOptions(0, rounds=600))
    assert not [v for v in plan.violations if v.hard]
    assert plan.balance_after < plan.balance_before / 20


@pytest.mark.parametrize("kinds", [1, 3, 40])
def test_distinct_rows_are_those_of_a_set(kinds) -> None:
    table = np.random.default_rng(kinds).integers(0, kinds, (500, 3)).astype(float)
    first, which, count = distinct_rows(table)
    np.testing.assert_array_equal(table[first][which], table)
    assert len({tuple(row) for row in table}) == len(first)
    assert count.sum() == 500
    assert (count == [int((which == at).sum()) for at in range(len(first))]).all()
    assert all(which[at] == number for number, at in enumerate(first))
