"""Reading published results again."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import obstore
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.exceptions import NotFoundError
from obstore.store import ObjectStore

from insights_store import driver
from insights_store.execution import Publication

__all__ = ["TABLES", "RunLine", "list_runs", "newest", "read_report", "read_table"]

TABLES = ("people", "clusters", "teams", "violations", "rejected")


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
        data = obstore.get(objects, f"{publication.prefix}/{name}.parquet").bytes()
    except (NotFoundError, FileNotFoundError):
        return pa.table({})
    return pq.read_table(io.BytesIO(bytes(data)))


def read_report(objects: ObjectStore, publication: Publication) -> str:
    """The report of a result, HTML."""
    return bytes(obstore.get(objects, f"{publication.prefix}/report.html").bytes()).decode()


def read_overview(objects: ObjectStore, publication: Publication) -> dict[str, Any]:
    """`results.json` of a result."""
    data = obstore.get(objects, f"{publication.prefix}/results.json").bytes()
    overview: dict[str, Any] = json.loads(bytes(data))
    return overview
