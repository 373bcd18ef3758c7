"""What may be told of few people: counts below five are hidden, and what would give them away.

Of a table whose totals are known a hidden cell can be worked out where it is the only one of its
row or column, or where cells that can be lead to it. In the graph whose edges join the row and the
column of each hidden cell, those are the bridges (Gusfield, 1988). Further cells are hidden until
there are none, and until the hidden ones of a row or column are five people in sum.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["FEWEST", "shown_cells", "shown_groups"]

FEWEST = 5
"""Fewest people that a published number may be about."""


_Line = tuple[int | slice, int | slice]


def shown_cells(counts: np.ndarray) -> np.ndarray:
    """Cells of a table that may be shown beside its totals.

    Args:
        counts: int (r, c), people; totals of rows and columns are known to the reader.

    Returns:
        bool (r, c).
    """
    hidden = counts < FEWEST
    while True:
        line = next(_exposed_lines(counts, hidden), None)
        if line is None:
            bridge = next(_bridges(hidden), None)
            if bridge is None:
                return ~hidden
            line = bridge[0], slice(None)
            if hidden[line].all():
                line = slice(None), bridge[1]
        open_cells = np.where(hidden[line], np.iinfo(np.int64).max, counts[line])
        if hidden[line].all():
            hidden[:] = True
        else:
            hidden[line] |= np.arange(len(open_cells)) == int(np.argmin(open_cells))


def shown_groups(sizes: np.ndarray) -> np.ndarray:
    """Groups whose means may be shown beside the mean of everyone, bool (g,).

    Args:
        sizes: int (g,), people.
    """
    return shown_cells(np.asarray(sizes, dtype=np.int64)[None, :])[0] if len(sizes) else sizes > 0


def _exposed_lines(counts: np.ndarray, hidden: np.ndarray) -> Iterator[_Line]:
    """Rows and columns whose hidden cells are one, or fewer than five people, beside shown ones."""
    for axis in (1, 0):
        many = hidden.sum(axis=axis)
        people = np.where(hidden, counts, 0).sum(axis=axis)
        bad = (many > 0) & ((many == 1) | (people < FEWEST)) & (many < hidden.shape[axis])
        for at in np.flatnonzero(bad):
            yield (int(at), slice(None)) if axis == 1 else (slice(None), int(at))


def _bridges(hidden: np.ndarray) -> Iterator[tuple[int, int]]:
    """Hidden cells that follow from totals and shown cells, by a depth-first search (Tarjan)."""
    rows, columns = hidden.shape
    if min(rows, columns) < 2:
        return
    near = [np.flatnonzero(hidden[row]) + rows for row in range(rows)]
    near += [np.flatnonzero(hidden[:, column]) for column in range(columns)]
    seen = np.zeros(rows + columns, dtype=np.int64)
    low = np.zeros(rows + columns, dtype=np.int64)
    clock = 0
    for root in range(rows):
        if seen[root] or not len(near[root]):
            continue
        clock += 1
        seen[root] = low[root] = clock
        path = [(root, -1, iter(near[root].tolist()))]
        while path:
            at, before, rest = path[-1]
            for other in rest:
                if other == before:
                    continue
                if seen[other]:
                    low[at] = min(low[at], seen[other])
                    continue
                clock += 1
                seen[other] = low[other] = clock
                path.append((other, at, iter(near[other].tolist())))
                break
            else:
                path.pop()
                if path:
                    low[before] = min(low[before], low[at])
                    if low[at] > seen[before]:
                        yield min(at, before), max(at, before) - rows
