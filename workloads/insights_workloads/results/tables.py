"""A result as tables: the same for Postgres, for Parquet and for an export.

All of them are the owner's. What any reader may see are the tables of `reader_tables`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from insights_workloads.results.result import RunResult

__all__ = ["breaches", "clusters", "people", "rejected_rows", "teams", "violations"]

_OF_GROUPS = ("cluster", "cluster_name", "confidence", "team", "team_name")
_OURS = frozenset((*_OF_GROUPS, "outlier", "current_team", "moves"))


def people(result: RunResult) -> Iterator[pa.RecordBatch]:
    """One row a person, a shard at a time.

    Columns: id, name, features, cluster, confidence, team, outlier, where there are current teams
    current_team and moves, and the declared attributes.
    """
    roster, clustering, plan = result.roster, result.clustering, result.teams
    names = ["id", *(["name"] if roster.named else []), *roster.features]
    start = 0
    for all_columns in roster.batches([*names, *roster.attributes]):
        batch = all_columns.select(names)
        attributes = all_columns.select(list(roster.attributes)) if roster.attributes else None
        end = start + len(batch)
        confidence = clustering.confidence
        columns = {name: batch.column(name) for name in names}
        columns["cluster"] = pa.array(clustering.labels[start:end], pa.int32())
        columns["confidence"] = (
            pa.nulls(len(batch), pa.float32())
            if confidence is None
            else pa.array(confidence[start:end], pa.float32())
        )
        columns["team"] = (
            pa.nulls(len(batch), pa.int32())
            if plan is None
            else pa.array(plan.team[start:end], pa.int32(), mask=plan.team[start:end] < 0)
        )
        columns["outlier"] = pa.array(clustering.outliers[start:end], pa.bool_())
        if plan is not None and plan.current:
            columns["current_team"] = pa.array(plan.current[start:end], pa.string())
            columns["moves"] = pa.array(plan.moves[start:end], pa.bool_())
        for name, values in zip(
            roster.attributes, attributes.columns if attributes is not None else (), strict=True
        ):
            # An attribute may be called like a column of ours: its current team, say.
            columns[f"{name} (roster)" if name in {*columns, *_OURS} else name] = values
        start = end
        yield pa.RecordBatch.from_pydict(columns)


def clusters(result: RunResult) -> pa.Table:
    """One row a cluster."""
    clustering = result.clustering
    profiles = clustering.profiles
    return pa.table(
        {
            "number": pa.array(range(len(profiles)), pa.int32()),
            "name": pa.array([p.name for p in profiles], pa.string()),
            "size": pa.array([p.size for p in profiles], pa.int32()),
            "share": pa.array([p.share for p in profiles], pa.float64()),
            "words": pa.array([p.words for p in profiles], pa.string()),
            "stability": pa.array([p.stability for p in profiles], pa.float64()),
            "means": pa.array(
                [_object(clustering.features, p.means) for p in profiles], pa.string()
            ),
        }
    )


def teams(result: RunResult) -> pa.Table:
    """One row a team."""
    plan = result.teams
    figures = plan.figures if plan is not None else None
    count = len(figures.names) if figures is not None else 0
    if figures is None or plan is None:
        return _empty_teams()
    return pa.table(
        {
            "number": pa.array(range(count), pa.int32()),
            "name": pa.array(figures.names, pa.string()),
            "type": pa.array(figures.types, pa.string()),
            "size": pa.array(figures.sizes, pa.int32()),
            "distance": pa.array(figures.distance, pa.float64()),
            "variety": pa.array(figures.variety, pa.float64()),
            "means": pa.array(
                [_object(plan.features, means) for means in figures.means], pa.string()
            ),
        }
    )


def violations(result: RunResult) -> pa.Table:
    """One row a broken rule."""
    broken = result.teams.violations if result.teams is not None else ()
    return pa.table(
        {
            "rule": pa.array([v.rule for v in broken], pa.string()),
            "hard": pa.array([v.hard for v in broken], pa.bool_()),
            "amount": pa.array([v.amount for v in broken], pa.float64()),
            "teams": pa.array([v.teams for v in broken], pa.int32()),
        }
    )


def breaches(result: RunResult) -> pa.Table:
    """One row a person who breaks a rule in a team, or a team that does as a whole.

    Columns: rule, hard, team (its number, null for all teams together), team_name, amount of the
    team, and id, null where it is not a matter of single people.
    """
    plan = result.teams
    broken = plan.breaches if plan is not None else ()
    names = plan.figures.names if plan is not None else ()
    rows = [(each, person) for each in broken for person in (each.people or (None,))]
    who = pa.array([person for _, person in rows], pa.int64())
    teams = [None if each.team < 0 else each.team for each, _ in rows]
    return pa.table(
        {
            "rule": pa.array([each.rule for each, _ in rows], pa.string()),
            "hard": pa.array([each.hard for each, _ in rows], pa.bool_()),
            "team": pa.array(teams, pa.int32()),
            "team_name": pa.array([None if t is None else names[t] for t in teams], pa.string()),
            "amount": pa.array([each.amount for each, _ in rows], pa.float64()),
            "id": result.roster.column("id").cast(pa.string()).take(who)
            if rows
            else pa.array([], pa.string()),
        }
    )


def rejected_rows(result: RunResult) -> Iterator[pa.RecordBatch]:
    """One row a fault of a row that could not be used; the value that stood there is personal."""
    path = result.roster.rejected.path
    if path is not None:
        yield from pq.ParquetFile(path).iter_batches()


def _empty_teams() -> pa.Table:
    return pa.table(
        {
            "number": pa.array([], pa.int32()),
            "name": pa.array([], pa.string()),
            "type": pa.array([], pa.string()),
            "size": pa.array([], pa.int32()),
            "distance": pa.array([], pa.float64()),
            "variety": pa.array([], pa.float64()),
            "means": pa.array([], pa.string()),
        }
    )


def _object(names: tuple[str, ...], values: np.ndarray | Sequence[float]) -> str:
    """Values by their names, in JSON; nothing where there are none to tell."""
    pairs = zip(names if len(values) else (), (round(float(v), 6) for v in values), strict=True)
    return json.dumps(dict(pairs))
