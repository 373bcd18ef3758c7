"""Who does pieces of a search side by side: threads of this process, or others like them.

All hands hold the same thing, which never changes; what changes goes with each call and comes back
with its answer. So any of them may do any piece, and do it again where one is lost, and the answer
is the same with any number of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Crew", "Hands", "Threads", "own_cpus"]


class Hands(Protocol):
    """Those who hold a thing."""

    def ask(self, method: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of the thing with each of the arguments; answers in the same order."""

    def close(self) -> None:
        """Let them go."""


class Crew(Protocol):
    """Where hands come from."""

    @property
    def shared(self) -> bool:
        """Whether hands see the memory of the one who asks: what they change is changed."""

    def hold(self, thing: object, most: int) -> Hands:
        """Give a thing to hands, of which no more than `most` will have a piece at once."""


@dataclass(frozen=True)
class Threads:
    """Threads of this process; kernels run outside the interpreter's lock.

    Attributes:
        workers: how many, None for one a CPU.
    """

    workers: int | None = None
    shared = True

    def hold(self, thing: object, most: int) -> Hands:
        """See `Crew`."""
        return _ThreadHands(thing, max(1, min(most, self.workers or own_cpus())))


def own_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


class _ThreadHands:
    def __init__(self, thing: object, threads: int) -> None:
        self._thing = thing
        self._pool = ThreadPoolExecutor(threads)

    def ask(self, method: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        work = getattr(self._thing, method)
        return list(self._pool.map(lambda call: work(*call), calls))

    def close(self) -> None:
        self._pool.shutdown()
