"""Every family of metrics that the operator exports, for its page and its tests."""

from __future__ import annotations

from prometheus_client.core import Metric

from insights_operator.metrics import Metrics
from insights_operator.run_series import RunSeries, Seen

__all__ = ["families"]


def families() -> list[tuple[Metric, tuple[str, ...]]]:
    """Every family that the operator exports, with the names of its labels, by name."""
    metrics = Metrics("")
    metrics.tell(
        leads=bool,
        depths={"AnalysisRun": int},
        verified=float,
        reached=float,
        store=float,
        store_reachable=bool,
    )
    series = RunSeries(Seen)
    metrics.register(series)
    labels = {each.name: tuple(each._labelnames) for each in series.describe()}  # type: ignore[attr-defined]
    labels |= metrics.labels()
    found = {each.name: each for each in metrics.registry.collect()}
    return [
        (found[name], ("environment", *labels[name]))
        for name in sorted(found)
        if name.startswith("insights_")
    ]
