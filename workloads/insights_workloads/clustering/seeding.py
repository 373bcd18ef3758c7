"""Where k-means begins: greedy k-means++ (Arthur and Vassilvitskii, 2007).

Of several candidates drawn for each centre the one that helps most is taken, as scikit-learn does.
"""

from __future__ import annotations

import numpy as np

from insights_workloads.clustering.kernels.seeding import plus_plus

__all__ = ["seed_centers"]


def seed_centers(rows: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    """Starting centres, float64 (k, d), each a row.

    Args:
        rows: (n, d), n >= 1; all of them, or a sample.
        k: centres.
        random: draws them.
    """
    columns = np.ascontiguousarray(rows.T, dtype=np.float64)
    trials = 2 + int(np.log(k))
    picks = plus_plus(columns, random.random((k, trials)))
    return np.ascontiguousarray(columns[:, picks].T)
