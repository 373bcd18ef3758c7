"""What a run is told whose teams cannot be formed: which rules, why, and what helps."""

from __future__ import annotations

from collections.abc import Sequence

from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import Teams
from insights_workloads.disclosure.rules import confidential_rules
from insights_workloads.failure import RunFailedError
from insights_workloads.teams import (
    Compile,
    Remedy,
    TeamPlan,
    find_others,
    find_remedies,
    ways_out,
)

__all__ = ["impossible", "undecided", "undecided_text"]


def impossible(why: str, teams: Teams, compiled: Compile, rules: Sequence[str]) -> RunFailedError:
    """The refusal of rules that cannot hold, with changes that were tried and help."""
    advice = find_remedies(teams, compiled, rules)
    said = [why]
    if advice:
        said.append(ways_out(advice))
    else:
        others = find_others(teams, compiled, rules)
        said += [f"besides, {other.message}" for other in others]
        said.append("no change of a single field was found that makes teams possible")
    return RunFailedError(FailureClass.USER, Reason.INFEASIBLE_CONSTRAINTS, "; ".join(said))


def undecided(teams: Teams, compiled: Compile, plan: TeamPlan) -> RunFailedError:
    """The refusal of teams that break hard rules, though none were proven impossible."""
    advice = find_remedies(teams, compiled, [v.rule for v in plan.violations if v.hard])
    message = undecided_text(teams, plan, advice)
    return RunFailedError(FailureClass.USER, Reason.FEASIBILITY_UNKNOWN, message)


def undecided_text(teams: Teams, plan: TeamPlan, advice: Sequence[Remedy]) -> str:
    """What is broken in the best teams that were found, and what would help. About no person."""
    spec = {"teams": teams.model_dump(by_alias=True, exclude_none=True)}
    confidential = confidential_rules(spec)
    said = [
        each.rule
        if each.rule in confidential
        else f"{each.rule} in {each.teams:,} team{'s' if each.teams != 1 else ''}"
        for each in plan.violations
        if each.hard
    ]
    helps = "loosen one of them or give it a weight" if not advice else ways_out(advice)
    return (
        "no teams were found that keep all hard rules, and none were proven impossible; broken in "
        f"the best that were found: {', '.join(said)}. To get teams, {helps}; or raise "
        f"spec.teams.rounds above {plan.rounds:,}, or set spec.policy.undecidedTeams: Publish to "
        "take the best found"
    )
