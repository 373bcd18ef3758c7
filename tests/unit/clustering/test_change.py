"""What became of the clusters that were published before."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import MemoryStore

from insights_store.execution import Execution, Publication
from insights_workloads.results.previous import change_since

BEFORE = Publication(
    id=1,
    execution=Execution("test", "team-a", "run", "0" * 64),
    token=None,
    attempt=1,
    fingerprint="",
    engine="1",
    prefix="there/1",
    linked_from=None,
    summary={},
    published=datetime(2025, 12, 1, tzinfo=UTC),
)


def put(objects: MemoryStore, name: str, table: pa.Table) -> None:
    data = io.BytesIO()
    pq.write_table(table, data)
    obstore.put(objects, f"there/1/{name}.parquet", data.getvalue())


def test_people_are_paired_by_their_identifiers() -> None:
    objects = MemoryStore()
    put(objects, "people", pa.table({"id": ["a", "b", "c", "gone"], "cluster": [0, 0, 1, 1]}))
    put(objects, "clusters", pa.table({"name": ["Red", "Blue"]}))
    ids = pa.chunked_array([["c", "new"], ["a", "b"]])
    found = change_since(objects, BEFORE, ids, np.array([0, 0, 1, 0]))
    assert (found.comparison.people, found.joined, found.left) == (3, 1, 1)
    assert found.names == ("Red", "Blue")
    assert found.comparison.moved_count == 1


def test_results_whose_files_are_gone_are_not_compared() -> None:
    assert change_since(MemoryStore(), BEFORE, pa.chunked_array([["a"]]), np.array([0])) is None
