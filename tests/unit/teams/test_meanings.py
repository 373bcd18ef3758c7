"""What rules mean: a test for each row of the table, called as the row is."""

from __future__ import annotations

import numpy as np
import pytest

from insights_crds.v1.meanings import MEANINGS
from insights_workloads.teams import ImpossibleSizesError, Outcome
from tests.unit.teams.test_teams import advice, fewest_moves, form, in_team, people


def test_every_row_has_its_test() -> None:
    assert [m.name for m in MEANINGS if f"test_{m.name}" not in globals()] == []
    assert len({m.name for m in MEANINGS}) == len(MEANINGS)


def teams(plan):
    return [in_team(plan, g) for g in range(len(plan.figures.names))]


def counts(plan, values, value):
    return [sum(values[p] == value for p in members) for members in teams(plan)]


def one(rule, n=40, columns=None, **spec):
    return form({**spec, "constraints": [{"name": "r", **rule}]}, people(n)[0], columns)


def test_share_rounds_towards_the_rule() -> None:
    def bounded(kind, x, size):
        values = ["x"] * x + ["y"] * (4 * size - x)
        return one({kind: {"attribute": "a", "values": ["x"], "share": 0.3}}, 4 * size,
                   {"a": values}, count=4)  # fmt: skip

    # 0.3 of 8 is 2.4: at least 3 in four teams need 12, at most 2 have room for 8.
    assert bounded("atLeast", 11, 8).outcome is Outcome.INFEASIBLE
    assert bounded("atLeast", 12, 8).outcome is Outcome.FEASIBLE
    assert bounded("atMost", 9, 8).outcome is Outcome.INFEASIBLE
    assert bounded("atMost", 8, 8).outcome is Outcome.FEASIBLE
    for kind in ("atLeast", "atMost"):
        assert bounded(kind, 12, 10).outcome is Outcome.FEASIBLE


def test_count_is_the_same_for_every_size() -> None:
    values = ["x"] * 20 + ["y"] * 17
    rule = {"atLeast": {"attribute": "a", "values": ["x"], "count": 2}}
    plan = one(rule, 37, {"a": values}, count=5)
    assert set(plan.figures.sizes) == {7, 8}
    assert min(counts(plan, values, "x")) >= 2
    rule["atLeast"]["count"] = 8
    assert one(rule, 37, {"a": ["x"] * 37}, count=5).outcome is Outcome.INFEASIBLE


def test_types_limit_a_rule() -> None:
    kinds = [
        {"name": "force", "count": 2, "size": {"min": 6, "max": 6}},
        {"name": "squad", "size": {"min": 4, "max": 4}},
    ]
    values = ["x"] * 4 + ["y"] * 36
    rule = {"types": ["force"], "atLeast": {"attribute": "a", "values": ["x"], "count": 2}}
    plan = one(rule, 40, {"a": values}, types=kinds)
    held = dict(zip(plan.figures.names, counts(plan, values, "x"), strict=True))
    assert held == {name: 2 if name.startswith("force") else 0 for name in held}
    assert plan.violations == ()
    # Where a force takes specialists alone, everyone else is in squads.
    may = ["force"] * 12 + ["squad"] * 28
    chosen = one({"types": ["force"], "eligible": {"attribute": "a"}}, 40, {"a": may}, types=kinds)
    for g, kind in enumerate(chosen.figures.types):
        if kind == "force":
            assert {may[p] for p in in_team(chosen, g)} == {"force"}


def test_empty_values_stand_outside() -> None:
    empty = {"a": [None] * 40}
    for rule in (
        {"keepTogether": {"attribute": "a"}},
        {"keepApart": {"attribute": "a"}},
        {"eligible": {"attribute": "a"}},
        {"lockedPeople": {"attribute": "a"}},
        {"atMost": {"attribute": "a", "values": ["x"], "count": 0}},
    ):
        assert one(rule, 40, empty, count=5).outcome is Outcome.FEASIBLE
    rule = {"atLeast": {"attribute": "a", "values": ["x"], "count": 1}}
    assert one(rule, 40, empty, count=5).outcome is Outcome.INFEASIBLE


def test_undisclosed_is_no_minority() -> None:
    values = [None] + ["x"] * 20 + ["y"] * 19
    plan = one({"noLoneMinority": {"attribute": "a"}}, 40, {"a": values}, count=5)
    assert plan.outcome is Outcome.FEASIBLE
    assert counts(plan, values, None).count(1) == 1


def test_missing_numbers_are_the_mean() -> None:
    values = [10.0, 30.0] * 10 + [float("nan")] * 20
    rule = {"range": {"field": "a", "aggregate": "Mean", "min": 20, "max": 20}}
    plan = one(rule, 40, {"a": values}, count=10)
    assert plan.outcome is Outcome.FEASIBLE
    for members in teams(plan):
        known = [values[p] for p in members if values[p] == values[p]]
        assert not known or np.mean(known) == 20
    matrix = people(40)[0]
    with_gap = matrix.copy()
    with_gap[0, 0] = np.nan
    filled = matrix.copy()
    filled[0, 0] = np.nanmean(with_gap[:, 0])
    same = [form({"count": 5}, m).team.tobytes() for m in (with_gap, filled)]
    assert same[0] == same[1]


def test_lone_is_exactly_one() -> None:
    values = ["x"] * 20 + ["y"] * 3 + ["z"] * 3 + ["w"] * 14
    plan = one({"noLoneMinority": {"attribute": "a"}}, 40, {"a": values}, count=8)
    assert plan.outcome is Outcome.FEASIBLE
    for value in "yzw":
        assert 1 not in counts(plan, values, value)
    # The commonest is not protected: with a single x left, it may be alone.
    rare = ["x"] * 39 + ["y"]
    assert one({"noLoneMinority": {"attribute": "a", "values": ["x"]}}, 40, {"a": rare}, count=40
               ).outcome is Outcome.INFEASIBLE  # fmt: skip
    only = ["x"] * 21 + [None] * 19
    alone = one({"noLoneMinority": {"attribute": "a"}}, 40, {"a": only}, count=40)
    assert alone.outcome is Outcome.FEASIBLE


def test_together_is_transitive() -> None:
    rules = [
        {"name": "one", "keepTogether": {"attribute": "a"}},
        {"name": "two", "keepTogether": {"attribute": "b"}},
    ]
    columns = {"a": ["p", "p", *[None] * 38], "b": [None, "q", "q", *[None] * 37]}
    plan = form({"count": 8, "constraints": rules}, people(40)[0], columns)
    assert plan.team[0] == plan.team[1] == plan.team[2]


def test_group_larger_than_a_team() -> None:
    values = {"a": ["p"] * 7 + [None] * 33}
    rule = {"keepTogether": {"attribute": "a"}}
    assert one(rule, 40, values, count=8).outcome is Outcome.INFEASIBLE
    soft = one({**rule, "weight": 100}, 40, values, count=8)
    assert soft.outcome is Outcome.FEASIBLE
    assert [(v.rule, v.amount) for v in soft.violations] == [("r", 2.0)]


def test_apart_group_larger_than_the_teams() -> None:
    rule, columns = {"keepApart": {"attribute": "a"}}, {"a": ["p"] * 9 + [None] * 31}
    assert one(rule, 40, columns, count=8).outcome is Outcome.INFEASIBLE
    spec = {"count": 8, "constraints": [{"name": "r", **rule}]}
    assert "maxTogether to 2" in advice(spec, people(40)[0], columns, ["r"])


def test_absent_people_hold_no_place() -> None:
    rule = {"lockedTeams": {"attribute": "a"}}
    for present in (5, 4):
        n = 35 + present
        columns = {"a": ["old"] * present + [None] * 35}
        plan = one(rule, n, columns, size={"min": 5, "max": 5})
        assert plan.figures.sizes[plan.figures.names.index("old")] == present
    now = [f"team-{i // 5 + 1}" for i in range(39)]
    spec = {"count": 8, "stability": {"attribute": "now", "maxMoves": 0}}
    assert form(spec, people(39)[0], {"now": now}).moved == 0


def test_unknown_team_names_take_a_free_team() -> None:
    rule = {"lockedPeople": {"attribute": "a"}}
    plan = one(rule, 40, {"a": ["harbour", "team-2"] + [None] * 38}, count=5)
    assert plan.figures.names == ("harbour", "team-2", "team-3", "team-4", "team-5")
    assert plan.figures.names[plan.team[0]] == "harbour"
    many = one(rule, 40, {"a": [f"t{i}" for i in range(6)] + [None] * 34}, count=5)
    assert "into 6 new teams, but 5 are open" in many.conflict.message


def test_locked_teams_stand_apart() -> None:
    rules = [
        {"name": "done", "lockedTeams": {"attribute": "a"}},
        {"name": "none", "atMost": {"attribute": "b", "values": ["x"], "count": 1}},
    ]
    columns = {"a": ["old"] * 3 + [None] * 37, "b": ["x"] * 3 + ["y"] * 37}
    plan = form({"count": 5, "constraints": rules}, people(40)[0], columns)
    assert plan.outcome is Outcome.FEASIBLE
    assert len(plan.figures.names) == 5
    assert in_team(plan, plan.figures.names.index("old")).tolist() == [0, 1, 2]


def test_first_lock_wins() -> None:
    locks = [
        {"name": "one", "lockedPeople": {"attribute": "a"}},
        {"name": "two", "lockedPeople": {"attribute": "b"}},
    ]
    columns = {"a": ["team-1"] + [None] * 39, "b": ["team-2"] + [None] * 39}
    plan = form({"count": 5, "constraints": locks}, people(40)[0], columns)
    assert plan.outcome is not Outcome.FEASIBLE
    closed = [{"name": r["name"], "lockedTeams": r["lockedPeople"]} for r in locks]
    columns = {"a": ["old"] * 4 + [None] * 36, "b": ["new"] * 8 + [None] * 32}
    plan = form({"count": 6, "constraints": closed}, people(40)[0], columns)
    assert in_team(plan, plan.figures.names.index("old")).tolist() == [0, 1, 2, 3]
    assert in_team(plan, plan.figures.names.index("new")).tolist() == [4, 5, 6, 7]


def test_every_eligible_rule_must_allow() -> None:
    rules = [
        {"name": "place", "eligible": {"attribute": "a"}},
        {"name": "level", "eligible": {"attribute": "b"}},
    ]
    columns = {
        "a": ["team-1|team-2"] * 8 + [None] * 32,
        "b": ["team-2|team-3"] * 8 + [None] * 32,
    }
    plan = form({"count": 5, "constraints": rules}, people(40)[0], columns)
    assert plan.outcome is Outcome.FEASIBLE
    assert set(plan.team[:8]) == {1}
    columns["b"] = ["team-3"] * 8 + [None] * 32
    refused = form({"count": 5, "constraints": rules}, people(40)[0], columns)
    assert refused.conflict.rules == ("place", "level")
    rules[1]["weight"] = 50
    soft = form({"count": 5, "constraints": rules}, people(40)[0], columns)
    assert soft.outcome is Outcome.FEASIBLE
    assert set(soft.team[:8]) <= {0, 1}
    assert [(v.rule, v.amount) for v in soft.violations] == [("level", 8.0)]


def test_locks_go_before_eligibility() -> None:
    rules = [
        {"name": "stay", "lockedPeople": {"attribute": "a"}},
        {"name": "may", "eligible": {"attribute": "b"}},
    ]
    columns = {"a": ["team-1"] + [None] * 39, "b": ["team-2"] + [None] * 39}
    plan = form({"count": 5, "constraints": rules}, people(40)[0], columns)
    assert plan.outcome is Outcome.FEASIBLE
    assert plan.team[0] == 0
    assert plan.violations == ()


def test_sizes_differ_by_one() -> None:
    plan = form({"size": {"min": 4, "max": 9}}, people(41)[0])
    assert plan.figures.sizes.max() - plan.figures.sizes.min() <= 1
    # A crowd that is locked or kept together has a team that holds it, within `size`.
    for rule, name in ({"lockedPeople": {"attribute": "a"}}, "crowd"), (
        {"keepTogether": {"attribute": "a"}}, None,
    ):  # fmt: skip
        crowd = one(rule, 10, {"a": ["crowd"] * 6 + [None] * 4}, size={"min": 3, "max": 6})
        assert crowd.outcome is Outcome.FEASIBLE
        assert sorted(crowd.figures.sizes) == [4, 6]
        assert name is None or crowd.figures.names[crowd.team[0]] == name
    # One small team and one large one are both as near everyone's mean as they can be.
    matrix = np.array([[0.0], [100.0]] * 12) + np.zeros((24, 4))
    kinds = [
        {"name": "small", "count": 1, "size": {"min": 4, "max": 4}},
        {"name": "large", "size": {"min": 20, "max": 20}},
    ]
    plan = form({"types": kinds}, matrix)
    np.testing.assert_allclose(plan.figures.means, 50.0)


def test_no_team_is_empty() -> None:
    with pytest.raises(ImpossibleSizesError, match="cannot fill 41 teams"):
        form({"count": 41}, people(40)[0])
    assert form({"count": 40}, people(40)[0]).figures.sizes.min() == 1


def test_bounds_are_inclusive() -> None:
    values = {"a": [10.0] * 37}
    for aggregate, low, high in (("Mean", 10, 10), ("Sum", 70, 80)):
        rule = {"range": {"field": "a", "aggregate": aggregate, "min": low, "max": high}}
        assert one(rule, 37, values, count=5).outcome is Outcome.FEASIBLE
    rule = {"range": {"field": "a", "aggregate": "Sum", "min": 71, "max": 80}}
    assert one(rule, 37, values, count=5).outcome is not Outcome.FEASIBLE


def test_skill_sums_ignore_size() -> None:
    kinds = [
        {"name": "small", "count": 4, "size": {"min": 4, "max": 4}},
        {"name": "large", "size": {"min": 6, "max": 6}},
    ]
    plan = form({"types": kinds, "objectives": [{"kind": "SkillSum"}]}, people(40)[0], rounds=2000)
    means = plan.figures.means.mean(axis=1)
    assert means[:4].min() > means[4:].max()


def test_moves_after_the_best_matching() -> None:
    names = ["ash", "birch", "cedar", "elm", "fir"]
    now = [names[i // 8] for i in range(40)]
    spec = {"count": 5, "stability": {"attribute": "now", "maxMoves": 0}}
    plan = form(spec, people(40)[0], {"now": now})
    # Other names are no moves.
    assert plan.outcome is Outcome.FEASIBLE
    assert plan.moved == fewest_moves(now, plan.team) == 0
    joiners = [None] * 5 + now[5:]
    plan = form(spec, people(40)[0], {"now": joiners})
    assert (plan.outcome, plan.moved) == (Outcome.FEASIBLE, 0)
    more = [*names, "gum"]
    now = [more[i % 6] for i in range(30)]
    plan = form({"count": 5, "stability": {"attribute": "now"}}, people(30)[0], {"now": now})
    assert plan.moved >= 5


def test_history_counts_people_beyond_the_first() -> None:
    old = ["x"] * 3 + [None] * 37
    spec = {"count": 1, "history": {"attributes": ["old"], "weight": 7}}
    plan = form(spec, people(40)[0], {"old": old})
    assert [(v.rule, v.hard, v.amount) for v in plan.violations] == [("history-old", False, 2.0)]


def test_soft_rules_are_reported() -> None:
    rule = {"weight": 3, "atLeast": {"attribute": "a", "values": ["x"], "count": 2}}
    plan = one(rule, 40, {"a": ["x"] * 7 + ["y"] * 33}, count=5)
    assert plan.outcome is Outcome.FEASIBLE
    assert [(v.rule, v.hard, v.amount) for v in plan.violations] == [("r", False, 3.0)]
