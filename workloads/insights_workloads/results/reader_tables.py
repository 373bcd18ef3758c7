"""What a reader may see, as tables: the same for Postgres and for Parquet."""

from __future__ import annotations

import json

import pyarrow as pa

from insights_workloads.disclosure.reader import ReaderCluster, ReaderContent

__all__ = ["clusters", "overview", "rules", "teams"]


def clusters(content: ReaderContent) -> pa.Table:
    """One row a cluster: number, name, size, words, stability, means with what they are off by."""
    lines = content.clusters
    return pa.table(
        {
            "number": pa.array([line.number for line in lines], pa.int32()),
            "name": pa.array([line.name for line in lines], pa.string()),
            "size": pa.array([line.size for line in lines], pa.int32()),
            "words": pa.array([line.words for line in lines], pa.string()),
            "stability": pa.array([line.stability for line in lines], pa.float64()),
            "means": pa.array([json.dumps(_means(content, line)) for line in lines], pa.string()),
        }
    )


def teams(content: ReaderContent) -> pa.Table:
    """One row a team: number, name, type, size."""
    lines = () if content.teams is None else content.teams.teams
    return pa.table(
        {
            "number": pa.array([line.number for line in lines], pa.int32()),
            "name": pa.array([line.name for line in lines], pa.string()),
            "type": pa.array([line.type for line in lines], pa.string()),
            "size": pa.array([line.size for line in lines], pa.int32()),
        }
    )


def rules(content: ReaderContent) -> pa.Table:
    """One row a rule: what it says and whether it is kept; neither where it is confidential."""
    return pa.table(
        {
            "rule": pa.array([line.name for line in content.rules], pa.string()),
            "hard": pa.array([line.hard for line in content.rules], pa.bool_()),
            "says": pa.array([line.says for line in content.rules], pa.string()),
            "kept": pa.array([line.kept for line in content.rules], pa.bool_()),
        }
    )


def overview(content: ReaderContent) -> dict[str, object]:
    """`results.json` of a reader."""
    lines = clusters(content).to_pylist()
    for line in lines:
        line["means"] = json.loads(line["means"])
    return {
        "summary": dict(content.summary),
        "engine": content.engine,
        "clusters": lines,
        "rules": rules(content).to_pylist(),
    }


def _means(content: ReaderContent, line: ReaderCluster) -> dict[str, dict[str, float]]:
    return {
        name: {"mean": mean.value, "off": mean.error}
        for name, mean in zip(content.features, line.means, strict=False)
        if mean is not None
    }
