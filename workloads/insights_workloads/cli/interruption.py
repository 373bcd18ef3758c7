"""Ctrl-C that is not lost.

Python raises `KeyboardInterrupt` wherever it happens to be. Raised inside a callback from C, as
when a kernel is being compiled, it is printed and forgotten; so it is raised again at the next step
of progress.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from insights_workloads.progress import Snapshot

__all__ = ["finishing", "interruptible"]

_DONE = 100


@contextmanager
def finishing() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM has come: a request to finish with the best so far, and no end by itself."""
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def interruptible(tell: Callable[[Snapshot], None]) -> Iterator[Callable[[Snapshot], None]]:
    """Tell progress, and raise `KeyboardInterrupt` where one was asked for and came to nothing.

    What is done stays done: the last step is told in any case.
    """
    asked = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        raise KeyboardInterrupt

    def telling(snapshot: Snapshot) -> None:
        if asked.is_set() and snapshot.percent < _DONE:
            raise KeyboardInterrupt
        tell(snapshot)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield telling
    finally:
        signal.signal(signal.SIGINT, before)
