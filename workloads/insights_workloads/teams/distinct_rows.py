"""Distinct rows of a table, much faster than by sorting the rows themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["distinct_rows"]


def distinct_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each distinct row stands first, which one each row is, and how many rows are it.

    Args:
        table: (n, d), of integers or of numbers that are equal where they are the same bits.

    Returns:
        int64 (t,), int64 (n,) and int64 (t,); distinct rows are in the order of their first place.
    """
    code = np.zeros(len(table), dtype=np.int64)
    for column in table.T:
        values, kinds = pd.factorize(column)
        # Renumbered after each column, a code never outgrows the number of rows squared.
        code, _ = pd.factorize(code * max(len(kinds), 1) + values)
    count = np.bincount(code)
    first = np.zeros(len(count), dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return first, code.astype(np.int64), count
