"""How the command line speaks: where it writes, and what its exit codes say."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from insights_crds.document import SpecError

__all__ = ["ExitCode", "Output", "err", "fail", "fail_spec", "out", "print_json", "print_problems"]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class ExitCode(IntEnum):
    """Exit codes, the same for every command."""

    OK = 0
    """Done."""
    FAILED = 1
    """Failed; trying again may help."""
    USER = 2
    """The command, the spec or its input is wrong; nothing was changed."""
    INFEASIBLE = 3
    """No teams can obey all hard rules; the message names those that clash."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C; the message says what is left behind."""


class Output(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    """For people."""
    JSON = "json"
    """For scripts."""


def print_json(value: Any) -> None:
    """Print a result for scripts."""
    typer.echo(json.dumps(value, indent=2, default=str))


def fail(message: str, code: ExitCode = ExitCode.USER) -> NoReturn:
    """End with a message."""
    err.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(code)


def print_problems(error: SpecError) -> None:
    """Print everything that is wrong with a document."""
    for problem in error.problems:
        err.print(
            f"[bold red]error:[/] {escape(error.origin)}: {escape(str(problem))}", soft_wrap=True
        )


def fail_spec(error: SpecError) -> NoReturn:
    """End with everything that is wrong with a document."""
    print_problems(error)
    raise typer.Exit(ExitCode.USER)
