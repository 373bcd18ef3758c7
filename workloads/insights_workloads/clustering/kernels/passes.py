"""Passes of k-means over rows in blocks.

A pass leaves out what cannot have changed. The rows of a block keep their centres while no centre
has moved by as much as the block's rows are ahead of the next one (Hamerly, 2010); what the block
gave to each centre is kept, and given again. What a chunk gives is a function of its rows and the
centres alone, to the last bit, whatever was asked of it before.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from insights_workloads.clustering.kernels.boxes import contenders
from insights_workloads.clustering.kernels.lanes import (
    LANES,
    above,
    add_eight,
    bits,
    first,
    kept_sum,
    load,
    select,
    splat,
    store,
    transpose,
)
from insights_workloads.clustering.kernels.winners import contend

__all__ = ["KEPT", "block_labels", "block_pass"]

KEPT = 4
"""Centres up to which it is kept what a block gave to each."""


@njit(forceinline=True)
def _lay_out(t, centers, squared, able, who, found, names, toward, behind):
    """Names of the centres that can win in box t, and where they are from the first of them."""
    m = 0
    for a in range(found):
        names[m] = who[a]
        m += np.int64((able[a] >> np.uint64(t)) & np.uint64(1))
    origin = names[0]
    for a in range(1, m):
        c = names[a]
        behind[a] = (squared[c, t] - squared[origin, t]) / 2
        for j in range(centers.shape[1]):
            toward[a, j] = centers[c, j] - centers[origin, j]
    behind[m : m + 3] = np.inf
    return m


@njit(forceinline=True)
def _present(m, here, names, won):
    """Leave only the contenders that won a row of those that are there."""
    present = 0
    for a in range(m):
        mine = won[a] & here
        names[present] = names[a]
        won[present] = mine
        present += mine != 0
    return present


@njit(forceinline=True)
def _parts(blocks, tile, t, present, won, parts):
    """Sums and numbers of the rows that each centre won; the first one gets what others leave."""
    near, middle, total = blocks.near, blocks.middle, blocks.total
    b = tile * LANES + t
    d = near.shape[1]
    for j in range(d + 1):
        parts[0, j] = total[b, j]
    for a in range(1, present):
        mine = won[a]
        count = np.float64(bits(mine))
        parts[a, d] = count
        parts[0, d] -= count
        for j in range(d):
            part = kept_sum(load(near, (b, j)), mine) + middle[tile, j, t] * count
            parts[a, j] = part
            parts[0, j] -= part


@njit(forceinline=True)
def _add_whole(d, total, b, c, sums):
    """Add a whole block to its only centre."""
    for j in range(d + 1):
        sums[c, j] += total[b, j]


@njit(forceinline=True)
def _add_parts(d, present, names, parts, sums):
    """Add what a block gives to each of its centres."""
    for a in range(present):
        c = names[a]
        for j in range(d + 1):
            sums[c, j] += parts[a, j]


@njit(forceinline=True)
def _name(present, names, won, label):
    """The centre of each row."""
    mine = splat(label, names[0])
    for a in range(1, present):
        mine = select(won[a], splat(label, names[a]), mine)
    store(label, (0,), mine)


@njit(forceinline=True)
def _add_rows(blocks, tile, t, length, present, names, won, label, turned, added, sums):
    """Add the rows of a block, one by one, to the sums and numbers of their centres."""
    near, middle = blocks.near, blocks.middle
    b = tile * LANES + t
    d = near.shape[1]
    if d < 8:
        for j in range(d):
            for i in range(LANES):
                turned[i, j] = near[b, j, i]
    else:
        for group in range(0, d, 8):
            j = min(group, d - 8)
            for i in range(0, LANES, 8):
                transpose(near, (b, j, i), turned, (i, j))
    _name(present, names, won, label)
    for i in range(length):
        c = label[0, i]
        for j in range(0, turned.shape[1], 8):
            add_eight(turned, (i, j), added, (c, j))
    for a in range(present):
        c = names[a]
        count = np.float64(bits(won[a]))
        sums[c, d] += count
        if blocks.boxed:
            for j in range(d):
                sums[c, j] += middle[tile, j, t] * count


@njit(forceinline=True)
def _scratch(k, d, near):
    """What a pass writes for itself, of one tile or one block at a time."""
    kind = near.dtype
    return (
        np.empty((d + 1, LANES), kind),
        np.empty((k, LANES), kind),
        np.empty((1, LANES), kind),
        np.empty(k + 1, np.uint64),
        np.empty(k + 1, np.int64),
        np.empty(k + 1, np.int64),
        np.zeros((k + 3, d), kind),
        np.empty(k + 3, kind),
        np.empty(k + 3, np.uint64),
        np.empty((1, LANES), np.int32),
        np.zeros((LANES, -(-d // 8) * 8), kind),
        np.empty((k, -(-d // 8) * 8)),
    )


@njit(cache=True, nogil=True)
def block_pass(blocks, memory, slots, centers, margin, tiles_a_chunk):
    """Bring the sums of each chunk in `memory` up to date with new centres.

    Args:
        blocks: `Blocks`.
        memory: `Memory`.
        slots: int (s,), which sets of centres are new.
        centers: (s, k, d), the new centres, of the type of the rows.
        margin: share of squared distances that rounding may amount to.
        tiles_a_chunk: tiles of a whole chunk.
    """
    near, total = blocks.near, blocks.total
    n = len(blocks.order)
    count, d = near.shape[:2]
    tiles = blocks.middle.shape[0]
    k = centers.shape[1]
    own, squared, ahead, able, who, names, toward, behind, won, label, turned, added = _scratch(
        k, d, near
    )
    parts = np.empty((KEPT, d + 1))
    keeps = np.empty(len(slots), np.bool_)
    for at in range(len(slots)):
        s = slots[at]
        most = 0.0
        next_most = 0.0
        for c in range(k):
            squares = 0.0
            for j in range(d):
                gap = np.float64(centers[at, c, j]) - np.float64(memory.centers[s, c, j])
                squares += gap * gap
                memory.centers[s, c, j] = centers[at, c, j]
            moved = np.sqrt(squares)
            next_most = max(next_most, min(most, moved))
            most = max(most, moved)
        drift = most + next_most
        memory.spent[s] += drift
        keeps[at] = 20 * drift < blocks.typical
    for begin in range(0, tiles, tiles_a_chunk):
        end = min(tiles, begin + tiles_a_chunk)
        chunk = begin // tiles_a_chunk
        for at in range(len(slots)):
            s = slots[at]
            spent = memory.spent[s]
            keep = keeps[at]
            now = centers[at]
            until = memory.until
            changed = False
            for tile in range(begin, end):
                boxes = min(LANES, count - tile * LANES)
                wanted = ~above(load(until, (s, tile)), splat(until, spent)) & first(boxes)
                if wanted == 0:
                    continue
                changed = True
                found = contenders(
                    blocks, tile, wanted, now, margin, own, squared, ahead, able, who
                )
                sums = memory.tiles[s, tile]
                sums[:] = 0.0
                added[:] = 0.0
                for t in range(boxes):
                    b = tile * LANES + t
                    if (wanted >> np.uint64(t)) & np.uint64(1) == 0:
                        present = memory.present[s, b]
                        if present == 1:
                            _add_whole(d, total, b, memory.who[s, b, 0], sums)
                        else:
                            _add_parts(d, present, memory.who[s, b], memory.parts[s, b], sums)
                        continue
                    m = _lay_out(t, now, squared, able, who, found, names, toward, behind)
                    length = min(LANES, n - b * LANES)
                    present = 1
                    safe = np.sqrt(np.float64(ahead[0, t])) if keep else 0.0
                    if m > 1:
                        if keep:
                            far = squared[names[0], t]
                            for a in range(1, m):
                                far = max(far, squared[names[a], t])
                            room = blocks.reach[tile, 0, t]
                        lead = np.float64(contend(near, b, toward, behind, m, won))
                        present = _present(m, first(length), names, won)
                        if keep:
                            lead -= margin * (far + room)
                            safe = min(safe, lead / (np.sqrt(far) + np.sqrt(room) + 1e-30))
                    # How rows are added up depends on nothing but whose they are.
                    if present > KEPT:
                        _add_rows(
                            blocks, tile, t, length, present, names, won, label, turned, added, sums
                        )
                        until[s, tile, t] = -np.inf
                        continue
                    if present == 1:
                        _add_whole(d, total, b, names[0], sums)
                    else:
                        _parts(blocks, tile, t, present, won, parts)
                        _add_parts(d, present, names, parts, sums)
                    safe -= 1e-12 * spent
                    if not keep or safe <= 0.0:
                        until[s, tile, t] = -np.inf
                        continue
                    until[s, tile, t] = spent + safe
                    memory.present[s, b] = present
                    for a in range(present):
                        memory.who[s, b, a] = names[a]
                    if present > 1:
                        memory.parts[s, b, :present] = parts[:present]
                for c in range(k):
                    for j in range(d):
                        sums[c, j] += added[c, j]
            if changed:
                whole = memory.chunks[s, chunk]
                whole[:] = 0.0
                for tile in range(begin, end):
                    whole += memory.tiles[s, tile]


@njit(cache=True, nogil=True)
def block_labels(blocks, centers, margin, tiles_a_chunk, labels):
    """Fill `labels`, int32 (n,), with the nearest of centres, (k, d), of each row."""
    near, order, total = blocks.near, blocks.order, blocks.total
    count, d = near.shape[:2]
    tiles = blocks.middle.shape[0]
    k = len(centers)
    own, squared, ahead, able, who, names, toward, behind, won, label = _scratch(k, d, near)[:10]
    for tile in range(tiles):
        boxes = min(LANES, count - tile * LANES)
        offset = tile // tiles_a_chunk * tiles_a_chunk * LANES * LANES
        found = contenders(
            blocks, tile, first(boxes), centers, margin, own, squared, ahead, able, who
        )
        for t in range(boxes):
            b = tile * LANES + t
            m = _lay_out(t, centers, squared, able, who, found, names, toward, behind)
            if m > 1:
                contend(near, b, toward, behind, m, won)
            _name(m, names, won, label)
            for i in range(np.int64(total[b, d])):
                labels[offset + order[b * LANES + i]] = label[0, i]
