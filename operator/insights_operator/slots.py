"""Which runs may start where the number of active runs is limited: by priority, then by age."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from math import inf
from typing import Any

from insights_operator.work_queue import Key

__all__ = ["Limits", "next_in_line"]


@dataclass(frozen=True)
class Limits:
    """Most active runs.

    Attributes:
        cluster: in all, None for no limit.
        namespace: in each namespace, None for no limit.
    """

    cluster: int | None = None
    namespace: int | None = None


def next_in_line(
    waiting: Mapping[Key, Mapping[str, Any]], active: Set[Key], limits: Limits
) -> list[Key]:
    """Runs that may start now, by priority, then by age, then by name.

    A run whose namespace is full holds nobody up who is of another one.

    Args:
        waiting: runs that want to start.
        active: runs with an active attempt.
        limits: most active runs.
    """
    free = inf if limits.cluster is None else limits.cluster - len(active)
    taken = Counter(namespace for namespace, _ in active)
    out: list[Key] = []
    for key in sorted(waiting.keys() - active, key=lambda key: _rank(waiting[key], key)):
        if len(out) >= free:
            break
        if limits.namespace is None or taken[key[0]] < limits.namespace:
            taken[key[0]] += 1
            out.append(key)
    return out


def _rank(run: Mapping[str, Any], key: Key) -> tuple[int, str, Key]:
    priority = ((run.get("spec") or {}).get("compute") or {}).get("priority", 0)
    return -int(priority), str(run["metadata"].get("creationTimestamp", "")), key
