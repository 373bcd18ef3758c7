"""How many people of each group are in each team."""

from __future__ import annotations

import numpy as np

__all__ = ["crowds"]


def crowds(team: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Teams, groups and people of all pairs that occur, in order; people without a group count not.

    Args:
        team: int (n,), 0 or more.
        group: int (n,), -1 for people without one.
    """
    grouped = group >= 0
    groups = int(group.max(initial=0)) + 1
    # One number a pair: sorting rows takes ten times as long.
    cells, people = np.unique(
        team[grouped].astype(np.int64) * groups + group[grouped], return_counts=True
    )
    return cells // groups, cells % groups, people
