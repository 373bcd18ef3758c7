"""Where a run is, in one word, as its status tells it: for metrics and for people alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insights_crds.reasons import Reason

__all__ = ["STATES", "state_of"]

STATES = (
    "New",
    "Invalid",
    "Suspended",
    "WaitingForSlot",
    "Queued",
    "Starting",
    "Running",
    "Backoff",
    "Waiting",
    "Published",
    "Failed",
)
"""Where a run is. The first to be true, for the spec that stands there now."""

_INVALID = frozenset({Reason.INVALID_SPEC, Reason.UNKNOWN_STORE, Reason.KUBERAY_MISSING})
_BY_REASON = {
    Reason.SUSPENDED: "Suspended",
    Reason.SUSPENDING: "Suspended",
    Reason.WAITING_FOR_SLOT: "WaitingForSlot",
    Reason.QUEUED: "Queued",
    Reason.STARTING: "Starting",
    Reason.RUNNING: "Running",
    Reason.BACKOFF: "Backoff",
}
_REASONS = frozenset(each.value for each in Reason)


def state_of(run: Mapping[str, Any]) -> str:
    """Where a run is, one of `STATES`."""
    status = run.get("status") or {}
    said = _condition(status, "Succeeded")
    accepted = _condition(status, "Accepted")
    if accepted is not None and accepted["status"] == "False":
        return "Invalid"
    if said is None:
        return "New"
    reason = str(said["reason"])
    if reason in _INVALID:
        return "Invalid"
    suspended = _condition(status, "Suspended")
    if suspended is not None and suspended["status"] == "True" and said["status"] != "True":
        return "Suspended"
    if said["status"] == "True":
        return "Published"
    if said["status"] == "False":
        return "Failed"
    if reason == Reason.CHANGE_PENDING:
        ready = _condition(status, "ClusterReady")
        reason = str(ready["reason"]) if ready is not None else reason
        return _BY_REASON.get(Reason(reason), "Starting") if reason in _REASONS else "Starting"
    return _BY_REASON.get(Reason(reason), "Waiting") if reason in _REASONS else "Waiting"


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    return next((c for c in status.get("conditions") or () if c.get("type") == kind), None)
