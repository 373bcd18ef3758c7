"""`insights simulate`: what if people moved, changed places, left or joined."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import psycopg
import pyarrow as pa
import typer
from rich.markup import escape
from rich.table import Table

from insights_crds.document import SpecError, load_file
from insights_crds.v1 import ENERGIES, AnalysisRun
from insights_workloads.cli.console import ExitCode, Output, fail, fail_spec, out, print_json
from insights_workloads.cli.home import ENVIRONMENT, NAMESPACE, HomeOption
from insights_workloads.results.local import LocalHome
from insights_workloads.results.read import newest, read_table
from insights_workloads.results.stores import open_objects
from insights_workloads.teams.coverage import Lack, TaskForce, lacking, task_force
from insights_workloads.teams.simulation import Changes, Score, Simulation

__all__ = ["simulate"]


@dataclass(frozen=True)
class _Coverage:
    """What teams lack, and who could be a task force.

    Attributes:
        teams: names of the teams.
        lack: what they lack.
        force: a task force, None where none was asked for.
        picked: ids of its people and names of their teams.
    """

    teams: tuple[str, ...]
    lack: Lack
    force: TaskForce | None
    picked: tuple[tuple[str, str], ...]


def simulate(
    file: Annotated[Path, typer.Option("--file", "-f", help="YAML file of the run.")],
    move: Annotated[list[str] | None, typer.Option(help="A person and a team: ID=TEAM.")] = None,
    swap: Annotated[list[str] | None, typer.Option(help="Two people: ID,ID.")] = None,
    leave: Annotated[list[str] | None, typer.Option(help="Somebody who leaves: ID.")] = None,
    max_moves: Annotated[
        int, typer.Option(min=0, help="Most further people who may change teams.")
    ] = 10,
    force: Annotated[
        int, typer.Option("--task-force", min=0, help="Pick so many people of all teams.")
    ] = 0,
    roles: Annotated[
        str | None, typer.Option(help="Attribute whose values the task force is to cover.")
    ] = None,
    home: HomeOption = Path(".insights"),
    output: Annotated[Output, typer.Option(help="How to print the result.")] = Output.TEXT,
) -> None:
    """Score changes to a run's newest teams, and repair the teams with few further moves.

    People of the roster who have no team yet join one. Says which energies teams lack and whom a
    hire should be like, and picks a task force if asked, whose people stay in their teams. Nothing
    is published.
    """
    run = _run_of(file)
    current = _current(run, home)
    moves = dict(_pair(text, "=", "--move ID=TEAM") for text in move or ())
    for text in swap or ():
        left, right = _pair(text, ",", "--swap ID,ID")
        for person in (left, right):
            if person not in current:
                fail(f"--swap {text}: `{person}` has no team in the results of the run")
        moves |= {left: current[right][0], right: current[left][0]}
    changes = Changes(moves, frozenset(leave or ()), max_moves)
    found, coverage = _simulated(run, file, current, changes, force, roles)
    if output is Output.JSON:
        print_json(_wire(found) | _wire_coverage(coverage))
    else:
        _print(found)
        _print_coverage(coverage)
    if found.score is None:
        raise typer.Exit(ExitCode.INFEASIBLE)


def _run_of(file: Path) -> AnalysisRun:
    try:
        documents = load_file(file)
    except SpecError as error:
        fail_spec(error)
    runs = [each for each in documents if isinstance(each, AnalysisRun)]
    if len(runs) != 1 or runs[0].spec.teams is None:
        fail(f"{file}: simulate takes a file with one AnalysisRun that forms teams")
    return runs[0]


def _pair(text: str, between: str, usage: str) -> tuple[str, str]:
    left, _, right = text.partition(between)
    if not left or not right:
        fail(f"`{text}` is not understood; write {usage}")
    return left, right


def _current(run: AnalysisRun, home: Path) -> dict[str, tuple[str, str]]:
    """Name and type of each person's team in the newest result."""
    name, local = run.metadata.name, LocalHome(home)
    if not local.exists():
        fail(f"{local.path} holds no results; compute some with `insights run -f RUN.yaml`")
    with local.store() as store, psycopg.connect(store.dsn) as connection:
        publication = newest(connection, ENVIRONMENT, NAMESPACE, name)
        if publication is None:
            fail(f"there are no results of a run `{name}`; compute some with `insights run`")
        objects = open_objects(store.objects)
        people = read_table(objects, publication, "people")
        teams = read_table(objects, publication, "teams")
    looks = dict(
        zip(
            teams.column("number").to_pylist(),
            zip(teams.column("name").to_pylist(), teams.column("type").to_pylist(), strict=True),
            strict=True,
        )
    )
    ids, numbers = people.column("id").to_pylist(), people.column("team").to_pylist()
    return {
        str(person): looks[number]
        for person, number in zip(ids, numbers, strict=True)
        if number is not None
    }


def _simulated(
    run: AnalysisRun,
    file: Path,
    current: dict[str, tuple[str, str]],
    changes: Changes,
    force: int,
    roles: str | None,
) -> tuple[Simulation, _Coverage]:
    from insights_workloads.execution import team_features
    from insights_workloads.ingest import IngestError, ingest
    from insights_workloads.teams import ImpossibleSizesError, TeamOptions, UnknownAttributeError
    from insights_workloads.teams.simulation import UnknownChangeError
    from insights_workloads.teams.simulation import simulate as try_changes

    teams = run.spec.teams
    assert teams is not None  # noqa: S101 (checked where the file was read)
    with tempfile.TemporaryDirectory() as spool:
        try:
            roster = ingest(
                run.spec.source, base=file.absolute().parent, spool=Path(spool) / "roster"
            )
            known = {*roster.features, *roster.attributes}

            def column(name: str) -> pa.ChunkedArray:
                if name not in known:
                    raise KeyError(name)
                return roster.column(name)

            if roles is not None and roles not in known:
                fail(f"--roles {roles}: spec.source declares no such attribute")
            features = team_features(run.spec)
            ids = [str(person) for person in roster.column("id").to_pylist()]
            found = try_changes(
                teams,
                features,
                roster.matrix(features),
                column,
                ids,
                current,
                changes,
                TeamOptions(teams.seed, teams.rounds, teams.time_limit_seconds),
            )
            values = None if roles is None else roster.column(roles).to_pylist()
            return found, _covered(found, ids, roster.matrix(ENERGIES), current, force, values)
        except (
            IngestError,
            ImpossibleSizesError,
            UnknownAttributeError,
            UnknownChangeError,
        ) as error:
            fail(str(error))


def _covered(
    found: Simulation,
    ids: list[str],
    energies: np.ndarray,
    current: dict[str, tuple[str, str]],
    force: int,
    roles: list[str | None] | None,
) -> _Coverage:
    """What the repaired teams lack, or where there are none the present ones."""
    now = dict(zip(found.ids, found.teams, strict=False))
    home = now or {person: team for person, (team, _) in current.items()}
    here = [at for at, person in enumerate(ids) if person in home]
    names = sorted({home[ids[at]] for at in here})
    number = {name: at for at, name in enumerate(names)}
    team = np.array([number[home[ids[at]]] for at in here], dtype=np.int64)
    some = None if roles is None else [roles[at] for at in here]
    picked = task_force(energies[here], team, force, some) if force else None
    return _Coverage(
        teams=tuple(names),
        lack=lacking(energies[here], team, len(names)),
        force=picked,
        picked=tuple(
            (ids[here[at]], names[team[at]]) for at in ([] if picked is None else picked.people)
        ),
    )


def _lacks(coverage: _Coverage) -> dict[str, list[str]]:
    return {
        team: [energy for energy, gone in zip(ENERGIES, row, strict=True) if gone]
        for team, row in zip(coverage.teams, coverage.lack.missing, strict=True)
        if row.any()
    }


def _wire_coverage(coverage: _Coverage) -> dict[str, object]:
    lacks, lack, force = _lacks(coverage), coverage.lack, coverage.force
    hires = {
        team: dict(zip(ENERGIES, np.round(wanted, 1).tolist(), strict=True))
        for team, wanted in zip(coverage.teams, lack.hire, strict=True)
        if team in lacks
    }
    return {
        "missing": lacks,
        "hires": hires,
        "closes": dict(zip(ENERGIES, lack.closes.tolist(), strict=True)),
        "taskForce": None
        if force is None
        else {
            "people": [{"id": person, "team": team} for person, team in coverage.picked],
            "energies": dict(zip(ENERGIES, force.energies.tolist(), strict=True)),
            "roles": list(force.roles),
            "uncovered": list(force.uncovered),
        },
    }


def _print_coverage(coverage: _Coverage) -> None:
    lacks, lack, force = _lacks(coverage), coverage.lack, coverage.force
    for at, energy in enumerate(ENERGIES):
        teams = [team for team, gone in lacks.items() if energy in gone]
        if teams:
            named = f"{', '.join(teams[:8])}{' and others' if len(teams) > 8 else ''}"
            out.print(
                f"\n{energy} leads in nobody of {len(teams):,} teams: {escape(named)}",
                soft_wrap=True,
            )
            where = coverage.teams.index(teams[0])
            wanted = zip(ENERGIES, lack.hire[where], strict=True)
            like = ", ".join(f"{name} {value:.0f}" for name, value in wanted)
            out.print(
                f"  somebody led by {energy} would complete {int(lack.closes[at]):,}; for "
                f"{escape(teams[0])} best with {like}",
                soft_wrap=True,
            )
    if force is not None:
        listed = ", ".join(f"{person} of {team}" for person, team in coverage.picked)
        out.print(f"\ntask force: {escape(listed)}", soft_wrap=True)
        most = zip(ENERGIES, force.energies, strict=True)
        out.print(f"  most energy: {', '.join(f'{name} {value:.0f}' for name, value in most)}")
        if force.uncovered:
            out.print(f"  not covered: {escape(', '.join(force.uncovered))}", soft_wrap=True)


def _wire(found: Simulation) -> dict[str, object]:
    def score(each: Score) -> dict[str, object]:
        return {
            "people": each.people,
            "sizes": [each.smallest, each.largest],
            "balance": each.balance,
            "worst": each.worst,
            "violations": [
                {"rule": v.rule, "hard": v.hard, "amount": v.amount, "teams": v.teams}
                for v in each.violations
            ],
        }

    conflict = found.repaired.conflict
    return {
        "before": score(found.before),
        "after": score(found.after),
        "repaired": score(found.score) if found.score is not None else None,
        "outcome": found.repaired.outcome.value,
        "conflict": None
        if conflict is None
        else {"rules": list(conflict.rules), "message": conflict.message},
        "teams": dict(zip(found.ids, found.teams, strict=False)),
        "moved": list(found.moved),
        "joined": list(found.joined),
    }


def _print(found: Simulation) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "people", "team sizes", "between teams", "worst team", "broken rules"):
        table.add_column(title, justify="left" if title in ("", "broken rules") else "right")
    for name, score in (
        ("before", found.before),
        ("after the changes", found.after),
        ("repaired", found.score),
    ):
        if score is not None:
            table.add_row(
                name,
                f"{score.people:,}",
                f"{score.smallest} to {score.largest}",
                f"{100 * score.balance:.2f} %",
                f"{score.worst:.2f}",
                escape(", ".join(v.rule for v in score.violations)) or "none",
            )
    out.print(table)
    if found.repaired.conflict is not None:
        out.print(f"\nno teams: {escape(found.repaired.conflict.message)}", soft_wrap=True)
        return
    to = dict(zip(found.ids, found.teams, strict=True))
    for title, people in (("also move", found.moved), ("join", found.joined)):
        if people:
            listed = ", ".join(f"{person} → {to[person]}" for person in people[:50])
            out.print(f"\n{title}: {escape(listed)}", soft_wrap=True)
