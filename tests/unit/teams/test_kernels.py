"""What a kernel says an exchange costs is the difference of two plain sums over all teams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_workloads.teams.kernels import HARD, Cost, Occupancy, change, commit


def total(cost, units_of):
    """The cost of teams, given as lists of units, written as the definitions read."""
    away = whole = 0
    for g, units in enumerate(units_of):
        gap = cost.values[units].sum(axis=0) - cost.target
        balance = (gap**2).sum() / cost.divisor[g]
        whole += (1 - cost.worst) * balance + cost.worst * balance**2 / cost.scale
        for r, tally in enumerate(cost.tallied[units].sum(axis=0)):
            beyond = max(0, cost.low[g, r] - tally, tally - cost.high[g, r])
            whole += cost.weight[r] * (beyond + (cost.lone[g, r] and tally == 1))
        people = [
            p for u in units for p in cost.unit_people[cost.unit_start[u] : cost.unit_start[u + 1]]
        ]
        for h in range(len(cost.groups)):
            of = cost.groups[h, people]
            for group in set(of[of >= 0]) if cost.group_holds[h, g] else ():
                count = int((of == group).sum())
                pairs = -count * (count - 1) / 2
                over = max(0, count - cost.group_most[h])
                whole += cost.group_weight[h] * (pairs if cost.group_most[h] < 0 else over)
        whole += sum(cost.misfit[cost.unit_class[u], g] for u in units)
        away += sum(0 <= cost.home[p] != g for p in people)
    whole += cost.price * away
    return whole + HARD * max(0, away - cost.most_moves) * (cost.most_moves >= 0)


def crowd(cost, units_of):
    """Cost of groups that are to be spread, by team, as `Occupancy.excess` holds it."""
    bare = cost._replace(
        values=cost.values * 0,
        tallied=cost.tallied[:, :0],
        misfit=cost.misfit * 0,
        price=0.0,
        most_moves=-1,
    )
    return np.array(
        [
            total(bare, [u if g == at else [] for g, u in enumerate(units_of)])
            for at in range(len(units_of))
        ]
    )


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 3), st.booleans())
def test_change_is_the_difference_of_totals(seed, size, tied) -> None:
    random = np.random.default_rng(seed)
    teams, each = 3, 4
    units = teams * each
    sizes = random.integers(1, 3, units)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n = int(start[-1])
    most = np.array([1, -1 if tied else 2], np.int32)
    cost = Cost(
        target=random.normal(size=2),
        divisor=random.uniform(3, 6, teams),
        worst=0.3,
        scale=2.0,
        values=random.normal(size=(units, 2)),
        low=random.integers(0, 2, (teams, 2)).astype(float),
        high=random.integers(2, 5, (teams, 2)).astype(float),
        lone=random.random((teams, 2)) < 0.5,
        weight=np.array([HARD, 3.0]),
        tallied=random.integers(0, 3, (units, 2)).astype(float),
        groups=random.integers(-1, 3, (2, n)).astype(np.int32),
        group_most=most,
        group_weight=np.array([HARD, 2.0]),
        group_holds=random.random((2, teams)) < 0.8,
        tied=tied,
        unit_start=start,
        unit_people=random.permutation(n).astype(np.int32),
        unit_class=random.integers(0, 2, units).astype(np.int32),
        misfit=np.array([[HARD], [3.0]]) * (random.random((2, teams)) < 0.4),
        home=random.integers(-1, teams, n).astype(np.int32),
        most_moves=n // 2,
        price=0.7,
    )
    slots = random.permutation(units).astype(np.int32)
    units_of = [list(slots[g * each : (g + 1) * each]) for g in range(teams)]
    team = np.empty(n, dtype=int)
    for g, members in enumerate(units_of):
        for u in members:
            team[cost.unit_people[start[u] : start[u + 1]]] = g
    held = Occupancy(
        slots=slots,
        team_start=np.arange(teams + 1) * each,
        slot_team=np.repeat(np.arange(teams, dtype=np.int32), each),
        sums=np.array([cost.values[u].sum(axis=0) for u in units_of]),
        tallies=np.array([cost.tallied[u].sum(axis=0) for u in units_of]),
        excess=crowd(cost, units_of),
        away=np.array([((cost.home >= 0) & (cost.home != team)).sum()]),
    )
    before = total(cost, units_of)
    slots_a = random.permutation(each)[:size].astype(np.int32)
    slots_b = (each + random.permutation(each)[:size]).astype(np.int32)
    out, into, parts = slots[slots_a].copy(), slots[slots_b].copy(), np.empty(3)
    said = change(cost, held, 0, 1, out, into, size, np.inf, parts)
    # Whoever is not patient enough for the exact number is told one that is above their limit.
    for limit in (0.0, 5.0):
        hasty = change(cost, held, 0, 1, out, into, size, limit, np.empty(3))
        assert hasty == pytest.approx(said) or (hasty > limit and said > limit)
    commit(cost, held, 0, 1, slots_a, slots_b, size, parts)
    after = [list(held.slots[g * each : (g + 1) * each]) for g in range(teams)]
    assert said == pytest.approx(total(cost, after) - before, rel=1e-9, abs=1e-6)
    np.testing.assert_allclose(held.excess, crowd(cost, after), atol=1e-6)
    np.testing.assert_allclose(held.sums[0], cost.values[after[0]].sum(axis=0), atol=1e-9)
