"""A crew of Ray actors, on one machine or many.

An actor that is lost is made anew by Ray and gets the thing again; the call that was lost with it
is made again.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

from insights_workloads.ray_session import cluster_cpus, ensure_ray
from insights_workloads.teams.crew import Hands, own_cpus

__all__ = ["RAY_MIN_PEOPLE", "RayCrew", "ray_gains"]

RAY_MIN_PEOPLE = 500_000
"""Below so many people two threads have found teams before eight actors, which take about five
seconds to start."""


@dataclass(frozen=True)
class RayCrew:
    """Actors of the Ray cluster that is there, or of one of our own.

    Attributes:
        workers: how many, None for one a CPU.
    """

    workers: int | None = None
    shared = False

    def hold(self, thing: object, most: int) -> Hands:
        """See `crew.Crew`."""
        ensure_ray()
        there = cluster_cpus()
        return _RayHands(thing, max(1, min(most, there, self.workers or there)))


def ray_gains(people: int) -> bool:
    """Whether the cluster finds teams of so many people sooner than threads of this process do."""
    if people < RAY_MIN_PEOPLE:
        return False
    ensure_ray()
    return cluster_cpus() > own_cpus()


class _RayHands:
    def __init__(self, thing: object, actors: int) -> None:
        # Pickled here, arrays arrive as kernels were compiled for them: Ray's cannot be written to.
        # Kept here, since an actor that is made anew asks for it again.
        self._held = ray.put(pickle.dumps(thing))
        self._actors = [_Hand.remote([self._held]) for _ in range(actors)]  # type: ignore[attr-defined]

    def ask(self, method: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        count = len(self._actors)
        parts = ray.get(
            [
                actor.answer.remote(method, pickle.dumps(calls[at::count]))
                for at, actor in enumerate(self._actors)
            ]
        )
        return [parts[at % count][at // count] for at in range(len(calls))]

    def close(self) -> None:
        for actor in self._actors:
            ray.kill(actor)


@ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)
class _Hand:
    """One that holds the thing."""

    def __init__(self, thing: list[ray.ObjectRef[bytes]]) -> None:
        # What is read here was written by the driver, whom Ray trusts with as much.
        self._thing = pickle.loads(ray.get(thing[0]))  # noqa: S301

    def answer(self, method: str, calls: bytes) -> list[Any]:
        work = getattr(self._thing, method)
        return [work(*call) for call in pickle.loads(calls)]  # noqa: S301
