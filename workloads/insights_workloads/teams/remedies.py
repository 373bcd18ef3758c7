"""What would make a refused spec possible: one change of one field, tried before it is proposed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from insights_crds.v1 import AttributeBound, NumericRange, Teams, TeamSize
from insights_workloads.progress import silent
from insights_workloads.teams.assignment_model import assign, is_small
from insights_workloads.teams.certificates import find_conflict
from insights_workloads.teams.conflicts import find_contradiction
from insights_workloads.teams.measure import breaches
from insights_workloads.teams.plan import Conflict
from insights_workloads.teams.problem import TeamProblem
from insights_workloads.teams.search import TeamOptions, search
from insights_workloads.teams.settling import settled
from insights_workloads.teams.sizes import ImpossibleSizesError
from insights_workloads.teams.start import place
from insights_workloads.teams.state import SearchState

__all__ = ["Compile", "Remedy", "find_others", "find_remedies", "ways_out"]

Compile = Callable[[Teams], TeamProblem]
"""Compiles another spec for the same people; raises ImpossibleSizesError."""

_ROUNDS = 5
"""Rounds of search in which a change has to show that it works, where a proof is not affordable."""
_NEAR = 5
"""Steps by which numbers and sizes of teams are changed."""
_OTHERS = 3
"""Further conflicts that are named at most."""
_DIGITS = 3
"""Digits of a proposed bound, by the difference that it makes."""


@dataclass(frozen=True)
class Remedy:
    """A change after which teams can be formed; that they can was tried.

    Attributes:
        field: path of the field in the spec.
        value: its new value; None where the rule is to be soft or left out.
        words: what to do.
        spec: `spec.teams` with the change.
    """

    field: str
    value: float | None
    words: str
    spec: Teams


def ways_out(remedies: Sequence[Remedy]) -> str:
    """Remedies in words."""
    return ", or ".join(remedy.words for remedy in remedies)


def find_remedies(spec: Teams, compiled: Compile, rules: Sequence[str]) -> tuple[Remedy, ...]:
    """Changes of single fields after which teams can be formed, the most fitting first.

    Args:
        spec: `spec.teams`, which is refused.
        compiled: compiles another spec.
        rules: names of the rules that conflict; none where sizes are impossible.

    Returns:
        Two changes of values at most, and one rule at most that may be soft or left out.
    """
    try:
        problem = compiled(spec)
    except ImpossibleSizesError:
        problem = None
    trial = _Trial(compiled, 0 if problem is None else len(problem.unit))
    of_rules = () if problem is None else _of_rules(spec, rules, problem)
    found: list[Remedy] = []
    for family in [*of_rules, *_of_sizes(spec)]:
        remedy = family(trial)
        if remedy is not None and remedy.spec not in [other.spec for other in found]:
            found.append(remedy)
        if len(found) == 2:
            break
    for family in _without(spec, rules):
        remedy = family(trial)
        if remedy is not None:
            return (*found, remedy)
    return tuple(found)


def find_others(spec: Teams, compiled: Compile, rules: Sequence[str]) -> tuple[Conflict, ...]:
    """Further conflicts that stay where a first one's rules are left out; three at most.

    Args:
        spec: `spec.teams`, which is refused.
        compiled: compiles another spec.
        rules: names of the rules that conflict.
    """
    others: list[Conflict] = []
    left_out = set(rules)
    while len(others) < _OTHERS:
        kept = [rule for rule in spec.constraints if rule.name not in left_out]
        update: dict[str, Any] = {"constraints": kept}
        if "stability" in left_out:
            update["stability"] = None
        try:
            found = find_contradiction(compiled(spec.model_copy(update=update)))
        except ImpossibleSizesError:
            break
        if found is None:
            break
        others.append(found)
        left_out |= set(found.rules)
    return tuple(others)


class _Trial:
    """Tries specs, as many as their size allows."""

    def __init__(self, compiled: Compile, people: int) -> None:
        self.compiled = compiled
        self.left = 200 if people <= 200 else 24 if people <= 20_000 else 8

    def works(self, spec: Teams) -> bool:
        """Whether teams that keep all hard rules were found for a spec."""
        if self.left <= 0:
            return False
        self.left -= 1
        try:
            problem = self.compiled(spec)
        except ImpossibleSizesError:
            return False
        if is_small(problem):
            return assign(problem).team is not None
        if find_conflict(problem) is not None:
            return False
        named = settled(problem)
        state = SearchState(named, place(named, 0))
        search(state, TeamOptions(rounds=_ROUNDS), silent, time.monotonic())
        return not any(breach.hard for breach in breaches(named, state.people_teams()))


Family = Callable[[_Trial], Remedy | None]


def _least(changes: Sequence[Remedy]) -> Family:
    """The first of changes that works, each of which allows more than those before."""

    def find(trial: _Trial) -> Remedy | None:
        if not changes or not trial.works(changes[-1].spec):
            return None
        low, high = 0, len(changes) - 1
        while low < high:
            middle = (low + high) // 2
            if trial.works(changes[middle].spec):
                high = middle
            else:
                low = middle + 1
        return changes[high]

    return find


def _first(changes: Sequence[Remedy]) -> Family:
    """The first of changes that works."""
    return lambda trial: next((each for each in changes if trial.works(each.spec)), None)


def _of_rules(spec: Teams, rules: Sequence[str], problem: TeamProblem) -> Iterator[Family]:
    sizes = problem.slots.sizes[~problem.slots.locked]
    for at, rule in enumerate(spec.constraints):
        if rule.name not in rules:
            continue
        if rule.at_least is not None:
            yield _least(_bounds(spec, at, "at_least", rule.at_least, _fewer(rule.at_least, sizes)))
        if rule.at_most is not None:
            yield _least(_bounds(spec, at, "at_most", rule.at_most, _more(rule.at_most, sizes)))
        if rule.keep_apart is not None:
            most = rule.keep_apart.max_together
            yield _least(
                [
                    _with(spec, at, "keep_apart", "max_together", many)
                    for many in range(most + 1, int(sizes.max(initial=0)) + 1)
                ]
            )
        if rule.range is not None:
            value = next(r.value for r in problem.ranges if r.name == rule.name)
            yield from _of_range(spec, at, rule.range, value, int(sizes.max(initial=1)))
    if "stability" in rules and spec.stability is not None:
        stability, most = spec.stability, spec.stability.max_moves or 0
        yield _least(
            [
                _set(
                    spec.model_copy(
                        update={"stability": stability.model_copy(update={"max_moves": many})}
                    ),
                    "spec.teams.stability.maxMoves",
                    many,
                )
                for many in range(most + 1, len(problem.unit) + 1)
            ]
        )


def _fewer(bound: AttributeBound, sizes: np.ndarray) -> list[dict[str, Any]]:
    if bound.count is not None:
        return [{"count": many} for many in range(bound.count - 1, 0, -1)]
    shares = [math.floor(1000 * part) / 1000 for part in _parts(sizes)]
    return [
        {"share": share}
        for share in sorted(set(shares), reverse=True)
        if 0 < share < (bound.share or 0.0)
    ]


def _parts(sizes: np.ndarray) -> set[float]:
    """All shares that a number of people can be of a team."""
    return {many / size for size in set(sizes.tolist()) for many in range(1, size + 1)}


def _more(bound: AttributeBound, sizes: np.ndarray) -> list[dict[str, Any]]:
    largest = int(sizes.max(initial=0))
    if bound.count is not None:
        return [{"count": many} for many in range(bound.count + 1, largest + 1)]
    shares = [math.ceil(1000 * part) / 1000 for part in _parts(sizes)]
    return [{"share": share} for share in sorted(set(shares)) if share > (bound.share or 0.0)]


def _bounds(
    spec: Teams, at: int, form: str, bound: AttributeBound, values: Sequence[dict[str, Any]]
) -> list[Remedy]:
    field = "count" if bound.count is not None else "share"
    return [_with(spec, at, form, field, value[field]) for value in values]


def _of_range(
    spec: Teams, at: int, rule: NumericRange, value: np.ndarray, largest: int
) -> Iterator[Family]:
    """Lower minima and higher maxima, out to what no team can miss."""
    mean = rule.aggregate == "Mean"
    ordered = np.sort(value)
    for field, bound, extreme in (
        ("min", rule.min, ordered[0] if mean else min(0.0, ordered[:largest].sum())),
        ("max", rule.max, ordered[-1] if mean else max(0.0, ordered[-largest:].sum())),
    ):
        if bound is None:
            continue
        way = -1.0 if field == "min" else 1.0
        reach = abs(float(extreme) - bound)
        if way * (float(extreme) - bound) <= 0:
            continue
        steps = [_rounded(bound, way * reach * part / 40, way) for part in range(1, 41)]
        yield _least([_with(spec, at, "range", field, step) for step in dict.fromkeys(steps)])


def _rounded(bound: float, difference: float, way: float) -> float:
    """A bound that is looser by a difference, in few digits, never tighter than that."""
    digits = _DIGITS - 1 - math.floor(math.log10(abs(difference)))
    scale = 10.0**digits
    moved = (bound + difference) * scale
    whole = math.floor(moved) if way < 0 else math.ceil(moved)
    return round(whole / scale, max(digits, 0) + 1)


def _with(spec: Teams, at: int, form: str, field: str, value: float) -> Remedy:
    rule = spec.constraints[at]
    part = getattr(rule, form).model_copy(update={field: value})
    path = f"spec.teams.constraints[{rule.name}].{_camel(form)}.{_camel(field)}"
    return _set(_replaced(spec, at, {form: part}), path, value)


def _replaced(spec: Teams, at: int, update: dict[str, Any]) -> Teams:
    rules = list(spec.constraints)
    rules[at] = rules[at].model_copy(update=update)
    return spec.model_copy(update={"constraints": rules})


def _set(spec: Teams, path: str, value: float) -> Remedy:
    shown = f"{value:,}" if isinstance(value, int) else f"{value:.12g}"
    return Remedy(path, value, f"set {path} to {shown}", spec)


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _of_sizes(spec: Teams) -> Iterator[Family]:
    """Other numbers and sizes of teams, the nearest first."""

    def whole(update: dict[str, Any]) -> Teams:
        return spec.model_copy(update=update)

    yield from _of_kind(spec.count, spec.size, "spec.teams", whole)
    for at, kind in enumerate(spec.types):
        swapped = partial(_of_type, spec, at)
        yield from _of_kind(kind.count, kind.size, f"spec.teams.types[{kind.name}]", swapped)


def _of_type(spec: Teams, at: int, update: dict[str, Any]) -> Teams:
    kinds = list(spec.types)
    kinds[at] = kinds[at].model_copy(update=update)
    return spec.model_copy(update={"types": kinds})


def _of_kind(
    count: int | None, size: TeamSize | None, path: str, put: Callable[[dict[str, Any]], Teams]
) -> Iterator[Family]:
    if count is not None:
        near = [many for step in range(1, _NEAR + 1) for many in (count - step, count + step)]
        yield _first(
            [_set(put({"count": many}), f"{path}.count", many) for many in near if many > 0]
        )
    if size is not None:
        larger = range(size.max + 1, size.max + _NEAR + 1)
        smaller = range(size.min - 1, max(0, size.min - _NEAR - 1), -1)
        for field, values in (("max", larger), ("min", smaller)):
            yield _first(
                [
                    _set(
                        put({"size": size.model_copy(update={field: many})}),
                        f"{path}.size.{field}",
                        many,
                    )
                    for many in values
                ]
            )


def _without(spec: Teams, rules: Sequence[str]) -> Iterator[Family]:
    """Rules that are soft, or left out where they are locks."""
    changes = []
    for at, rule in enumerate(spec.constraints):
        if rule.name not in rules:
            continue
        path = f"spec.teams.constraints[{rule.name}]"
        if rule.locked_people is None and rule.locked_teams is None:
            soft = _replaced(spec, at, {"weight": 1.0})
            changes.append(Remedy(f"{path}.weight", None, f"give `{rule.name}` a weight", soft))
        else:
            kept = [other for other in spec.constraints if other is not rule]
            fewer = spec.model_copy(update={"constraints": kept})
            changes.append(Remedy(path, None, f"leave `{rule.name}` out", fewer))
    yield _first(changes)
