"""The inner loops of maximally diverse grouping over a matrix of distances. Arrays in, arrays out.

The gain matrix holds the distance of every person to every group, so that all exchanges and moves
of a person are valued in one pass over rows, which compilers turn into vector instructions.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["fill_gains", "visit"]


@njit(cache=True, nogil=True, fastmath=True)
def fill_gains(distances, group, gains, own):  # type: ignore[no-untyped-def]
    """Fill the gain matrix.

    Args:
        distances: float32 (n, n), symmetric, zero on the diagonal.
        group: int32 (n,).
        gains: float32 (g, n), becomes the summed distance of each person to each group.
        own: float32 (n,), becomes that to the own group.
    """
    gains[:] = 0.0
    for v in range(distances.shape[0]):
        for u in range(distances.shape[0]):
            gains[group[u], v] += distances[v, u]
    for v in range(distances.shape[0]):
        own[v] = gains[group[v], v]


@njit(cache=True, nogil=True, fastmath=True)
def visit(  # type: ignore[no-untyped-def]
    distances, group, gains, own, sizes, low, high, hot, turns, noise, random, value, best
):
    """Visit every person some times; each makes its best exchange or move, valued with noise.

    With Gumbel noise of the size of the temperature this draws from the Boltzmann distribution over
    all neighbours of a solution and the solution itself (heat bath).

    Args:
        distances: float32 (n, n).
        group: int32 (n,), changed in place, as all that follows from it.
        gains: float32 (g, n), see `fill_gains`.
        own: float32 (n,), see `fill_gains`.
        sizes: int64 (g,).
        low: int64 (g,), fewest people of each group.
        high: int64 (g,), most people.
        hot: temperature, in units of distance.
        turns: visits of everyone.
        noise: float32 (s,), from the standard Gumbel distribution, s much larger than n + g.
        random: uint64 (1,), state of the generator, not 0.
        value: float64 (2,), summed distance within groups, now and at best.
        best: int32 (n,), groups at best.

    Returns:
        Visits that changed something.
    """
    n = distances.shape[0]
    groups = gains.shape[0]
    score = np.empty(n, np.float32)
    to = np.empty(groups, np.float32)
    resizable = False
    for g in range(groups):
        resizable |= low[g] < high[g]
    span = np.uint64(noise.shape[0] - n - groups)
    heat = np.float32(hot)
    made = 0
    for _ in range(turns):
        for v in range(n):
            a = group[v]
            for g in range(groups):
                to[g] = gains[g, v]
            # xorshift64 (Marsaglia 2003)
            x = random[0]
            x ^= x << np.uint64(13)
            x ^= x >> np.uint64(7)
            x ^= x << np.uint64(17)
            random[0] = x
            at = np.int64(x % span)
            luck = noise[at : at + n]
            row = gains[a]
            near = distances[v]
            top = np.float32(-1e30)
            for u in range(n):
                worth = to[group[u]] + row[u] - own[u] - np.float32(2.0) * near[u] + heat * luck[u]
                score[u] = worth
                top = max(top, worth)
            stay = to[a] + heat * noise[at + n]
            target = -1
            if resizable and sizes[a] > low[a]:
                farthest = max(stay, top)
                for g in range(groups):
                    if g != a and sizes[g] < high[g]:
                        worth = to[g] + heat * noise[at + n + g]
                        if worth > farthest:
                            farthest = worth
                            target = g
            from_a = gains[a]
            if target >= 0:
                value[0] += to[target] - to[a]
                into = gains[target]
                for w in range(n):
                    shift = near[w]
                    from_a[w] -= shift
                    into[w] += shift
                    own[w] += shift * (np.float32(group[w] == target) - np.float32(group[w] == a))
                sizes[a] -= 1
                sizes[target] += 1
                group[v] = target
                own[v] = into[v]
            else:
                if top <= stay:
                    continue
                u = 0
                while u < n - 1 and score[u] != top:
                    u += 1
                b = group[u]
                if b == a:
                    continue
                value[0] += to[b] - to[a] + row[u] - own[u] - np.float32(2.0) * near[u]
                into = gains[b]
                far = distances[u]
                for w in range(n):
                    shift = far[w] - near[w]
                    from_a[w] += shift
                    into[w] -= shift
                    own[w] += shift * (np.float32(group[w] == a) - np.float32(group[w] == b))
                group[v] = b
                group[u] = a
                own[v] = into[v]
                own[u] = from_a[u]
            made += 1
            if value[0] > value[1]:
                value[1] = value[0]
                best[:] = group
    return made
