"""A table or query of a Postgres database, read through a cursor on the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import PostgresQuery
from insights_workloads.ingest.batches import Batch
from insights_workloads.ingest.columns import Wanted
from insights_workloads.ingest.errors import IngestError, missing_columns

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
            if connection.info.parameter_status("server_encoding") != "SQL_ASCII":
                connection.execute("SET client_encoding TO 'UTF8'")
                connection.commit()
            connection.read_only = True
            for kind in ("text", "varchar", "bpchar", "name"):
                connection.adapters.register_loader(kind, _Text)
            with connection.cursor(name="roster") as cursor:
                cursor.execute(_statement(query))
                yield from _batches(cursor, wanted, shown)
    except psycopg.Error as error:
        raise _refused(error, shown, "table" if query.table is not None else "query") from None


class _Text(Loader):
    """Text, or the bytes that stand there where a database without an encoding took others."""

    def load(self, data: Buffer) -> str | bytes:
        try:
            return bytes(data).decode()
        except UnicodeDecodeError:
            return bytes(data)


_SAID = {
    "42P01": "there is no such table or view",
    "42703": "there is no such column",
    "42601": "it is not SQL as Postgres knows it",
    "42501": "this user may not read it",
    "42883": "there is no such function, or not for these types",
    "25006": "it writes, and a roster is only read",
    "3F000": "there is no such schema",
}
_SAID_OF_CLASS = {
    "22": "a value is not what it is cast or converted to",
    "42": "it does not fit the tables of this database",
    "25": "it does not run in a read-only transaction",
}
_MAY_HELP = ("08", "40", "53", "55", "57", "58")


def _refused(error: psycopg.Error, shown: str, field: str) -> IngestError:
    """What went wrong, in our words: those of Postgres quote values, and values are people."""
    code = error.sqlstate or ""
    if code.startswith(("28", "3D")):
        return IngestError(
            Reason.SOURCE_UNREADABLE,
            f"{shown} refuses this user or has no such database; check spec.source.uri and "
            "PGPASSWORD in the environment",
        )
    if isinstance(error, psycopg.OperationalError) and not code:
        return IngestError(
            Reason.SOURCE_UNREACHABLE,
            f"{shown} cannot be reached; check spec.source.uri and the network",
            FailureClass.TRANSIENT,
        )
    if code.startswith(_MAY_HELP):
        return IngestError(
            Reason.SOURCE_UNREACHABLE,
            f"{shown} stopped the reading (SQLSTATE {code}); it may be busy, or its limits of time "
            f"or memory too low for spec.source.postgres.{field}",
            FailureClass.TRANSIENT,
        )
    said = _SAID.get(code) or _SAID_OF_CLASS.get(code[:2]) or "a value or the text cannot be read"
    position = error.diag.statement_position
    where = f" at character {position}" if position and field == "query" else ""
    told = f" (SQLSTATE {code})" if code else ""
    return IngestError(
        Reason.SOURCE_UNREADABLE,
        f"{shown}: {said}{where}{told}; correct spec.source.postgres.{field}",
    )


def _statement(query: PostgresQuery) -> sql.SQL | sql.Composed:
    if query.table is not None:
        return sql.SQL("SELECT * FROM {}").format(sql.Identifier(*query.table.split(".")))
    # The query is the user's own, and runs with the user's own rights in a read-only transaction.
    return sql.SQL((query.query or "").rstrip().rstrip(";"))


def _batches(
    cursor: psycopg.ServerCursor[Any], wanted: Sequence[Wanted], shown: str
) -> Iterator[Batch]:
    present = [column.name for column in cursor.description or ()]
    if any(column.column not in present for column in wanted):
        raise missing_columns(shown, wanted, present)
    for column in wanted:
        if present.count(column.column) > 1:
            raise IngestError(
                Reason.SOURCE_UNREADABLE,
                f"{shown} gives the column `{column.column}` twice; name each column once in "
                "spec.source.postgres.query",
            )
    at = {column.column: present.index(column.column) for column in wanted}
    row = 1
    while rows := cursor.fetchmany(_ROWS):
        columns = {
            name: pa.array([_plain(record[index]) for record in rows], pa.binary())
            for name, index in at.items()
        }
        # How many rows a cursor has left cannot be known; come near the end and stay below it.
        yield Batch(
            columns,
            np.arange(row, row + len(rows), dtype=np.int64),
            fraction=1.0 - _ROWS / (row + 2 * _ROWS),
        )
        row += len(rows)


def _plain(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return str(value).encode("utf-8", "surrogatepass")
