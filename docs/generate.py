"""Write `docs/metrics.md` from the metrics themselves, of the operator and of computations.

python -m docs.generate [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from insights_crds.generate import write_or_check
from insights_crds.run_state import STATES
from insights_operator.metric_families import families
from insights_operator.run_series import LIMIT
from insights_workloads.measures import MEASURES
from insights_workloads.ray_metrics import exported

__all__ = ["generated", "main"]

_PAGE = "docs/metrics.md"
_GROUPS = (
    ("insights_operator_", "The operator", "Of every replica, but for the counts of runs."),
    ("insights_run_", "Runs and their results", "Of the leader only."),
    ("insights_schedule_", "Schedules", "Of the leader only."),
)
_COLUMNS = ("| metric | type | labels | what it says |", "|---|---|---|---|")


def generated() -> str:
    """The page."""
    return "\n".join(_lines()) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with `--check` say whether it differs. Returns the exit code."""
    return write_or_check("docs.generate", {_PAGE: generated()}, arguments)


def _lines() -> Iterator[str]:
    yield from _HEAD.splitlines()
    known = families()
    for prefix, title, says in _GROUPS:
        yield from ("", f"## {title}", "", says, "", *_COLUMNS)
        for family, labels in known:
            if family.name.startswith(prefix):
                name = family.name + ("_total" if family.type == "counter" else "")
                yield _row(name, family.type, labels, family.documentation)
    yield from ("", *_COMPUTATIONS.splitlines(), "", *_COLUMNS)
    for measure in MEASURES:
        yield _row(exported(measure), measure.kind, measure.labels, measure.says)
    yield from ("", *_OTHERS.splitlines())
    yield from ("", "## States of a run", "", ", ".join(f"`{state}`" for state in STATES) + ".")


def _row(name: str, kind: str, labels: tuple[str, ...], says: str) -> str:
    listed = ", ".join(f"`{label}`" for label in labels if label != "environment")
    return f"| `{name}` | {kind} | {listed} | {says} |"


_HEAD = f"""\
# Metrics

<!-- Made by `python -m docs.generate` from the metrics: change them there. -->

The operator serves its own at `/metrics` on the port of its probes, as text or OpenMetrics; those
of computations come [from Ray](#computations). Units are seconds, ratios and counts; every series
bears the label `environment`. Labels are names of objects and words of closed lists: nothing tells
of a person.

Series of runs come from the leader only, so that a sum over replicas counts a run once. A run has
series while it is active, and of its last end and its last result; they go with the run. Of a
schedule's runs only the newest end and the newest result have series, with the schedule in the
label `schedule` (empty for a run of no schedule): `max by (namespace, schedule)` is then one line
over time. At most {LIMIT:,} runs of each sort have series, the newest first;
`insights_operator_runs_without_series` counts the rest. A gauge that a result has no figure for is
left out, not zero.

Counters begin at zero with each leader; `rate` and `increase` see through that. Series carry their
own label `namespace`: scrape with `honorLabels: true` (the chart's monitors do), or Prometheus
renames it to `exported_namespace`."""

_COMPUTATIONS = """\
## Computations

While a driver runs on Ray (`compute.mode: RayCluster`), Ray's agents serve what it measures at
`/metrics`, port 8080 (`metrics`) of the pods, unauthenticated; the chart's PodMonitor scrapes a
run's own Ray cluster, and a standing cluster is scraped by whoever runs it. Ray takes figures over
every ten seconds. A driver in a single pod has no Ray and exports none. Beside the labels below
every series bears `environment`, `namespace`, `run` and `attempt`, which are those of the
operator's."""

_OTHERS = """\
Memory, processors, the object store and spilling are Ray's own (`ray_node_mem_used`,
`ray_component_cpu_percentage`, `ray_object_store_used_memory`,
`ray_spill_manager_objects_bytes`): the PodMonitor gives them the same four labels, and `node_type`.
Clusters and jobs by their states are KubeRay's (`kuberay_cluster_condition_provisioned`,
`kuberay_cluster_provisioned_duration_seconds`, `kuberay_job_deployment_status`): its own chart
scrapes them."""


if __name__ == "__main__":
    sys.exit(main())
