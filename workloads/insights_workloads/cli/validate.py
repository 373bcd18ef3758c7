"""`insights validate`: say what is wrong with a file, and change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from insights_crds.document import SpecError, load_file
from insights_crds.execution_key import execution_key
from insights_crds.v1 import AnalysisRun
from insights_workloads.cli.console import ExitCode, Output, out, print_json, print_problems

__all__ = ["validate"]


def validate(
    files: Annotated[list[Path], typer.Argument(help="YAML or JSON files of runs and schedules.")],
    output: Annotated[Output, typer.Option(help="How to print the result.")] = Output.TEXT,
) -> None:
    """Check runs and schedules as the API server would, without sending them anywhere."""
    errors: list[SpecError] = []
    found = []
    for file in files:
        try:
            documents = load_file(file)
        except SpecError as error:
            errors.append(error)
            continue
        for document in documents:
            key = execution_key(document.spec) if isinstance(document, AnalysisRun) else None
            found.append(
                {
                    "file": str(file),
                    "kind": document.kind,
                    "name": document.metadata.name,
                    "executionKey": key,
                }
            )
    problems = [
        {"file": error.origin, "path": problem.path, "message": problem.message}
        for error in errors
        for problem in error.problems
    ]
    if output is Output.JSON:
        print_json({"valid": not problems, "documents": found, "problems": problems})
        raise typer.Exit(ExitCode.USER if problems else ExitCode.OK)
    for each in found:
        out.print(f"[green]valid[/] {each['file']}: {each['kind']} {each['name']}")
    for refused in errors:
        print_problems(refused)
    if errors:
        raise typer.Exit(ExitCode.USER)
