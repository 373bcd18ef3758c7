"""Nothing about fewer than five people can be worked out of what is shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from insights_workloads.disclosure import FEWEST, shown_cells, shown_groups


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ([8, 8, 8], [True, True, True]),
        ([8, 6, 3], [True, False, False]),  # 3 alone would follow from the total.
        ([8, 2, 3], [True, False, False]),
        ([8, 7, 1, 2], [True, False, False, False]),  # 1 and 2 are 3 people together.
        ([8, 7, 0], [True, False, False]),
        ([3], [False]),
        ([4, 4], [False, False]),
        ([9], [True]),
    ],
)
def test_groups_of_few_are_hidden_and_so_is_what_gives_them_away(sizes, shown) -> None:
    assert shown_groups(np.array(sizes)).tolist() == shown


def test_a_cell_between_two_cycles_is_not_left_to_arithmetic() -> None:
    counts = np.full((4, 4), 20)
    # Two squares of hidden cells, and one hidden cell that joins them: it is a bridge.
    for row, column in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (2, 3), (3, 2), (3, 3), (1, 2)]:
        counts[row, column] = 3
    assert not exposed(counts, shown_cells(counts))


def exposed(counts, shown) -> list:
    """Hidden cells of few people whose value is fixed by totals, shown cells and being no less than
    zero is not counted: bounds are what linear programming says without them."""
    cells = np.argwhere(~shown)
    if not len(cells):
        return []
    rows, columns = counts.shape
    system = np.zeros((rows + columns, len(cells)))
    for at, (row, column) in enumerate(cells):
        system[row, at] = system[rows + column, at] = 1
    known = np.concatenate(
        [np.where(~shown, counts, 0).sum(axis=1), np.where(~shown, counts, 0).sum(axis=0)]
    )
    found = []
    for at, (row, column) in enumerate(cells):
        if counts[row, column] >= FEWEST:
            continue
        ends = [
            linprog(sign * np.eye(len(cells))[at], A_eq=system, b_eq=known, bounds=(-99, 99)).fun
            for sign in (1, -1)
        ]
        if abs(ends[0] + ends[1]) < 1e-6:
            found.append((row, column))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 10_000))
def test_no_hidden_cell_follows_from_the_totals(rows, columns, seed) -> None:
    counts = np.random.default_rng(seed).integers(0, 14, (rows, columns))
    shown = shown_cells(counts)
    assert not (shown & (counts < FEWEST)).any()
    whole_lines = (~shown).all()
    assert whole_lines or not exposed(counts, shown)
    for axis in (0, 1):
        hidden = np.where(shown, 0, counts).sum(axis=axis)
        some = (~shown).any(axis=axis) & ~(~shown).all(axis=axis)
        assert (hidden[some] >= FEWEST).all()
