"""A table or query of a Postgres database, read through a cursor on the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import PostgresQuery
from insights_workloads.ingest.batches import Batch
from insights_workloads.ingest.columns import Wanted
from insights_workloads.ingest.errors import IngestError, no_such_column

__all__ = ["read_postgres"]

_ROWS = 16_384
_CONNECT_SECONDS = 15


def read_postgres(
    uri: str, query: PostgresQuery | None, wanted: Sequence[Wanted]
) -> Iterator[Batch]:
    """Read a table, in the order of its rows on disk, or a query, in the order that it gives.

    The password comes from the environment (`PGPASSWORD`, `PGPASSFILE`), never from the address.
    The transaction is read-only.

    Raises:
        IngestError: the database cannot be reached, or does not give these columns.
    """
    parts = urlsplit(uri)
    shown = f"postgresql://{parts.hostname or ''}{parts.path}"
    if query is None:
        raise IngestError(
            Reason.SOURCE_NOT_FOUND,
            f"{shown} names a database; set spec.source.postgres.table or .query",
        )
    try:
        with psycopg.connect(uri, connect_timeout=_CONNECT_SECONDS) as connection:
            connection.read_only = True
            with connection.cursor(name="roster") as cursor:
                cursor.execute(_statement(query))
                yield from _batches(cursor, wanted, shown)
    except psycopg.OperationalError as error:
        if error.sqlstate and error.sqlstate.startswith(("28", "3D")):
            raise IngestError(
                Reason.SOURCE_UNREADABLE,
                f"{shown} refuses this user or has no such database; check spec.source.uri and "
                "PGPASSWORD in the environment",
            ) from None
        raise IngestError(
            Reason.SOURCE_UNREACHABLE,
            f"{shown} cannot be reached; check spec.source.uri and the network",
            FailureClass.TRANSIENT,
        ) from None
    except psycopg.Error as error:
        said = error.diag.message_primary or type(error).__name__
        field = "table" if query.table is not None else "query"
        raise IngestError(
            Reason.SOURCE_UNREADABLE, f"{shown}: {said}; correct spec.source.postgres.{field}"
        ) from None


def _statement(query: PostgresQuery) -> sql.SQL | sql.Composed:
    if query.table is not None:
        return sql.SQL("SELECT * FROM {}").format(sql.Identifier(*query.table.split(".")))
    # The query is the user's own, and runs with the user's own rights in a read-only transaction.
    return sql.SQL((query.query or "").rstrip().rstrip(";"))


def _batches(
    cursor: psycopg.ServerCursor[Any], wanted: Sequence[Wanted], shown: str
) -> Iterator[Batch]:
    present = [column.name for column in cursor.description or ()]
    for column in wanted:
        if column.column not in present:
            raise no_such_column(shown, column.column, column.field, present)
    at = {column.column: present.index(column.column) for column in wanted}
    row = 1
    while rows := cursor.fetchmany(_ROWS):
        columns = {
            name: pa.array([_plain(record[index]) for record in rows], pa.string())
            for name, index in at.items()
        }
        # How many rows a cursor has left cannot be known; come near the end and stay below it.
        yield Batch(
            columns,
            np.arange(row, row + len(rows), dtype=np.int64),
            fraction=1.0 - _ROWS / (row + 2 * _ROWS),
        )
        row += len(rows)


def _plain(value: object) -> str | None:
    return None if value is None else str(value)
