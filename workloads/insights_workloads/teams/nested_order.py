"""An order in which neighbours are alike in several columns."""

from __future__ import annotations

import numpy as np

__all__ = ["nested_order"]


def nested_order(columns: np.ndarray) -> np.ndarray:
    """Order entries so that neighbours, and those at the same place of two tables, are alike.

    They are cut by the first column into parts of equal count, each of these by the next, and so
    on; where the parts are single entries further columns are not looked at.

    Args:
        columns: float64 (k, n).

    Returns:
        int64 (n,), entries in order.
    """
    count = columns.shape[1]
    cuts = max(2, round(count ** (1.0 / max(1, len(columns)))))
    levels = [level for level in range(len(columns)) if cuts**level < count]
    # Parts are rows of a table; what does not fill it stands behind all others.
    whole = cuts ** len(levels[1:])
    order = np.arange(-(-count // whole) * whole)
    for level, column in zip(levels, columns, strict=False):
        table = order.reshape(cuts**level, -1)
        keys = np.append(column, np.full(len(order) - count, np.inf))[table]
        order = np.take_along_axis(table, np.argsort(keys, axis=1, kind="stable"), axis=1).ravel()
    return np.asarray(order[order < count])
