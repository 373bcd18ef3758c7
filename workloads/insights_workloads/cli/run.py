"""`insights run`: the same run as on a cluster, on this machine."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from insights_crds.document import SpecError, load_file
from insights_crds.execution_key import execution_key, rerun_token
from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import AnalysisRun
from insights_store import driver
from insights_store.execution import Execution, Fenced, Publication
from insights_workloads.cli.console import ExitCode, Output, err, fail, fail_spec, out, print_json
from insights_workloads.cli.home import ENVIRONMENT, NAMESPACE, HomeOption
from insights_workloads.cli.interruption import finishing, interruptible
from insights_workloads.cli.progress_view import ProgressStyle, progress_view
from insights_workloads.cli.results import moves_text
from insights_workloads.execution import Settings, execute
from insights_workloads.failure import RunFailedError
from insights_workloads.progress import Snapshot
from insights_workloads.results.local import LocalHome
from insights_workloads.results.read import read_overview, report_path
from insights_workloads.results.stores import ResultsStore, open_objects

__all__ = ["run"]


def run(
    file: Annotated[
        Path, typer.Option("--file", "-f", help="YAML file with one or more AnalysisRuns.")
    ],
    home: HomeOption = Path(".insights"),
    ray: Annotated[
        bool | None,
        typer.Option(
            "--ray/--no-ray",
            help="Run on Ray. By default only where the roster is large enough to gain.",
        ),
    ] = None,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Compute even if the same was published before.")
    ] = False,
    output: Annotated[Output, typer.Option(help="How to print the result.")] = Output.TEXT,
    progress: Annotated[
        ProgressStyle, typer.Option(help="How to show progress.")
    ] = ProgressStyle.AUTO,
) -> None:
    """Compute the runs of a file on this machine, and publish their results."""
    try:
        documents = load_file(file)
    except SpecError as error:
        fail_spec(error)
    runs = [document for document in documents if isinstance(document, AnalysisRun)]
    if not runs:
        fail(f"{file}: holds schedules only; `insights run` computes AnalysisRuns")
    summaries = []
    for each in runs:
        publication, objects, linked = _run(each, file, LocalHome(home), ray, rerun, progress)
        summaries.append(_summary(publication, objects, linked))
        if output is Output.TEXT:
            _print(summaries[-1])
    if output is Output.JSON:
        print_json(summaries[0] if len(summaries) == 1 else summaries)


def _run(
    document: AnalysisRun,
    file: Path,
    home: LocalHome,
    ray: bool | None,
    rerun: bool,
    style: ProgressStyle,
) -> tuple[Publication, Path, bool]:
    name = document.metadata.name

    def waiting() -> None:
        err.print(f"another process computes {name}; waiting for it")

    try:
        with (
            home.run_lock(name, waiting),
            home.store() as store,
            progress_view(style) as view,
            interruptible(view) as tell,
            finishing() as enough,
        ):
            settings = Settings(
                store=store,
                base=file.absolute().parent,
                spool=home.spool,
                ray=ray,
                enough=enough,
            )
            publication, linked = _published(document, store, settings, rerun, tell)
            return publication, home.objects, linked
    except RunFailedError as error:
        code = ExitCode.FAILED
        if error.reason in (Reason.INFEASIBLE_CONSTRAINTS, Reason.FEASIBILITY_UNKNOWN):
            code = ExitCode.INFEASIBLE
        elif error.failure is FailureClass.USER:
            code = ExitCode.USER
        fail(f"{name}: {error}", code)
    except KeyboardInterrupt:
        err.print(
            f"stopped. Nothing of {name} was published; earlier results and the database stay in "
            f"{home.path}. Run the same command to start again."
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except Fenced:
        fail(f"{name}: another process has taken this run over", ExitCode.FAILED)
    except OSError as error:
        fail(f"{home.path}: {error.strerror or error}", ExitCode.FAILED)


def _published(
    document: AnalysisRun,
    store: ResultsStore,
    settings: Settings,
    rerun: bool,
    tell: Callable[[Snapshot], None],
) -> tuple[Publication, bool]:
    """The result of a run, and whether it was there before."""
    key = execution_key(document.spec)
    execution = Execution(ENVIRONMENT, NAMESPACE, document.metadata.name, key)
    token = datetime.now(UTC).isoformat(timespec="microseconds") if rerun else None
    token = token or rerun_token(document)
    with psycopg.connect(store.dsn) as connection:
        if token is not None:
            earlier = driver.find_published(connection, execution, token=token)
            if earlier is not None:
                return earlier, True
        _end_orphans(connection, execution)
        number = driver.start(
            connection,
            execution,
            token=token,
            settings="",
            uid=f"{getpass.getuser()}@{socket.gethostname()}",
            child_kind="Process",
            child=document.metadata.name,
            spec=document.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        )
        if number is None:
            raise Fenced("another attempt is active")
        held = driver.claim(connection, execution, number)
    try:
        publication = execute(held, document.spec, settings, tell)
    except KeyboardInterrupt:
        with psycopg.connect(store.dsn) as connection:
            driver.end(connection, execution, number, Reason.INTERRUPTED.value, "stopped by hand")
        raise
    return publication, publication.linked_from is not None


def _end_orphans(connection: psycopg.Connection, execution: Execution) -> None:
    """End attempts of processes that were killed: whoever holds the run's lock is alone."""
    rows = connection.execute(
        "SELECT key, number FROM insights.attempt WHERE environment = %s AND namespace = %s "
        "AND run = %s AND state = 'active'",
        (execution.environment, execution.namespace, execution.run),
    ).fetchall()
    connection.commit()
    for key, number in rows:
        orphan = Execution(execution.environment, execution.namespace, execution.run, key)
        driver.end(connection, orphan, number, Reason.INTERRUPTED.value, "its process is gone")


def _summary(publication: Publication, objects: Path, linked: bool) -> dict[str, Any]:
    folder = objects / publication.prefix
    store = open_objects(f"file://{objects}")
    overview = read_overview(store, publication)
    return {
        "run": publication.execution.run,
        "key": publication.execution.key,
        "attempt": publication.attempt,
        "publishedBefore": linked,
        "summary": dict(publication.summary),
        "teamMoves": moves_text(overview),
        "violations": overview.get("violations", []),
        "results": str(folder),
        "report": str(objects / report_path(store, publication)),
    }


def _print(result: dict[str, Any]) -> None:
    summary = result["summary"]
    if result["publishedBefore"]:
        out.print(
            f"[bold]{escape(result['run'])}[/]: the same spec on the same roster was published "
            "before; here are those results. `--rerun` computes them anew."
        )
    table = Table.grid(padding=(0, 3))
    table.add_row("people", f"{summary['people']:,}")
    table.add_row("rows set aside", f"{summary.get('rejectedRows', 0):,}")
    table.add_row(
        # Whether they are clusters or segments is what the sentence says.
        "groups",
        f"{summary['clusters']}  [dim]{escape(summary['clustersBecause'])}[/]",
    )
    if (change := summary.get("clusterChange")) is not None:
        table.add_row(
            "changed group",
            f"{change['moved']:,} of {change['people']:,} since the previous results",
        )
    if summary.get("teams"):
        balance = summary["balance"]
        table.add_row("teams", f"{summary['teams']:,}")
        table.add_row(
            "balance",
            f"{100 * balance['after']:.2f} % of variance between teams, "
            f"{100 * balance['before']:.1f} % by chance",
        )
        if result["teamMoves"] is not None:
            table.add_row("moves", result["teamMoves"])
        soft = [broken for broken in result["violations"] if not broken["hard"]]
        for at, broken in enumerate(soft):
            teams = f"{broken['teams']:,} team{'s' if broken['teams'] != 1 else ''}"
            title = "" if at else "soft rules broken"
            table.add_row(title, f"{escape(broken['rule'])} in {teams}")
    out.print(table)
    if broken := summary.get("hardRulesBroken"):
        out.print(
            f"[bold red]{broken} hard rule{'s are' if broken != 1 else ' is'} not kept[/]: no "
            "better teams were found, and spec.policy.undecidedTeams is Publish. "
            f"`insights show {escape(result['run'])}` says where."
        )
    if summary.get("reproducible") is False:
        out.print("The search for teams was ended early: these are the best so far.")
    out.print(f"\nreport  {escape(result['report'])}", soft_wrap=True)
