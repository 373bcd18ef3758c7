"""`insights top`: the runs of a cluster, live: what the dashboards show, in a terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from insights_crds.run_state import STATES, state_of
from insights_crds.v1 import GROUP, VERSION, AnalysisRun
from insights_workloads.cli.cluster import connect
from insights_workloads.cli.console import fail, out

__all__ = ["Row", "page", "rows", "top"]

_LOOKS = {
    "Failed": ("✗", "bold red"),
    "Invalid": ("✗", "bold magenta"),
    "Backoff": ("↻", "yellow"),
    "Waiting": ("…", "yellow"),
    "WaitingForSlot": ("…", "yellow"),
    "Queued": ("…", "yellow"),
    "New": ("…", "dim"),
    "Starting": ("◌", "cyan"),
    "Running": ("●", "bold cyan"),
    "Suspended": ("‖", "dim"),
    "Published": ("✓", "green"),
}
_SHORT = {"WaitingForSlot": "No slot"}
_ORDER = tuple(_LOOKS)
_BAR = 10
_WIDE = 110
_PLAIN_ROWS = 10_000
_AROUND = 4
_HTTP_GONE = (404, 403)


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        namespace: of the run.
        name: of the run.
        state: where it is, one of `STATES`.
        stage: what its driver does, empty where none is at work.
        percent: share that is done, None where it is not at work.
        left: seconds left, None where nobody can tell.
        age: seconds since it began, ended or was made, whichever was last.
        says: the result in numbers, or why there is none.
    """

    namespace: str
    name: str
    state: str
    stage: str
    percent: int | None
    left: int | None
    age: float
    says: str


def top(
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="A namespace; the context's if none.")
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Runs of all namespaces.")
    ] = False,
    interval: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print all runs once, and end.")] = False,
) -> None:
    """Show the runs of a cluster, live: what failed first, then what is at work. Ctrl-C ends it."""
    client, context = connect()
    where = None if everywhere else namespace or str(context.get("namespace", "default"))
    api = client.CustomObjectsApi()
    cluster = str(context.get("cluster", ""))

    def look() -> list[Row]:
        return rows(_list(api, client.ApiException, where), datetime.now(UTC))

    if once or not out.is_terminal:
        out.print(page(look(), cluster, where, out.width, _PLAIN_ROWS), soft_wrap=False)
        return
    try:
        _live(look, cluster, where, interval)
    except KeyboardInterrupt:
        return


def rows(runs: Sequence[Mapping[str, Any]], now: datetime) -> list[Row]:
    """Runs in the order in which they want a look: failures, what waits, what works, the rest."""
    known = [_row(run, now) for run in runs]
    return sorted(
        known,
        key=lambda r: (_ORDER.index(r.state), -(r.percent or 0), r.age, r.namespace, r.name),
    )


def page(
    known: Sequence[Row], cluster: str, namespace: str | None, width: int, height: int
) -> RenderableType:
    """The screen.

    Args:
        known: runs in their order.
        cluster: name of the cluster.
        namespace: whose runs these are; None for all.
        width: columns of the screen.
        height: lines of the screen.
    """
    counts = Counter(row.state for row in known)
    head = Text()
    for state in _ORDER:
        if counts[state]:
            sign, style = _LOOKS[state]
            head.append(f"{sign} {counts[state]:,} ", style)
            head.append(f"{_SHORT.get(state, state).lower()}   ", "dim")
    title = Text(f"{cluster}  ", "bold")
    title.append("all namespaces" if namespace is None else namespace, "dim")
    title.append(f"  {len(known):,} run{'' if len(known) == 1 else 's'}", "dim")
    if not known:
        return Group(title, Text("no runs here; `insights top -A` looks everywhere", "dim"))
    wide = width >= _WIDE
    table = Table(box=None, padding=(0, 1, 0, 0), expand=True, header_style="dim")
    if namespace is None:
        longest = max(len("NAMESPACE"), *(len(row.namespace) for row in known))
        table.add_column("NAMESPACE", no_wrap=True, width=min(longest, 20 if wide else 10))
    longest = max(len("RUN"), *(len(row.name) for row in known))
    room = min(longest, 40 if wide else 20)
    table.add_column("RUN", no_wrap=True, width=room)
    table.add_column("STATE", no_wrap=True, width=11)
    table.add_column("DONE", no_wrap=True, justify="right", width=_BAR + 5 if wide else 4)
    table.add_column("LEFT", no_wrap=True, justify="right", width=4)
    table.add_column("AGE", no_wrap=True, justify="right", width=4)
    table.add_column("RESULT OR REASON", no_wrap=True, ratio=1, overflow="ellipsis")
    fits = max(1, height - _AROUND)
    shown = known if len(known) <= fits else known[: fits - 1]
    for row in shown:
        table.add_row(*_cells(row, namespace is None, wide, room))
    parts: list[RenderableType] = [title, head, table]
    if len(shown) < len(known):
        parts.append(Text(f"… and {len(known) - len(shown):,} more", "dim"))
    return Group(*parts)


def _live(look: Any, cluster: str, namespace: str | None, interval: float) -> None:
    console: Console = out

    def screen() -> RenderableType:
        return page(look(), cluster, namespace, console.width, console.height)

    with Live(screen(), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval)
            live.update(screen(), refresh=True)


def _cells(row: Row, everywhere: bool, wide: bool, room: int) -> list[RenderableType]:
    sign, style = _LOOKS[row.state]
    state = Text(f"{sign} {_SHORT.get(row.state, row.state)}", style)
    says = Text(row.says, "red" if row.state in ("Failed", "Invalid") else "dim")
    cells: list[RenderableType] = [
        Text(_fitted(row.name, room)),
        state,
        _bar(row, wide),
        Text(_duration(row.left)),
        Text(_duration(row.age)),
        says,
    ]
    return [Text(row.namespace, "dim"), *cells] if everywhere else cells


def _fitted(name: str, room: int) -> str:
    # The end of a name is what tells runs of a schedule apart.
    return name if len(name) <= room else f"{name[: room - 10]}…{name[-9:]}"


def _bar(row: Row, wide: bool) -> Text:
    if row.percent is None:
        return Text("")
    if not wide:
        return Text(f"{row.percent}%", "cyan")
    full = round(row.percent / 100 * _BAR)
    bar = Text("█" * full, "cyan")
    bar.append("░" * (_BAR - full), "dim")
    bar.append(f"{row.percent:>4}%")
    return bar


def _row(run: Mapping[str, Any], now: datetime) -> Row:
    metadata, status = run["metadata"], run.get("status") or {}
    state = state_of(run)
    state = state if state in STATES else "Waiting"
    progress, execution = status.get("progress") or {}, status.get("execution") or {}
    working = state in ("Starting", "Running", "Queued")
    since = (
        execution.get("startTime")
        if working
        else execution.get("completionTime") or metadata.get("creationTimestamp")
    ) or metadata.get("creationTimestamp")
    age = (now - datetime.fromisoformat(str(since))).total_seconds() if since else 0.0
    stage = str(progress.get("stage", "")) if working else ""
    return Row(
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata["name"]),
        state=state,
        stage=stage,
        percent=int(progress.get("percent", 0)) if working else None,
        left=progress.get("remainingSeconds") if working else None,
        age=max(0.0, age),
        says=_says(state, stage, status),
    )


def _says(state: str, stage: str, status: Mapping[str, Any]) -> str:
    if stage:
        return stage
    summary = status.get("summary")
    if state == "Published" and summary:
        parts = [f"{summary['people']:,} people", f"{summary.get('clusters', 0)} clusters"]
        if summary.get("teams"):
            parts.append(f"{summary['teams']:,} teams")
        return ", ".join(parts)
    said = next((c for c in status.get("conditions") or () if c.get("type") == "Succeeded"), None)
    if state == "Invalid":
        accepted = [c for c in status.get("conditions") or () if c.get("type") == "Accepted"]
        said = next(iter(accepted), said)
    if said is None:
        return "not seen by the operator yet"
    message = str(said.get("message", ""))
    return f"{said['reason']}: {message}" if state in ("Failed", "Invalid") else message


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def _list(api: Any, refused: Any, namespace: str | None) -> list[dict[str, Any]]:
    # From the API server's own cache: a look each two seconds costs it little.
    options = {"resource_version": "0", "_request_timeout": 10}
    try:
        if namespace is None:
            found = api.list_cluster_custom_object(GROUP, VERSION, AnalysisRun.plural, **options)
        else:
            found = api.list_namespaced_custom_object(
                GROUP, VERSION, namespace, AnalysisRun.plural, **options
            )
    except refused as error:
        if error.status in _HTTP_GONE:
            fail(f"the API server refused to list runs: {error.status} {error.reason}")
        raise
    return list(found.get("items") or ())
