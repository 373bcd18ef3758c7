"""From rules in the spec and columns of the roster to arrays.

What rules mean where two readings are possible stands in `insights_crds.v1.meanings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from insights_crds.v1 import AttributeBound, Constraint, Teams
from insights_workloads.teams.objectives import balanced_columns
from insights_workloads.teams.problem import (
    ChoiceRule,
    CountRule,
    GroupRule,
    LockRule,
    RangeRule,
    TeamProblem,
    TieRule,
    combined,
    units,
)
from insights_workloads.teams.sizes import ImpossibleSizesError, TeamSlots, team_slots
from insights_workloads.teams.vocabulary import Columns, UnknownAttributeError, texts

__all__ = ["Columns", "UnknownAttributeError", "compile_problem"]


def compile_problem(
    spec: Teams,
    features: Sequence[str],
    matrix: np.ndarray,
    columns: Columns,
    slots: TeamSlots | None = None,
) -> TeamProblem:
    """Compile a problem.

    Args:
        spec: `spec.teams`.
        features: names of the features to balance.
        matrix: float64 (n, d), their values; NaN where one is missing.
        columns: further columns.
        slots: the teams, where they are not to be decided by the sizes of the spec.

    Raises:
        ImpossibleSizesError: there are no fitting team sizes.
        UnknownAttributeError: a rule names what the source does not have.
    """
    people = len(matrix)
    filled = np.where(np.isfinite(matrix), matrix, np.nanmean(matrix, axis=0))
    hard = _Reader(columns)
    lock_names = pd.Series([None] * people, dtype=object)
    for rule in spec.constraints:
        if rule.locked_teams is not None:
            held_here = hard.text(rule.locked_teams.attribute, rule.name)
            lock_names = lock_names.where(lock_names.notna(), held_here)
    held = {str(k): int(v) for k, v in lock_names.dropna().value_counts(sort=False).items()}
    slots = team_slots(spec, people, held) if slots is None else slots
    slots, locks = _locks(spec, hard, slots, lock_names)
    ties = tuple(_ties(spec, hard))
    choices = tuple(_choices(spec, hard, slots))
    eligible, allowed = combined(choices, people, ~slots.locked)
    scope = _scope(slots)
    home = _home(spec, hard, slots)
    balanced, objectives = balanced_columns(spec, features, filled)
    return TeamProblem(
        features=tuple(features),
        matrix=filled,
        balanced=balanced,
        objectives=objectives,
        by_sum=any(objective.kind == "SkillSum" for objective in spec.objectives),
        slots=slots,
        unit=units(ties, people),
        fixed=_fixed(locks, people),
        eligible=eligible,
        allowed=allowed,
        choices=choices,
        counts=tuple(_count_rules(spec, hard, slots, scope)),
        groups=tuple(_group_rules(spec, hard, slots, scope)),
        ranges=tuple(_range_rules(spec, hard, slots, scope)),
        home=home,
        most_moves=spec.stability.max_moves if spec.stability else None,
        move_price=spec.stability.move_price if spec.stability else 0.0,
        ties=ties,
        locks=locks,
        worst_weight=spec.worst_team_weight,
    )


class _Reader:
    """Reads columns as rules want them."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def text(self, attribute: str, rule: str) -> pd.Series:
        """Values as text, None where empty."""
        return texts(self._column(attribute, rule))[0]

    def members(self, attribute: str, values: Sequence[str], rule: str) -> np.ndarray:
        """Who has one of some values, bool (n,)."""
        found, wanted = texts(self._column(attribute, rule), values)
        return np.asarray(found.isin(wanted), dtype=bool)

    def numbers(self, field: str, rule: str) -> np.ndarray:
        """Values as numbers, the mean where one is missing."""
        column = self._column(field, rule)
        if not pa.types.is_floating(column.type):
            raise UnknownAttributeError(
                f"spec.teams.constraints[{rule}]: `{field}` holds text; declare it in "
                "spec.source.attributes with type: Number"
            )
        values = column.to_numpy()
        known = values[np.isfinite(values)]
        return np.where(np.isfinite(values), values, known.mean() if len(known) else 0.0)

    def _column(self, name: str, rule: str) -> pa.ChunkedArray:
        try:
            return self._columns(name)
        except KeyError:
            raise UnknownAttributeError(
                f"spec.teams ({rule}) names `{name}`, which spec.source does not declare; add it "
                "to spec.source.attributes"
            ) from None


def _ties(spec: Teams, read: _Reader) -> Iterator[TieRule]:
    for rule in spec.constraints:
        if rule.keep_together is not None:
            codes, _ = pd.factorize(read.text(rule.keep_together.attribute, rule.name))
            yield TieRule(rule.name, rule.weight, codes.astype(np.int32))


def _locks(
    spec: Teams, read: _Reader, slots: TeamSlots, lock_names: pd.Series
) -> tuple[TeamSlots, tuple[LockRule, ...]]:
    """Rules that fix people, and the teams under the names that these give them."""
    names = list(slots.names)
    at = {name: index for index, name in enumerate(names)}
    locks = []
    for rule in spec.constraints:
        if rule.locked_teams is not None:
            named = read.text(rule.locked_teams.attribute, rule.name)
            # Of several such rules the first that names somebody's team holds.
            here = named.where(named == lock_names, None)
            held = here.map(at).fillna(-1).to_numpy(dtype=np.int32)
            locks.append(LockRule(rule.name, held, closed=True))
    for rule in spec.constraints:
        if rule.locked_people is None:
            continue
        wanted = read.text(rule.locked_people.attribute, rule.name)
        people = (
            wanted.dropna().value_counts(sort=False).sort_values(ascending=False, kind="stable")
        )
        distinct = [str(name) for name in people.index]
        claimed = {name for name in distinct if name in at}
        open_names = [
            name
            for name, lock in zip(names, slots.locked, strict=True)
            if not lock and name not in claimed
        ]
        # The largest groups first, each in the first open team that holds it.
        for name in distinct:
            if name in at:
                continue
            if not open_names:
                free = len(names) - int(np.sum(slots.locked))
                raise ImpossibleSizesError(
                    f"spec.teams.constraints[{rule.name}] locks people into {len(distinct):,} "
                    f"teams, but {free:,} are open to them; raise spec.teams.count"
                )
            fitting = (one for one in open_names if slots.sizes[at[one]] >= people[name])
            taken = next(fitting, open_names[0])
            open_names.remove(taken)
            index = at.pop(taken)
            at[name] = index
            names[index] = name
        places = wanted.map(at).fillna(-1).to_numpy(dtype=np.int32)
        locks.append(LockRule(rule.name, places, closed=False))
    return TeamSlots(tuple(names), slots.types, slots.sizes, slots.locked), tuple(locks)


def _fixed(locks: Sequence[LockRule], people: int) -> np.ndarray:
    """Team that each person must be in; the first rule that names one wins."""
    fixed = np.full(people, -1, dtype=np.int32)
    for lock in reversed(locks):
        fixed = np.where(lock.team >= 0, lock.team, fixed)
    return np.asarray(fixed, dtype=np.int32)


def _choices(spec: Teams, read: _Reader, slots: TeamSlots) -> Iterator[ChoiceRule]:
    types = np.array(slots.types, dtype=object)
    for rule in spec.constraints:
        if rule.eligible is None:
            continue
        codes, values = pd.factorize(read.text(rule.eligible.attribute, rule.name))
        # Who must be in one of some teams, by a rule for a type, is free among teams of others.
        free = ~np.isin(types, list(rule.types)) if rule.types else np.zeros(len(types), dtype=bool)
        allowed = np.ones((len(values) + 1, len(slots.names)), dtype=bool)
        for at, value in enumerate(values, start=1):
            named = {part.strip() for part in str(value).split("|")}
            allowed[at] = free | np.array(
                [n in named or t in named for n, t in zip(slots.names, slots.types, strict=True)]
            )
        yield ChoiceRule(rule.name, rule.weight, (codes + 1).astype(np.int32), allowed)


def _scope(slots: TeamSlots) -> Callable[[Constraint], np.ndarray]:
    types = np.array(slots.types, dtype=object)

    def teams(rule: Constraint) -> np.ndarray:
        held = ~slots.locked
        if rule.types:
            held = held & np.isin(types, list(rule.types))
        return held

    return teams


def _count_rules(
    spec: Teams, read: _Reader, slots: TeamSlots, scope: Callable[[Constraint], np.ndarray]
) -> list[CountRule]:
    rules = []
    sizes = slots.sizes
    nowhere = np.zeros(len(sizes), dtype=bool)
    for rule in spec.constraints:
        teams = scope(rule)
        if rule.at_least is not None:
            member = read.members(rule.at_least.attribute, rule.at_least.values, rule.name)
            low = np.where(teams, _bound(rule.at_least, sizes, np.ceil), 0)
            rules.append(CountRule(rule.name, rule.weight, member, low, sizes.copy(), nowhere))
        if rule.at_most is not None:
            member = read.members(rule.at_most.attribute, rule.at_most.values, rule.name)
            high = np.where(teams, _bound(rule.at_most, sizes, np.floor), sizes)
            rules.append(
                CountRule(rule.name, rule.weight, member, np.zeros_like(sizes), high, nowhere)
            )
        if rule.no_lone_minority is not None:
            attribute = rule.no_lone_minority.attribute
            counts = read.text(attribute, rule.name).value_counts()
            chosen = list(rule.no_lone_minority.values) or list(counts.index[1:])
            rules += [
                CountRule(
                    rule.name,
                    rule.weight,
                    read.members(attribute, [str(value)], rule.name),
                    np.zeros_like(sizes),
                    sizes.copy(),
                    lone=teams,
                )
                for value in chosen
            ]
    return rules


def _bound(
    bound: AttributeBound, sizes: np.ndarray, rounded: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    if bound.count is not None:
        return np.full_like(sizes, bound.count)
    # 0.3 of 10 is 3, whatever the binary fraction says.
    exact = np.round((bound.share or 0.0) * sizes, 9)
    return np.asarray(rounded(exact), dtype=np.int64)


def _group_rules(
    spec: Teams, read: _Reader, slots: TeamSlots, scope: Callable[[Constraint], np.ndarray]
) -> list[GroupRule]:
    rules = []
    for rule in spec.constraints:
        if rule.keep_apart is not None:
            codes, _ = pd.factorize(read.text(rule.keep_apart.attribute, rule.name))
            rules.append(
                GroupRule(
                    rule.name,
                    rule.weight,
                    codes.astype(np.int32),
                    rule.keep_apart.max_together,
                    scope(rule),
                )
            )
    if spec.history is not None:
        everywhere = ~slots.locked
        for attribute in spec.history.attributes:
            codes, _ = pd.factorize(read.text(attribute, "history"))
            rules.append(
                GroupRule(
                    f"history-{attribute}",
                    spec.history.weight,
                    codes.astype(np.int32),
                    1,
                    everywhere,
                )
            )
    return rules


def _range_rules(
    spec: Teams, read: _Reader, slots: TeamSlots, scope: Callable[[Constraint], np.ndarray]
) -> list[RangeRule]:
    rules = []
    for rule in spec.constraints:
        if rule.range is None:
            continue
        factor = slots.sizes.astype(float) if rule.range.aggregate == "Mean" else 1.0
        teams = scope(rule)
        low = -np.inf if rule.range.min is None else rule.range.min * factor
        high = np.inf if rule.range.max is None else rule.range.max * factor
        rules.append(
            RangeRule(
                rule.name,
                rule.weight,
                read.numbers(rule.range.field, rule.name),
                np.where(teams, low, -np.inf),
                np.where(teams, high, np.inf),
            )
        )
    return rules


def _home(spec: Teams, read: _Reader, slots: TeamSlots) -> np.ndarray:
    """Current team of each person, as the index of a new team.

    People who join have -1, people of a current team that no new one is left for have -2. Current
    teams, the largest first, take the new team of their name, else the free one that is nearest in
    size.
    """
    if spec.stability is None:
        return np.empty(0, dtype=np.int32)
    current = read.text(spec.stability.attribute, "stability")
    at = {name: index for index, name in enumerate(slots.names)}
    free = [i for i in range(len(slots.names)) if not slots.locked[i]]
    place: dict[str, int] = {}
    sizes = current.dropna().value_counts()
    for name in sizes.index:
        if name in at:
            place[name] = at[name]
            if at[name] in free:
                free.remove(at[name])
    for name, size in sizes.items():
        if name not in place and free:
            nearest = free[int(np.argmin(np.abs(slots.sizes[free] - int(size))))]
            place[str(name)] = nearest
            free.remove(nearest)
    home = current.map(place).fillna(-2).to_numpy(dtype=np.int32)
    return np.where(current.isna().to_numpy(), np.int32(-1), home)
