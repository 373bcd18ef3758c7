"""What-if: changes are scored as they are, and repaired within the budget."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from insights_crds.v1 import Teams
from insights_workloads.teams import TeamOptions, compile_problem, form_teams
from insights_workloads.teams.simulation import Changes, UnknownChangeError, simulate

from .test_teams import FOUR, people

N = 48
IDS = [f"p{i}" for i in range(N)]
SPEC = Teams.model_validate(
    {
        "size": {"min": 7, "max": 9},
        "constraints": [
            {"name": "lead", "atLeast": {"attribute": "r", "values": ["lead"], "count": 1}}
        ],
    }
)
COLUMNS = {"r": pa.chunked_array([pa.array(["lead"] * 7 + ["dev"] * (N - 7))])}


@pytest.fixture(scope="module")
def world():
    matrix = people(N)[0]
    problem = compile_problem(SPEC, FOUR, matrix, COLUMNS.__getitem__)
    plan = form_teams(problem, TeamOptions(rounds=500))
    names = [plan.figures.names[team] for team in plan.team]
    return matrix, {person: (name, "team") for person, name in zip(IDS, names, strict=True)}


def tried(world, current=None, ids=IDS, **changes):
    matrix, teams = world
    wanted = Changes(**({"moves": {}, "leavers": frozenset(), "most_moves": 4} | changes))
    return simulate(
        SPEC,
        FOUR,
        matrix[: len(ids)],
        COLUMNS.__getitem__,
        ids,
        teams if current is None else current,
        wanted,
        TeamOptions(rounds=500),
    )


def test_nothing_changed_is_scored_alike_and_needs_no_move(world) -> None:
    found = tried(world, most_moves=0)
    assert found.before == found.after == found.score
    assert found.moved == found.joined == ()


def test_a_move_is_kept_and_what_it_breaks_is_shown_and_repaired(world) -> None:
    _, teams = world
    homes = [teams[f"p{lead}"][0] for lead in range(7)]
    lead = next(at for at in range(7) if homes.count(homes[at]) == 1)
    other = next(team for team, _ in teams.values() if team != homes[lead])
    found = tried(world, moves={f"p{lead}": other})
    assert [v.rule for v in found.after.violations] == ["lead"]
    assert found.after.largest > found.before.largest
    assert found.score.violations == ()
    assert dict(zip(found.ids, found.teams, strict=True))[f"p{lead}"] == other
    assert 1 <= len(found.moved) <= 4
    assert f"p{lead}" not in found.moved


def test_leavers_are_gone_and_joiners_find_a_team(world) -> None:
    _, teams = world
    without = {person: team for person, team in teams.items() if person != "p40"}
    found = tried(world, current=without, leavers=frozenset({"p41"}))
    assert found.before.people == N - 1
    assert found.after.people == N - 2
    assert found.score.people == N - 1
    assert found.joined == ("p40",)
    assert "p41" not in found.ids
    assert len(found.moved) <= 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"moves": {"nobody": "team-1"}}, "`nobody` is nobody's id"),
        ({"moves": {"p1": "team-99"}}, "there is no such team"),
    ],
)
def test_a_change_of_what_is_not_there_is_refused(world, changes, message) -> None:
    with pytest.raises(UnknownChangeError, match=message):
        tried(world, **changes)
    assert np.isfinite(world[0]).all()
