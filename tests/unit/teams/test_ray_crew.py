"""Teams searched for by Ray actors: the same bits as by threads, and a lost actor is made anew."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from insights_crds.v1 import Teams
from insights_workloads.teams import TeamOptions, Threads, compile_problem, form_teams
from insights_workloads.teams.crew import own_cpus

FOUR = ["red", "yellow", "green", "blue"]


@pytest.fixture(scope="module")
def ray_crew():
    import ray

    from insights_workloads.teams.ray_crew import RayCrew

    yield RayCrew(2)
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(("n", "rounds"), [(304, 200), (104_000, 40)])
def test_ray_gives_the_same_teams_as_threads(ray_crew, n, rounds) -> None:
    random = np.random.default_rng(0)
    columns = {"r": pa.chunked_array([pa.array(random.choice(["lead", "dev"], n, p=[0.3, 0.7]))])}
    rule = {"name": "lead", "atLeast": {"attribute": "r", "values": ["lead"], "count": 1}}
    spec = Teams.model_validate({"size": {"min": 8, "max": 8}, "constraints": [rule]})
    problem = compile_problem(spec, FOUR, random.uniform(0, 100, (n, 4)), columns.__getitem__)
    ours = form_teams(problem, TeamOptions(rounds=rounds))
    theirs = form_teams(problem, TeamOptions(rounds=rounds, crew=ray_crew))
    assert ours.team.tobytes() == theirs.team.tobytes()
    assert ours.balance_after == theirs.balance_after


def test_ray_is_left_out_where_it_is_not_asked_for_or_does_not_gain(monkeypatch) -> None:
    from insights_workloads.execution import _crew
    from insights_workloads.teams import ray_crew as module
    from insights_workloads.teams.ray_crew import RAY_MIN_PEOPLE, RayCrew

    here = own_cpus()
    monkeypatch.setattr(module, "ensure_ray", lambda: None)
    monkeypatch.setattr(module, "cluster_cpus", lambda: here + 1)
    assert [_crew(RAY_MIN_PEOPLE, wanted) for wanted in (None, False)] == [Threads()] * 2
    assert _crew(RAY_MIN_PEOPLE - 1, True) == Threads()
    assert _crew(RAY_MIN_PEOPLE, True) == RayCrew()
    monkeypatch.setattr(module, "cluster_cpus", lambda: here)
    assert _crew(RAY_MIN_PEOPLE, True) == Threads()


class Doubles:
    """Answers with a number and with what all hold."""

    def __init__(self, held: int) -> None:
        self.held = held

    def twice(self, number: int) -> tuple[int, int]:
        return 2 * number, self.held


@pytest.mark.slow
def test_answers_are_in_order_and_a_lost_actor_is_made_anew(ray_crew) -> None:
    import ray

    hands = ray_crew.hold(Doubles(7), most=3)
    calls = [(number,) for number in range(5)]
    expected = [(2 * number, 7) for number in range(5)]
    assert hands.ask("twice", calls) == expected
    ray.kill(hands._actors[0], no_restart=False)
    assert hands.ask("twice", calls) == expected
    hands.close()
