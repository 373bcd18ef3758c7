"""Balanced teams under constraints."""

from insights_workloads.teams.compile import compile_problem
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
from insights_workloads.teams.remedies import Compile, Remedy, find_others, find_remedies, ways_out
from insights_workloads.teams.sizes import ImpossibleSizesError
from insights_workloads.teams.vocabulary import (
    UnknownAttributeError,
    UnknownValueError,
    check_vocabulary,
)

__all__ = [
    "Breach",
    "Compile",
    "Conflict",
    "Crew",
    "Hold",
    "ImpossibleSizesError",
    "Outcome",
    "Reasons",
    "Remedy",
    "TeamFigures",
    "TeamOptions",
    "TeamPlan",
    "TeamProblem",
    "Threads",
    "UnknownAttributeError",
    "UnknownValueError",
    "Violation",
    "check_vocabulary",
    "compile_problem",
    "find_others",
    "find_remedies",
    "form_teams",
    "ways_out",
]
