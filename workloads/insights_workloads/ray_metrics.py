"""The measures of a computation as metrics of the Ray cluster that it runs on.

Ray's agent on each node serves them to Prometheus beside its own. Without Ray nothing is done, and
Ray is not even imported.
"""

from __future__ import annotations

import sys
from typing import Any

from insights_store.execution import Claim
from insights_workloads.measures import MEASURES, STAGE, Measure
from insights_workloads.progress import Snapshot

__all__ = ["LABELS", "RayMetrics", "exported"]

LABELS = ("environment", "namespace", "run", "attempt")
"""Labels of every series: those by which the operator's tell of the same run."""


def exported(measure: Measure) -> str:
    """Name under which Prometheus finds a measure."""
    return f"ray_{measure.name}" + ("_total" if measure.kind == "counter" else "")


class RayMetrics:
    """Tells Ray what a claim's driver measures."""

    def __init__(self, held: Claim) -> None:
        """Begin with nothing told.

        Args:
            held: whose names every series bears.
        """
        e = held.execution
        values = (e.environment, e.namespace, e.run, str(held.attempt))
        self._labels = dict(zip(LABELS, values, strict=True))
        self._made: dict[Measure, Any] = {}
        self._stage = ""

    def tell(self, snapshot: Snapshot) -> None:
        """Tell what came with a step of progress, if this process is joined to Ray."""
        ray = sys.modules.get("ray")
        if ray is None or not ray.is_initialized():
            return
        if snapshot.stage != self._stage:
            if self._stage:
                self._record(STAGE, 0, {"stage": self._stage})
            self._record(STAGE, 1, {"stage": snapshot.stage})
            self._stage = snapshot.stage
        for measure, value in snapshot.figures.items():
            self._record(measure, value)

    def _record(self, measure: Measure, value: float, labels: dict[str, str] | None = None) -> None:
        if not self._made:
            self._made = {each: self._make(each) for each in MEASURES}
        made = self._made[measure]
        if measure.kind == "gauge":
            made.set(value, tags=labels)
        elif value > 0:
            made.inc(value, tags=labels)

    def _make(self, measure: Measure) -> Any:
        from ray.util import metrics

        kind = metrics.Gauge if measure.kind == "gauge" else metrics.Counter
        made = kind(measure.name, measure.says, (*LABELS, *measure.labels))
        return made.set_default_tags(self._labels)
