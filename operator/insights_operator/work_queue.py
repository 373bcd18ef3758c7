"""Which runs are to be looked at: each key once, at most one worker on it, later if so asked.

A key that was never looked at goes before the others: someone waits for it to start, while what is
at work goes on by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count

__all__ = ["Key", "WorkQueue"]

Key = tuple[str, str]
"""Namespace and name of a run."""

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 60.0

_log = logging.getLogger(__name__)


class WorkQueue:
    """Keys that are dirty, and when clean ones become dirty again."""

    def __init__(self) -> None:
        """Begin empty."""
        self._dirty: asyncio.PriorityQueue[tuple[bool, int, Key]] = asyncio.PriorityQueue()
        self._number = count()
        self._waiting: set[Key] = set()
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}

    def __len__(self) -> int:
        """Keys that wait for a worker."""
        return len(self._waiting)

    def mark(self, key: Key, *, new: bool = False) -> None:
        """A run has changed. While a worker is on it, it is looked at once more afterwards.

        Args:
            key: of the run.
            new: whether it was never looked at.
        """
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._busy:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._dirty.put_nowait((not new, next(self._number), key))

    def after(self, key: Key, seconds: float) -> None:
        """A run is to be looked at in a while, or earlier if it changes."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(seconds, self.mark, key)

    async def work(self, handle: Callable[[Key], Awaitable[float | None]]) -> None:
        """Be a worker: handle keys, for ever.

        Args:
            handle: looks at a run; returns the seconds after which to look again, or None. What it
                raises is logged, and the run is looked at again, each time later.
        """
        while True:
            _, _, key = await self._dirty.get()
            self._waiting.discard(key)
            self._busy.add(key)
            again: float | None = None
            try:
                again = await handle(key)
                self._failures.pop(key, None)
            except Exception as error:  # noqa: BLE001 (one run must not stop the others)
                failures = self._failures.get(key, 0)
                self._failures[key] = failures + 1
                again = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**failures)
                _log.warning(
                    "looking at a run failed",
                    extra={
                        "namespace": key[0],
                        "run": key[1],
                        "error": type(error).__name__,
                        "detail": str(error)[:300],
                        "again": again,
                    },
                )
            finally:
                self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.mark(key)
            elif again is not None:
                self.after(key, again)
