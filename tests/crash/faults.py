"""Faults in the operator's own process, at its rim: where it writes, and where events come in.

Everything beyond the rim is real: a write that is let through reaches a real API server or a real
Postgres, and a process that is to die gets a SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Any

from insights_operator.database import Database
from insights_operator.feeds import Feeds
from insights_operator.kubernetes_api import Api, ApiError
from insights_operator.object_stores import ObjectStores
from insights_operator.sweeper import Sweeper

__all__ = ["API_FAULTS", "EVENT_FAULTS", "KILLS", "Fault", "Tally", "install"]

KILLS = ("kill-before", "kill-after")
API_FAULTS = ("409", "410", "429", "500", "timeout-before", "timeout-after")
EVENT_FAULTS = ("double", "reorder", "stale", "lose-runs", "lose-children")

_REASONS = {"409": "Conflict", "410": "Gone", "429": "TooManyRequests", "500": "InternalError"}
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Attributes:
        kind: one of the kinds above, `lose` for one event, or empty for nothing.
        nth: the write or the event that it concerns, from 1.
    """

    kind: str = ""
    nth: int = 0

    def __str__(self) -> str:
        return f"{self.kind or 'none'} at {self.nth}" if self.nth else self.kind or "none"


class Tally:
    """Writes and events so far, in a file of a line each, so that a killed process is counted."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.writes = self.events = 0

    def write(self, what: str) -> int:
        self.writes += 1
        self._note(f"write {what}")
        return self.writes

    def event(self, what: str) -> int:
        self.events += 1
        self._note(f"event {what}")
        return self.events

    def _note(self, line: str) -> None:
        with open(self._path, "a") as out:
            out.write(line + "\n")


def install(fault: Fault, tally: Tally) -> None:
    """Let a fault happen in this process."""
    _at_writes(fault, tally)
    _at_events(fault, tally)


def _at_writes(fault: Fault, tally: Tally) -> None:
    request = Api._request

    async def faulty(self: Api, method: str, path: str, *rest: Any) -> Any:
        if method not in _WRITES or "/leases" in path:
            return await request(self, method, path, *rest)
        due = tally.write(f"{method} {path}") == fault.nth
        if due and fault.kind == "kill-before":
            os.kill(os.getpid(), signal.SIGKILL)
        if due and fault.kind in _REASONS:
            raise ApiError(int(fault.kind), _REASONS[fault.kind], "injected")
        if due and fault.kind == "timeout-before":
            raise TimeoutError
        try:
            answer = await request(self, method, path, *rest)
        finally:
            if due and fault.kind == "kill-after":
                os.kill(os.getpid(), signal.SIGKILL)
        if due and fault.kind == "timeout-after":
            raise TimeoutError
        return answer

    Api._request = faulty  # type: ignore[method-assign]
    for kind, name in (
        (Database, "start"), (Database, "end"), (Database, "bury"), (Sweeper, "_write"),
        (ObjectStores, "remove"),
    ):  # fmt: skip
        _at_commit(kind, name, fault, tally)


def _at_commit(kind: type, name: str, fault: Fault, tally: Tally) -> None:
    commit = getattr(kind, name)

    async def faulty(self: Any, *arguments: Any) -> Any:
        what = f"{name} {arguments[0]}" if kind in (Sweeper, ObjectStores) else name
        due = tally.write(f"COMMIT {what}") == fault.nth
        if due and fault.kind == "kill-before":
            os.kill(os.getpid(), signal.SIGKILL)
        if due and fault.kind == "timeout-before":
            raise TimeoutError
        try:
            answer = await commit(self, *arguments)
        finally:
            if due and fault.kind == "kill-after":
                os.kill(os.getpid(), signal.SIGKILL)
        if due and fault.kind == "timeout-after":
            raise TimeoutError
        return answer

    setattr(kind, name, faulty)


def _at_events(fault: Fault, tally: Tally) -> None:
    take = Feeds._take
    held: list[tuple[str, str | None, Any]] = []
    before: dict[tuple[str, str], Any] = {}

    def faulty(self: Feeds, plural: str, kind: str | None, seen: Any) -> None:
        nth = tally.event(f"{plural} {kind}")
        lost = {"lose-runs": plural == "analysisruns", "lose-children": plural != "analysisruns"}
        if lost.get(fault.kind) or (fault.kind == "lose" and nth == fault.nth):
            return
        match fault.kind:
            case "double":
                take(self, plural, kind, seen)
                take(self, plural, kind, seen)
            case "reorder":
                held.append((plural, kind, seen))
                if len(held) > 1:
                    _flush(self)
                else:
                    asyncio.get_running_loop().call_later(0.2, _flush, self)
            case "stale":
                key = (plural, seen["metadata"]["uid"])
                take(self, plural, kind, seen)
                if key in before:
                    take(self, plural, "MODIFIED", before[key])
                before[key] = seen
            case _:
                take(self, plural, kind, seen)

    def _flush(self: Feeds) -> None:
        for each in reversed(held):
            take(self, *each)
        held.clear()

    Feeds._take = faulty  # type: ignore[method-assign]
