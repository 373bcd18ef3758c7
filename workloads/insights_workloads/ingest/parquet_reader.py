"""Parquet, a file or a folder of files, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from insights_crds.reasons import Reason
from insights_workloads.ingest.batches import Batch
from insights_workloads.ingest.columns import Wanted
from insights_workloads.ingest.errors import IngestError, missing_columns
from insights_workloads.ingest.location import Found
from insights_workloads.ingest.text import is_plain

__all__ = ["read_parquet"]

_ROWS = 65_536


def read_parquet(files: Sequence[Found], wanted: Sequence[Wanted]) -> Iterator[Batch]:
    """Read Parquet files one after the other, in batches.

    Raises:
        IngestError: one of them is not a Parquet file with these columns.
    """
    names = sorted({column.column for column in wanted})
    total = max(1, sum(found.size for found in files))
    row, before = 1, 0
    for found in files:
        with found.open() as raw:
            file = _open(raw, found.name, wanted)
            rows = max(1, file.metadata.num_rows)
            done = 0
            try:
                for batch in file.iter_batches(batch_size=_ROWS, columns=names):
                    count = len(batch)
                    done += count
                    yield Batch(
                        {name: batch.column(name) for name in names},
                        np.arange(row, row + count, dtype=np.int64),
                        fraction=(before + found.size * done / rows) / total,
                    )
                    row += count
            except (pa.ArrowException, OSError, ValueError):
                raise _damaged(found.name) from None
            before += found.size


def _open(raw: object, name: str, wanted: Sequence[Wanted]) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(pa.PythonFile(raw, mode="r"), pre_buffer=False)
        present = file.schema_arrow.names
    except (pa.ArrowException, OSError, ValueError):
        raise _damaged(name) from None
    if any(column.column not in present for column in wanted):
        raise missing_columns(name, wanted, present)
    for column in wanted:
        if present.count(column.column) > 1:
            raise IngestError(
                Reason.SOURCE_UNREADABLE,
                f"{name} has the column `{column.column}` twice; rename one of them",
            )
        kind = file.schema_arrow.field(column.column).type
        if not is_plain(kind):
            raise IngestError(
                Reason.SOURCE_UNREADABLE,
                f"{name} has nested values or such of an unknown type in the column "
                f"`{column.column}`; plain numbers or strings were wanted",
            )
    return file


def _damaged(name: str) -> IngestError:
    return IngestError(
        Reason.SOURCE_UNREADABLE,
        f"{name} is not a Parquet file, or is cut or damaged; make or copy it again, or correct "
        "spec.source.format",
    )
