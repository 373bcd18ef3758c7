"""Live progress in the terminal: a line a stage, with a percentage and the time left."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from insights_workloads.cli.console import err
from insights_workloads.execution import STAGES
from insights_workloads.progress import Snapshot

__all__ = ["ProgressStyle", "Teller", "progress_view"]


class ProgressStyle(StrEnum):
    """How progress is shown, on standard error."""

    AUTO = "auto"
    """Live in a terminal, a line a stage elsewhere."""
    JSON = "json"
    """A JSON object a line."""
    NONE = "none"
    """Not at all."""


class Teller(Protocol):
    """Shows a snapshot."""

    def __call__(self, snapshot: Snapshot) -> None:
        """Show how far the run is."""


@contextmanager
def progress_view(style: ProgressStyle) -> Iterator[Teller]:
    """Something that shows snapshots while it is entered."""
    if style is ProgressStyle.NONE:
        yield _ignore
    elif style is ProgressStyle.JSON:
        yield _print_json
    elif err.is_terminal:
        with _bars() as bars:
            yield _Live(bars)
    else:
        yield _Lines()


def _ignore(snapshot: Snapshot) -> None:
    del snapshot


def _print_json(snapshot: Snapshot) -> None:
    remaining = snapshot.remaining_seconds
    line = {
        "stage": snapshot.stage,
        "percent": snapshot.percent,
        "remainingSeconds": None if remaining is None else round(remaining, 1),
        "message": snapshot.message,
    }
    print(json.dumps(line), file=sys.stderr, flush=True)


def _bars() -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("[dim]{task.fields[message]}"),
        console=err,
    )


class _Live:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks = {
            stage.name: bars.add_task(stage.name, total=1.0, start=False, left="", message="")
            for stage in STAGES
        }
        self._current: str | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        if snapshot.stage != self._current:
            self._current = snapshot.stage
            self._bars.start_task(self._tasks[snapshot.stage])
        remaining = snapshot.remaining_seconds
        left = ""
        if remaining is not None and remaining >= 1 and snapshot.fraction < 1:
            left = f"{remaining:.0f} s left"
        self._bars.update(
            self._tasks[snapshot.stage],
            completed=snapshot.fraction,
            left=left,
            message=snapshot.message,
        )


class _Lines:
    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, snapshot: Snapshot) -> None:
        if snapshot.stage != self._stage:
            self._stage = snapshot.stage
            err.print(f"{snapshot.percent:3d} %  {snapshot.stage}: {snapshot.message}")
