"""Rows whose identifier stood before, found with eight bytes a row, and as many again at the end.

Identifiers are compared by 64-bit hashes; where two hashes meet, the identifiers themselves are
read again and compared, so that no two people become one by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

__all__ = ["duplicate_positions", "hash_ids"]


def hash_ids(ids: pa.Array) -> np.ndarray:
    """64-bit hashes, uint64 (n,), of identifiers without nulls."""
    values = ids.to_numpy(zero_copy_only=False)
    return np.asarray(pd.util.hash_array(values, categorize=False), dtype=np.uint64)


def duplicate_positions(
    hashes: Sequence[np.ndarray], ids_at: Callable[[np.ndarray], list[str]]
) -> np.ndarray:
    """Positions, int64 ascending, of rows whose identifier stands at an earlier position.

    Args:
        hashes: hashes of all identifiers in order, in any number of parts.
        ids_at: reads the identifiers at ascending positions.
    """
    if not hashes:
        return np.empty(0, dtype=np.int64)
    ordered = np.sort(np.concatenate(hashes))
    met = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(met):
        return np.empty(0, dtype=np.int64)
    found, start = [], 0
    for part in hashes:
        near = np.minimum(np.searchsorted(met, part), len(met) - 1)
        found.append(start + np.flatnonzero(met[near] == part).astype(np.int64))
        start += len(part)
    candidates = np.concatenate(found)
    again = pd.Series(ids_at(candidates), dtype=object).duplicated(keep="first").to_numpy()
    return candidates[again]
