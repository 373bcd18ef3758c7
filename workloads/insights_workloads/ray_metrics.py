"""The measures of a computation as metrics of the Ray cluster that it runs on.

Ray's agent on each node serves them to Prometheus beside its own. Without Ray nothing is done, and
Ray is not even imported.
"""

from __future__ import annotations

import sys
from typing import Any

from insights_store.execution import Claim
from insights_workloads.disclosure.figures import rounded
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
        self._gauges: dict[tuple[Measure, str], float] = {}

    def tell(self, snapshot: Snapshot) -> None:
        """Tell what came with a step of progress, if this process is joined to Ray."""
        ray = sys.modules.get("ray")
        if ray is None or not ray.is_initialized():
            return
        if not self._made:
            self._made = {each: self._make(each) for each in MEASURES}
        if snapshot.stage != self._stage:
            self._gauges |= {(STAGE, self._stage): 0} if self._stage else {}
            self._gauges[STAGE, snapshot.stage] = 1
            self._stage = snapshot.stage
        for measure, value in snapshot.figures.items():
            if measure.kind == "gauge":
                # In two digits: who may read metrics may know everybody but one.
                self._gauges[measure, ""] = rounded(value)
            elif value > 0:
                self._made[measure].inc(value)
        # Ray forgets a gauge that is not set anew for two of its intervals.
        for (measure, stage), value in self._gauges.items():
            self._made[measure].set(value, tags={"stage": stage} if stage else None)

    def _make(self, measure: Measure) -> Any:
        from ray.util import metrics

        kind = metrics.Gauge if measure.kind == "gauge" else metrics.Counter
        made = kind(measure.name, measure.says, (*LABELS, *measure.labels))
        return made.set_default_tags(self._labels)
