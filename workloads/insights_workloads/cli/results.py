"""`insights show`, `report` and `export`: look at results that are there."""

from __future__ import annotations

import shutil
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from obstore.store import ObjectStore
from rich.markup import escape
from rich.table import Table

from insights_store.execution import Publication
from insights_workloads.cli.console import Output, fail, out, print_json
from insights_workloads.cli.home import ENVIRONMENT, NAMESPACE, HomeOption
from insights_workloads.results.export import numbered, to_csv, to_workbook, with_names
from insights_workloads.results.layout import Reader
from insights_workloads.results.local import LocalHome
from insights_workloads.results.read import (
    list_runs,
    newest,
    read_overview,
    read_report,
    read_table,
    report_path,
)
from insights_workloads.results.stores import open_objects

__all__ = ["export", "moves_text", "report", "show"]

_Run = Annotated[str, typer.Argument(help="Name of the run.")]


class Format(StrEnum):
    """Format of an export."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    JSON = "json"


class TableName(StrEnum):
    """Tables of a result."""

    PEOPLE = "people"
    CLUSTERS = "clusters"
    TEAMS = "teams"
    VIOLATIONS = "violations"
    BREACHES = "breaches"
    REJECTED = "rejected"


def show(
    name: Annotated[str | None, typer.Argument(help="Name of a run; all runs without.")] = None,
    home: HomeOption = Path(".insights"),
    output: Annotated[Output, typer.Option(help="How to print the result.")] = Output.TEXT,
) -> None:
    """Show the newest results: of every run in a line each, or of one in full."""
    with _results(home) as (connection, objects):
        if name is None:
            _show_all(connection, output)
            return
        publication = _newest(connection, name)
        overview = read_overview(objects, publication)
        if output is Output.JSON:
            print_json(overview)
            return
        _show_one(publication, overview)
        report_at = LocalHome(home).objects / report_path(objects, publication)
        out.print(f"\nreport  {report_at}", soft_wrap=True)


def report(
    name: _Run,
    home: HomeOption = Path(".insights"),
    reader: Annotated[
        bool,
        typer.Option("--reader", help="The report for everybody else, which tells of nobody."),
    ] = False,
    to: Annotated[Path | None, typer.Option("--to", help="Copy the report to this file.")] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Print where the report of a run is, copy it, or open it."""
    with _results(home) as (connection, objects):
        publication = _newest(connection, name)
        whose = Reader.READER if reader else Reader.OWNER
        try:
            path = LocalHome(home).objects / report_path(objects, publication, whose)
            if to is not None:
                _write(to, read_report(objects, publication, whose).encode())
                path = to
        except FileNotFoundError:
            fail(
                f"{name} was published by a version that made no report for the {whose.value}; "
                "`insights run --rerun` makes one"
            )
    out.print(str(path), soft_wrap=True)
    if browser:
        webbrowser.open(path.absolute().as_uri())


def export(
    name: _Run,
    table: Annotated[TableName, typer.Option(help="Which table.")] = TableName.PEOPLE,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="Which format; by the file's ending, CSV without a file."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="File to write; standard output without.")
    ] = None,
    home: HomeOption = Path(".insights"),
) -> None:
    """Export a table of a run's newest results; a workbook of people has their teams as well."""
    chosen = _format(format, to)
    with _results(home) as (connection, objects):
        publication = _newest(connection, name)
        data = read_table(objects, publication, table.value)
        teams = read_table(objects, publication, "teams")
        if table is TableName.PEOPLE:
            data = with_names(data, read_table(objects, publication, "clusters"), teams)
    if not data.column_names:
        fail(f"{name} has no table {table.value}: there is nothing in it")
    data = data if table is TableName.PEOPLE else numbered(data)
    payload = _encoded(data, chosen, table, numbered(teams))
    if to is not None:
        _write(to, payload)
        out.print(f"{data.num_rows:,} rows in {to}")
        return
    if chosen in (Format.PARQUET, Format.XLSX) and sys.stdout.isatty():
        fail(f"{chosen.value} is not for terminals; name a file with --to")
    sys.stdout.buffer.write(payload)


@contextmanager
def _results(home: Path) -> Iterator[tuple[psycopg.Connection, ObjectStore]]:
    local = LocalHome(home)
    if not local.exists():
        fail(f"{local.path} holds no results; compute some with `insights run -f RUN.yaml`")
    with local.store() as store, psycopg.connect(store.dsn) as connection:
        yield connection, open_objects(store.objects)


def _newest(connection: psycopg.Connection, name: str) -> Publication:
    publication = newest(connection, ENVIRONMENT, NAMESPACE, name)
    if publication is None:
        known = ", ".join(line.run for line in list_runs(connection, ENVIRONMENT)) or "none"
        fail(f"there are no results of a run `{name}`; known runs: {known}")
    return publication


def _show_all(connection: psycopg.Connection, output: Output) -> None:
    lines = list_runs(connection, ENVIRONMENT)
    if output is Output.JSON:
        print_json(
            [
                {
                    "run": line.run,
                    "published": line.publication.published.isoformat(),
                    "summary": dict(line.publication.summary),
                }
                for line in lines
            ]
        )
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("run", "people", "clusters", "teams", "balance", "published"):
        right = column not in ("run", "published")
        table.add_column(column, justify="right" if right else "left")
    for line in lines:
        s = line.publication.summary
        balance = s.get("balance")
        table.add_row(
            line.run,
            f"{s['people']:,}",
            str(s["clusters"]),
            f"{s.get('teams', 0):,}",
            f"{100 * balance['after']:.2f} %" if balance else "",
            f"{line.publication.published.astimezone():%Y-%m-%d %H:%M}",
        )
    out.print(table)


def _show_one(publication: Publication, overview: dict[str, Any]) -> None:
    summary = overview["summary"]
    out.print(
        f"[bold]{escape(publication.execution.run)}[/]  {summary['people']:,} people, "
        f"{summary.get('rejectedRows', 0):,} rows set aside"
    )
    out.print(f"[dim]{escape(summary['clustersBecause'])}[/]\n", soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("cluster")
    table.add_column("people", justify="right")
    table.add_column("share", justify="right")
    features = next((list(c["means"]) for c in overview["clusters"] if c["means"]), [])
    for feature in features:
        table.add_column(feature, justify="right")
    for cluster in overview["clusters"]:
        table.add_row(
            str(cluster["number"] + 1),
            cluster["name"],
            f"{cluster['size']:,}",
            f"{100 * cluster['share']:.0f} %",
            *(
                f"{cluster['means'][feature]:.1f}" if cluster["means"] else "·"
                for feature in features
            ),
        )
    out.print(table)
    if summary.get("teams"):
        balance = summary["balance"]
        out.print(
            f"\n{summary['teams']:,} teams; {100 * balance['after']:.2f} % of all variance lies "
            f"between them, {100 * balance['before']:.1f} % by chance"
        )
        moves = moves_text(overview)
        if moves is not None:
            out.print(moves)
    for broken in overview["violations"]:
        kind = "hard" if broken["hard"] else "soft"
        out.print(f"{kind} rule {broken['rule']} is broken in {broken['teams']:,} teams")
    if overview["violations"]:
        out.print("[dim]by whom: `insights export --table breaches`[/]")


def moves_text(overview: dict[str, Any]) -> str | None:
    """How many people change team, and how many might; None where there were no current teams."""
    moves = overview.get("teamMoves")
    if moves is None:
        return None
    stability = overview["spec"]["teams"].get("stability") or {}
    most = stability.get("maxMoves")
    allowed = "" if most is None else f", of {most:,} moves that are allowed"
    return f"{moves:,} {'person changes' if moves == 1 else 'people change'} team{allowed}"


def _format(asked: Format | None, to: Path | None) -> Format:
    """The format that is asked for, or that the file's ending says; they must not differ."""
    ending = to.suffix.lower().removeprefix(".") if to is not None else ""
    by_ending = next((each for each in Format if each.value == ending), None)
    if asked is not None and by_ending is not None and asked is not by_ending:
        fail(f"--format is {asked.value}, but {to} ends like {by_ending.value}; leave one out")
    if asked is None and by_ending is None and ending:
        known = ", ".join(f".{each.value}" for each in Format)
        fail(f"{to} has an ending that says no format; known are {known}; or name one by --format")
    return asked or by_ending or Format.CSV


def _encoded(data: pa.Table, format: Format, table: TableName, teams: pa.Table) -> bytes:
    if format is Format.CSV:
        return to_csv(data)
    if format is Format.XLSX:
        sheets = {table.value: data}
        if table is TableName.PEOPLE and teams.num_rows:
            sheets["teams"] = teams
        return to_workbook(sheets)
    sink = pa.BufferOutputStream()
    if format is Format.PARQUET:
        pq.write_table(data, sink, compression="zstd")
    else:
        sink.write(data.to_pandas().to_json(orient="records", force_ascii=False).encode() + b"\n")
    return bytes(sink.getvalue())


def _write(path: Path, payload: bytes) -> None:
    try:
        part = path.with_name(path.name + ".part")
        part.write_bytes(payload)
        shutil.move(part, path)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")
