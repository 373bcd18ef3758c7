"""What if: teams before and after some changes, and repaired with few further moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from insights_crds.v1 import Constraint, Teams
from insights_crds.v1.teams import Column, Stability
from insights_workloads.teams.compile import Columns, compile_problem
from insights_workloads.teams.engine import form_teams
from insights_workloads.teams.measure import balance, breaches, figures
from insights_workloads.teams.plan import TeamPlan, Violation, violations
from insights_workloads.teams.search import TeamOptions
from insights_workloads.teams.settling import settled
from insights_workloads.teams.sizes import TeamSlots

__all__ = ["Changes", "Score", "Simulation", "UnknownChangeError", "simulate"]

_ASKED = "simulatedAskedTeam"


class UnknownChangeError(Exception):
    """A change names a person or a team that is not there."""


@dataclass(frozen=True)
class Changes:
    """What is tried.

    Attributes:
        moves: team by the id of the person who goes there.
        leavers: ids of people who leave.
        most_moves: further people who may change teams in the repaired plan, None for any number.
    """

    moves: Mapping[str, str]
    leavers: AbstractSet[str]
    most_moves: int | None


@dataclass(frozen=True)
class Score:
    """How good teams are.

    Attributes:
        people: people in teams.
        smallest: people in the smallest team.
        largest: people in the largest team.
        balance: share of all variance that lies between teams.
        worst: largest distance of a team from everyone, in standard deviations.
        violations: rules that are broken.
    """

    people: int
    smallest: int
    largest: int
    balance: float
    worst: float
    violations: tuple[Violation, ...]


@dataclass(frozen=True)
class Simulation:
    """Answer to a what-if.

    Attributes:
        before: the teams as they are.
        after: the same after the changes alone; joiners are in none of them.
        repaired: a new plan in which the changes hold.
        score: of the repaired plan, None where there is none.
        ids: ids of the people of the repaired plan.
        teams: team of each of them in it, by name; empty where there is no plan.
        moved: ids of people whose team in it is neither their old one nor the one asked for.
        joined: ids of people who had no team.
    """

    before: Score
    after: Score
    repaired: TeamPlan
    score: Score | None
    ids: tuple[str, ...]
    teams: tuple[str, ...]
    moved: tuple[str, ...]
    joined: tuple[str, ...]


def simulate(
    spec: Teams,
    features: Sequence[str],
    matrix: np.ndarray,
    columns: Columns,
    ids: Sequence[str],
    current: Mapping[str, tuple[str, str]],
    changes: Changes,
    options: TeamOptions,
) -> Simulation:
    """Try changes.

    Args:
        spec: `spec.teams`.
        features: names of the features to balance.
        matrix: float64 (n, d), their values for everyone of the roster.
        columns: further columns of the roster.
        ids: ids of the people of the roster.
        current: name and type of the present team, by the ids of those who have one.
        changes: what is tried.
        options: how to search for the repaired plan.

    Raises:
        UnknownChangeError: a change names a person or team that is not there.
        ImpossibleSizesError: those who stay do not fit the sizes of the spec.
    """
    types = dict(current.values())
    _check(changes, set(ids), types)
    stay = np.array([person not in changes.leavers for person in ids], dtype=bool)
    now = [current[person][0] if person in current else None for person in ids]
    then = [changes.moves.get(person, team) for person, team in zip(ids, now, strict=True)]

    def score(teams: Sequence[str | None], among: np.ndarray) -> Score:
        placed = among & np.array([team is not None for team in teams], dtype=bool)
        return _score(spec, features, matrix, columns, teams, types, placed)

    before, after = score(now, np.ones(len(ids), dtype=bool)), score(then, stay)
    kept = [person for person, stays in zip(ids, stay, strict=True) if stays]
    goal = [team for team, stays in zip(then, stay, strict=True) if stays]
    given = {_ASKED: _text([changes.moves.get(person) for person in kept])}

    def seen(name: str) -> pa.ChunkedArray:
        return given[name] if name in given else columns(name).filter(pa.array(stay))

    asked = Constraint(name="asked", locked_people=Column(attribute=_ASKED))
    wanted = spec.model_copy(
        update={
            "stability": Stability(max_moves=changes.most_moves),
            "constraints": [*spec.constraints, *([asked] if changes.moves else [])],
        }
    )
    problem = compile_problem(wanted, features, matrix[stay], seen, current=_text(goal))
    plan = form_teams(problem, options)
    formed = bool((plan.team >= 0).all())
    teams = tuple(plan.figures.names[team] for team in plan.team) if formed else ()
    types |= dict(zip(plan.figures.names, plan.figures.types, strict=True))
    by_id = dict(zip(kept, teams, strict=True)) if formed else {}
    return Simulation(
        before=before,
        after=after,
        repaired=plan,
        score=score([by_id.get(person) for person in ids], stay) if formed else None,
        ids=tuple(kept),
        teams=teams,
        moved=tuple(
            person
            for person, team, wish in zip(kept, teams, goal, strict=False)
            if wish is not None and team != wish
        ),
        joined=tuple(p for p, team in zip(kept, goal, strict=True) if team is None),
    )


def _check(changes: Changes, people: set[str], teams: Mapping[str, str]) -> None:
    for person in [*changes.moves, *sorted(changes.leavers)]:
        if person not in people:
            raise UnknownChangeError(
                f"`{person}` is nobody's id in the roster; ids are those of its id column"
            )
    for person, team in changes.moves.items():
        if team not in teams:
            known = ", ".join(sorted(teams)[:5])
            raise UnknownChangeError(
                f"`{person}` cannot move to `{team}`: there is no such team; there are {known}"
                f"{' and others' if len(teams) > 5 else ''}"
            )


def _score(
    spec: Teams,
    features: Sequence[str],
    matrix: np.ndarray,
    columns: Columns,
    teams: Sequence[str | None],
    types: Mapping[str, str],
    placed: np.ndarray,
) -> Score:
    held = [team for team, here in zip(teams, placed, strict=True) if here and team is not None]
    names = sorted(set(held))
    at = {name: index for index, name in enumerate(names)}
    team = np.array([at[name] for name in held], dtype=np.int32)
    sizes = np.bincount(team, minlength=len(names))
    mask = pa.array(placed)
    closed: set[str] = set()
    for rule in spec.constraints:
        if rule.locked_teams is not None:
            closed |= set(columns(rule.locked_teams.attribute).to_pylist())
    slots = TeamSlots(
        tuple(names),
        tuple(types[name] for name in names),
        sizes,
        np.array([name in closed for name in names], dtype=bool),
    )
    problem = settled(
        compile_problem(
            spec, features, matrix[placed], lambda name: columns(name).filter(mask), slots
        )
    )
    return Score(
        people=len(team),
        smallest=int(sizes.min()),
        largest=int(sizes.max()),
        balance=balance(problem.matrix, team),
        worst=float(figures(problem, team).distance.max()),
        violations=violations(breaches(problem, team)),
    )


def _text(values: Sequence[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])
