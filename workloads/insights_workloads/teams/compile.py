"""From rules in the spec and columns of the roster to arrays.

What rules mean where two readings are possible stands in `insights_crds.v1.meanings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from insights_crds.v1 import AttributeBound, Constraint, Teams
from insights_workloads.teams.objectives import balanced_columns
from insights_workloads.teams.problem import (
    ChoiceRule,
    CountRule,
    CurrentTeams,
    GroupRule,
    LockRule,
    RangeRule,
    TeamProblem,
    TieRule,
    derived,
    spoken_of,
    units,
)
from insights_workloads.teams.settling import by_size
from insights_workloads.teams.sizes import TeamSlots, team_slots
from insights_workloads.teams.vocabulary import Columns, UnknownAttributeError, texts

__all__ = ["Columns", "UnknownAttributeError", "compile_problem"]


def compile_problem(
    spec: Teams,
    features: Sequence[str],
    matrix: np.ndarray,
    columns: Columns,
    slots: TeamSlots | None = None,
    current: pa.ChunkedArray | None = None,
) -> TeamProblem:
    """Compile a problem.

    Args:
        spec: `spec.teams`.
        features: names of the features to balance.
        matrix: float64 (n, d), their values; NaN where one is missing.
        columns: further columns.
        slots: the teams, where they are not to be decided by the sizes of the spec.
        current: name of each person's current team, null for people who join, where no attribute of
            `spec.teams.stability` says so. Without types in the spec, teams keep these names.

    Raises:
        ImpossibleSizesError: there are no fitting team sizes.
        UnknownAttributeError: a rule names what the source does not have.
    """
    people = len(matrix)
    filled = np.where(np.isfinite(matrix), matrix, np.nanmean(matrix, axis=0))
    read = _Reader(columns)
    locked = _locked_teams(spec, read, people)
    ties = tuple(_ties(spec, read))
    now = _now(spec, read, current)
    if slots is None:
        counted = locked.dropna().value_counts(sort=False)
        held = {str(name): int(many) for name, many in counted.items()}
        names = _by_size(now) if current is not None and now is not None else {}
        slots = team_slots(spec, people, held, _crowds(spec, read, locked, ties), tuple(names))
    locks, waiting = _locks(spec, read, slots, locked)
    scope = _scope(slots)
    teams_now = None if now is None else _current(now, slots)
    balanced, objectives = balanced_columns(spec, features, filled)
    nobody = np.full(people, -1, dtype=np.int32)
    problem = derived(
        TeamProblem(
            features=tuple(features),
            matrix=filled,
            balanced=balanced,
            objectives=objectives,
            by_sum=any(objective.kind == "SkillSum" for objective in spec.objectives),
            slots=slots,
            unit=nobody,
            fixed=nobody,
            eligible=nobody,
            allowed=np.ones((1, len(slots.sizes)), dtype=bool),
            choices=tuple(_choices(spec, read, slots)),
            counts=tuple(_count_rules(spec, read, slots, scope)),
            groups=tuple(_group_rules(spec, read, slots, scope)),
            ranges=tuple(_range_rules(spec, read, slots, scope)),
            home=np.empty(0, dtype=np.int32),
            current=teams_now,
            most_moves=spec.stability.max_moves if spec.stability and teams_now else None,
            move_price=spec.stability.move_price if spec.stability and teams_now else 0.0,
            ties=ties,
            locks=locks,
            waiting=waiting,
            worst_weight=spec.worst_team_weight,
        )
    )
    if teams_now is None:
        return problem
    return replace(problem, home=_fewest_moves(problem, teams_now))


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


def _locked_teams(spec: Teams, read: _Reader, people: int) -> pd.Series:
    """Name of the locked team of each person, None for none; of several rules the first holds."""
    named = pd.Series([None] * people, dtype=object)
    for rule in spec.constraints:
        if rule.locked_teams is not None:
            named = named.where(named.notna(), read.text(rule.locked_teams.attribute, rule.name))
    return named


def _crowds(
    spec: Teams, read: _Reader, locked: pd.Series, ties: Sequence[TieRule]
) -> list[tuple[str | None, int]]:
    """People who must be in one team by locks and hard ties: its name if there is one, how many."""
    hard = [tie.group for tie in ties if tie.weight is None]
    if not hard and all(rule.locked_people is None for rule in spec.constraints):
        return []
    wanted = pd.Series([None] * len(locked), dtype=object)
    for rule in spec.constraints:
        if rule.locked_people is not None:
            column = read.text(rule.locked_people.attribute, rule.name)
            wanted = wanted.where(wanted.notna(), column)
    codes, values = pd.factorize(wanted)
    unit = units([*hard, codes.astype(np.int32)], len(locked))
    sizes = np.bincount(unit)
    name = np.full(len(sizes), -1)
    name[unit[codes >= 0]] = codes[codes >= 0]
    sizes[unit[locked.notna().to_numpy()]] = 0
    return [
        (None if name[which] < 0 else str(values[name[which]]), int(sizes[which]))
        for which in np.flatnonzero(sizes > 1)
    ]


def _locks(
    spec: Teams, read: _Reader, slots: TeamSlots, locked: pd.Series
) -> tuple[tuple[LockRule, ...], tuple[str, ...]]:
    """Rules that fix people, and the names they give to teams that are not there."""
    at = {name: index for index, name in enumerate(slots.names)}
    waiting: dict[str, int] = {}
    nobody = np.full(len(locked), -1, dtype=np.int32)
    locks = []
    for rule in spec.constraints:
        if rule.locked_teams is not None:
            named = read.text(rule.locked_teams.attribute, rule.name)
            # Of several such rules the first that names somebody's team holds.
            here = named.where(named == locked, None)
            team = here.map(at).fillna(-1).to_numpy(dtype=np.int32)
            locks.append(LockRule(rule.name, team, nobody, closed=True))
    for rule in spec.constraints:
        if rule.locked_people is None:
            continue
        wanted = read.text(rule.locked_people.attribute, rule.name)
        for name in wanted.dropna().unique():
            if name not in at:
                waiting.setdefault(str(name), len(waiting))
        team = wanted.map(at).fillna(-1).to_numpy(dtype=np.int32)
        waits = wanted.map(waiting).fillna(-1).to_numpy(dtype=np.int32)
        locks.append(LockRule(rule.name, team, waits, closed=False))
    return tuple(locks), tuple(waiting)


def _choices(spec: Teams, read: _Reader, slots: TeamSlots) -> Iterator[ChoiceRule]:
    types = np.array(slots.types, dtype=object)
    for rule in spec.constraints:
        if rule.eligible is None:
            continue
        codes, values = pd.factorize(read.text(rule.eligible.attribute, rule.name))
        # Who must be in one of some teams, by a rule for a type, is free among teams of others.
        free = ~np.isin(types, list(rule.types)) if rule.types else np.zeros(len(types), dtype=bool)
        allowed = np.ones((len(values) + 1, len(slots.names)), dtype=bool)
        spoken_of: set[str] = set()
        for at, value in enumerate(values, start=1):
            named = {part.strip() for part in str(value).split("|")}
            spoken_of |= named
            allowed[at] = free | np.array(
                [n in named or t in named for n, t in zip(slots.names, slots.types, strict=True)]
            )
        by_name = np.array([name in spoken_of for name in slots.names], dtype=bool)
        kinds = (codes + 1).astype(np.int32)
        yield ChoiceRule(rule.name, rule.weight, kinds, allowed, by_name)


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
            counts = read.text(attribute, rule.name).value_counts().sort_index()
            counts = counts.sort_values(ascending=False, kind="stable")
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


def _fewest_moves(problem: TeamProblem, current: CurrentTeams) -> np.ndarray:
    """Homes from which sizes alone demand the fewest moves."""
    if problem.waiting:
        # Any team that may take a new name may cease to go on from an old one.
        keeps = np.append(spoken_of(problem), True)
        goes_on = np.where(keeps[current.goes_on], current.goes_on, -1)
        current = replace(current, goes_on=goes_on)
    return current.home(by_size(current, problem.slots.sizes))


def _now(spec: Teams, read: _Reader, current: pa.ChunkedArray | None) -> pd.Series | None:
    """Name of each person's current team, None for people who join; None if there are no teams."""
    if current is not None:
        return texts(current)[0]
    if spec.stability is None or spec.stability.attribute is None:
        return None
    return read.text(spec.stability.attribute, "stability")


def _by_size(now: pd.Series) -> dict[str, int]:
    """Current teams and how many people each has, the largest first."""
    counts = now.value_counts(sort=False).sort_values(ascending=False, kind="stable")
    return {str(name): int(many) for name, many in counts.items()}


def _current(now: pd.Series, slots: TeamSlots) -> CurrentTeams:
    """Current teams, the largest first, and the new teams of their names."""
    code = {name: index for index, name in enumerate(_by_size(now))}
    at = {name: index for index, name in enumerate(slots.names)}
    return CurrentTeams(
        team=now.map(code).fillna(-1).to_numpy(dtype=np.int32),
        names=tuple(code),
        goes_on=np.array([at.get(name, -1) for name in code], dtype=np.int32),
        open_to=~slots.locked,
    )
