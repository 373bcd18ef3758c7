"""What an exchange between two teams costs, and the search by single exchanges.

Arrays in, arrays out. Units of equal size are exchanged, so that sizes never change. What a team
costs is how far its balanced sums are from their target, and more for the worst; a broken hard rule
costs more than any balance, a broken soft one its weight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["HARD", "Cost", "Occupancy", "anneal", "change", "commit", "mend"]

HARD = 1e4
"""What a person, or a usual deviation, beyond a hard rule costs."""


class Cost(NamedTuple):
    """What teams cost; never changed by a search.

    Attributes:
        target: float64 (m,), wanted sums.
        divisor: float64 (g,), what a team's squared gap is divided by.
        worst: weight of the worst team, 0 to 1.
        scale: cost of an average random team.
        values: float64 (u, m), balanced sums of each unit.
        low: float64 (g, r), lower bounds of what rules tally.
        high: float64 (g, r), upper bounds.
        lone: bool (g, r), whether exactly one is forbidden.
        weight: float64 (r,), cost of one beyond a bound.
        tallied: float64 (u, r), counts and sums of each unit.
        groups: int32 (h, n), groups of people to spread, -1 for none.
        group_most: int32 (h,), most of a group in a team; -1 where a group is to be together.
        group_weight: float64 (h,), cost of one more; of a pair apart where it is to be together.
        group_holds: bool (h, g), teams that each holds for.
        tied: whether some groups are to be together.
        unit_start: int64 (u + 1,), first entry of each unit in `unit_people`.
        unit_people: int32 (n,), people of the units.
        unit_class: int32 (u,), row of `misfit`.
        misfit: float64 (classes, g), cost of a unit in a team that it may not be in, 0 elsewhere.
        home: int32 (n,), current team of people or -1; empty where moves do not matter.
        most_moves: most people away from home, -1 for no bound.
        price: cost of one of them.
    """

    target: np.ndarray
    divisor: np.ndarray
    worst: float
    scale: float
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lone: np.ndarray
    weight: np.ndarray
    tallied: np.ndarray
    groups: np.ndarray
    group_most: np.ndarray
    group_weight: np.ndarray
    group_holds: np.ndarray
    tied: bool
    unit_start: np.ndarray
    unit_people: np.ndarray
    unit_class: np.ndarray
    misfit: np.ndarray
    home: np.ndarray
    most_moves: int
    price: float


class Occupancy(NamedTuple):
    """Who is where; changed in place.

    Attributes:
        slots: int32 (s,), unit in each slot; slots of a team are next to each other.
        team_start: int64 (g + 1,), first slot of each team.
        slot_team: int32 (s,), team of each slot.
        sums: float64 (g, m), balanced sums of each team.
        tallies: float64 (g, r), counts and sums that rules look at.
        excess: float64 (g,), cost of groups that are not spread.
        away: int64 (1,), people away from home.
    """

    slots: np.ndarray
    team_start: np.ndarray
    slot_team: np.ndarray
    sums: np.ndarray
    tallies: np.ndarray
    excess: np.ndarray
    away: np.ndarray


@njit(cache=True, nogil=True)
def _team_cost(cost, gap, divisor):  # type: ignore[no-untyped-def]
    total = gap / divisor
    return (1.0 - cost.worst) * total + cost.worst * total * total / cost.scale


@njit(cache=True, nogil=True)
def _beyond(total, low, high, lone):  # type: ignore[no-untyped-def]
    broken = 0.0
    if total < low:
        broken = low - total
    elif total > high:
        broken = total - high
    if lone and total == 1.0:
        broken += 1.0
    return broken


@njit(cache=True, nogil=True)
def _members_of(cost, rule, group, unit):  # type: ignore[no-untyped-def]
    count = 0
    for at in range(cost.unit_start[unit], cost.unit_start[unit + 1]):
        count += cost.groups[rule, cost.unit_people[at]] == group
    return count


@njit(cache=True, nogil=True)
def _known(cost, rule, group, units, last, last_person):  # type: ignore[no-untyped-def]
    """Whether a group occurs among the first units, or in the last one before a person."""
    for i in range(last):
        if _members_of(cost, rule, group, units[i]):
            return True
    for at in range(cost.unit_start[units[last]], last_person):
        if cost.groups[rule, cost.unit_people[at]] == group:
            return True
    return False


@njit(cache=True, nogil=True)
def _group_change(cost, held, team, leaving, entering, size):  # type: ignore[no-untyped-def]
    """Change of the cost of groups in a team where units leave and others enter."""
    total = 0.0
    for rule in range(cost.groups.shape[0]):
        if not cost.group_holds[rule, team]:
            continue
        most = cost.group_most[rule]
        for side in range(2):
            units = leaving if side == 0 else entering
            for i in range(size):
                for at in range(cost.unit_start[units[i]], cost.unit_start[units[i] + 1]):
                    group = cost.groups[rule, cost.unit_people[at]]
                    if group < 0 or _known(cost, rule, group, units, i, at):
                        continue
                    shift = 0
                    elsewhere = 0
                    for k in range(size):
                        elsewhere += _members_of(cost, rule, group, leaving[k])
                        shift += _members_of(cost, rule, group, entering[k])
                    if side == 1 and elsewhere:
                        continue  # Counted among those who leave.
                    shift -= elsewhere
                    if shift == 0:
                        continue
                    before = 0
                    for slot in range(held.team_start[team], held.team_start[team + 1]):
                        before += _members_of(cost, rule, group, held.slots[slot])
                    after = before + shift
                    if most < 0:
                        less = before * (before - 1) // 2 - after * (after - 1) // 2
                    else:
                        less = max(0, after - most) - max(0, before - most)
                    total += cost.group_weight[rule] * less
    return total


@njit(cache=True, nogil=True)
def change(cost, held, a, b, out, into, size, patience, parts):  # type: ignore[no-untyped-def]
    """Change of the cost where units of two teams change places.

    Args:
        cost: what teams cost.
        held: who is where.
        a: one team.
        b: another.
        out: int32, units that leave `a` for `b`, the first `size` of them.
        into: int32, units that leave `b` for `a`.
        size: how many.
        patience: a change above this need not be exact.
        parts: float64 (3,), takes what `commit` needs: group cost of `a` and `b`, people away.
    """
    old_a = old_b = new_a = new_b = 0.0
    for j in range(held.sums.shape[1]):
        shift = 0.0
        for i in range(size):
            shift += cost.values[into[i], j] - cost.values[out[i], j]
        x = held.sums[a, j] - cost.target[j]
        y = held.sums[b, j] - cost.target[j]
        old_a += x * x
        old_b += y * y
        new_a += (x + shift) * (x + shift)
        new_b += (y - shift) * (y - shift)
    total = (
        _team_cost(cost, new_a, cost.divisor[a])
        + _team_cost(cost, new_b, cost.divisor[b])
        - _team_cost(cost, old_a, cost.divisor[a])
        - _team_cost(cost, old_b, cost.divisor[b])
    )
    for r in range(held.tallies.shape[1]):
        shift = 0.0
        for i in range(size):
            shift += cost.tallied[into[i], r] - cost.tallied[out[i], r]
        if shift == 0.0:
            continue
        x = held.tallies[a, r]
        y = held.tallies[b, r]
        total += cost.weight[r] * (
            _beyond(x + shift, cost.low[a, r], cost.high[a, r], cost.lone[a, r])
            + _beyond(y - shift, cost.low[b, r], cost.high[b, r], cost.lone[b, r])
            - _beyond(x, cost.low[a, r], cost.high[a, r], cost.lone[a, r])
            - _beyond(y, cost.low[b, r], cost.high[b, r], cost.lone[b, r])
        )
    if cost.misfit.shape[0] > 1:
        for i in range(size):
            u = cost.unit_class[out[i]]
            v = cost.unit_class[into[i]]
            total += cost.misfit[u, b] - cost.misfit[u, a]
            total += cost.misfit[v, a] - cost.misfit[v, b]
    away = 0
    if cost.home.shape[0]:
        for i in range(size):
            for at in range(cost.unit_start[out[i]], cost.unit_start[out[i] + 1]):
                p = cost.home[cost.unit_people[at]]
                if p >= 0:
                    away += int(p != b) - int(p != a)
            for at in range(cost.unit_start[into[i]], cost.unit_start[into[i] + 1]):
                p = cost.home[cost.unit_people[at]]
                if p >= 0:
                    away += int(p != a) - int(p != b)
        total += cost.price * away
        if cost.most_moves >= 0:
            now = held.away[0]
            total += HARD * (max(0, now + away - cost.most_moves) - max(0, now - cost.most_moves))
    parts[0] = parts[1] = 0.0
    parts[2] = away
    # Groups are counted last: to spread them can give back no more than they cost now.
    worth = cost.tied or total - held.excess[a] - held.excess[b] <= patience
    if cost.groups.shape[0] and worth:
        parts[0] = _group_change(cost, held, a, out, into, size)
        parts[1] = _group_change(cost, held, b, into, out, size)
        total += parts[0] + parts[1]
    return total


@njit(cache=True, nogil=True)
def commit(cost, held, a, b, slots_a, slots_b, size, parts):  # type: ignore[no-untyped-def]
    """Let the units of slots of two teams change places, after `change` has filled `parts`."""
    for i in range(size):
        u = held.slots[slots_a[i]]
        v = held.slots[slots_b[i]]
        held.slots[slots_a[i]] = v
        held.slots[slots_b[i]] = u
        for j in range(held.sums.shape[1]):
            shift = cost.values[v, j] - cost.values[u, j]
            held.sums[a, j] += shift
            held.sums[b, j] -= shift
        for r in range(held.tallies.shape[1]):
            shift = cost.tallied[v, r] - cost.tallied[u, r]
            held.tallies[a, r] += shift
            held.tallies[b, r] -= shift
    held.excess[a] += parts[0]
    held.excess[b] += parts[1]
    held.away[0] += int(parts[2])


@njit(cache=True, nogil=True)
def anneal(cost, held, class_start, class_slots, firsts, tries, hot, seed):  # type: ignore[no-untyped-def]
    """Try exchanges of two units at one temperature, in place.

    Args:
        cost: what teams cost.
        held: who is where.
        class_start: int64 (c + 1,), first entry of each class of exchangeable slots.
        class_slots: int32, slots of each class: movable, and of the same unit size.
        firsts: int32, entries of `class_slots` from which one of the two is drawn.
        tries: exchanges to try.
        hot: temperature; 0 accepts only what is no worse.
        seed: of this call.
    """
    np.random.seed(seed)
    parts = np.empty(3)
    out = np.empty(1, np.int32)
    into = np.empty(1, np.int32)
    slot_a = np.empty(1, np.int32)
    slot_b = np.empty(1, np.int32)
    for _ in range(tries):
        first = firsts[np.random.randint(firsts.shape[0])]
        which = 0
        while class_start[which + 1] <= first:
            which += 1
        width = class_start[which + 1] - class_start[which]
        slot_a[0] = class_slots[first]
        slot_b[0] = class_slots[class_start[which] + np.random.randint(width)]
        a = held.slot_team[slot_a[0]]
        b = held.slot_team[slot_b[0]]
        if a == b:
            continue
        out[0] = held.slots[slot_a[0]]
        into[0] = held.slots[slot_b[0]]
        worse = change(cost, held, a, b, out, into, 1, 40.0 * hot, parts)
        if worse > 0.0 and (hot == 0.0 or np.random.random() >= np.exp(-worse / hot)):
            continue
        commit(cost, held, a, b, slot_a, slot_b, 1, parts)


@njit(cache=True, nogil=True)
def mend(cost, held, class_start, ring, place, slot_of, firsts, tries, reach, seed):  # type: ignore[no-untyped-def]
    """Try exchanges of two units that stand near each other in an order, in place.

    Args:
        cost: what teams cost.
        held: who is where.
        class_start: int64 (c + 1,), first entry of each class of exchangeable units in `ring`.
        ring: int32, units of each class in the order.
        place: int32 (u,), entry of each of them.
        slot_of: int32 (u,), slot of each unit, changed with `held`.
        firsts: int32, units of which one of the two is, one after the other.
        tries: exchanges to try for each.
        reach: entries of the order that lie between the two at most.
        seed: of this call.
    """
    np.random.seed(seed)
    parts = np.empty(3)
    out = np.empty(1, np.int32)
    into = np.empty(1, np.int32)
    slot_a = np.empty(1, np.int32)
    slot_b = np.empty(1, np.int32)
    for at in range(firsts.shape[0]):
        out[0] = firsts[at]
        first = place[out[0]]
        which = 0
        while class_start[which + 1] <= first:
            which += 1
        begin = class_start[which]
        width = class_start[which + 1] - begin
        span = min(2 * reach + 1, width)
        for _ in range(tries):
            step = np.random.randint(span) - span // 2
            into[0] = ring[begin + (first - begin + step) % width]
            slot_a[0] = slot_of[out[0]]
            slot_b[0] = slot_of[into[0]]
            a = held.slot_team[slot_a[0]]
            b = held.slot_team[slot_b[0]]
            if a == b or change(cost, held, a, b, out, into, 1, 0.0, parts) > 0.0:
                continue
            commit(cost, held, a, b, slot_a, slot_b, 1, parts)
            slot_of[out[0]] = slot_b[0]
            slot_of[into[0]] = slot_a[0]
