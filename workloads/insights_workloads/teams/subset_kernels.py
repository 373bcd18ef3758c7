"""Exchanges of several units at once, found as close pairs of points. Arrays in, arrays out.

For a subset A of team g with gap s_g let q_A = sum(A) - s_g / 2. To exchange A with a subset B of
team h changes the sum of squared gaps by 2 |q_A - q_B|^2 - |s_g - s_h|^2 / 2: improving exchanges
are close pairs in one set of points. The points are rotated at random, cut into cells of equal
counts and compared within their cell only; other rotations see the pairs that a border has cut.

Units of several people take part too: a subset has so many people, and is exchanged with one of
units of the same sizes, or, where a half of a team has none such, its complement is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from insights_workloads.teams.kernels import change, commit
from insights_workloads.teams.rule_kernels import fits, gather

__all__ = ["WIDTH", "Subsets", "exchange_subsets"]

WIDTH = 8
"""Most units of a team that subsets are taken of, in one round."""
_BUCKETS = 4096


class Subsets(NamedTuple):
    """Subsets of so many people, of teams whose units have one of several patterns of sizes.

    Attributes:
        people: in each subset.
        start: int32 (p + 1,), first subset of each pattern.
        places: int32 (c, people), places of the units in their team, the smallest unit first; -1
            behind the last.
        units: int32 (c,), how many.
        kind: int32 (c,), the same where the sizes of the units are.
        rest: int32 (c,), the subset of all other units of the pattern where that has as many
            people, else -1.
    """

    people: int
    start: np.ndarray
    places: np.ndarray
    units: np.ndarray
    kind: np.ndarray
    rest: np.ndarray


@njit(cache=True, nogil=True, fastmath=True)
def _points(  # type: ignore[no-untyped-def]
    cost, held, teams, members, width, pattern, subsets, rotation, gaps, norms, points, codes
):
    """Points of all subsets, and the rotated gap of each team; returns the number of points."""
    d = rotation.shape[0]
    all_subsets = subsets.kind.shape[0]
    local = np.empty((WIDTH, d), np.float32)
    mean = 0.0
    for t in range(teams.shape[0]):
        mean += 1.0 / cost.divisor[teams[t]]
    mean /= teams.shape[0]
    mirror = np.float32(0.0)
    for k in range(d):
        mirror += np.float32(0.5 * cost.target[k]) * rotation[k, 0]
    at = 0
    for t in range(teams.shape[0]):
        g = teams[t]
        # Teams of unequal size are drawn to the middle with unequal force.
        force = np.float32(1.0 / (cost.divisor[g] * mean))
        square = np.float32(0.0)
        for j in range(d):
            x = np.float32(0.0)
            for k in range(d):
                x += np.float32(held.sums[g, k] - cost.target[k]) * rotation[k, j]
            gaps[t, j] = x * force
            square += gaps[t, j] * gaps[t, j]
        norms[t] = np.sqrt(square)
        for i in range(width[t]):
            unit = held.slots[members[t, i]]
            for j in range(d):
                x = np.float32(0.0)
                for k in range(d):
                    x += np.float32(cost.values[unit, k]) * rotation[k, j]
                local[i, j] = x
        whole = held.team_start[g + 1] - held.team_start[g] == width[t]
        for c in range(subsets.start[pattern[t]], subsets.start[pattern[t] + 1]):
            for j in range(d):
                x = np.float32(-0.5) * gaps[t, j]
                for k in range(subsets.units[c]):
                    x += local[subsets.places[c, k], j]
                points[at, j] = x
            # A half and its complement make the same exchanges, and are each other's mirror image.
            if whole and subsets.rest[c] >= 0 and points[at, 0] < mirror:
                continue
            codes[at] = t * all_subsets + c
            at += 1
    return at


@njit(cache=True, nogil=True)
def _cuts(points, n, bins, shift, lows, scales, table):  # type: ignore[no-untyped-def]
    """Tables from buckets of equal width to bins of equal count, from a sample of the points."""
    stride = max(1, n // 10_000)
    for j in range(table.shape[0]):
        low, high = np.inf, -np.inf
        for i in range(0, n, stride):
            low = min(low, points[i, j])
            high = max(high, points[i, j])
        lows[j] = low
        scales[j] = (_BUCKETS - 1e-3) / max(high - low, 1e-12)
        counts = np.zeros(_BUCKETS)
        taken = 0
        for i in range(0, n, stride):
            counts[min(_BUCKETS - 1, int((points[i, j] - low) * scales[j]))] += 1.0
            taken += 1
        below = 0.0
        for b in range(_BUCKETS):
            table[j, b] = int((below + 0.5 * counts[b]) / taken * bins + shift[j])
            below += counts[b]


@njit(cache=True, nogil=True, fastmath=True)
def _sort(points, codes, n, bins, lows, scales, table, keys, ends, sorted_points, sorted_codes):  # type: ignore[no-untyped-def]
    """Counting sort of the points by cell; `ends` becomes the end of each cell."""
    d = points.shape[1]
    for i in range(n):
        key = 0
        for j in range(table.shape[0]):
            bucket = int((points[i, j] - lows[j]) * scales[j])
            key = key * (bins + 1) + table[j, min(max(bucket, 0), _BUCKETS - 1)]
        keys[i] = key
        ends[key + 1] += 1
    for c in range(ends.shape[0] - 1):
        ends[c + 1] += ends[c]
    for i in range(n):
        at = ends[keys[i]]
        ends[keys[i]] = at + 1
        sorted_codes[at] = codes[i]
        for j in range(d):
            sorted_points[at, j] = points[i, j]


@njit(cache=True, nogil=True)
def _alike(held, subsets, teams, width, t, c, u, e):  # type: ignore[no-untyped-def]
    """Subsets that make the exchange of subset c of a team and e of another; -1 where none do."""
    if subsets.kind[c] == subsets.kind[e]:
        return c, e
    other, counter = subsets.rest[c], subsets.rest[e]
    if other < 0 or counter < 0 or subsets.kind[other] != subsets.kind[counter]:
        return -1, -1
    for at in (t, u):
        if held.team_start[teams[at] + 1] - held.team_start[teams[at]] != width[at]:
            return -1, -1
    return other, counter


@njit(cache=True, nogil=True)
def _units(held, members, subsets, t, c, slots, units):  # type: ignore[no-untyped-def]
    for k in range(subsets.units[c]):
        slots[k] = members[t, subsets.places[c, k]]
        units[k] = held.slots[slots[k]]


@njit(cache=True, nogil=True, fastmath=True)
def exchange_subsets(  # type: ignore[no-untyped-def]
    cost,
    held,
    rules,
    teams,
    members,
    width,
    pattern,
    subsets,
    rotation,
    shift,
    occupancy,
    segments,
    hot,
    points,
    codes,
    keys,
    sorted_points,
    sorted_codes,
):
    """One round: every team takes part in the best exchange that is found for it, or in none.

    Args:
        cost: what teams cost.
        held: who is where; changed in place, in the given teams only.
        rules: the hard rules as lanes.
        teams: int32 (t,), the teams.
        members: int32 (t, WIDTH), slots of exchangeable units of each team.
        width: int32 (t,), how many.
        pattern: int32 (t,), pattern of the sizes of these units.
        subsets: of all patterns.
        rotation: float32 (m, m), orthogonal.
        shift: float64 (e,), where cells begin, 0 to 1, in the first e rotated columns.
        occupancy: points of a cell.
        segments: parts of the cells after each of which exchanges are made.
        hot: exchanges that cost less than this are made.
        points: float32 (t * c, m), room to work in.
        codes: int32 (t * c,), too.
        keys: int32 (t * c,), too.
        sorted_points: float32 (t * c, m), too.
        sorted_codes: int32 (t * c,), too.

    Returns:
        Exchanges that were made.
    """
    count = teams.shape[0]
    d = rotation.shape[0]
    e = shift.shape[0]
    all_subsets = subsets.kind.shape[0]
    gaps = np.empty((count, d), np.float32)
    norms = np.empty(count, np.float32)
    n = _points(
        cost, held, teams, members, width, pattern, subsets, rotation, gaps, norms, points, codes
    )
    if n < 2:
        return 0
    bins = max(1, round((n / occupancy) ** (1.0 / e)))
    lows = np.empty(e, np.float32)
    scales = np.empty(e, np.float32)
    table = np.empty((e, _BUCKETS), np.int32)
    _cuts(points, n, bins, shift, lows, scales, table)
    cells = (bins + 1) ** e
    ends = np.zeros(cells + 1, np.int64)
    _sort(points, codes, n, bins, lows, scales, table, keys, ends, sorted_points, sorted_codes)
    divisor = 0.0
    for t in range(count):
        divisor += cost.divisor[teams[t]] / count
    limit = np.float32(hot * divisor)
    checks = gather(rules, cost, held, teams, members, width)
    touched = np.zeros(count, np.bool_)
    best = np.empty(count)
    left = np.empty(count, np.int32)
    right = np.empty(count, np.int32)
    out = np.empty(subsets.people, np.int32)
    into = np.empty(subsets.people, np.int32)
    slots_a = np.empty(subsets.people, np.int32)
    slots_b = np.empty(subsets.people, np.int32)
    parts = np.empty(3)
    made = 0
    for segment in range(segments):
        best[:] = np.inf
        first = cells * segment // segments
        begin = ends[first - 1] if first else 0
        for c in range(first, cells * (segment + 1) // segments):
            end = ends[c]
            for i in range(begin, end):
                g = sorted_codes[i] // all_subsets
                if touched[g]:
                    continue
                for k in range(i + 1, min(end, i + 64)):
                    square = np.float32(0.0)
                    for j in range(d):
                        x = sorted_points[i, j] - sorted_points[k, j]
                        square += x * x
                    h = sorted_codes[k] // all_subsets
                    reach = norms[g] + norms[h]
                    if np.float32(2.0) * square >= limit + np.float32(0.5) * reach * reach:
                        continue
                    if g == h or touched[h]:
                        continue
                    square *= np.float32(2.0)
                    for j in range(d):
                        x = gaps[g, j] - gaps[h, j]
                        square -= np.float32(0.5) * x * x
                    if square >= min(limit, np.float32(divisor * max(best[g], best[h]))):
                        continue
                    c, e = sorted_codes[i] % all_subsets, sorted_codes[k] % all_subsets
                    c, e = _alike(held, subsets, teams, width, g, c, h, e)
                    if c < 0:
                        continue
                    size = subsets.units[c]
                    places, others = subsets.places[c, :size], subsets.places[e, :size]
                    if not fits(rules, cost, checks, g, h, places, others):
                        continue
                    _units(held, members, subsets, g, c, slots_a, out)
                    _units(held, members, subsets, h, e, slots_b, into)
                    worst = min(hot, max(best[g], best[h]))
                    if rules.whole and held.excess[teams[g]] == 0.0 == held.excess[teams[h]]:
                        worst = -np.inf
                    worse = change(cost, held, teams[g], teams[h], out, into, size, worst, parts)
                    if worse >= hot:
                        continue
                    if worse < best[g]:
                        best[g] = worse
                        left[g] = g * all_subsets + c
                        right[g] = h * all_subsets + e
                    if worse < best[h]:
                        best[h] = worse
                        left[h] = g * all_subsets + c
                        right[h] = h * all_subsets + e
            begin = end
        found = np.flatnonzero(best < hot)
        for t in found[np.argsort(best[found], kind="mergesort")]:
            g, c = divmod(left[t], all_subsets)
            h, e = divmod(right[t], all_subsets)
            if touched[g] or touched[h]:
                continue
            size = subsets.units[c]
            _units(held, members, subsets, g, c, slots_a, out)
            _units(held, members, subsets, h, e, slots_b, into)
            left_team = teams[g]
            right_team = teams[h]
            worst = hot
            if rules.whole and held.excess[left_team] == 0.0 == held.excess[right_team]:
                worst = -np.inf
            # Budgets that all teams share may have been used up since.
            if change(cost, held, left_team, right_team, out, into, size, worst, parts) >= hot:
                continue
            commit(cost, held, left_team, right_team, slots_a, slots_b, size, parts)
            touched[g] = True
            touched[h] = True
            made += 1
    return made
