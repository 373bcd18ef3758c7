"""Team formation from end to end: prove what is impossible, place, search, measure."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from insights_workloads.measures import NOTHING, Figures
from insights_workloads.progress import Progress, silent
from insights_workloads.teams.assignment_model import assign
from insights_workloads.teams.conflicts import find_contradiction, prove_by_assignment
from insights_workloads.teams.measure import balance, breaches, figures
from insights_workloads.teams.plan import Conflict, Outcome, TeamFigures, TeamPlan, violations
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.reasons import find_reasons
from insights_workloads.teams.search import TeamOptions, search, usual_rounds
from insights_workloads.teams.settling import settled, settled_as
from insights_workloads.teams.stability import moved_people, movers, rematched
from insights_workloads.teams.start import place, placed_as
from insights_workloads.teams.state import SearchState
from insights_workloads.teams.trade_offs import (
    TradeOff,
    not_dominated,
    objective_values,
    reweighted,
    weights_to_try,
)

__all__ = ["TeamOptions", "form_teams"]


def form_teams(
    problem: TeamProblem, options: TeamOptions, *, progress: Progress = silent
) -> TeamPlan:
    """Form teams.

    Args:
        problem: see `compile.compile_problem`.
        options: how to search.
        progress: told how far it is; may raise to stop.
    """
    conflict = find_contradiction(problem)
    if conflict is not None:
        return _refused(problem, conflict)
    if options.plans < 2 or len(problem.objectives) < 2:
        return _one_plan(problem, options, progress)
    return _chosen_plan(problem, options, progress)


def _chosen_plan(problem: TeamProblem, options: TeamOptions, progress: Progress) -> TeamPlan:
    """One of several plans of which none is better in all objectives."""
    tried = weights_to_try([part.weight for part in problem.objectives], options.plans)
    people = len(problem.unit)
    limit = options.time_limit_seconds
    each = replace(
        options,
        rounds=max(1, (options.rounds or usual_rounds(people)) // len(tried)),
        time_limit_seconds=None if limit is None else limit / len(tried),
    )
    plans = []
    for at, weights in enumerate(tried):

        def part(
            fraction: float, message: str = "", figures: Figures = NOTHING, at: int = at
        ) -> None:
            said = f"plan {at + 1} of {len(tried)}, {message}"
            progress((at + fraction) / len(tried), said, figures)

        plans.append(_one_plan(reweighted(problem, weights), each, part))
        if plans[-1].outcome is Outcome.INFEASIBLE:
            return plans[-1]
    sound = [at for at, plan in enumerate(plans) if plan.outcome is Outcome.FEASIBLE]
    sound = sound or list(range(len(plans)))
    values = [objective_values(problem, plans[at].team) for at in sound]
    kept = sorted(not_dominated(values), key=lambda at: values[at])
    # Without a choice it is the plan of the given weights, or what beats it by these.
    given = np.array([part.weight for part in problem.objectives])
    usual = min(range(len(kept)), key=lambda at: float(given @ np.array(values[kept[at]])))
    taken = usual if options.choose is None else min(options.choose, len(kept)) - 1
    offers = tuple(
        TradeOff(number + 1, tried[sound[at]], values[at], number == taken)
        for number, at in enumerate(kept)
    )
    return replace(
        plans[sound[kept[taken]]],
        trade_offs=offers,
        rounds=sum(plan.rounds for plan in plans),
        reproducible=all(plan.reproducible for plan in plans),
    )


def _one_plan(problem: TeamProblem, options: TeamOptions, progress: Progress) -> TeamPlan:
    began = time.monotonic()
    given, problem = problem, settled(problem)
    state = SearchState(problem, place(problem, options.seed))
    rounds, reproducible = search(state, options, progress, began)
    if any(breach.hard for breach in breaches(problem, state.people_teams())):
        verdict = assign(given)
        if verdict.impossible:
            return _refused(given, prove_by_assignment(given))
        if verdict.team is not None:
            problem = settled_as(given, verdict.team)
            state = SearchState(problem, placed_as(problem, verdict.team))
            rounds, reproducible = search(state, options, progress, began)
    team = rematched(problem, state.people_teams())
    broken = breaches(problem, team)
    hard = any(breach.hard for breach in broken)
    return TeamPlan(
        outcome=Outcome.UNKNOWN if hard else Outcome.FEASIBLE,
        team=team,
        features=problem.features,
        figures=figures(problem, team),
        balance_before=_balance_by_chance(problem),
        balance_after=balance(problem.matrix, team),
        violations=violations(broken),
        breaches=broken,
        moved=moved_people(problem, team),
        current=() if problem.current is None else problem.current.by_person(),
        moves=movers(problem, team),
        rounds=rounds,
        reproducible=reproducible,
        reasons=find_reasons(problem, state, team),
    )


def _balance_by_chance(problem: TeamProblem) -> float:
    """Expected share of the variance between the teams of a random split, of whatever sizes.

    The mean of s people drawn from n is off by S^2 (1/s)(1 - s/n): times s, and added over g teams,
    S^2 (g - 1), where S^2 is the sum of squares over n - 1 (Cochran, 1977).
    """
    teams, people = int((problem.slots.sizes > 0).sum()), len(problem.matrix)
    if people < 2 or np.allclose(problem.matrix, problem.matrix[0]):
        return 0.0
    return (teams - 1) / (people - 1)


def _refused(problem: TeamProblem, conflict: Conflict) -> TeamPlan:
    empty = np.empty(0)
    return TeamPlan(
        outcome=Outcome.INFEASIBLE,
        team=np.full(len(problem.unit), -1, dtype=np.int32),
        features=problem.features,
        figures=TeamFigures((), (), empty, np.empty((0, len(problem.features))), empty, empty),
        balance_before=0.0,
        balance_after=0.0,
        conflict=conflict,
    )
