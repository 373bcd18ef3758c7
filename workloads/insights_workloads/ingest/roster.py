"""The people who take part: validated rows in fixed shards on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["SHARD_ROWS", "Rejections", "Roster", "Shard", "shard_matrix"]

SHARD_ROWS = 65_536
"""Rows of every shard but the last. Sums over shards are added in their order, so this number is
part of what makes results the same on any number of workers."""


@dataclass(frozen=True)
class Shard:
    """A piece of the roster.

    Attributes:
        path: Parquet file.
        rows: rows in it.
    """

    path: Path
    rows: int


@dataclass(frozen=True)
class Rejections:
    """Rows that could not be used.

    Attributes:
        rows: how many rows.
        by_fault: (column, fault) to the number of rows with that fault; a row may have several.
        path: Parquet file with a line a fault, None where there is none. Holds personal data.
    """

    rows: int
    by_fault: Mapping[tuple[str, str], int]
    path: Path | None


@dataclass(frozen=True)
class Roster:
    """The people who take part.

    Attributes:
        shards: in the order of the source.
        rows: people.
        read: rows of the source, usable or not.
        features: names of numeric measures, the four energies first.
        attributes: names of further columns.
        numbers: attributes that are numbers.
        named: whether there is a `name` column.
        rejected: rows that could not be used.
        fingerprint: SHA-256, hexadecimal, of everything that was read; the same for the same
            content in another format, compression or batch size.
    """

    shards: tuple[Shard, ...]
    rows: int
    read: int
    features: tuple[str, ...]
    attributes: tuple[str, ...]
    numbers: frozenset[str]
    named: bool
    rejected: Rejections
    fingerprint: str

    def matrix(self, names: Sequence[str], dtype: Any = np.float64) -> np.ndarray:
        """Columns of numbers as one array (rows, len(names)); a missing value is NaN."""
        out = np.empty((self.rows, len(names)), dtype=dtype)
        start = 0
        for shard in self.shards:
            out[start : start + shard.rows] = shard_matrix(shard.path, names)
            start += shard.rows
        return out

    def column(self, name: str) -> pa.ChunkedArray:
        """One column, in the order of the rows."""
        return pa.chunked_array(
            [chunk for shard in self.shards for chunk in _read(shard.path, [name])[name].chunks]
        )

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Columns, a shard at a time."""
        for shard in self.shards:
            yield _read(shard.path, list(names)).combine_chunks().to_batches()[0]


def shard_matrix(shard: Path | pa.BufferReader, names: Sequence[str]) -> np.ndarray:
    """Columns of numbers of one shard, float64 (rows, len(names)); a missing value is NaN."""
    table = _read(shard, list(dict.fromkeys(names)))
    return np.column_stack(
        [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in names]
    )


def _read(shard: Path | pa.BufferReader, names: list[str]) -> pa.Table:
    return pq.read_table(shard, columns=names, memory_map=False, use_threads=False)
