"""Lacks are what one sees by looking, and a task force covers as much as can be covered."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from insights_workloads.teams.coverage import lacking, task_force


def test_a_team_lacks_what_leads_in_nobody() -> None:
    energies = np.array(
        [[90, 10, 10, 10], [10, 90, 10, 10], [10, 10, 90, 10], [10, 10, 10, 90]] * 2, dtype=float
    )
    team = np.array([0, 0, 0, 0, 1, 1, 1, -1])
    found = lacking(energies, team, 2)
    assert found.missing.tolist() == [[False] * 4, [False, False, False, True]]
    # Only one team has a single gap, and blue closes it.
    assert found.closes.tolist() == [0, 0, 0, 1]
    assert found.hire[1].argmax() == 3
    np.testing.assert_allclose(
        (energies[team == 1].sum(axis=0) + found.hire[1])[3] / 4, energies[:, 3].mean()
    )


def value(energies, roles, chosen):
    """Roles first, then how much of each energy somebody has."""
    covered = len({roles[p] for p in chosen} - {None})
    return covered, energies[list(chosen)].max(axis=0).sum()


@pytest.mark.parametrize("seed", range(6))
def test_a_task_force_is_nearly_the_best_of_all(seed) -> None:
    random = np.random.default_rng(seed)
    n, size = 14, 4
    energies = random.uniform(0, 100, (n, 4))
    roles = [None if random.random() < 0.3 else str(random.choice(list("abcd"))) for _ in range(n)]
    team = np.arange(n)  # Everyone in a team of their own: whoever may be picked.
    found = task_force(energies, team, size, roles)
    best = max(value(energies, roles, c) for c in combinations(range(n), size))
    got = value(energies, roles, found.people)
    assert got[0] == best[0]
    assert got[1] > 0.95 * best[1]
    assert len(found.roles) == got[0]
    assert set(found.roles) | set(found.uncovered) == set(roles) - {None}


def test_no_team_gives_two_before_every_team_gives_one() -> None:
    random = np.random.default_rng(1)
    energies = random.uniform(0, 100, (40, 4))
    team = np.arange(40) % 5
    found = task_force(energies, team, 5)
    assert sorted(team[found.people]) == [0, 1, 2, 3, 4]
    assert max(np.bincount(team[task_force(energies, team, 8).people])) == 2
    again = task_force(energies, team, 5)
    np.testing.assert_array_equal(found.people, again.people)
    assert len(task_force(energies, team, 60).people) == 40
