"""How many people of each group are in each team."""

from __future__ import annotations

import numpy as np

__all__ = ["crowds"]

_DENSE = 4
"""Pairs that might occur, for each person, up to which they are counted without sorting."""


def crowds(team: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Teams, groups and people of all pairs that occur, in order; people without a group count not.

    Args:
        team: int (n,), 0 or more.
        group: int (n,), -1 for people without one.
    """
    grouped = group >= 0
    groups = int(group.max(initial=0)) + 1
    # One number a pair: sorting rows takes ten times as long, and counting a tenth.
    pairs = team[grouped].astype(np.int64) * groups + group[grouped]
    if int(pairs.max(initial=0)) < _DENSE * len(team):
        counts = np.bincount(pairs)
        cells = np.flatnonzero(counts)
        people = counts[cells]
    else:
        cells, people = np.unique(pairs, return_counts=True)
    return cells // groups, cells % groups, people
