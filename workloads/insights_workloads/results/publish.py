"""Publishing a result: files first, their manifest last, then everything else in one transaction.

A result is published when its row in Postgres is. Files of a driver that was killed or fenced lie
in a folder that no row names, and are removed by the next one that publishes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from obstore.store import ObjectStore

from insights_store import driver
from insights_store.execution import Claim, Execution, Publication
from insights_workloads.disclosure.reader import ReaderContent
from insights_workloads.progress import Progress, silent
from insights_workloads.results import reader_tables, tables
from insights_workloads.results.layout import MANIFEST, Reader
from insights_workloads.results.result import RunResult, summarize

__all__ = ["Reports", "publish_result", "remove_strays"]

_COPY_ROWS = 65_536


@dataclass(frozen=True)
class Reports:
    """The two reports of a result, HTML.

    Attributes:
        owner: with names.
        reader: without anybody.
    """

    owner: str
    reader: str


def publish_result(
    connection: psycopg.Connection,
    objects: ObjectStore,
    held: Claim,
    result: RunResult,
    told: ReaderContent,
    reports: Reports,
    *,
    scratch: Path,
    progress: Progress = silent,
) -> Publication:
    """Publish a result once.

    Args:
        connection: to the results database, outside a transaction.
        objects: the object store.
        held: the claim under which it is published.
        result: what to publish.
        told: what a reader may see of it.
        reports: what explains it to people.
        scratch: folder for files on their way.
        progress: told how far it is.

    Raises:
        Fenced: another driver has taken over; nothing was published.
    """
    _write_files(objects, held.prefix, result, told, reports, scratch, progress)
    summary = dict(told.summary)

    def write_rows(open_connection: psycopg.Connection, publication: int) -> None:
        _write_rows(open_connection, publication, held.execution, result, told, progress)

    if result.seconds is not None:
        # Only here: the same input gives the same files, however long it took.
        summary = summary | {"stageSeconds": result.seconds.model_dump(by_alias=True)}
    outgoing = driver.Outgoing(result.roster.fingerprint, result.engine, summary)
    return driver.publish(connection, held, outgoing, write_rows)


def remove_strays(connection: psycopg.Connection, objects: ObjectStore, held: Claim) -> None:
    """Remove files of this execution that belong to no publication."""
    e = held.execution
    known = {p.prefix for p in driver.publications(connection, e.environment, e.namespace, e.run)}
    above = held.prefix.rsplit("/", 1)[0] + "/"
    strays = [
        entry["path"]
        for page in obstore.list(objects, above)
        for entry in page
        if above + entry["path"].removeprefix(above).split("/", 1)[0] not in known
    ]
    if strays:
        obstore.delete(objects, strays)


def _write_files(
    objects: ObjectStore,
    prefix: str,
    result: RunResult,
    told: ReaderContent,
    reports: Reports,
    scratch: Path,
    progress: Progress,
) -> None:
    manifest: list[dict[str, object]] = []

    def put_file(name: str, path: Path, reader: Reader = Reader.OWNER) -> None:
        name = f"{reader.value}/{name}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        manifest.append({"name": name, "bytes": path.stat().st_size, "sha256": digest})
        obstore.put(objects, f"{prefix}/{name}", path)
        path.unlink()

    def put_text(name: str, text: str, reader: Reader = Reader.OWNER) -> None:
        name = f"{reader.value}/{name}"
        data = text.encode()
        digest = hashlib.sha256(data).hexdigest()
        manifest.append({"name": name, "bytes": len(data), "sha256": digest})
        obstore.put(objects, f"{prefix}/{name}", data)

    scratch.mkdir(parents=True, exist_ok=True)
    path = scratch / "out.parquet"
    _write_parquet(path, tables.people(result))
    put_file("people.parquet", path)
    progress(0.25, "writing files")
    for name, table in (
        ("clusters", tables.clusters(result)),
        ("teams", tables.teams(result)),
        ("violations", tables.violations(result)),
        ("breaches", tables.breaches(result)),
    ):
        pq.write_table(table, path, compression="zstd")
        put_file(f"{name}.parquet", path)
    if result.roster.rejected.path is not None:
        _write_parquet(path, tables.rejected_rows(result))
        put_file("rejected.parquet", path)
    for name, table in (
        ("clusters", reader_tables.clusters(told)),
        ("teams", reader_tables.teams(told)),
        ("rules", reader_tables.rules(told)),
    ):
        pq.write_table(table, path, compression="zstd")
        put_file(f"{name}.parquet", path, Reader.READER)
    exact = _overview(result, summarize(result, prefix))
    put_text("results.json", json.dumps(exact, indent=2))
    put_text("results.json", json.dumps(reader_tables.overview(told), indent=2), Reader.READER)
    put_text("report.html", reports.owner)
    put_text("report.html", reports.reader, Reader.READER)
    # Whoever finds the manifest finds everything that it names.
    obstore.put(objects, f"{prefix}/{MANIFEST}", json.dumps({"files": manifest}, indent=2).encode())
    progress(0.35, "writing files")


def _overview(result: RunResult, summary: dict[str, object]) -> dict[str, object]:
    clusters = tables.clusters(result).to_pylist()
    for cluster in clusters:
        cluster["means"] = json.loads(cluster["means"])
    return {
        "summary": summary,
        "spec": dict(result.spec),
        "engine": result.engine,
        "fingerprint": result.roster.fingerprint,
        "clusters": clusters,
        "violations": tables.violations(result).to_pylist(),
        "teamMoves": None if result.teams is None else result.teams.moved,
    }


def _write_parquet(path: Path, batches: Iterator[pa.RecordBatch]) -> None:
    first = next(batches)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


def _write_rows(
    connection: psycopg.Connection,
    publication: int,
    execution: Execution,
    result: RunResult,
    told: ReaderContent,
    progress: Progress,
) -> None:
    copy = _Copy(connection, publication, execution)
    copy.table("cluster", tables.clusters(result))
    copy.table("team", tables.teams(result))
    copy.table("violation", tables.violations(result))
    copy.table("told_cluster", reader_tables.clusters(told))
    copy.table("told_team", reader_tables.teams(told))
    copy.table("told_rule", reader_tables.rules(told))
    faults = ["row", "column", "reason"]
    copy.batches("rejected_row", (b.select(faults) for b in tables.rejected_rows(result)), faults)
    wanted = ["id", *(["name"] if result.roster.named else []), "cluster", "confidence", "team"]
    done = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal done
        for batch in tables.people(result):
            yield batch.select(wanted)
            done += len(batch)
            progress(0.35 + 0.6 * done / result.roster.rows, "writing to the database")

    copy.batches("person", counted(), wanted)


class _Copy:
    """Bulk writes by COPY.

    Rows pass through a temporary table: Postgres refuses COPY into a table with row-level security,
    which is what keeps one namespace's driver out of another's results.
    """

    def __init__(
        self, connection: psycopg.Connection, publication: int, execution: Execution
    ) -> None:
        self._connection = connection
        self._publication = publication
        self._tenant = execution.environment, execution.namespace

    def table(self, name: str, table: pa.Table) -> None:
        self.batches(name, iter(table.to_batches()), table.column_names)

    def batches(self, name: str, batches: Iterator[pa.RecordBatch], columns: list[str]) -> None:
        listed = ", ".join(f'"{column}"' for column in columns)
        self._connection.execute(
            f"CREATE TEMPORARY TABLE staged ON COMMIT DROP AS "  # noqa: S608 (names are ours)
            f"SELECT {listed} FROM insights.{name} WITH NO DATA"
        )
        options = pacsv.WriteOptions(include_header=False, batch_size=_COPY_ROWS)
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY staged ({listed}) FROM STDIN (FORMAT csv)") as copy,
        ):
            for batch in batches:
                buffer = io.BytesIO()
                pacsv.write_csv(batch, buffer, options)
                copy.write(buffer.getbuffer())
        self._connection.execute(
            f"INSERT INTO insights.{name} (publication, environment, namespace, {listed}) "  # noqa: S608
            f"SELECT %s, %s, %s, {listed} FROM staged",
            (self._publication, *self._tenant),
        )
        self._connection.execute("DROP TABLE staged")
