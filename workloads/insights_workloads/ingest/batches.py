"""What every reader gives: batches of raw columns, with the numbers of their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

__all__ = ["Batch", "BatchReader"]


@dataclass(frozen=True)
class Batch:
    """Some rows of a roster, as they stand in it.

    Attributes:
        columns: raw columns by the roster's names; strings or whatever type the format has.
        rows: int64 (n,), data row numbers in the source, from 1.
        broken: data row numbers of rows that could not be split into columns.
        fraction: share of the source that is read by now, 0 to 1.
    """

    columns: dict[str, pa.Array]
    rows: np.ndarray
    broken: tuple[int, ...] = field(default=())
    fraction: float = 0.0


BatchReader = Callable[[], Iterator[Batch]]
