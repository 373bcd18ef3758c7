"""Proofs by counting that some rules cannot hold together, before any search.

Each looks at one rule and the sizes of teams, and is exact: what it refuses is impossible.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from insights_workloads.teams.crowds import crowds
from insights_workloads.teams.plan import Conflict
from insights_workloads.teams.problem import TeamProblem

__all__ = ["find_conflict"]


def find_conflict(problem: TeamProblem) -> Conflict | None:
    """A conflict that counting can prove, or None."""
    checks = (
        _units(problem),
        _locks(problem),
        _counts(problem),
        _groups(problem),
        _ranges(problem),
        _moves(problem),
    )
    return next((conflict for check in checks for conflict in check), None)


def _units(problem: TeamProblem) -> Iterator[Conflict]:
    sizes = np.bincount(problem.unit)
    # Whoever is kept with a locked person goes where that one is; `_locks` looks after them.
    sizes[problem.unit[problem.fixed >= 0]] = 0
    largest = int(problem.slots.sizes[~problem.slots.locked].max(initial=0))
    if sizes.max(initial=0) > max(largest, 1):
        yield Conflict(
            problem.together,
            f"{int(sizes.max())} people must be kept together by {_named(problem.together)}, but "
            f"the largest team has {largest}; allow larger teams in spec.teams.size, or split the "
            "group",
        )
    for rule in problem.groups:
        if rule.weight is not None or not problem.together:
            continue
        counts = crowds(problem.unit, rule.group)[2]
        if counts.max(initial=0) > rule.most and rule.teams.all():
            yield Conflict(
                (*problem.together, rule.name),
                f"{_named(problem.together)} keeps {int(counts.max())} people of one group "
                f"together, of which `{rule.name}` allows {rule.most} in a team; drop one of them",
            )


def _locks(problem: TeamProblem) -> Iterator[Conflict]:
    fixed = problem.fixed[problem.fixed >= 0]
    held = np.bincount(fixed, minlength=len(problem.slots.sizes))
    over = np.flatnonzero(held > problem.slots.sizes)
    locks = tuple(lock.name for lock in problem.locks)
    if len(over):
        at = int(over[0])
        yield Conflict(
            locks,
            f"{_named(locks)} locks {int(held[at])} people into a team of "
            f"{int(problem.slots.sizes[at])}; allow larger teams, or lock fewer",
        )
    locked = problem.fixed >= 0
    if problem.together and locked.any():
        pairs = np.unique(np.stack([problem.unit[locked], problem.fixed[locked]], axis=1), axis=0)
        if len(np.unique(pairs[:, 0])) < len(pairs):
            yield Conflict(
                (*problem.together, *locks),
                f"people whom {_named(problem.together)} keeps together are locked into different "
                "teams; unlock some of them",
            )
    pulled = np.full(int(problem.unit.max(initial=0)) + 1, -1)
    pulled[problem.unit[locked]] = problem.fixed[locked]
    drawn = pulled[problem.unit]
    held = np.bincount(drawn[drawn >= 0], minlength=len(problem.slots.sizes))
    over = np.flatnonzero(held > problem.slots.sizes)
    if len(over):
        at = int(over[0])
        yield Conflict(
            (*problem.together, *locks),
            f"with those whom {_named(problem.together)} keeps with them, {int(held[at])} people "
            f"are locked into a team of {int(problem.slots.sizes[at])}; allow larger teams, or "
            "unlock some of them",
        )
    for rule in problem.groups:
        grouped = locked & (rule.group >= 0)
        if rule.weight is not None or not grouped.any():
            continue
        pairs = np.stack([problem.fixed[grouped], rule.group[grouped]], axis=1)
        teams, counts = np.unique(pairs, axis=0, return_counts=True)
        if np.any(counts[rule.teams[teams[:, 0]]] > rule.most):
            yield Conflict(
                (rule.name, *locks),
                f"{int(counts.max())} people of one group of `{rule.name}` are locked into the "
                f"same team, which it allows for {rule.most}; unlock some of them",
            )
    choices = tuple(rule.name for rule in problem.choices if rule.weight is None)
    if choices:
        some = np.asarray(problem.allowed.any(axis=1))
        nowhere = int((~some[problem.eligible] & ~locked).sum())
        if nowhere:
            yield Conflict(
                choices,
                f"{_named(choices)} leaves {nowhere} people no team that they may be in; "
                "correct the names of teams or types in that attribute",
            )


def _counts(problem: TeamProblem) -> Iterator[Conflict]:
    open_teams: np.ndarray = ~problem.slots.locked
    outside = ~np.isin(problem.fixed, np.flatnonzero(problem.slots.locked))
    for rule in problem.counts:
        if rule.weight is not None:
            continue
        people = int((rule.member & outside).sum())
        need = int(rule.low[open_teams].sum())
        room = int(np.minimum(rule.high, problem.slots.sizes)[open_teams].sum())
        teams = int(open_teams.sum())
        if people < need:
            yield Conflict(
                (rule.name,),
                f"`{rule.name}` needs {need} people over {teams} teams, but only {people} qualify; "
                f"form fewer teams, or lower the bound ({people // max(1, teams)} a team is "
                "possible)",
            )
        too_small = np.flatnonzero(open_teams & (rule.low > problem.slots.sizes))
        if len(too_small):
            size = int(problem.slots.sizes[too_small[0]])
            yield Conflict(
                (rule.name,),
                f"`{rule.name}` wants more people than a team of {size} has; lower it, or allow "
                "larger teams",
            )
        if people > room:
            yield Conflict(
                (rule.name,),
                f"`{rule.name}` has room for {room} people over {teams} teams, but {people} must "
                f"be placed; form more teams, or raise the bound to "
                f"{-(-people // max(1, teams))} a team",
            )
        if people == 1 and rule.lone[open_teams].all():
            yield Conflict(
                (rule.name,),
                f"`{rule.name}` protects a value that a single person has, who is alone in any "
                "team; leave that value out of its values",
            )


def _groups(problem: TeamProblem) -> Iterator[Conflict]:
    sizes = problem.slots.sizes
    for rule in problem.groups:
        if rule.weight is not None or not (rule.group >= 0).any():
            continue
        largest = int(np.bincount(rule.group[rule.group >= 0]).max())
        room = int(np.where(rule.teams, np.minimum(rule.most, sizes), sizes).sum())
        if largest > room:
            yield Conflict(
                (rule.name,),
                f"keep-apart group `{rule.name}` has {largest} people for {len(sizes)} teams of at "
                f"most {rule.most} each; form more teams, or raise maxTogether to "
                f"{-(-largest // max(1, len(sizes)))}",
            )


def _ranges(problem: TeamProblem) -> Iterator[Conflict]:
    open_teams: np.ndarray = ~problem.slots.locked
    outside = ~np.isin(problem.fixed, np.flatnonzero(problem.slots.locked))
    for rule in problem.ranges:
        if rule.weight is not None:
            continue
        total = float(rule.value[outside].sum())
        low, high = float(rule.low[open_teams].sum()), float(rule.high[open_teams].sum())
        slack = 1e-9 * max(1.0, abs(total))
        if total < low - slack or total > high + slack:
            way = "below" if total < low else "above"
            bound = low if total < low else high
            teams = int(open_teams.sum())
            yield Conflict(
                (rule.name,),
                f"`{rule.name}` needs a total {'of at least' if way == 'below' else 'of at most'} "
                f"{bound:,.6g} over {teams} teams, but everyone together has {total:,.6g}, {way} "
                f"it; {total / max(1, teams):,.6g} a team is possible",
            )


def _moves(problem: TeamProblem) -> Iterator[Conflict]:
    if problem.most_moves is None or not len(problem.home):
        return
    gone = int((problem.home == -2).sum())
    homes = problem.home[problem.home >= 0]
    crowds = np.bincount(homes, minlength=len(problem.slots.sizes))
    squeezed = int(np.maximum(crowds - problem.slots.sizes, 0).sum())
    if gone + squeezed > problem.most_moves:
        yield Conflict(
            ("stability",),
            f"{gone + squeezed:,} people must leave their current team ({gone:,} whose team is no "
            f"more, {squeezed:,} whose team shrinks), but `stability` allows "
            f"{problem.most_moves:,} moves; raise maxMoves",
        )


def _named(rules: tuple[str, ...]) -> str:
    return " and ".join(f"`{rule}`" for rule in rules)
