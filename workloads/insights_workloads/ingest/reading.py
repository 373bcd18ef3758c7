"""From a source to a roster: read, validate, drop duplicates, cut into shards, fingerprint.

Two passes. The first streams the source through validation into one staged file and remembers eight
bytes a row; the second drops rows whose identifier stood before and cuts the rest into shards.
Memory does not grow with the file, but for those eight bytes and as many while they are sorted.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from insights_crds.reasons import Reason
from insights_crds.v1 import Source
from insights_workloads.ingest.batches import Batch
from insights_workloads.ingest.columns import Wanted, wanted_columns
from insights_workloads.ingest.csv_reader import read_csv
from insights_workloads.ingest.duplicates import duplicate_positions, hash_ids
from insights_workloads.ingest.errors import IngestError
from insights_workloads.ingest.location import Found, is_database, locate
from insights_workloads.ingest.parquet_reader import read_parquet
from insights_workloads.ingest.postgres_reader import read_postgres
from insights_workloads.ingest.roster import SHARD_ROWS, Rejections, Roster, Shard
from insights_workloads.ingest.validation import (
    REJECTED_SCHEMA,
    Fault,
    rejected_rows,
    roster_schema,
    validate,
)
from insights_workloads.measures import ROWS_READ
from insights_workloads.progress import Progress, silent

__all__ = ["ingest"]

_STAGED = "staged.parquet"
_REJECTED = "rejected.parquet"
_PARQUET_MAGIC = b"PAR1"


def ingest(source: Source, *, base: Path, spool: Path, progress: Progress = silent) -> Roster:
    """Read a roster into a folder of shards.

    Args:
        source: `spec.source` of the run.
        base: folder from which a relative path starts.
        spool: folder for the shards; made if missing, removed again if this fails.
        progress: told how far it is; may raise to stop.

    Raises:
        IngestError: the roster cannot be used; nothing is left behind.
    """
    wanted = wanted_columns(source)
    spool.mkdir(parents=True, exist_ok=True)
    try:
        stage = _stage(_batches(source, base, spool, wanted), source, wanted, spool, progress)
        return _cut(stage, source, wanted, spool, progress)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeError, OverflowError) as error:
        # What no reader foresaw is the roster's fault all the same, and its text may quote it.
        shutil.rmtree(spool, ignore_errors=True)
        raise IngestError(
            Reason.SOURCE_UNREADABLE,
            f"{_shown(source.uri)} holds what cannot be read ({type(error).__name__}); write it "
            "anew as CSV in UTF-8, or as Parquet",
        ) from None
    except BaseException:
        shutil.rmtree(spool, ignore_errors=True)
        raise


def _batches(source: Source, base: Path, spool: Path, wanted: Sequence[Wanted]) -> Iterator[Batch]:
    if is_database(source.uri):
        if source.format not in ("Auto", "Postgres"):
            raise IngestError(
                Reason.SOURCE_UNREADABLE,
                f"spec.source.format is {source.format}, but spec.source.uri names a database",
            )
        return read_postgres(source.uri, source.postgres, wanted)
    if source.format == "Postgres" or source.postgres is not None:
        raise IngestError(
            Reason.SOURCE_UNREADABLE,
            "spec.source.postgres is set, but spec.source.uri is not a postgresql:// address",
        )
    found = locate(source.uri, base, spool)
    if sum(file.size for file in found) == 0:
        raise IngestError(
            Reason.NO_PEOPLE, f"{found[0].name} is empty; a header and one row a person were wanted"
        )
    if source.format == "Parquet" or (source.format == "Auto" and _is_parquet(found)):
        return read_parquet(found, wanted)
    if len(found) > 1:
        raise IngestError(
            Reason.SOURCE_UNREADABLE,
            f"{_shown(source.uri)} is a folder, and only folders of Parquet files are read; name "
            "one file",
        )
    return read_csv(found[0], source.csv, wanted)


def _shown(uri: str) -> str:
    """An address without the credentials that its query may hold."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}" if "://" in uri else uri


def _is_parquet(found: tuple[Found, ...]) -> bool:
    if len(found) > 1 or found[0].name.endswith((".parquet", ".pq")):
        return True
    with found[0].open() as raw:
        return bytes(raw.read(4)) == _PARQUET_MAGIC


class _Stage:
    """What the first pass found."""

    def __init__(self) -> None:
        self.hashes: list[np.ndarray] = []
        self.faults: Counter[tuple[str, str]] = Counter()
        self.rejected_rows = 0
        self.people = 0


def _stage(
    batches: Iterator[Batch],
    source: Source,
    wanted: Sequence[Wanted],
    spool: Path,
    progress: Progress,
) -> _Stage:
    stage = _Stage()
    with (
        pq.ParquetWriter(spool / _STAGED, roster_schema(wanted), compression="lz4") as staged,
        pq.ParquetWriter(spool / _REJECTED, REJECTED_SCHEMA, compression="lz4") as rejected,
    ):
        for batch in batches:
            valid = validate(batch, wanted, source.csv.decimal)
            if len(valid.people):
                staged.write_batch(valid.people)
                stage.hashes.append(hash_ids(valid.people.column("id")))
                stage.people += len(valid.people)
            if len(valid.rejected):
                rejected.write_batch(valid.rejected)
                _count(stage, valid.rejected)
                if source.invalid_rows.action == "Fail":
                    raise _first_fault(source, valid.rejected)
            read = len(batch.rows) + len(batch.broken)
            progress(0.8 * batch.fraction, f"{stage.people:,} people", {ROWS_READ: read})
        progress(0.8, "looking for duplicates")
        _reject_duplicates(stage, source, wanted, spool, staged, rejected)
    _check(stage, source)
    return stage


def _reject_duplicates(
    stage: _Stage,
    source: Source,
    wanted: Sequence[Wanted],
    spool: Path,
    staged: pq.ParquetWriter,
    rejected: pq.ParquetWriter,
) -> None:
    staged.close()
    path = spool / _STAGED

    def ids_at(positions: np.ndarray) -> list[str]:
        return [str(value) for value in _at(path, "id", positions)]

    positions = duplicate_positions(stage.hashes, ids_at)
    stage.hashes = [positions]
    if not len(positions):
        return
    lines = rejected_rows(
        np.array(_at(path, "row", positions), dtype=np.int64),
        wanted[0].column,
        Fault.DUPLICATE_ID,
        ids_at(positions),
    )
    rejected.write_batch(lines)
    _count(stage, lines)
    stage.people -= len(positions)
    if source.invalid_rows.action == "Fail":
        raise _first_fault(source, lines)


def _at(path: Path, column: str, positions: np.ndarray) -> list[object]:
    """Values of a staged column at ascending positions, a row group at a time."""
    out: list[object] = []
    file = pq.ParquetFile(path)
    start = 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        low, high = np.searchsorted(positions, (start, start + rows))
        if low < high:
            values = file.read_row_group(group, columns=[column])[column]
            out += values.take(pa.array(positions[low:high] - start)).to_pylist()
        start += rows
    return out


def _cut(
    stage: _Stage, source: Source, wanted: Sequence[Wanted], spool: Path, progress: Progress
) -> Roster:
    drop = stage.hashes[0] if stage.hashes else np.empty(0, np.int64)
    digest = hashlib.sha256()
    shards: list[Shard] = []
    for table in _shards(spool / _STAGED, drop):
        path = spool / f"shard-{len(shards):05d}.parquet"
        pq.write_table(table, path, compression="lz4")
        _digest(digest, table.drop_columns(["row"]))
        shards.append(Shard(path, len(table)))
        progress(0.8 + 0.2 * min(1.0, len(shards) * SHARD_ROWS / max(1, stage.people)))
    (spool / _STAGED).unlink()
    rejected = spool / _REJECTED
    if stage.rejected_rows:
        for group in pq.ParquetFile(rejected).iter_batches():
            _digest(digest, pa.Table.from_batches([group]))
    else:
        rejected.unlink()
    return Roster(
        shards=tuple(shards),
        rows=stage.people,
        read=stage.people + stage.rejected_rows,
        features=tuple(column.name for column in wanted if column.role == "feature"),
        attributes=tuple(column.name for column in wanted if column.role == "attribute"),
        numbers=frozenset(c.name for c in wanted if c.role == "attribute" and c.number),
        named=source.columns.name is not None,
        rejected=Rejections(
            stage.rejected_rows, dict(stage.faults), rejected if stage.rejected_rows else None
        ),
        fingerprint=digest.hexdigest(),
    )


def _shards(path: Path, drop: np.ndarray) -> Iterator[pa.Table]:
    """Staged rows without those to drop, in tables of `SHARD_ROWS`, the last one shorter."""
    held: list[pa.Table] = []
    size, start = 0, 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=SHARD_ROWS):
        keep = np.ones(len(batch), dtype=bool)
        low, high = np.searchsorted(drop, (start, start + len(batch)))
        keep[drop[low:high] - start] = False
        start += len(batch)
        held.append(pa.Table.from_batches([batch.filter(pa.array(keep))]))
        size += len(held[-1])
        while size >= SHARD_ROWS:
            joined = pa.concat_tables(held).combine_chunks()
            yield joined.slice(0, SHARD_ROWS).combine_chunks()
            held, size = [joined.slice(SHARD_ROWS)], size - SHARD_ROWS
    if size:
        yield pa.concat_tables(held).combine_chunks()


def _digest(digest: hashlib._Hash, table: pa.Table) -> None:
    """Add the content of a table, and nothing of how Arrow happens to hold it."""
    for name in table.column_names:
        column = table[name].combine_chunks()
        array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        missing = pc.is_null(array).to_numpy(zero_copy_only=False)
        digest.update(name.encode())
        digest.update(np.packbits(missing).tobytes())
        if pa.types.is_string(array.type):
            lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False)
            digest.update(lengths.astype("<i4").tobytes())
            digest.update("".join(v for v in array.to_pylist() if v is not None).encode())
        else:
            values = pc.fill_null(array, 0).to_numpy(zero_copy_only=False)
            # Minus zero equals zero, and must hash like it.
            digest.update(
                (values + 0).astype("<f8" if array.type == pa.float64() else "<i8").tobytes()
            )


def _count(stage: _Stage, rejected: pa.RecordBatch) -> None:
    stage.rejected_rows += len(pc.unique(rejected.column("row")))
    pairs = zip(
        rejected.column("column").to_pylist(), rejected.column("reason").to_pylist(), strict=True
    )
    stage.faults.update(pairs)


def _check(stage: _Stage, source: Source) -> None:
    read = stage.people + stage.rejected_rows
    if read == 0:
        raise IngestError(
            Reason.NO_PEOPLE,
            f"{_shown(source.uri)} has column names but no rows; one row a person was wanted",
        )
    share = stage.rejected_rows / read
    if stage.people == 0 or share > source.invalid_rows.max_invalid_fraction:
        (column, fault), count = stage.faults.most_common(1)[0]
        where = f" in column `{column}`" if column else ""
        raise IngestError(
            Reason.TOO_MANY_INVALID_ROWS,
            f"{stage.rejected_rows:,} of {read:,} rows ({share:.1%}) of {_shown(source.uri)} are "
            f"invalid, more than spec.source.invalidRows.maxInvalidFraction "
            f"({source.invalid_rows.max_invalid_fraction:.1%}) allows; most often {fault}{where} "
            f"({count:,} rows); correct the roster, or map other columns in spec.source.columns",
        )


def _first_fault(source: Source, rejected: pa.RecordBatch) -> IngestError:
    first = rejected.slice(0, 1).to_pylist()[0]
    where = f" in column `{first['column']}`" if first["column"] else ""
    return IngestError(
        Reason.TOO_MANY_INVALID_ROWS,
        f"row {first['row']:,} of {_shown(source.uri)} is invalid ({first['reason']}{where}), and "
        "spec.source.invalidRows.action is Fail; correct the row, or set it to Quarantine",
    )
