"""Balanced teams under constraints."""

from insights_workloads.teams.compile import UnknownAttributeError, compile_problem
from insights_workloads.teams.crew import Crew, Threads
from insights_workloads.teams.engine import TeamOptions, form_teams
from insights_workloads.teams.plan import (
    Breach,
    Conflict,
    Outcome,
    TeamFigures,
    TeamPlan,
    Violation,
)
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.reasons import Hold, Reasons
from insights_workloads.teams.sizes import ImpossibleSizesError

__all__ = [
    "Breach",
    "Conflict",
    "Crew",
    "Hold",
    "ImpossibleSizesError",
    "Outcome",
    "Reasons",
    "TeamFigures",
    "TeamOptions",
    "TeamPlan",
    "TeamProblem",
    "Threads",
    "UnknownAttributeError",
    "Violation",
    "compile_problem",
    "form_teams",
]
