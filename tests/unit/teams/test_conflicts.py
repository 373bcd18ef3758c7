"""Planted conflicts are named exactly, from fifty people to a hundred thousand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from insights_crds.v1 import Teams
from insights_workloads.teams import Outcome, compile_problem, find_others, find_remedies

from .test_teams import FOUR, advice, form, in_team, people

HUGE = pytest.param(100_000, marks=pytest.mark.slow)


def shuffled(values, rest, n, seed=1):
    """Some values, then `rest` for everyone else, in random order."""
    order = np.random.default_rng(seed).permutation(n)
    column = [rest] * n
    for at, value in zip(order, values, strict=False):
        column[at] = value
    return column


def rules_of(n):
    """Rules that anybody can keep, as innocent bystanders."""
    random = np.random.default_rng(n)
    rules = [
        {"name": "dept-cap", "atMost": {"attribute": "dept", "values": ["a"], "count": 6}},
        {"name": "mates", "keepTogether": {"attribute": "mates"}},
        {
            "name": "budget",
            "range": {"field": "cost", "aggregate": "Mean", "min": 60, "max": 140},
        },
    ]
    columns = {
        "dept": list(random.choice(list("abcdefgh"), n)),
        "mates": ["m1", "m1", "m2", "m2"] + [None] * (n - 4),
        "cost": [float(c) for c in random.integers(80, 121, n)],
    }
    return rules, columns


def refused(n, count, rules, columns):
    bystanders, more = rules_of(n)
    plan = form(
        {"count": count, "constraints": bystanders + rules}, people(n)[0], more | columns, rounds=20
    )
    assert plan.outcome is Outcome.INFEASIBLE
    return plan.conflict


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_clique_one_larger_than_the_teams(n) -> None:
    teams = n // 10
    conflict = refused(
        n,
        teams,
        [{"name": "rivals", "keepApart": {"attribute": "r"}}],
        {"r": shuffled(["x"] * (teams + 1), None, n)},
    )
    assert conflict.rules == ("rivals",)


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_crowd_that_no_team_holds_and_the_innocent_tie_beside_it(n) -> None:
    conflict = refused(
        n,
        n // 10,
        [{"name": "crowd", "keepTogether": {"attribute": "c"}}],
        {"c": [None] * (n - 11) + ["x"] * 11},
    )
    assert conflict.rules == ("crowd",)


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_groups_that_fill_more_than_half_a_team_each(n) -> None:
    teams = n // 10
    groups = teams + 1
    column = [None] * (n - 6 * groups) + [f"g{at // 6}" for at in range(6 * groups)]
    conflict = refused(
        n, teams, [{"name": "sixes", "keepTogether": {"attribute": "g"}}], {"g": column}
    )
    assert conflict.rules == ("sixes",)


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_shortage_of_a_role(n) -> None:
    teams = n // 10
    conflict = refused(
        n,
        teams,
        [{"name": "leads", "atLeast": {"attribute": "r", "values": ["lead"], "count": 1}}],
        {"r": shuffled(["lead"] * (teams - 1), "dev", n)},
    )
    assert conflict.rules == ("leads",)


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_cap_below_the_pigeonhole(n) -> None:
    teams = n // 10
    conflict = refused(
        n,
        teams,
        [{"name": "cap", "atMost": {"attribute": "r", "values": ["x"], "count": 2}}],
        {"r": shuffled(["x"] * (2 * teams + 1), "y", n)},
    )
    assert conflict.rules == ("cap",)


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_lock_against_a_cap(n) -> None:
    conflict = refused(
        n,
        n // 10,
        [
            {"name": "cap", "atMost": {"attribute": "r", "values": ["x"], "count": 2}},
            {"name": "lock", "lockedPeople": {"attribute": "l"}},
        ],
        {"r": ["x"] * 3 + ["y"] * (n - 3), "l": ["team-1"] * 3 + [None] * (n - 3)},
    )
    assert set(conflict.rules) == {"cap", "lock"}


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_shortage_that_a_lock_makes(n) -> None:
    teams = n // 10
    conflict = refused(
        n,
        teams,
        [
            {"name": "leads", "atLeast": {"attribute": "r", "values": ["lead"], "count": 1}},
            {"name": "lock", "lockedPeople": {"attribute": "l"}},
        ],
        {
            "r": ["dev"] * (n - teams) + ["lead"] * teams,
            "l": [None] * (n - 2) + ["team-1"] * 2,
        },
    )
    assert set(conflict.rules) == {"leads", "lock"}


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_shortage_that_keeping_together_makes(n) -> None:
    teams = n // 10
    conflict = refused(
        n,
        teams,
        [
            {"name": "leads", "atLeast": {"attribute": "r", "values": ["lead"], "count": 1}},
            {"name": "couple", "keepTogether": {"attribute": "c"}},
        ],
        {
            "r": ["dev"] * (n - teams) + ["lead"] * teams,
            "c": [None] * (n - 2) + ["c"] * 2,
        },
    )
    assert set(conflict.rules) == {"leads", "couple"}


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_nobody_alone_with_at_most_one(n) -> None:
    conflict = refused(
        n,
        n // 10,
        [
            {"name": "alone", "noLoneMinority": {"attribute": "r", "values": ["x"]}},
            {"name": "cap", "atMost": {"attribute": "r", "values": ["x"], "count": 1}},
        ],
        {"r": shuffled(["x"] * 3, "y", n)},
    )
    assert set(conflict.rules) == {"alone", "cap"}


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_range_above_what_people_have(n) -> None:
    conflict = refused(
        n,
        n // 10,
        [{"name": "hours", "range": {"field": "h", "aggregate": "Mean", "min": 41}}],
        {"h": [40.0] * n},
    )
    assert conflict.rules == ("hours",)


@pytest.mark.parametrize("n", [50, 1_000, HUGE])
def test_a_range_too_tight_for_any_team(n) -> None:
    conflict = refused(
        n,
        n // 10,
        [{"name": "hours", "range": {"field": "h", "aggregate": "Sum", "min": 402, "max": 418}}],
        # Teams of ten have sums in steps of twenty: 400, 420 and so on.
        {"h": shuffled([30.0] * (n * 45 // 100), 50.0, n)},
    )
    assert conflict.rules == ("hours",)


def test_three_rules_of_which_each_is_needed() -> None:
    # Three people, two teams: any two rules leave two of the three free to share a team.
    rules = [{"name": name, "keepApart": {"attribute": name}} for name in ("ab", "bc", "ca")]
    columns = {
        "ab": ["x", "x", None] + [None] * 17,
        "bc": [None, "x", "x"] + [None] * 17,
        "ca": ["x", None, "x"] + [None] * 17,
    }
    plan = form({"count": 2, "constraints": rules}, people(20)[0], columns)
    assert plan.outcome is Outcome.INFEASIBLE
    assert set(plan.conflict.rules) == {"ab", "bc", "ca"}


def test_ways_out_are_values_of_fields_that_were_tried() -> None:
    rules = [
        {"name": "leads", "atLeast": {"attribute": "r", "values": ["lead"], "count": 2}},
        {"name": "couple", "keepTogether": {"attribute": "c"}},
    ]
    columns = {"r": ["dev"] * 45 + ["lead"] * 5, "c": [None] * 48 + ["c"] * 2}
    said = advice({"count": 5, "constraints": rules}, people(50)[0], columns, ["leads"])
    assert said == ("set spec.teams.count to 2, or give `leads` a weight")


def test_a_lock_that_closes_the_only_team_large_enough_is_named() -> None:
    rules = [
        {"name": "shut", "lockedTeams": {"attribute": "shut"}},
        {"name": "trio", "lockedPeople": {"attribute": "trio"}},
        {"name": "four", "keepTogether": {"attribute": "four"}},
    ]
    columns = {
        "shut": ["closed"] * 4 + [None] * 6,
        "trio": [None] * 4 + ["z"] * 3 + [None] * 3,
        "four": ["q", None, None, None, "q", "q", "q", None, None, None],
    }
    plan = form({"count": 4, "constraints": rules}, people(10)[0], columns)
    assert "shut" in plan.conflict.rules


def test_further_conflicts_are_named_where_no_single_change_helps() -> None:
    rules = [
        {"name": "leads", "atLeast": {"attribute": "r", "values": ["lead"], "count": 1}},
        {"name": "rivals", "keepApart": {"attribute": "c"}},
        {"name": "cap", "atMost": {"attribute": "r", "values": ["dev"], "count": 9}},
    ]
    columns = {"r": ["dev"] * 47 + ["lead"] * 3, "c": ["c"] * 30 + [None] * 20}
    tables = {name: pa.chunked_array([pa.array(each)]) for name, each in columns.items()}
    spec = Teams.model_validate({"count": 5, "constraints": rules})

    def compiled(teams):
        return compile_problem(teams, FOUR, people(50)[0], tables.__getitem__)

    assert find_remedies(spec, compiled, ["leads"]) == ()
    others = find_others(spec, compiled, ["leads"])
    assert [other.rules for other in others] == [("cap",), ("rivals",)]


ADVICE = [
    # (spec, columns, rules of the conflict, what is said)
    ({"size": {"min": 8, "max": 8}}, {}, (),
     "set spec.teams.size.max to 10, or set spec.teams.size.min to 7"),
    ({"count": 4, "size": {"min": 5, "max": 8}}, {}, (),
     "set spec.teams.count to 5, or set spec.teams.size.max to 10"),
    ({"count": 10, "constraints": [{"name": "cost", "range": {
        "field": "cost", "aggregate": "Mean", "min": 61.5}}]},
     {"cost": [60.0] * 38}, ("cost",),
     "set spec.teams.constraints[cost].range.min to 60, or give `cost` a weight"),
    ({"count": 10, "constraints": [{"name": "a", "atMost": {
        "attribute": "r", "values": ["x"], "share": 0.25}}]},
     {"r": ["x"] * 20 + ["y"] * 18}, ("a",),
     "set spec.teams.constraints[a].atMost.share to 0.667, or give `a` a weight"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "columns", "rules", "said"), ADVICE)
def test_advice_is_in_the_unit_of_its_field(spec, columns, rules, said) -> None:
    assert advice(spec, people(38)[0], columns, rules) == said


def test_people_are_locked_into_teams_that_hold_them() -> None:
    """29 people in teams of 8, 7, 7 and 7; the second group of the roster is the largest."""
    locks = ["a"] * 7 + ["b"] * 8 + ["c"] * 7 + [None] * 7
    rule = {"name": "lock", "lockedPeople": {"attribute": "where"}}
    spec = {"size": {"min": 7, "max": 8}, "constraints": [rule]}
    plan = form(spec, people(29)[0], {"where": locks}, rounds=20)
    assert plan.outcome is Outcome.FEASIBLE
    for name in "abc":
        team = plan.figures.names.index(name)
        assert [p for p, lock in enumerate(locks) if lock == name] == [
            p for p in in_team(plan, team) if locks[p] == name
        ]
        assert sum(lock == name for lock in locks) <= plan.figures.sizes[team]


def test_a_team_whose_lock_is_left_out_is_open() -> None:
    """Two rules close a team each; without one of them its team is one like any other."""
    columns = {"x": ["x"] * 5 + [None] * 25, "y": [None] * 25 + ["y"] * 5}
    rules = [{"name": each, "lockedTeams": {"attribute": each}} for each in "xy"]
    spec = Teams.model_validate({"size": {"min": 5, "max": 5}, "constraints": rules})
    tables = {name: pa.chunked_array([pa.array(each)]) for name, each in columns.items()}
    problem = compile_problem(spec, FOUR, people(30)[0], tables.__getitem__)
    assert problem.slots.locked.sum() == 2
    for kept, closed in (("xy", 2), ("x", 1), ("y", 1), ("", 0)):
        assert problem.only(set(kept)).slots.locked.sum() == closed
