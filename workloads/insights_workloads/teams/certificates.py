"""Proofs by counting that some rules cannot hold together, before any search.

Each looks at one rule and the sizes of teams, and is exact: what it refuses is impossible.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from insights_workloads.teams.crowds import crowds
from insights_workloads.teams.plan import Conflict
from insights_workloads.teams.problem import (
    TeamProblem,
    clashing_locks,
    spoken_of,
    waits_for,
)

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
            f"{int(sizes.max())} people must be in one team by {_named(problem.together)}, but the "
            f"largest team has {largest}",
        )
    for rule in problem.groups:
        if rule.weight is not None or not problem.together:
            continue
        closed = np.isin(problem.fixed, np.flatnonzero(problem.slots.locked))
        apart = ~np.isin(problem.unit, problem.unit[closed])
        counts = crowds(problem.unit[apart], rule.group[apart])[2]
        if counts.max(initial=0) > rule.most and rule.teams[~problem.slots.locked].all():
            yield Conflict(
                (*problem.together, rule.name),
                f"{_named(problem.together)} keeps people of one group together of whom "
                f"`{rule.name}` allows {rule.most} in a team",
            )


def _locks(problem: TeamProblem) -> Iterator[Conflict]:
    teams = len(problem.slots.sizes)
    locks = tuple(lock.name for lock in problem.locks)
    clash = clashing_locks(problem)
    if clash is not None:
        yield Conflict(clash, f"{_named(clash)} lock somebody into different teams")
    free = int((~problem.slots.locked & ~spoken_of(problem)).sum())
    waits = waits_for(problem)
    waiting = len(np.unique(waits[waits >= 0]))
    if waiting > free:
        choices = tuple(r.name for r in problem.choices if r.weight is None and r.named.any())
        yield Conflict(
            (*locks, *choices),
            f"{_named(locks)} locks people into {waiting:,} new teams, but {free:,} "
            f"{'is' if free == 1 else 'are'} open to them",
        )
    held = np.bincount(problem.fixed[problem.fixed >= 0], minlength=teams)
    over = np.flatnonzero(held > problem.slots.sizes)
    if len(over):
        at = int(over[0])
        yield Conflict(
            locks,
            f"{_named(locks)} locks {int(held[at])} people into a team of "
            f"{int(problem.slots.sizes[at])}",
        )
    locked = problem.fixed >= 0
    if problem.together and locked.any():
        pairs = np.unique(np.stack([problem.unit[locked], problem.fixed[locked]], axis=1), axis=0)
        if len(np.unique(pairs[:, 0])) < len(pairs):
            yield Conflict(
                tuple(dict.fromkeys((*problem.together, *locks))),
                f"people whom {_named(problem.together)} keeps together are locked into different "
                "teams",
            )
    pulled = np.full(int(problem.unit.max(initial=0)) + 1, -1)
    pulled[problem.unit[locked]] = problem.fixed[locked]
    drawn = pulled[problem.unit]
    held = np.bincount(drawn[drawn >= 0], minlength=teams)
    over = np.flatnonzero(held > problem.slots.sizes)
    if len(over):
        at = int(over[0])
        yield Conflict(
            tuple(dict.fromkeys((*problem.together, *locks))),
            f"with those whom {_named(problem.together)} keeps with them, {int(held[at])} people "
            f"are locked into a team of {int(problem.slots.sizes[at])}",
        )
    for rule in problem.groups:
        grouped = locked & (rule.group >= 0)
        if rule.weight is not None or not grouped.any():
            continue
        pairs = np.stack([problem.fixed[grouped], rule.group[grouped]], axis=1)
        places, counts = np.unique(pairs, axis=0, return_counts=True)
        if np.any(counts[rule.teams[places[:, 0]]] > rule.most):
            yield Conflict(
                (rule.name, *locks),
                f"more people of one group of `{rule.name}` are locked into a team than the "
                f"{rule.most} that it allows",
            )
    choices = tuple(rule.name for rule in problem.choices if rule.weight is None)
    if choices:
        some = np.asarray(problem.allowed.any(axis=1))
        nowhere = int((~some[problem.eligible] & ~locked).sum())
        if nowhere:
            yield Conflict(
                (*choices, *locks),
                f"{_named(choices)} leaves {nowhere:,} people no team that they may be in",
            )


def _counts(problem: TeamProblem) -> Iterator[Conflict]:
    open_teams: np.ndarray = ~problem.slots.locked
    outside = ~np.isin(problem.fixed, np.flatnonzero(problem.slots.locked))
    closing = tuple(lock.name for lock in problem.locks if lock.closed)
    for rule in problem.counts:
        if rule.weight is not None:
            continue
        people = int((rule.member & outside).sum())
        need = int(rule.low[open_teams].sum())
        room = int(np.minimum(rule.high, problem.slots.sizes)[open_teams].sum())
        teams = int((open_teams & (rule.low > 0)).sum())
        capped = int((open_teams & (rule.high < problem.slots.sizes)).sum())
        if people < need:
            yield Conflict(
                (rule.name, *closing),
                f"`{rule.name}` needs {need:,} people over {teams:,} teams, but only {people:,} "
                "qualify",
            )
        too_small = np.flatnonzero(open_teams & (rule.low > problem.slots.sizes))
        if len(too_small):
            size = int(problem.slots.sizes[too_small[0]])
            yield Conflict(
                (rule.name,), f"`{rule.name}` wants more people than a team of {size} has"
            )
        if people > room:
            yield Conflict(
                (rule.name, *closing),
                f"`{rule.name}` has room for {room:,} people, at most "
                f"{_bounds(rule.high[open_teams & (rule.high < problem.slots.sizes)])} in each of "
                f"{capped:,} teams, but {people:,} must be placed",
            )
        if people == 1 and rule.lone[open_teams].all():
            yield Conflict(
                (rule.name, *closing), f"`{rule.name}` protects a value that no team can keep"
            )


def _bounds(values: np.ndarray) -> str:
    low, high = int(values.min(initial=np.iinfo(np.int64).max)), int(values.max(initial=0))
    return f"{low:,}" if low >= high else f"{low:,} to {high:,}"


def _groups(problem: TeamProblem) -> Iterator[Conflict]:
    sizes = problem.slots.sizes
    for rule in problem.groups:
        if rule.weight is not None or not (rule.group >= 0).any():
            continue
        largest = int(np.bincount(rule.group[rule.group >= 0]).max())
        room = int(np.where(rule.teams, np.minimum(rule.most, sizes), sizes).sum())
        if largest > room:
            yield Conflict(
                (rule.name, *(lock.name for lock in problem.locks)),
                f"`{rule.name}` keeps more people apart than {len(sizes):,} teams can, with "
                f"{rule.most} of a group in each",
            )


def _ranges(problem: TeamProblem) -> Iterator[Conflict]:
    open_teams: np.ndarray = ~problem.slots.locked
    outside = ~np.isin(problem.fixed, np.flatnonzero(problem.slots.locked))
    closing = tuple(lock.name for lock in problem.locks if lock.closed)
    for rule in problem.ranges:
        if rule.weight is not None:
            continue
        total = float(rule.value[outside].sum())
        low, high = float(rule.low[open_teams].sum()), float(rule.high[open_teams].sum())
        slack = 1e-9 * max(1.0, abs(total)) * len(open_teams)
        if total < low - slack or total > high + slack:
            least = total < low
            bound = low if least else high
            yield Conflict(
                (rule.name, *closing),
                f"`{rule.name}` needs a total of at {'least' if least else 'most'} {bound:,.6g} "
                f"over {int(open_teams.sum()):,} teams, but everyone together has {total:,.6g}",
            )


def _moves(problem: TeamProblem) -> Iterator[Conflict]:
    if problem.most_moves is None or not len(problem.home):
        return
    gone = int((problem.home == -2).sum())
    homes = problem.home[problem.home >= 0]
    held = np.bincount(homes, minlength=len(problem.slots.sizes))
    squeezed = int(np.maximum(held - problem.slots.sizes, 0).sum())
    if gone + squeezed > problem.most_moves:
        yield Conflict(
            ("stability",),
            f"{gone + squeezed:,} people must leave their current team ({gone:,} whose team is no "
            f"more, {squeezed:,} whose team shrinks), but `stability` allows "
            f"{problem.most_moves:,} moves",
        )


def _named(rules: tuple[str, ...]) -> str:
    return " and ".join(f"`{rule}`" for rule in rules)
