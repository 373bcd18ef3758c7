"""Metadata that every kind of child has in common: its labels, its queue, its controller."""

from __future__ import annotations

from typing import Any

from insights_crds.v1 import AnalysisRun
from insights_operator import naming
from insights_operator.children.order import ChildOrder
from insights_operator.ownership import owned_by

__all__ = ["child_metadata"]


def child_metadata(order: ChildOrder, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """Name, labels and controller reference of a child."""
    labels = naming.child_labels(order.run, order.uid, order.attempt)
    if order.compute.queue is not None:
        labels["kueue.x-k8s.io/queue-name"] = order.compute.queue.name
        if order.compute.queue.priority_class is not None:
            labels["kueue.x-k8s.io/priority-class"] = order.compute.queue.priority_class
    return {
        "name": order.name,
        "namespace": order.namespace,
        "labels": labels,
        **({"annotations": annotations} if annotations else {}),
        "ownerReferences": owned_by(AnalysisRun.__name__, order.run, order.uid),
    }
