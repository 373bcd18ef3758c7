"""Rows held by Ray actors, a few shards each.

Rows never move: an iteration sends the centres out and brings back the sums of each chunk, which
the driver adds in the order of the chunks. An actor that is lost is made anew by Ray and loads its
shards from their source again; the call that was lost with it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import ray

from insights_workloads.clustering.rows import pick_farthest, sample_positions, sum_in_order
from insights_workloads.clustering.shards import CHUNK, Shard, add_up
from insights_workloads.ray_session import cluster_cpus

__all__ = ["RAY_MIN_ROWS", "RayRows", "RowsSource", "whole_chunks"]

RAY_MIN_ROWS = 20_000_000
"""Below so many rows one process is done before a Ray cluster has started."""

RowsSource = Callable[[], np.ndarray]
"""Loads some consecutive scaled rows, float64."""


class RayRows:
    """Rows in Ray actors; see `rows.Rows`."""

    def __init__(self, sources: Sequence[RowsSource], counts: Sequence[int], width: int) -> None:
        """Spread rows over actors, one actor a CPU of the cluster, in shards that end with a chunk.

        Args:
            sources: in the order of the rows.
            counts: rows of each.
            width: features.
        """
        parts = whole_chunks(counts)
        shards = [list(sources[part]) for part in parts]
        rows = [sum(counts[part]) for part in parts]
        self.count = sum(rows)
        self.width = width
        self._starts = np.concatenate([[0], np.cumsum(rows)])
        actors = max(1, min(len(shards), cluster_cpus()))
        edges = np.linspace(0, len(shards), actors + 1).round().astype(int)
        self._edges = edges
        self._actors = [
            _Holder.remote(shards[low:high])  # type: ignore[attr-defined]
            for low, high in pairwise(edges)
        ]

    def totals(self, starts: Mapping[int, np.ndarray]) -> np.ndarray:
        """See `Rows`."""
        parts = self._ask("totals", list(starts), np.stack(list(starts.values())))
        return add_up(shard for actor in parts for shard in actor)

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, float]:
        """See `Rows`."""
        parts = self._ask("assign", centers)
        inertia = sum_in_order([shard for _, shards in parts for shard in shards])
        return np.concatenate([labels for labels, _ in parts]), inertia

    def squares(self) -> float:
        """See `Rows`."""
        return float(sum(self._ask("squares")))

    def take(self, positions: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        calls = []
        for at, actor in enumerate(self._actors):
            low, high = self._starts[self._edges[at]], self._starts[self._edges[at + 1]]
            mine = positions[(positions >= low) & (positions < high)] - low
            calls.append(actor.take.remote(mine))
        return np.concatenate(ray.get(calls))

    def sample(self, size: int, seed: int) -> np.ndarray:
        """See `Rows`."""
        return self.take(sample_positions(self.count, size, seed))

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Rows`."""
        parts = self._ask("farthest", centers, count)
        return pick_farthest([part for actor in parts for part in actor], count)

    def close(self) -> None:
        """Let the actors and their memory go."""
        for actor in self._actors:
            ray.kill(actor)

    def _ask(self, method: str, *arguments: Any) -> list[Any]:
        held = [ray.put(argument) for argument in arguments]
        return list(ray.get([getattr(a, method).remote(*held) for a in self._actors]))


def whole_chunks(counts: Sequence[int]) -> list[slice]:
    """Which consecutive sources, with so many rows each, make up the least that ends with a chunk.

    What is left over at the end is the last.
    """
    edges, rows = [0], 0
    for at, count in enumerate(counts, start=1):
        rows += count
        if rows % CHUNK == 0 or at == len(counts):
            edges.append(at)
    return [slice(*edge) for edge in pairwise(edges)]


@ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)
class _Holder:
    """Some shards in memory."""

    def __init__(self, shards: list[list[RowsSource]]) -> None:
        self._shards = [
            Shard(np.concatenate([source() for source in sources], dtype=np.float64))
            for sources in shards
        ]
        self._starts = np.cumsum([0, *(len(shard.rows) for shard in self._shards)])

    def totals(self, slots: list[int], centers: np.ndarray) -> list[np.ndarray]:
        return [shard.totals(slots, centers) for shard in self._shards]

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        labels = [shard.labels(centers) for shard in self._shards]
        spreads = [s.inertia(centers, own) for s, own in zip(self._shards, labels, strict=True)]
        return np.concatenate(labels), spreads

    def squares(self) -> float:
        return sum(shard.squares() for shard in self._shards)

    def take(self, positions: np.ndarray) -> np.ndarray:
        parts = [
            shard.rows[positions[(positions >= start) & (positions < end)] - start]
            for shard, (start, end) in zip(self._shards, pairwise(self._starts), strict=True)
        ]
        return np.concatenate(parts)

    def farthest(self, centers: np.ndarray, count: int) -> list[tuple[np.ndarray, ...]]:
        return [shard.farthest(centers, count) for shard in self._shards]
