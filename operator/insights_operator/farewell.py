"""A run that is going or gone: it is stopped, and held until its results are erased.

The finalizer is there for erasure alone. It stays until the sweeper has forgotten the run, however
long a store is away; only an annotation lets the run go without that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import Policy
from insights_operator import naming
from insights_operator.conditions import Fact, condition
from insights_operator.endings import delete, end
from insights_operator.observed import Observed
from insights_operator.plan import (
    Action,
    AddFinalizer,
    Announce,
    Bury,
    Plan,
    RemoveFinalizer,
    WriteStatus,
)
from insights_operator.status import compose

__all__ = ["ERASED", "farewell", "finalizer", "forget", "is_buried"]

ERASED = "ResultsErased"
"""Type of the condition that tells of erasure."""

_RETRY = 5.0
_BURIED = frozenset(
    (Reason.ERASING, Reason.OBJECT_STORE_NOT_CONFIGURED, Reason.OBJECT_STORE_UNREACHABLE)
)
"""Reasons that are told only after the tombstone was written."""


def finalizer(run: Mapping[str, Any]) -> Action | None:
    """The finalizer that erasure needs, and only erasure, whatever else is wrong with a run."""
    has = naming.FINALIZER in run["metadata"].get("finalizers", ())
    results = (run.get("spec") or {}).get("results") or {}
    wants = (results.get("retention") or {}).get("onDelete") == "Erase"
    if wants == has:
        return None
    return AddFinalizer() if wants else RemoveFinalizer()


def farewell(seen: Observed, run: Mapping[str, Any]) -> Plan:
    """A run that is being deleted.

    Args:
        seen: all that is known.
        run: the object, with a time of deletion.
    """
    metadata = run["metadata"]
    erases = naming.FINALIZER in metadata.get("finalizers", ())
    # Where results are erased nothing of this name may go on, whoever began it.
    ended = _cancel(seen, None if erases else str(metadata.get("uid")))
    stopped = [*ended, *delete(seen.children)]
    if not erases:
        return Plan(tuple(stopped))
    if (metadata.get("annotations") or {}).get(naming.ABANDON_ANNOTATION) == "true":
        said = (
            f"let go by the annotation {naming.ABANDON_ANNOTATION}: its results may still be there"
        )
        told = Announce(Reason.RESULTS_ABANDONED.value, said, "abandoned", warning=True)
        return Plan((*stopped, told, RemoveFinalizer()))
    if seen.record is None:
        said = "the results database cannot be reached; the run stays until its results are erased"
        return _waits(seen, run, stopped, Reason.STORE_UNREACHABLE, said, warning=True)
    if not seen.record.attempts and not seen.record.publications:
        told = Announce(Reason.RESULTS_ERASED.value, "nothing is left of its results", "erased")
        return Plan((*stopped, told, RemoveFinalizer()))
    if _leaving(seen, run):
        said = "it waits for its pods to go, which may still write; then its results are erased"
        return _waits(seen, run, stopped, Reason.SUSPENDING, said)
    if seen.blocked is not None:
        reason, said = seen.blocked
        said = f'{said}; or set the annotation {naming.ABANDON_ANNOTATION}: "true" to leave them'
        return _waits(seen, run, stopped, reason, said, warning=True, bury=True)
    return _waits(seen, run, stopped, Reason.ERASING, "its results are being erased", bury=True)


def is_buried(run: Mapping[str, Any]) -> bool:
    """Whether a run's status says that a tombstone was written for it."""
    said = condition(run.get("status") or {}, ERASED)
    return said is not None and said["reason"] in _BURIED


def forget(seen: Observed) -> Plan:
    """A run that is gone: nothing of it may stay at work."""
    return Plan((*_cancel(seen, None), *delete(seen.children)))


def _waits(
    seen: Observed,
    run: Mapping[str, Any],
    stopped: list[Action],
    reason: Reason,
    said: str,
    *,
    warning: bool = False,
    bury: bool = False,
) -> Plan:
    """Say what the run waits for; where its results are to go, see that the sweeper knows."""
    old: Mapping[str, Any] = run.get("status") or {}
    generation = int(run["metadata"].get("generation", 0))
    facts = {ERASED: Fact("False", reason, said)}
    new = compose(old, facts, generation=generation, now=seen.now)
    if new == old:
        return Plan(tuple(stopped), _RETRY)
    # That pods are leaving is nothing to tell: it may be over before it is seen.
    told = [Announce(reason.value, said, f"erase/{reason.value}", warning)]
    if not (warning or bury):
        told = []
    buried = [Bury()] if bury and not is_buried(run) else []
    return Plan((*stopped, *told, *buried, WriteStatus(new)), _RETRY)


def _leaving(seen: Observed, run: Mapping[str, Any]) -> bool:
    """Whether pods may still write what nobody would find afterwards."""
    if not (seen.children or seen.pods):
        return False
    policy = (run.get("spec") or {}).get("policy") or {}
    patience = policy.get("podGoneTimeoutSeconds", Policy().pod_gone_timeout_seconds)
    asked = datetime.fromisoformat(str(run["metadata"]["deletionTimestamp"]))
    return seen.now < asked + timedelta(seconds=float(patience))


def _cancel(seen: Observed, uid: str | None) -> list[Action]:
    if seen.record is None:
        return []
    return [
        end(attempt, FailureClass.DISPLACED, Reason.CANCELLED, "the run was deleted")
        for attempt in seen.record.active
        if uid is None or attempt.uid == uid
    ]
