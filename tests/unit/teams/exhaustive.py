"""Small problems of every kind of rule, and all their teams looked at one by one.

What a rule means is written here a second time, from `insights_crds.v1.meanings` and in the
plainest way, so that search, proofs and advice have something to be held against.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations

import numpy as np
import pyarrow as pa

from insights_crds.v1 import AttributeBound, Constraint, Teams
from insights_workloads.teams import TeamProblem, compile_problem
from insights_workloads.teams.sizes import TeamSlots

FEATURES = ["red", "yellow", "green", "blue"]
_SLACK = 1e-9


@dataclass(frozen=True)
class SmallProblem:
    """A problem of 6 to 10 people.

    Attributes:
        spec: `spec.teams`.
        matrix: float64 (n, 4).
        columns: attributes by name, None where somebody has none.
    """

    spec: Teams
    matrix: np.ndarray
    columns: dict[str, list]

    def compiled(self, spec: Teams | None = None) -> TeamProblem:
        """The product's view of it, under another spec where one is given."""
        tables = {name: pa.chunked_array([pa.array(v)]) for name, v in self.columns.items()}
        return compile_problem(spec or self.spec, FEATURES, self.matrix, tables.__getitem__)


def small_problem(seed: int) -> SmallProblem:
    """A random problem."""
    random = np.random.default_rng([seed, 77])
    n = int(random.integers(6, 11))
    columns: dict[str, list] = {}
    spec = {"constraints": [], "seed": seed % 1000, **_shape(random, n)}
    names = _names(spec, n)
    for at in range(int(random.integers(1, 5))):
        spec["constraints"].append(_rule(random, f"rule-{at}", n, names, spec, columns))
    if random.random() < 0.15:
        columns["now"] = _some(random, n, [*names[:2], "old-a", "old-b", "old-c"], 0.15)
        spec["stability"] = {"attribute": "now", "maxMoves": int(random.integers(0, n))}
    return SmallProblem(Teams.model_validate(spec), random.integers(0, 101, (n, 4)) * 1.0, columns)


def _shape(random: np.random.Generator, n: int) -> dict:
    kind = random.integers(0, 4)
    if kind == 0:
        low = int(random.integers(2, 4))
        return {"size": {"min": low, "max": low + int(random.integers(1, 3))}}
    if kind == 1:
        few = int(random.integers(2, 4))
        return {"types": [
            {"name": "web", "count": 1, "size": {"min": few, "max": few}},
            {"name": "ops", "size": {"min": 2, "max": int(random.integers(3, 6))}},
        ]}  # fmt: skip
    return {"count": int(random.integers(2, min(5, n // 2) + 1))}


def _names(spec: dict, n: int) -> list[str]:
    if "types" in spec:
        return ["web-1", "ops-1", "ops-2"]
    return [f"team-{at + 1}" for at in range(spec.get("count", 3))]


def _some(random: np.random.Generator, n: int, values: list, empty: float) -> list:
    return [
        None if random.random() < empty else values[int(random.integers(0, len(values)))]
        for _ in range(n)
    ]


def _rule(
    random: np.random.Generator, name: str, n: int, names: list[str], spec: dict, columns: dict
) -> dict:
    form = [
        "keepTogether", "keepApart", "atLeast", "atMost", "noLoneMinority", "range",
        "lockedPeople", "lockedTeams", "eligible",
    ][int(random.integers(0, 9))]  # fmt: skip
    attribute = f"a{len(columns)}"
    rule: dict = {"name": name}
    if form == "range":
        columns[attribute] = [float(v) for v in random.integers(0, 21, n)]
        mean = random.random() < 0.5
        middle = np.mean(columns[attribute]) * (1 if mean else n / max(2, len(names)))
        wide = float(random.choice([0.1, 0.3, 0.6])) * middle
        low, high = np.round([middle - wide, middle + wide], 1).tolist()
        bounds = {"min": low, "max": high}
        for end in ("min", "max"):
            if random.random() < 0.25 and len(bounds) > 1:
                del bounds[end]
        rule["range"] = {"field": attribute, "aggregate": "Mean" if mean else "Sum", **bounds}
    elif form in ("lockedPeople", "lockedTeams"):
        # Names that are there, and names that are not.
        pool = [*names[: int(random.integers(0, 3))], "x", "y", "z"][: int(random.integers(1, 4))]
        if form == "lockedTeams":
            pool = ["closed" if random.random() < 0.5 else "x"]
        columns[attribute] = _some(random, n, pool, 0.6)
        rule[form] = {"attribute": attribute}
    elif form == "eligible":
        pool = [*names[:2], "|".join(names[-2:]), *(["web", "ops"] if "types" in spec else [])]
        columns[attribute] = _some(random, n, pool, 0.6)
        rule[form] = {"attribute": attribute}
    elif form in ("keepTogether", "keepApart"):
        columns[attribute] = _some(random, n, list("pqr"), 0.7 if form[4] == "T" else 0.4)
        rule[form] = {"attribute": attribute}
        if form == "keepApart":
            rule[form]["maxTogether"] = int(random.integers(1, 3))
    else:
        columns[attribute] = _some(random, n, list("uvw"), 0.1)
        rule[form] = {"attribute": attribute}
        if form == "noLoneMinority":
            rule[form]["values"] = [["u"], ["u", "v"], []][int(random.integers(0, 3))]
        else:
            rule[form]["values"] = [["u"], ["u", "v"]][int(random.integers(0, 2))]
            if random.random() < 0.3:
                rule[form]["share"] = float(random.choice([0.2, 0.25, 0.5, 0.75]))
            else:
                rule[form]["count"] = int(random.integers(0 if form == "atMost" else 1, 3))
    if "types" in spec and form not in ("lockedPeople", "lockedTeams", "keepTogether"):
        rule["types"] = [[], [], ["web"], ["ops"]][int(random.integers(0, 4))]
    if form not in ("lockedPeople", "lockedTeams") and random.random() < 0.1:
        rule["weight"] = 1.0
    return rule


@cache
def every_split(sizes: tuple[int, ...]) -> np.ndarray:
    """All ways to put people into teams of these sizes, int8 (ways, n)."""
    ways = [np.full((1, sum(sizes)), -1, dtype=np.int8)]
    for team, size in enumerate(sizes):
        base = ways[-1]
        free = int((base[0] < 0).sum())
        chosen = np.array(list(combinations(range(free), size)), dtype=np.int64)
        chosen = chosen.reshape(-1, size)
        open_at = np.argsort(base >= 0, axis=1, kind="stable")[:, :free]
        grown = np.repeat(base, len(chosen), axis=0)
        picked = open_at[:, chosen].reshape(-1, size)
        np.put_along_axis(grown, picked, np.int8(team), axis=1)
        ways.append(grown)
    return ways[-1]


def keeping(
    problem: SmallProblem, spec: Teams, slots: TeamSlots, rules: Collection[str]
) -> np.ndarray:
    """All teams that keep these hard rules, int8 (ways, n).

    Args:
        problem: whose people.
        spec: the rules.
        slots: names, types and sizes of the teams, before locks give any another name.
        rules: names of those that are to hold.
    """
    return _Splits(problem, spec, slots, rules).kept()


class _Splits:
    def __init__(
        self, problem: SmallProblem, spec: Teams, slots: TeamSlots, rules: Collection[str]
    ) -> None:
        self.columns, self.spec, self.slots = problem.columns, spec, slots
        self.rules = [r for r in spec.constraints if r.name in rules and r.weight is None]
        self.moves = "stability" in rules
        self.n = len(problem.matrix)
        self.at = {name: index for index, name in enumerate(slots.names)}
        self.closed = self._closed()

    def kept(self) -> np.ndarray:
        ways = every_split(tuple(int(s) for s in self.slots.sizes))
        ways = self._locked(ways)
        for rule in self.rules:
            ways = ways[self._holds(rule, ways)]
        if self.moves and self.spec.stability and self.spec.stability.max_moves is not None:
            ways = ways[self._moves(ways) <= self.spec.stability.max_moves]
        return ways

    # Locks

    def _team_of(self) -> list:
        """Locked team of each person: of several rules the first that names one, kept or not."""
        named: list = [None] * self.n
        for rule in self.spec.constraints:
            if rule.locked_teams is not None:
                column = self.columns[rule.locked_teams.attribute]
                named = [a if a is not None else b for a, b in zip(named, column, strict=True)]
        return named

    def _closed(self) -> set[int]:
        """Teams that take nobody else: those all of whose people are locked by rules kept."""
        names = {rule.name for rule in self.rules}
        team = self._team_of()
        closed = {self.at[name] for name in team if name is not None}
        for rule in self.spec.constraints:
            if rule.locked_teams is not None and rule.name not in names:
                column = self.columns[rule.locked_teams.attribute]
                closed -= {self.at[v] for v, t in zip(column, team, strict=True) if v and v == t}
        return closed

    def _wanted(self, rule: Constraint) -> list:
        """Team that a lock names for each person, None for none."""
        if rule.locked_people is not None:
            return self.columns[rule.locked_people.attribute]
        if rule.locked_teams is not None:
            column = self.columns[rule.locked_teams.attribute]
            both = zip(column, self._team_of(), strict=True)
            return [value if value == team else None for value, team in both]
        return [None] * self.n

    def _new_teams(self) -> dict[str, list[int]]:
        """People by names of teams that are not there."""
        found: dict[str, list[int]] = {}
        for rule in self.rules:
            for person, name in enumerate(self._wanted(rule)):
                if name is not None and name not in self.at:
                    found.setdefault(name, []).append(person)
        return found

    def _locked(self, ways: np.ndarray) -> np.ndarray:
        named = np.zeros(len(self.slots.names), dtype=bool)
        inside = {team: set() for team in self.closed}
        for rule in self.rules:
            for person, name in enumerate(self._wanted(rule)):
                if name in self.at:
                    ways = ways[ways[:, person] == self.at[name]]
                    named[self.at[name]] = True
                    if rule.locked_teams is not None and self.at[name] in inside:
                        inside[self.at[name]].add(person)
        for team, people in inside.items():
            named[team] = True
            for person in set(range(self.n)) - people:
                ways = ways[ways[:, person] != team]
        for rule in self.rules:
            # A team that somebody may go to by its name keeps that name.
            if rule.eligible is not None:
                for value in self.columns[rule.eligible.attribute]:
                    for part in (value or "").split("|"):
                        if part.strip() in self.at:
                            named[self.at[part.strip()]] = True
        new = self._new_teams()
        for people in new.values():
            for person in people:
                ways = ways[ways[:, person] == ways[:, people[0]]]
                ways = ways[~named[ways[:, person]]]
        for one, other in combinations(new.values(), 2):
            ways = ways[ways[:, one[0]] != ways[:, other[0]]]
        return ways

    # Other rules

    def _scope(self, rule: Constraint) -> list[int]:
        return [
            team
            for team, kind in enumerate(self.slots.types)
            if not self.slots.locked[team] and (not rule.types or kind in rule.types)
        ]

    def _holds(self, rule: Constraint, ways: np.ndarray) -> np.ndarray:
        good = np.ones(len(ways), dtype=bool)
        for form in ("keep_together", "keep_apart", "at_least", "at_most", "no_lone_minority",
                     "range", "eligible"):  # fmt: skip
            if getattr(rule, form) is not None:
                for holds in getattr(self, f"_{form}")(rule, ways):
                    good &= holds
        return good

    def _of(self, attribute: str, values: Iterable) -> list[int]:
        wanted = set(values)
        return [p for p, value in enumerate(self.columns[attribute]) if value in wanted]

    def _kinds(self, attribute: str) -> list:
        return sorted({value for value in self.columns[attribute] if value is not None})

    def _keep_together(self, rule: Constraint, ways: np.ndarray):
        attribute = rule.keep_together.attribute
        for value in self._kinds(attribute):
            first, *rest = self._of(attribute, [value])
            yield from (ways[:, person] == ways[:, first] for person in rest)

    def _keep_apart(self, rule: Constraint, ways: np.ndarray):
        attribute = rule.keep_apart.attribute
        for value in self._kinds(attribute):
            group = self._of(attribute, [value])
            for team in self._scope(rule):
                yield (ways[:, group] == team).sum(axis=1) <= rule.keep_apart.max_together

    def _at_least(self, rule: Constraint, ways: np.ndarray):
        for team, have in self._have(rule.at_least, rule, ways):
            yield have >= self._bound(rule.at_least, team, np.ceil)

    def _at_most(self, rule: Constraint, ways: np.ndarray):
        for team, have in self._have(rule.at_most, rule, ways):
            yield have <= self._bound(rule.at_most, team, np.floor)

    def _have(self, bound: AttributeBound, rule: Constraint, ways: np.ndarray):
        people = self._of(bound.attribute, bound.values)
        for team in self._scope(rule):
            yield team, (ways[:, people] == team).sum(axis=1)

    def _bound(self, bound: AttributeBound, team: int, rounded) -> float:
        if bound.count is not None:
            return bound.count
        return rounded(round(bound.share * self.slots.sizes[team], 9))

    def _no_lone_minority(self, rule: Constraint, ways: np.ndarray):
        attribute = rule.no_lone_minority.attribute
        values = list(rule.no_lone_minority.values)
        if not values:
            column = self.columns[attribute]
            kinds = self._kinds(attribute)
            values = sorted(kinds, key=lambda value: -column.count(value))[1:]
        for value in values:
            people = self._of(attribute, [value])
            for team in self._scope(rule):
                yield (ways[:, people] == team).sum(axis=1) != 1

    def _range(self, rule: Constraint, ways: np.ndarray):
        value = np.array(self.columns[rule.range.field])
        for team in self._scope(rule):
            total = ((ways == team) * value).sum(axis=1)
            if rule.range.aggregate == "Mean":
                total = total / self.slots.sizes[team]
            if rule.range.min is not None:
                yield total >= rule.range.min - _SLACK * max(1.0, abs(rule.range.min))
            if rule.range.max is not None:
                yield total <= rule.range.max + _SLACK * max(1.0, abs(rule.range.max))

    def _eligible(self, rule: Constraint, ways: np.ndarray):
        locked = {p for r in self.rules for p, name in enumerate(self._wanted(r)) if name}
        for person, value in enumerate(self.columns[rule.eligible.attribute]):
            if value is None or person in locked:
                continue
            named = {part.strip() for part in value.split("|")}
            may = [
                team
                for team, (name, kind) in enumerate(
                    zip(self.slots.names, self.slots.types, strict=True)
                )
                if name in named or kind in named or (rule.types and kind not in rule.types)
            ]
            yield np.isin(ways[:, person], may)

    # Moves

    def _moves(self, ways: np.ndarray) -> np.ndarray:
        """People who leave, after the matching of old and new teams in which the fewest do."""
        new = self._new_teams()
        firsts = [people[0] for people in new.values()]
        moves = np.zeros(len(ways), dtype=np.int64)
        places, which = np.unique(ways[:, firsts], axis=0, return_inverse=True)
        for at, taken in enumerate(places.tolist()):
            here = which.reshape(-1) == at
            named = dict(zip(new, taken, strict=True))
            moves[here] = self._moves_where(ways[here], named)
        return moves

    def _moves_where(self, ways: np.ndarray, named: dict[str, int]) -> np.ndarray:
        """The same where new names stand for these teams."""
        current = self.columns[self.spec.stability.attribute]
        at = {name: team for name, team in self.at.items() if team not in named.values()} | named
        stays = np.zeros(len(ways), dtype=np.int64)
        for person, name in enumerate(current):
            if name in at:
                stays += ways[:, person] == at[name]
        olds = [name for name in self._kinds(self.spec.stability.attribute) if name not in at]
        gone_on = {team for name, team in at.items() if name in current}
        free = [team for team in range(len(self.slots.names))
                if team not in gone_on and not self.slots.locked[team]]  # fmt: skip
        free += [-1] * len(olds)
        best = np.zeros(len(ways), dtype=np.int64)
        for places in set(permutations(free, len(olds))):
            here = np.zeros(len(ways), dtype=np.int64)
            for name, team in zip(olds, places, strict=True):
                if team >= 0:
                    people = [p for p, value in enumerate(current) if value == name]
                    here += (ways[:, people] == team).sum(axis=1)
            best = np.maximum(best, here)
        return sum(name is not None for name in current) - stays - best
