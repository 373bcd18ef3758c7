"""Who breaks which rule: worked out by hand for six people in two teams."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from insights_crds.v1 import Teams
from insights_workloads.teams import Breach, compile_problem
from insights_workloads.teams.measure import breaches
from insights_workloads.teams.plan import violations

from .test_teams import FOUR, form, people

TEAM = np.array([0, 0, 0, 1, 1, 1], dtype=np.int32)


def found(rule, values, team=TEAM, **more):
    spec = {"count": 2, "constraints": [{"name": "r", **rule}] if rule else [], **more}
    table = {"a": pa.chunked_array([pa.array(values)])}
    problem = compile_problem(Teams.model_validate(spec), FOUR, people(6)[0], table.__getitem__)
    return [(b.team, b.amount, b.people) for b in breaches(problem, team)]


def bound(kind, count):
    return {kind: {"attribute": "a", "values": ["x"], "count": count}}


CASES = [
    (bound("atLeast", 2), ["x", "y", "y", "x", "x", "x"], [(0, 1, ())]),
    (bound("atMost", 1), ["x", "y", "x", "x", "y", "y"], [(0, 1, (0, 2))]),
    # Two values that are alone in one team are one breach of that rule.
    (
        {"noLoneMinority": {"attribute": "a", "values": ["x", "y"]}},
        ["x", "y", "z", "x", "x", "z"],
        [(0, 2, (0, 1))],
    ),
    ({"keepApart": {"attribute": "a"}}, ["g", "g", "g", "g", None, None], [(0, 2, (0, 1, 2))]),
    ({"keepApart": {"attribute": "a"}}, [None] * 4 + ["h", "h"], [(1, 1, (4, 5))]),
    ({"keepTogether": {"attribute": "a"}}, ["g", "g", None, "g", "h", "h"], [(1, 1, (3,))]),
    (
        {"range": {"field": "a", "aggregate": "Sum", "max": 10}},
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        [(1, 5, ())],
    ),
    ({"lockedPeople": {"attribute": "a"}}, ["team-2"] + [None] * 5, [(0, 1, (0,))]),
    ({"eligible": {"attribute": "a"}}, ["team-1"] * 4 + [None] * 2, [(1, 1, (3,))]),
]


@pytest.mark.parametrize(("rule", "values", "expected"), CASES)
def test_a_breach_has_its_team_its_amount_and_its_people(rule, values, expected) -> None:
    assert found(rule, values) == expected


def test_too_many_moves_are_a_matter_of_all_teams() -> None:
    stability = {"attribute": "a", "maxMoves": 0}
    now = ["team-2", "team-1", "team-1", "team-1", "team-2", None]
    assert found(None, now, stability=stability) == [(-1, 2, (0, 3))]


def test_violations_are_the_sums_of_breaches() -> None:
    broken = [Breach("b", True, 0, 2.0, ()), Breach("a", False, 1, 1.0, (4,)),
              Breach("b", True, 3, 1.5, ())]  # fmt: skip
    assert [(v.rule, v.hard, v.amount, v.teams) for v in violations(broken)] == [
        ("a", False, 1.0, 1),
        ("b", True, 3.5, 2),
    ]


def test_a_plan_tells_its_breaches() -> None:
    rule = {"name": "r", "weight": 0.1, "keepApart": {"attribute": "a"}}
    plan = form({"count": 2, "constraints": [rule]}, people(6)[0], {"a": ["g"] * 6})
    assert [(b.rule, b.hard, b.amount, len(b.people)) for b in plan.breaches] == [
        ("r", False, 2.0, 3)
    ] * 2
    assert sum(b.amount for b in plan.breaches) == plan.violations[0].amount
