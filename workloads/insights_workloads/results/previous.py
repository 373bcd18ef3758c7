"""What became of the clusters that the run published before."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from obstore.store import ObjectStore

from insights_store.execution import Publication
from insights_workloads.clustering.comparison import Comparison, compare
from insights_workloads.results.layout import read_file

__all__ = ["Change", "change_since"]


@dataclass(frozen=True)
class Change:
    """A clustering against the one that was published before it.

    Attributes:
        since: when the previous one was published.
        names: names of the previous clusters.
        comparison: of the people who are in both.
        joined: people who are only in this one.
        left: people who were only in the previous one.
    """

    since: datetime
    names: tuple[str, ...]
    comparison: Comparison
    joined: int
    left: int


def change_since(
    objects: ObjectStore, previous: Publication, ids: pa.ChunkedArray, labels: np.ndarray
) -> Change | None:
    """What changed since a publication; None where its files are gone.

    Args:
        objects: where files are.
        previous: the publication before.
        ids: identifiers of the people of now.
        labels: int (n,), their clusters.
    """
    try:
        people = _read(objects, previous, "people", ["id", "cluster"])
        clusters = _read(objects, previous, "clusters", ["name"])
    except FileNotFoundError:
        return None
    known = people["id"].cast(ids.type)
    found = pc.index_in(ids, value_set=known.combine_chunks())
    both = np.asarray(found.is_valid())
    at = np.asarray(found.drop_null(), dtype=np.int64)
    before = np.asarray(people["cluster"])[at]
    return Change(
        since=previous.published,
        names=tuple(clusters["name"].to_pylist()),
        comparison=compare(before, labels[both]),
        joined=int(len(labels) - len(at)),
        left=int(len(people) - len(at)),
    )


def _read(
    objects: ObjectStore, publication: Publication, name: str, columns: list[str]
) -> pa.Table:
    data = read_file(objects, publication.prefix, f"{name}.parquet")
    return pq.read_table(io.BytesIO(data), columns=columns)
