"""Reading published results again."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import ObjectStore

from insights_store import driver
from insights_store.execution import Publication
from insights_workloads.results.layout import Reader, find_path, read_file

__all__ = [
    "TABLES",
    "RunLine",
    "list_runs",
    "newest",
    "read_overview",
    "read_report",
    "read_table",
    "report_path",
]

TABLES = ("people", "clusters", "teams", "violations", "breaches", "rejected")


@dataclass(frozen=True)
class RunLine:
    """A run in a list.

    Attributes:
        namespace: of the run.
        run: its name.
        publication: its newest result.
    """

    namespace: str
    run: str
    publication: Publication


def newest(
    connection: psycopg.Connection, environment: str, namespace: str, run: str
) -> Publication | None:
    """The newest result of a run."""
    found = driver.publications(connection, environment, namespace, run)
    return found[-1] if found else None


def list_runs(connection: psycopg.Connection, environment: str) -> list[RunLine]:
    """Runs with their newest results, by name."""
    rows = connection.execute(
        "SELECT DISTINCT namespace, run FROM insights.publication WHERE environment = %s "
        "ORDER BY namespace, run",
        (environment,),
    ).fetchall()
    connection.commit()
    lines = []
    for namespace, run in rows:
        publication = newest(connection, environment, namespace, run)
        if publication is not None:
            lines.append(RunLine(namespace, run, publication))
    return lines


def read_table(objects: ObjectStore, publication: Publication, name: str) -> pa.Table:
    """A table of a result, by its name in `TABLES`; empty where the result has none."""
    try:
        data = read_file(objects, publication.prefix, f"{name}.parquet")
    except FileNotFoundError:
        return pa.table({})
    return pq.read_table(io.BytesIO(data))


def report_path(
    objects: ObjectStore, publication: Publication, reader: Reader = Reader.OWNER
) -> str:
    """Where the report of a result is, in the object store.

    Raises:
        FileNotFoundError: there is none for this reader.
    """
    return find_path(objects, publication.prefix, "report.html", reader)


def read_report(
    objects: ObjectStore, publication: Publication, reader: Reader = Reader.OWNER
) -> str:
    """The report of a result, HTML.

    Raises:
        FileNotFoundError: there is none for this reader.
    """
    return read_file(objects, publication.prefix, "report.html", reader).decode()


def read_overview(objects: ObjectStore, publication: Publication) -> dict[str, Any]:
    """`results.json` of a result, as its owner may read it."""
    overview: dict[str, Any] = json.loads(read_file(objects, publication.prefix, "results.json"))
    return overview
