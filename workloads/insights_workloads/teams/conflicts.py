"""Which rules cannot hold together: a set of which none can be spared.

A proof of any kind is made again without each rule; what is left has no rule that can be dropped
(an irreducible set, found by deletion as in Chinneck, 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from insights_workloads.teams.assignment_model import assign, is_small
from insights_workloads.teams.certificates import find_conflict
from insights_workloads.teams.plan import Conflict
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.team_model import some_team_is_impossible
from insights_workloads.teams.type_model import spreading_is_impossible

__all__ = ["find_contradiction", "is_contradictory", "prove_by_assignment"]

Proof = Callable[[TeamProblem], bool]


def find_contradiction(problem: TeamProblem) -> Conflict | None:
    """The conflict that counting, types of people or kinds of teams prove, or None.

    Where a problem is small enough its rules are dropped by the proof that misses nothing, so that
    every part of what is named can hold.
    """
    found = find_conflict(problem)
    if found is None and not _by_models(problem.only(problem.hard_rules)):
        return None
    named = found.rules if found is not None else ()
    # What counting has named is dropped last.
    rules = sorted(problem.hard_rules, key=lambda rule: rule in named)
    core = _irreducible(problem, rules, is_contradictory)
    if found is None:
        return _conflict(problem, core)
    counted = find_conflict(problem.only(core))
    # Counting may speak of fewer rules: of a lock it does not say that it closes a team.
    return _conflict(problem, core) if counted is None else replace(counted, rules=core)


def prove_by_assignment(problem: TeamProblem) -> Conflict:
    """The conflict in a problem of which every assignment was tried in vain."""
    return _conflict(
        problem,
        _irreducible(problem, problem.hard_rules, lambda part: assign(part).impossible),
    )


def is_contradictory(problem: TeamProblem) -> bool:
    """Whether it is proven that the hard rules cannot hold together, by whatever is affordable."""
    if find_conflict(problem) is not None or _by_models(problem):
        return True
    return is_small(problem) and assign(problem).impossible


def _by_models(problem: TeamProblem) -> bool:
    return bool(problem.hard_rules) and (
        spreading_is_impossible(problem) or some_team_is_impossible(problem)
    )


def _irreducible(problem: TeamProblem, rules: Iterable[str], impossible: Proof) -> tuple[str, ...]:
    """A subset of the rules that is still impossible and has no rule to spare."""
    core = list(rules)
    for rule in list(core):
        rest = [name for name in core if name != rule]
        if impossible(problem.only(rest)):
            core = rest
    return tuple(name for name in problem.hard_rules if name in core)


def _conflict(problem: TeamProblem, core: tuple[str, ...]) -> Conflict:
    named = _named(core)
    if len(core) == 1:
        why = f"{named} cannot hold in {len(problem.slots.sizes):,} teams of these sizes"
    else:
        why = f"{named} cannot all hold, though any {len(core) - 1} of them might"
    return Conflict(core, why)


def _named(rules: tuple[str, ...]) -> str:
    quoted = [f"`{rule}`" for rule in rules]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
