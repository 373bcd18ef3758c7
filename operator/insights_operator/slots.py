"""Which runs may start where the number of active runs is limited: by priority, then by age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insights_operator.observed import Slot
from insights_operator.work_queue import Key

__all__ = ["Limits", "slot"]


@dataclass(frozen=True)
class Limits:
    """Most active runs.

    Attributes:
        cluster: in all, None for no limit.
        namespace: in each namespace, None for no limit.
    """

    cluster: int | None = None
    namespace: int | None = None


def slot(
    key: Key, active: set[Key], waiting: Mapping[Key, Mapping[str, Any]], limits: Limits
) -> Slot:
    """Whether a run may start.

    Args:
        key: of the run.
        active: runs with an active attempt.
        waiting: runs that want to start, this one among them.
        limits: most active runs.
    """
    if key in active or (limits.cluster is None and limits.namespace is None):
        return Slot()
    before = [
        other
        for other in waiting
        if other != key and _rank(waiting[other], other) < _rank(waiting[key], key)
    ]
    here = [other for other in before if other[0] == key[0]]
    ahead = 0
    if limits.cluster is not None:
        free = limits.cluster - len(active)
        ahead = max(ahead, len(before) - free + 1)
    if limits.namespace is not None:
        free = limits.namespace - sum(other[0] == key[0] for other in active)
        ahead = max(ahead, len(here) - free + 1)
    return Slot(granted=ahead <= 0, ahead=max(0, ahead))


def _rank(run: Mapping[str, Any], key: Key) -> tuple[int, str, Key]:
    priority = ((run.get("spec") or {}).get("compute") or {}).get("priority", 0)
    return -int(priority), str(run["metadata"].get("creationTimestamp", "")), key
