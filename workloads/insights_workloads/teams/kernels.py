"""The inner loop of the search for teams. Arrays in, arrays out.

Units of equal size are exchanged between teams, so that sizes never change. What a team costs is
how far its balanced sums are from their target, and more for the worst; a broken hard rule costs
more than any balance, a broken soft one its weight.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["anneal"]

_HARD = 1e4


@njit(cache=True, nogil=True)
def _bounds(total, low, high, lone):  # type: ignore[no-untyped-def]
    broken = 0.0
    if total < low:
        broken = low - total
    elif total > high:
        broken = total - high
    if lone and total == 1.0:
        broken += 1.0
    return broken


@njit(cache=True, nogil=True)
def _forbids(allowed):  # type: ignore[no-untyped-def]
    return 0.0 if allowed else 1.0


@njit(cache=True, nogil=True)
def _team_cost(sums, target, divisor, worst, scale):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(sums.shape[0]):
        gap = sums[j] - target[j]
        total += gap * gap
    total /= divisor
    return (1.0 - worst) * total + worst * total * total / scale


@njit(cache=True, nogil=True)
def _rules_cost(tallies, low, high, lone, weight):  # type: ignore[no-untyped-def]
    total = 0.0
    for r in range(tallies.shape[0]):
        total += weight[r] * _bounds(tallies[r], low[r], high[r], lone[r])
    return total


@njit(cache=True, nogil=True)
def _groups_cost(  # type: ignore[no-untyped-def]
    unit, team, without, groups, most, weight, holds, unit_start, unit_people, team_start, slots
):
    """What a unit's people add to the excess of groups in a team, without another unit."""
    cost = 0.0
    for h in range(groups.shape[0]):
        if not holds[h, team]:
            continue
        for at in range(unit_start[unit], unit_start[unit + 1]):
            group = groups[h, unit_people[at]]
            if group < 0:
                continue
            before = 0
            for earlier in range(unit_start[unit], at):
                before += groups[h, unit_people[earlier]] == group
            for slot in range(team_start[team], team_start[team + 1]):
                other = slots[slot]
                if other in (unit, without):
                    continue
                for p in range(unit_start[other], unit_start[other + 1]):
                    before += groups[h, unit_people[p]] == group
            if before >= most[h]:
                cost += weight[h]
    return cost


@njit(cache=True, nogil=True)
def anneal(  # type: ignore[no-untyped-def]
    slots,
    team_start,
    slot_team,
    class_start,
    class_slots,
    sums,
    target,
    divisor,
    worst,
    scale,
    values,
    tallies,
    low,
    high,
    lone,
    rule_weight,
    tally_values,
    groups,
    group_most,
    group_weight,
    group_holds,
    unit_start,
    unit_people,
    unit_class,
    allowed,
    home,
    moved,
    most_moves,
    price,
    tries,
    hot,
    seed,
):
    """Try exchanges at one temperature, in place.

    Args:
        slots: int32 (s,), unit in each slot; slots of a team are next to each other.
        team_start: int32 (g + 1,), first slot of each team.
        slot_team: int32 (s,), team of each slot.
        class_start: int64 (c + 1,), first entry of each class of exchangeable slots.
        class_slots: int32, slots of each class: movable, and of the same unit size.
        sums: float64 (g, m), balanced sums of each team.
        target: float64 (m,), wanted sums.
        divisor: float64 (g,), what a team's squared gap is divided by.
        worst: weight of the worst team, 0 to 1.
        scale: cost of an average random team.
        values: float64 (u, m), balanced sums of each unit.
        tallies: float64 (g, r), counts and sums that rules look at, of each team.
        low: float64 (g, r), their lower bounds.
        high: float64 (g, r), their upper bounds.
        lone: bool (g, r), whether exactly one is forbidden.
        rule_weight: float64 (r,), cost of a unit beyond a bound.
        tally_values: float64 (u, r), counts and sums of each unit.
        groups: int32 (h, n), groups of people to spread, -1 for none.
        group_most: int32 (h,), most of a group in a team.
        group_weight: float64 (h,), cost of one more.
        group_holds: bool (h, g), teams that each holds for.
        unit_start: int64 (u + 1,), first entry of each unit in `unit_people`.
        unit_people: int32 (n,), people of the units.
        unit_class: int32 (u,), row of `allowed`.
        allowed: bool (classes, g), teams that units may be in.
        home: int32 (n,), current team of people or -1; empty where moves do not matter.
        moved: people away from home.
        most_moves: most of them, -1 for no bound.
        price: cost of one.
        tries: exchanges to try.
        hot: temperature; 0 accepts only what is no worse.
        seed: of this call.

    Returns:
        People away from home afterwards.
    """
    np.random.seed(seed)
    m = sums.shape[1]
    r = tallies.shape[1]
    h = groups.shape[0]
    new_a = np.empty(m)
    new_b = np.empty(m)
    tally_a = np.empty(r)
    tally_b = np.empty(r)
    total = class_start[-1]
    for _ in range(tries):
        first = np.random.randint(total)
        which = 0
        while class_start[which + 1] <= first:
            which += 1
        size = class_start[which + 1] - class_start[which]
        second = class_start[which] + np.random.randint(size)
        slot_u = class_slots[first]
        slot_v = class_slots[second]
        a = slot_team[slot_u]
        b = slot_team[slot_v]
        if a == b:
            continue
        u = slots[slot_u]
        v = slots[slot_v]
        for j in range(m):
            shift = values[v, j] - values[u, j]
            new_a[j] = sums[a, j] + shift
            new_b[j] = sums[b, j] - shift
        change = (
            _team_cost(new_a, target, divisor[a], worst, scale)
            + _team_cost(new_b, target, divisor[b], worst, scale)
            - _team_cost(sums[a], target, divisor[a], worst, scale)
            - _team_cost(sums[b], target, divisor[b], worst, scale)
        )
        if r:
            for j in range(r):
                shift = tally_values[v, j] - tally_values[u, j]
                tally_a[j] = tallies[a, j] + shift
                tally_b[j] = tallies[b, j] - shift
            change += (
                _rules_cost(tally_a, low[a], high[a], lone[a], rule_weight)
                + _rules_cost(tally_b, low[b], high[b], lone[b], rule_weight)
                - _rules_cost(tallies[a], low[a], high[a], lone[a], rule_weight)
                - _rules_cost(tallies[b], low[b], high[b], lone[b], rule_weight)
            )
        change += _HARD * (
            _forbids(allowed[unit_class[u], b])
            + _forbids(allowed[unit_class[v], a])
            - _forbids(allowed[unit_class[u], a])
            - _forbids(allowed[unit_class[v], b])
        )
        away = 0
        if home.shape[0]:
            for at in range(unit_start[u], unit_start[u + 1]):
                p = home[unit_people[at]]
                if p >= 0:
                    away += int(p != b) - int(p != a)
            for at in range(unit_start[v], unit_start[v + 1]):
                p = home[unit_people[at]]
                if p >= 0:
                    away += int(p != a) - int(p != b)
            change += price * away
            if most_moves >= 0:
                change += _HARD * (max(0, moved + away - most_moves) - max(0, moved - most_moves))
        # Groups can only be worth an exchange where the rest is not hopeless already.
        hopeless = change > 0.0 and (hot == 0.0 or change > 40.0 * hot)
        if hopeless and (h == 0 or change >= _HARD):
            continue
        if h:
            change += (
                _groups_cost(
                    u,
                    b,
                    v,
                    groups,
                    group_most,
                    group_weight,
                    group_holds,
                    unit_start,
                    unit_people,
                    team_start,
                    slots,
                )
                + _groups_cost(
                    v,
                    a,
                    u,
                    groups,
                    group_most,
                    group_weight,
                    group_holds,
                    unit_start,
                    unit_people,
                    team_start,
                    slots,
                )
                - _groups_cost(
                    u,
                    a,
                    v,
                    groups,
                    group_most,
                    group_weight,
                    group_holds,
                    unit_start,
                    unit_people,
                    team_start,
                    slots,
                )
                - _groups_cost(
                    v,
                    b,
                    u,
                    groups,
                    group_most,
                    group_weight,
                    group_holds,
                    unit_start,
                    unit_people,
                    team_start,
                    slots,
                )
            )
        if change > 0.0 and (hot == 0.0 or np.random.random() >= np.exp(-change / hot)):
            continue
        slots[slot_u] = v
        slots[slot_v] = u
        moved += away
        for j in range(m):
            sums[a, j] = new_a[j]
            sums[b, j] = new_b[j]
        for j in range(r):
            tallies[a, j] = tally_a[j]
            tallies[b, j] = tally_b[j]
    return moved
