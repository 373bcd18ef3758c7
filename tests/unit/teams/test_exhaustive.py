"""Verdicts, named conflicts and advice against all teams that there are."""

from __future__ import annotations

import os

import numpy as np
import pytest

from insights_crds.v1 import Teams
from insights_workloads.teams import (
    ImpossibleSizesError,
    Outcome,
    TeamOptions,
    find_remedies,
    form_teams,
)

from .exhaustive import every_split, keeping, small_problem

PROBLEMS = int(os.environ.get("INSIGHTS_SMALL_PROBLEMS", "300"))


def test_every_split_is_there_once() -> None:
    ways = every_split((3, 2, 2))
    assert len(ways) == 210 == len(np.unique(ways, axis=0))


def bad_advice(problem, rules):
    """Advice after which there are no teams that keep all hard rules."""
    advice = find_remedies(problem.spec, problem.compiled, rules)
    out = []
    for remedy in advice:
        spec = Teams.model_validate(remedy.spec.model_dump(by_alias=True))
        compiled = problem.compiled(spec)
        if not len(keeping(problem, spec, compiled.slots, compiled.hard_rules)):
            out.append(f"{remedy.words} does not help")
    return out


def faults(seed):
    problem = small_problem(seed)
    try:
        compiled = problem.compiled()
    except ImpossibleSizesError:
        return bad_advice(problem, ())
    rules = compiled.hard_rules
    ways = keeping(problem, problem.spec, compiled.slots, rules)
    plan = form_teams(compiled, TeamOptions(seed=seed, rounds=3))
    if len(ways):
        if plan.outcome is not Outcome.FEASIBLE:
            return [f"{plan.outcome} though {len(ways)} ways keep {rules}: {plan.conflict}"]
        return [] if (ways == plan.team).all(axis=1).any() else ["teams that break a rule"]
    if plan.outcome is not Outcome.INFEASIBLE:
        return [f"{plan.outcome} though no way keeps {rules}"]
    core = plan.conflict.rules
    out = bad_advice(problem, core)
    if len(keeping(problem, problem.spec, compiled.slots, core)):
        out.append(f"{core} hold together")
    for rule in core:
        rest = [name for name in core if name != rule]
        if not len(keeping(problem, problem.spec, compiled.slots, rest)):
            out.append(f"{rest} of {core} cannot hold either")
    return out


@pytest.mark.parametrize("block", range(-(-PROBLEMS // 100)))
def test_no_verdict_differs_and_every_named_conflict_is_one(block) -> None:
    found = {seed: faults(seed) for seed in range(block * 100, (block + 1) * 100)}
    assert {seed: what for seed, what in found.items() if what} == {}


@pytest.mark.parametrize("seed", [1887, 2059, 7036, 7624, 17858])
def test_problems_that_were_answered_wrongly_before(seed) -> None:
    assert faults(seed) == []
