"""Rows held by Ray actors, a few shards each.

Rows never move: an iteration sends the centres out and brings back the sums of each chunk, which
the driver adds in the order of the chunks. An actor that is lost is made anew by Ray and loads its
shards from their source again; the call that was lost with it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import ray

from insights_workloads.clustering.kernels import CHUNK, assign, assign_and_sum
from insights_workloads.clustering.rows import Totals, add_up, pick_farthest

__all__ = ["RAY_MIN_ROWS", "RayRows", "ShardSource"]

RAY_MIN_ROWS = 20_000_000
"""Below so many rows one process is done before a Ray cluster has started."""

ShardSource = Callable[[], np.ndarray]
"""Loads the scaled rows of one shard, float64; its rows are a multiple of `CHUNK` but for the last
shard."""


class RayRows:
    """Rows in Ray actors; see `rows.Rows`."""

    def __init__(self, sources: Sequence[ShardSource], counts: Sequence[int], width: int) -> None:
        """Spread shards over actors, one actor a CPU of the cluster.

        Args:
            sources: one a shard, in the order of the rows.
            counts: rows of each shard.
            width: features.

        Raises:
            ValueError: a shard but the last is no multiple of `CHUNK`.
        """
        if any(count % CHUNK for count in counts[:-1]):
            raise ValueError(f"every shard but the last must hold a multiple of {CHUNK} rows")
        self.count = int(sum(counts))
        self.width = width
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        actors = max(1, min(len(sources), _cpus()))
        edges = np.linspace(0, len(sources), actors + 1).round().astype(int)
        self._edges = edges
        self._actors = [
            _Holder.remote(list(sources[low:high]))  # type: ignore[attr-defined]
            for low, high in pairwise(edges)
        ]

    def totals(self, centers: np.ndarray) -> Totals:
        """See `Rows`."""
        parts = self._ask("totals", centers)
        return add_up(chunk for actor in parts for chunk in actor)

    def labels(self, centers: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        return np.concatenate(self._ask("labels", centers))

    def take(self, positions: np.ndarray) -> np.ndarray:
        """See `Rows`."""
        calls = []
        for at, actor in enumerate(self._actors):
            low, high = self._starts[self._edges[at]], self._starts[self._edges[at + 1]]
            mine = positions[(positions >= low) & (positions < high)] - low
            calls.append(actor.take.remote(mine))
        return np.concatenate(ray.get(calls))

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Rows`."""
        parts = self._ask("farthest", centers, count)
        rows, labels, squared = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.argsort(-squared, kind="stable")[:count]
        return rows[order], labels[order]

    def close(self) -> None:
        """Let the actors and their memory go."""
        for actor in self._actors:
            ray.kill(actor)

    def _ask(self, method: str, *arguments: Any) -> list[Any]:
        held = [ray.put(argument) for argument in arguments]
        return list(ray.get([getattr(a, method).remote(*held) for a in self._actors]))


def _cpus() -> int:
    return int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]


@ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)
class _Holder:
    """Some shards in memory."""

    def __init__(self, sources: list[ShardSource]) -> None:
        self._shards = [np.ascontiguousarray(source(), dtype=np.float64) for source in sources]

    def totals(self, centers: np.ndarray) -> list[Totals]:
        return [
            assign_and_sum(shard[start : start + CHUNK], centers)
            for shard in self._shards
            for start in range(0, len(shard), CHUNK)
        ]

    def labels(self, centers: np.ndarray) -> np.ndarray:
        return np.concatenate([assign(shard, centers)[0] for shard in self._shards])

    def take(self, positions: np.ndarray) -> np.ndarray:
        return np.concatenate(self._shards)[positions] if len(positions) else self._none()

    def farthest(self, centers: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
        parts = [pick_farthest(shard, centers, count) for shard in self._shards]
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def _none(self) -> np.ndarray:
        return np.empty((0, self._shards[0].shape[1]))
