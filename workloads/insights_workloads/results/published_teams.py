"""Teams that a run published, as the current teams of the next one."""

from __future__ import annotations

import hashlib
import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from obstore.store import ObjectStore

from insights_store.execution import Publication
from insights_workloads.results.layout import read_file

__all__ = ["digest", "published_teams"]


def published_teams(
    objects: ObjectStore, publication: Publication, ids: pa.ChunkedArray
) -> pa.ChunkedArray | None:
    """The team that a publication has each person in.

    Args:
        objects: where files are.
        publication: whose teams are wanted.
        ids: identifiers of people.

    Returns:
        Names of teams, null for people who are in none; None where no teams were published.

    Raises:
        FileNotFoundError: the files of the publication are gone.
    """
    people = _read(objects, publication, "people", ["id", "team"])
    names = _read(objects, publication, "teams", ["name"])["name"].combine_chunks()
    if not len(names):
        return None
    known = people["id"].cast(ids.type).combine_chunks()
    team = people["team"].combine_chunks().take(pc.index_in(ids, value_set=known).combine_chunks())
    return pa.chunked_array([names.take(team)])


def digest(ids: pa.ChunkedArray, teams: pa.ChunkedArray) -> str:
    """SHA-256, in hexadecimal, of who is in which team, in whatever order people are told."""
    lines = pc.binary_join_element_wise(
        ids.cast(pa.string()), pc.fill_null(teams, "\0"), "\x1f"
    ).to_pylist()
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _read(
    objects: ObjectStore, publication: Publication, name: str, columns: list[str]
) -> pa.Table:
    data = read_file(objects, publication.prefix, f"{name}.parquet")
    return pq.read_table(io.BytesIO(data), columns=columns)
