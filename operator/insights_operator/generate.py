"""Write `docs/metrics.md` from the metrics themselves.

python -m insights_operator.generate [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from prometheus_client.core import Metric

from insights_crds.generate import write_or_check
from insights_crds.run_state import STATES
from insights_operator.metrics import Metrics
from insights_operator.run_series import LIMIT, RunSeries, Seen

__all__ = ["families", "generated", "main"]

_PAGE = "docs/metrics.md"
_GROUPS = (
    ("insights_operator_", "The operator", "Of every replica, but for the counts of runs."),
    ("insights_run_", "Runs and their results", "Of the leader only."),
    ("insights_schedule_", "Schedules", "Of the leader only."),
)
_LEADER = ("insights_operator_runs",)


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


def generated() -> str:
    """The page."""
    return "\n".join(_lines()) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with `--check` say whether it differs. Returns the exit code."""
    return write_or_check("insights_operator.generate", {_PAGE: generated()}, arguments)


def _lines() -> Iterator[str]:
    yield from _HEAD.splitlines()
    known = families()
    for prefix, title, says in _GROUPS:
        yield from ("", f"## {title}", "", says, "")
        yield from ("| metric | type | labels | what it says |", "|---|---|---|---|")
        for family, labels in known:
            if family.name.startswith(prefix):
                name = family.name + ("_total" if family.type == "counter" else "")
                listed = ", ".join(f"`{label}`" for label in labels if label != "environment")
                yield f"| `{name}` | {family.type} | {listed} | {family.documentation} |"
    yield from ("", "## States of a run", "", ", ".join(f"`{state}`" for state in STATES) + ".")


_HEAD = f"""\
# Metrics

<!-- Made by `python -m insights_operator.generate` from the metrics: change them there. -->

The operator serves them at `/metrics` on the port of its probes, as text or OpenMetrics. Units are
seconds, ratios and counts; every series bears the label `environment`. Labels are names of objects
and words of closed lists: nothing tells of a person.

Series of runs come from the leader only, so that a sum over replicas counts a run once. A run has
series while it is active, and of its last end and its last result; they go with the run. Of a
schedule's runs only the newest end and the newest result have series, with the schedule in the
label `schedule` (empty for a run of no schedule): `max by (namespace, schedule)` is then one line
over time. At most {LIMIT:,} runs of each sort have series, the newest first;
`insights_operator_runs_without_series` counts the rest. A gauge that a result has no figure for is
left out, not zero.

Counters begin at zero with each leader; `rate` and `increase` see through that. Series carry their
own label `namespace`: scrape with `honorLabels: true` (the chart's monitors do), or Prometheus
renames it to `exported_namespace`.

Metrics of a computation itself (rows, memory, spill, workers) are Ray's and KubeRay's own: the
chart's PodMonitor scrapes port 8080 of Ray's pods."""


if __name__ == "__main__":
    sys.exit(main())
