"""Rules that are broken: which, where and by whom, and that nobody takes it for success."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from insights_crds.v1 import Teams
from insights_workloads.refusals import undecided_text
from insights_workloads.teams import (
    Outcome,
    TeamOptions,
    compile_problem,
    find_remedies,
    form_teams,
)
from insights_workloads.teams.measure import balance, breaches
from insights_workloads.teams.plan import violations

FOUR = ["red", "yellow", "green", "blue"]


def compiled(constraints, columns, n, size=3):
    random = np.random.default_rng(0)
    tables = {name: pa.chunked_array([pa.array(each)]) for name, each in columns.items()}
    spec = Teams.model_validate(
        {"size": {"min": size, "max": size}, "constraints": constraints, "seed": 1}
    )
    return spec, compile_problem(spec, FOUR, random.uniform(0, 100, (n, 4)), tables.__getitem__)


def advice(spec, problem, columns, rules):
    """What is proposed against rules, every change tried."""
    tables = {name: pa.chunked_array([pa.array(each)]) for name, each in columns.items()}
    return find_remedies(
        spec, lambda s: compile_problem(s, FOUR, problem.matrix, tables.__getitem__), rules
    )


RULES = [
    # (rule, column, teams of six people, breaches as (team, amount, people))
    ({"atMost": {"attribute": "a", "values": ["x"], "count": 1}},
     list("xxyyyx"), [0, 0, 0, 1, 1, 1], [(0, 1, (0, 1))]),
    ({"atLeast": {"attribute": "a", "values": ["x"], "count": 1}},
     list("xxyyyy"), [0, 0, 0, 1, 1, 1], [(1, 1, ())]),
    ({"keepTogether": {"attribute": "a"}},
     ["p", "p", None, "p", None, None], [0, 0, 0, 1, 1, 1], [(1, 1, (3,))]),
    ({"keepApart": {"attribute": "a"}},
     ["p", "p", None, None, "q", "q"], [0, 0, 0, 1, 1, 1], [(0, 1, (0, 1)), (1, 1, (4, 5))]),
    ({"noLoneMinority": {"attribute": "a", "values": ["x"]}},
     list("xyyyxx"), [0, 0, 0, 1, 1, 1], [(0, 1, (0,))]),
    ({"range": {"field": "a", "aggregate": "Mean", "min": 2, "max": 3}},
     [1.0, 1.0, 1.0, 4.0, 3.0, 2.0], [0, 0, 0, 1, 1, 1], [(0, 3, ())]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "column", "team", "wanted"), RULES)
@pytest.mark.parametrize("soft", [False, True])
def test_each_breach_is_told_with_its_team_and_its_people(rule, column, team, wanted, soft) -> None:
    constraint = {"name": "rule", **rule, **({"weight": 1} if soft else {})}
    _, problem = compiled([constraint], {"a": column}, 6)
    found = breaches(problem, np.array(team, dtype=np.int32))
    assert [(b.team, pytest.approx(b.amount), b.people) for b in found] == wanted
    assert all((b.rule, b.hard) == ("rule", not soft) for b in found)
    (whole,) = violations(found)
    assert whole.teams == len(wanted)
    assert whole.amount == pytest.approx(sum(amount for _, amount, _ in wanted))


def test_nothing_is_broken_where_all_rules_hold() -> None:
    _, problem = compiled(
        [{"name": "r", "keepApart": {"attribute": "a"}}], {"a": list("aabbcc")}, 6
    )
    assert breaches(problem, np.array([0, 1, 0, 1, 0, 1], dtype=np.int32)) == ()


def test_what_chance_would_give_is_its_expectation() -> None:
    _, problem = compiled([], {}, 24)
    plan = form_teams(problem, TeamOptions(rounds=5))
    random = np.random.default_rng(1)
    team = np.repeat(np.arange(8), 3).astype(np.int32)
    draws = [balance(problem.matrix, random.permutation(team)) for _ in range(4_000)]
    assert plan.balance_before == pytest.approx(7 / 23)
    assert np.mean(draws) == pytest.approx(7 / 23, rel=0.02)


def test_a_search_without_a_verdict_says_what_is_broken_and_what_would_help() -> None:
    age = np.random.default_rng(2).uniform(20, 60, 6)
    rules = [
        {"name": "age", "range": {"field": "age", "aggregate": "Mean", "min": 39.9, "max": 40.1}},
        {"name": "alone", "noLoneMinority": {"attribute": "g", "values": ["x"]}},
    ]
    spec, problem = compiled(rules, {"age": age, "g": list("xyyyyx")}, 6)
    team = np.array([0, 0, 0, 1, 1, 1], dtype=np.int32)
    plan = form_teams(problem, TeamOptions(rounds=1))
    broken = replace(
        plan, outcome=Outcome.UNKNOWN, violations=violations(breaches(problem, team)), rounds=7
    )
    message = undecided_text(spec, broken, ())
    assert "age in 2 teams" in message
    # Of a confidential rule no number is told.
    assert "alone. To get teams" in message
    assert "alone in" not in message
    assert "spec.teams.rounds above 7" in message
    assert "spec.policy.undecidedTeams: Publish" in message
    columns = {"age": age, "g": list("xyyyyx")}
    tried = advice(spec, problem, columns, ["age"])
    assert "give `age` a weight" in undecided_text(spec, broken, tried)
