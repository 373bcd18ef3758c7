"""How many different people there are: no more clusters than that can be made."""

from __future__ import annotations

import numpy as np

__all__ = ["distinct_at_most"]


def distinct_at_most(rows: np.ndarray, k: int) -> int:
    """Distinct rows, (n, d), n >= 1, counted no further than to k."""
    for size in (min(len(rows), 100 * k), len(rows)):
        distinct = len(np.unique(rows[:size], axis=0))
        if distinct >= k:
            return k
    return distinct
