"""Which rules cannot hold together, and the least that has to give way.

A proof of any kind is made again without each rule; what is left has no rule that can be dropped
(an irreducible set, found by deletion as in Chinneck, 2008).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from insights_workloads.teams.assignment_model import assign
from insights_workloads.teams.certificates import find_conflict
from insights_workloads.teams.plan import Conflict
from insights_workloads.teams.problem import CountRule, GroupRule, RangeRule, TeamProblem
from insights_workloads.teams.team_model import some_team_is_impossible
from insights_workloads.teams.type_model import spreading_is_impossible

__all__ = ["prove_by_assignment", "prove_by_counting", "prove_by_types"]

_STEPS = 4
"""Steps by which a bound is loosened to see whether that would do."""

Proof = Callable[[TeamProblem], bool]


def prove_by_counting(problem: TeamProblem) -> Conflict | None:
    """The conflict that counting rule by rule proves, or None."""
    found = find_conflict(problem)
    if found is None:
        return None
    core = _irreducible(problem, found.rules, _counted)
    return find_conflict(problem.only(core)) or found


def prove_by_types(problem: TeamProblem) -> Conflict | None:
    """The conflict that types of people and classes of teams prove, or None."""
    return _prove(problem, spreading_is_impossible) or _prove(problem, some_team_is_impossible)


def prove_by_assignment(problem: TeamProblem) -> Conflict | None:
    """The conflict that trying every assignment proves, or None; for small problems only."""
    return _prove(problem, lambda part: assign(part).impossible)


def _counted(problem: TeamProblem) -> bool:
    return find_conflict(problem) is not None


def _prove(problem: TeamProblem, impossible: Proof) -> Conflict | None:
    whole = problem.only(problem.hard_rules)
    if not problem.hard_rules or not impossible(whole):
        return None
    core = _irreducible(problem, problem.hard_rules, impossible)
    part = problem.only(core)
    named = _named(core)
    if len(core) == 1:
        why = f"{named} cannot hold in {len(problem.slots.sizes)} teams of these sizes"
    else:
        why = f"{named} cannot all hold, though any {len(core) - 1} of them might"
    return Conflict(core, f"{why}; {_ways_out(part, core, impossible)}")


def _irreducible(
    problem: TeamProblem, rules: tuple[str, ...], impossible: Proof
) -> tuple[str, ...]:
    """A subset of the rules that is still impossible and has no rule to spare."""
    core = list(rules)
    for rule in rules:
        rest = [name for name in core if name != rule]
        if impossible(problem.only(rest)):
            core = rest
    return tuple(core)


def _ways_out(part: TeamProblem, core: tuple[str, ...], impossible: Proof) -> str:
    """Each rule with the least by which it has to give way, the cheapest first."""
    ways = [_way_out(part, name, impossible) for name in core]
    ways.sort(key=lambda way: way[0])
    return "it would do to have " + ", or ".join(words for _, words in ways[:3])


def _way_out(part: TeamProblem, name: str, impossible: Proof) -> tuple[int, str]:
    for step in range(1, _STEPS + 1):
        loosened, words = _loosen(part, name, step)
        if loosened is None:
            break
        if not impossible(loosened):
            return step, words
    return _STEPS + 1, f"`{name}` left out"


def _loosen(part: TeamProblem, name: str, step: int) -> tuple[TeamProblem | None, str]:
    """The problem with the bounds of a rule loosened by some steps, and that in words."""
    for count in part.counts:
        if count.name == name and not count.lone.any():
            capped = bool((count.high < part.slots.sizes).any())
            low, high = np.maximum(count.low - step, 0), count.high + step
            new: CountRule = replace(count, low=low if not capped else count.low, high=high)
            words = f"`{name}` {'raised' if capped else 'lowered'} by {step} a team"
            return replace(part, counts=_swapped(part.counts, count, new)), words
    for group in part.groups:
        if group.name == name:
            wider: GroupRule = replace(group, most=group.most + step)
            words = f"`{name}` with maxTogether {group.most + step}"
            return replace(part, groups=_swapped(part.groups, group, wider)), words
    for bounds in part.ranges:
        if bounds.name == name:
            by = step * float(np.abs(bounds.value).mean()) / 4
            loose: RangeRule = replace(bounds, low=bounds.low - by, high=bounds.high + by)
            words = f"`{name}` wider by {by:,.4g} a team on both sides"
            return replace(part, ranges=_swapped(part.ranges, bounds, loose)), words
    return None, ""


def _swapped(rules: tuple, old: object, new: object) -> tuple:  # type: ignore[type-arg]
    return tuple(new if rule is old else rule for rule in rules)


def _named(rules: tuple[str, ...]) -> str:
    quoted = [f"`{rule}`" for rule in rules]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
