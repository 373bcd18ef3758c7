"""Hard rules as bytes of words: whether an exchange breaks one is seen by a few additions.

Each rule that counts people is a lane of eight bits. Counts of a team and of those who come and go
are added for eight rules at once; a bound is a number whose addition sets or clears the highest bit
of a lane (Lamport, 1975). What does not fit a lane, sums of numbers and groups of many kinds, is
looked at one by one. The check only ever rules out what breaks a rule that holds now, whatever else
it mends: `kernels.change` has the last word.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from insights_workloads.teams.kernels import HARD, Cost

__all__ = ["Checks", "RuleLanes", "fits", "gather", "rule_lanes"]

_MOST_GROUPS = 24
"""Groups of a rule up to which each has a lane of its own."""
_MOST_LANES = 64
_LARGEST_TEAM = 100
_TOPS = np.uint64(0x8080808080808080)
_ONES = np.uint64(0x0101010101010101)
_FULL = np.uint64(0xFF)
_SEVEN = np.uint64(7)


class RuleLanes(NamedTuple):
    """What the check needs of units and teams; never changed by a search.

    Attributes:
        unit: uint64 (u, w), people of each unit that lanes count.
        over: uint64 (g, w), sets the highest bit of a lane whose count is above its bound.
        under: uint64 (g, w), leaves it clear where the count is below.
        paired: uint64 (g, w), highest bits of lanes in which exactly one is allowed.
        columns: int32 (q,), tallied columns of hard ranges.
        spread: int32 (h,), hard group rules that have no lanes.
        whole: whether an exchange that passes changes nothing about groups, where teams have none
            too large.
    """

    unit: np.ndarray
    over: np.ndarray
    under: np.ndarray
    paired: np.ndarray
    columns: np.ndarray
    spread: np.ndarray
    whole: bool


class Checks(NamedTuple):
    """The same for the teams of a block and those of their units that may be exchanged.

    Attributes:
        lanes: uint64 (t, width, w), of each unit.
        whole: uint64 (t, w, 4), of each team; then `over`, `under` and `paired`, side by side since
            they are needed together.
        amounts: float64 (t, width, q), of each unit in ranges.
        total: float64 (t, q, 3), of each team; then the least, -inf where the range is broken
            already, and the most.
        codes: int32 (t, width, h), group of each unit, -1 for none.
        crowded: bool (t, h), teams whose groups are not looked at.
    """

    lanes: np.ndarray
    whole: np.ndarray
    amounts: np.ndarray
    total: np.ndarray
    codes: np.ndarray
    crowded: np.ndarray


def rule_lanes(cost: Cost, hard: np.ndarray, counts: int, largest: int) -> RuleLanes:
    """Lanes of the hard rules of a problem.

    Args:
        cost: what teams cost.
        hard: bool (r,), tallied columns that hard rules look at.
        counts: how many of the tallied columns count people; the others sum numbers.
        largest: units of the largest team.
    """
    units, teams = len(cost.unit_start) - 1, len(cost.divisor)
    unit: list[np.ndarray] = []
    low: list[np.ndarray] = []
    high: list[np.ndarray] = []
    lone: list[np.ndarray] = []
    spread: list[int] = []
    whole = bool((cost.group_weight >= HARD).all() and (cost.group_most >= 0).all())
    behind = np.delete(cost.unit_people, cost.unit_start[:-1])
    people = np.diff(cost.unit_start)
    small = largest * int(people.max(initial=1)) <= _LARGEST_TEAM
    for at in range(counts):
        if hard[at] and small:
            unit.append(cost.tallied[:, at])
            low.append(cost.low[:, at])
            high.append(cost.high[:, at])
            lone.append(cost.lone[:, at])
    owner = np.empty(len(cost.unit_people), dtype=np.int64)
    owner[cost.unit_people] = np.repeat(np.arange(units), people)
    for rule in range(len(cost.groups)):
        if cost.group_weight[rule] < HARD or cost.group_most[rule] < 0:
            continue
        group = cost.groups[rule]
        kinds = int(group.max(initial=-1)) + 1
        if not small or kinds > _MOST_GROUPS or len(unit) + kinds > _MOST_LANES:
            spread.append(rule)
            whole &= bool((group[behind] < 0).all())
            continue
        for code in range(kinds):
            unit.append(np.bincount(owner[group == code], minlength=units).astype(float))
            low.append(np.zeros(teams))
            high.append(np.where(cost.group_holds[rule], float(cost.group_most[rule]), 127.0))
            lone.append(np.zeros(teams, dtype=bool))
    wide = len(cost.weight)
    return RuleLanes(
        unit=_packed(unit, units),
        over=_packed([127.0 - np.clip(bound, 0, 127) for bound in high], teams),
        under=_packed([128.0 - np.clip(bound, 0, 127) for bound in low], teams, 128),
        paired=_packed([np.where(never, 0.0, 128.0) for never in lone], teams, 128),
        columns=np.array([at for at in range(counts, wide) if hard[at]], dtype=np.int32),
        spread=np.array(spread, dtype=np.int32),
        whole=whole,
    )


def _packed(lanes: list[np.ndarray], rows: int, rest: int = 0) -> np.ndarray:
    words = -(-len(lanes) // 8)
    table = np.full((rows, words * 8), rest, dtype=np.uint8)
    for at, lane in enumerate(lanes):
        table[:, at] = lane
    return table.view(np.uint64)


@njit(cache=True, nogil=True)
def gather(rules, cost, held, teams, members, width):  # type: ignore[no-untyped-def]
    """The checks of some teams.

    Args:
        rules: lanes of units and teams.
        cost: what teams cost.
        held: who is where.
        teams: int32 (t,), the teams.
        members: int32 (t, width), slots of exchangeable units of each team.
        width: int32 (t,), how many.
    """
    count, wide = members.shape
    words = rules.unit.shape[1]
    sums = rules.columns.shape[0]
    spread = rules.spread.shape[0]
    checks = Checks(
        np.zeros((count, wide, words), np.uint64),
        np.empty((count, words, 4), np.uint64),
        np.empty((count, wide, sums)),
        np.empty((count, sums, 3)),
        np.full((count, wide, spread), -1, np.int32),
        np.empty((count, spread), np.bool_),
    )
    for t in range(count):
        g = teams[t]
        for i in range(width[t]):
            unit = held.slots[members[t, i]]
            for w in range(words):
                checks.lanes[t, i, w] = rules.unit[unit, w]
            for q in range(sums):
                checks.amounts[t, i, q] = cost.tallied[unit, rules.columns[q]]
            for s in range(spread):
                # Of a larger unit one person is looked at: the check may miss what `change` sees.
                person = cost.unit_people[cost.unit_start[unit]]
                checks.codes[t, i, s] = cost.groups[rules.spread[s], person]
        for w in range(words):
            whole = np.uint64(0)
            for slot in range(held.team_start[g], held.team_start[g + 1]):
                whole += rules.unit[held.slots[slot], w]
            # A lane that is broken already is left to the exact cost, which may still fall.
            over = rules.over[g, w]
            under = rules.under[g, w]
            paired = rules.paired[g, w]
            broken = ((whole + over) | ~(whole + under)) & _TOPS
            if _alone(whole, paired):
                broken |= ~paired & _TOPS
            lanes = (broken >> _SEVEN) * _FULL
            checks.whole[t, w, 0] = whole
            checks.whole[t, w, 1] = over & ~lanes
            checks.whole[t, w, 2] = (under & ~lanes) | broken
            checks.whole[t, w, 3] = paired | broken
        for q in range(sums):
            column = rules.columns[q]
            total = held.tallies[g, column]
            checks.total[t, q, 0] = total
            slack = 1e-9 * max(1.0, abs(total))
            inside = cost.low[g, column] <= total <= cost.high[g, column]
            checks.total[t, q, 1] = cost.low[g, column] - slack if inside else -np.inf
            checks.total[t, q, 2] = cost.high[g, column] + slack if inside else np.inf
        for s in range(spread):
            checks.crowded[t, s] = held.excess[g] > 0 or not cost.group_holds[rules.spread[s], g]
    return checks


@njit(cache=True, nogil=True, inline="always")
def _alone(word, paired):  # type: ignore[no-untyped-def]
    """The highest bit of some lane is set if a lane that may not be is exactly one.

    The bits of lanes above such a lane may be set too: ask for any.
    """
    other = (word ^ _ONES) | paired
    return (other - _ONES) & ~other & _TOPS


@njit(cache=True, nogil=True)
def fits(rules, cost, checks, g, h, out, into):  # type: ignore[no-untyped-def]
    """Whether no rule that the check knows is broken where units of two teams change places.

    Args:
        rules: lanes of units and teams.
        cost: what teams cost.
        checks: of the teams of the block.
        g: one team, by its place in the block.
        h: another.
        out: int32, places of units of `g` that leave.
        into: int32, places of units of `h` that leave.
    """
    size = out.shape[0]
    for w in range(checks.whole.shape[1]):
        leaving = np.uint64(0)
        entering = np.uint64(0)
        for k in range(size):
            leaving += checks.lanes[g, out[k], w]
            entering += checks.lanes[h, into[k], w]
        left, right = checks.whole[g, w], checks.whole[h, w]
        a = left[0] - leaving + entering
        b = right[0] - entering + leaving
        bad = (a + left[1]) | ~(a + left[2]) | (b + right[1]) | ~(b + right[2])
        bad |= _alone(a, left[3]) | _alone(b, right[3])
        if bad & _TOPS:
            return False
    for q in range(checks.total.shape[1]):
        shift = 0.0
        for k in range(size):
            shift += checks.amounts[h, into[k], q] - checks.amounts[g, out[k], q]
        near, far = checks.total[g, q], checks.total[h, q]
        if not near[1] <= near[0] + shift <= near[2]:
            return False
        if not far[1] <= far[0] - shift <= far[2]:
            return False
    for s in range(checks.codes.shape[2]):
        most = cost.group_most[rules.spread[s]]
        if not checks.crowded[g, s] and _crowds(checks.codes, s, g, out, h, into, most):
            return False
        if not checks.crowded[h, s] and _crowds(checks.codes, s, h, into, g, out, most):
            return False
    return True


@njit(cache=True, nogil=True)
def _crowds(codes, s, g, out, h, into, most):  # type: ignore[no-untyped-def]
    """Whether those who come make a group of a team larger than it may be."""
    for k in range(into.shape[0]):
        code = codes[h, into[k], s]
        if code < 0:
            continue
        count = 0
        for i in range(codes.shape[1]):
            count += codes[g, i, s] == code
        for i in range(into.shape[0]):
            count += codes[h, into[i], s] == code
            count -= codes[g, out[i], s] == code
        if count > most:
            return True
    return False
