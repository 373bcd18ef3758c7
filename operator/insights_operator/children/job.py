"""A plain Job: Ray, where it is wanted at all, inside one pod.

For small input, or where KubeRay is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insights_operator.children.metadata import child_metadata
from insights_operator.children.order import ChildOrder
from insights_operator.children.pods import DRIVER_COMMAND, pod_template
from insights_operator.children.state import ChildPhase, ChildState

__all__ = ["API_VERSION", "KIND", "PLURAL", "manifest", "state"]

API_VERSION = "batch/v1"
KIND = "Job"
PLURAL = "jobs"

_NET_SECONDS = 600
"""How much later than us the Job itself gives up: a net for when no operator runs."""


def manifest(order: ChildOrder) -> dict[str, Any]:
    """The Job of an attempt."""
    ttl = order.policy.child_ttl
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": child_metadata(order),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": order.policy.run_deadline_seconds + _NET_SECONDS,
            "ttlSecondsAfterFinished": max(ttl.success_seconds, ttl.failure_seconds) + _NET_SECONDS,
            "template": pod_template(
                order,
                role="driver",
                container="driver",
                resources=order.compute.head,
                command=DRIVER_COMMAND.split(),
                drives=True,
            ),
        },
    }


def state(job: Mapping[str, Any]) -> ChildState:
    """What the Job says about itself."""
    status: Mapping[str, Any] = job.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("status") != "True":
            continue
        said = (condition.get("reason", ""), condition.get("message", ""))
        if condition.get("type") == "Complete":
            return ChildState(ChildPhase.ENDED_WELL, *said)
        if condition.get("type") == "Failed":
            return ChildState(ChildPhase.ENDED_BADLY, *said)
    if (job.get("spec") or {}).get("suspend"):
        return ChildState(ChildPhase.QUEUED, "Queued", "waiting for admission by its queue")
    if status.get("ready"):
        return ChildState(ChildPhase.RUNNING)
    return ChildState(ChildPhase.STARTING)
