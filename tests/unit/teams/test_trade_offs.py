"""Several objectives give plans of which none is better in all, the same ones every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from insights_crds.v1 import Teams
from insights_workloads.teams import Outcome, TeamOptions, compile_problem, form_teams
from insights_workloads.teams.trade_offs import not_dominated, objective_values, weights_to_try

from .test_teams import FOUR, people

SPEC = Teams.model_validate(
    {
        # Unequal teams, where equal sums and equal means cannot both be had.
        "types": [
            {"name": "small", "count": 8, "size": {"min": 4, "max": 4}},
            {"name": "large", "size": {"min": 6, "max": 6}},
        ],
        "objectives": [{"kind": "SkillSum"}, {"kind": "Variance"}],
        "tradeOffs": {"plans": 5},
    }
)


def formed(choose=None, plans=5):
    problem = compile_problem(SPEC, FOUR, people(80)[0], {}.__getitem__)
    options = TeamOptions(rounds=2_000, plans=plans, choose=choose)
    return problem, form_teams(problem, options)


def test_no_plan_of_the_set_beats_another_and_the_figures_are_those_of_the_teams() -> None:
    problem, plan = formed()
    offers = plan.trade_offs
    assert plan.outcome is Outcome.FEASIBLE
    assert len(offers) >= 2
    assert [offer.number for offer in offers] == list(range(1, len(offers) + 1))
    assert [offer.values[0] for offer in offers] == sorted(offer.values[0] for offer in offers)
    assert len(not_dominated([offer.values for offer in offers])) == len(offers)
    assert sum(offer.chosen for offer in offers) == 1
    chosen = next(offer for offer in offers if offer.chosen)
    assert objective_values(problem, plan.team) == pytest.approx(chosen.values)
    assert sum(chosen.values) == min(sum(offer.values) for offer in offers)


def test_a_number_takes_the_same_plan_of_the_same_set_again() -> None:
    _, first = formed()
    for number in range(1, len(first.trade_offs) + 1):
        problem, plan = formed(choose=number)
        assert [o.values for o in plan.trade_offs] == [o.values for o in first.trade_offs]
        (chosen,) = [offer for offer in plan.trade_offs if offer.chosen]
        assert chosen.number == number
        assert objective_values(problem, plan.team) == pytest.approx(chosen.values)
    assert formed(choose=9)[1].trade_offs[-1].chosen


def test_without_being_asked_for_there_is_one_weighted_plan() -> None:
    _, plan = formed(plans=1)
    assert plan.trade_offs == ()


def test_trade_offs_need_several_objectives() -> None:
    with pytest.raises(ValidationError, match="two objectives"):
        Teams.model_validate({"count": 3, "tradeOffs": {}})


def test_weights_begin_with_those_of_the_spec_and_stress_each_in_turn() -> None:
    assert weights_to_try((1.0, 2.0), 4) == [(1, 2), (4, 2), (1, 8), (16, 2)]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_what_is_kept_is_not_dominated_and_dominates_the_rest(values) -> None:
    kept = not_dominated(values)
    assert kept
    for at, row in enumerate(values):
        if at not in kept:
            assert any(np.all(np.array(values[k]) <= row) for k in kept)
    assert len({values[k] for k in kept}) == len(kept)
