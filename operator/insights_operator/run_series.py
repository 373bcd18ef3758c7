"""What objects that are there anyway tell of runs and schedules, as series: a pure function.

Only the leader exports them, or every sum would double. A run has series while it is active, and of
its last end and its last result; they go with the run. Of a schedule's runs only the newest end and
the newest result count, so that a schedule is one line over time and old runs cost nothing. At most
`LIMIT` runs of each sort have series of their own, the newest first; how many are left out is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from insights_crds.reasons import Reason
from insights_crds.run_state import STATES, state_of
from insights_crds.v1 import AnalysisSchedule
from insights_operator.conditions import condition
from insights_operator.metrics import Missed
from insights_operator.work_queue import Key

__all__ = ["LIMIT", "RunSeries", "Seen"]

LIMIT = 1000
"""Most runs of each sort (active, failed, with a result) with series of their own."""

_ACTIVE = frozenset({"Queued", "Starting", "Running"})
_RUN = ("namespace", "run", "schedule")
_SCHEDULE = ("namespace", "schedule")
_REASONS = frozenset(each.value for each in Reason)
_STAGES = frozenset({"Ingest", "Cluster", "Teams", "Publish"})
_MISSED: tuple[Missed, ...] = ("TooLate", "AlreadyActive", "OperatorAway")

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Seen:
    """What series are made from.

    Attributes:
        runs: runs as last seen.
        schedules: schedules as last seen.
        missed: times of schedules that saw no run.
        missed_at: when that was last so, as seconds since 1970.
    """

    runs: Sequence[Object] = ()
    schedules: Sequence[Object] = ()
    missed: Mapping[tuple[Key, Missed], int] = field(default_factory=dict)
    missed_at: Mapping[Key, float] = field(default_factory=dict)


class RunSeries(Collector):
    """Makes the series when they are asked for."""

    def __init__(self, seen: Callable[[], Seen | None], limit: int = LIMIT) -> None:
        """Make series of what `seen` returns; of nothing where that is None (a follower)."""
        self._seen = seen
        self._limit = limit

    def describe(self) -> Iterable[Metric]:
        """The families, without a sample."""
        return [*_Families().all()]

    def collect(self) -> Iterable[Metric]:
        """The families with their samples."""
        seen = self._seen()
        if seen is None:
            return ()
        families = _Families()
        _tell_runs(families, seen.runs, self._limit)
        _tell_schedules(families, seen)
        return families.all()


class _Families:
    """Every family, in the order of its appearance."""

    def __init__(self) -> None:
        def gauge(name: str, says: str, labels: Sequence[str]) -> GaugeMetricFamily:
            return GaugeMetricFamily(name, says, labels=labels)

        self.runs = gauge(
            "insights_operator_runs", "Runs by state.", ("namespace", "state")
        )  # fmt: skip
        self.omitted = gauge(
            "insights_operator_runs_without_series",
            f"Runs beyond the {LIMIT:,} newest that have series of their own, by sort of series.",
            ("sort",),
        )
        self.active = gauge(
            "insights_run_active_info",
            "Always 1 for an active run; the labels say where it is.",
            (*_RUN, "state", "stage"),
        )
        self.progress = gauge(
            "insights_run_progress_ratio", "Share of an active run that is done.", _RUN
        )
        self.remaining = gauge(
            "insights_run_remaining_seconds", "Time left of an active run that can tell.", _RUN
        )
        self.started = gauge(
            "insights_run_start_timestamp_seconds", "When an active execution started.", _RUN
        )
        self.attempt = gauge("insights_run_attempt", "Number of the active attempt.", _RUN)
        self.failed = gauge(
            "insights_run_failed_info",
            "Always 1 for a run whose last execution failed for good, with its reason.",
            (*_RUN, "reason"),
        )
        self.ended = gauge(
            "insights_run_end_timestamp_seconds", "When the last execution ended.", _RUN
        )
        self.results = {
            name: gauge(f"insights_run_{name}", says, _RUN)
            for name, says, _ in _RESULT
        }  # fmt: skip
        self.published = gauge(
            "insights_run_publish_timestamp_seconds", "When the last result was published.", _RUN
        )
        self.info = gauge(
            "insights_run_result_info",
            "Always 1 for a run with a result; the label is where its report is in the store.",
            (*_RUN, "report"),
        )
        self.due = gauge(
            "insights_schedule_next_timestamp_seconds",
            "When the next run of a schedule is due; none while it is suspended or invalid.",
            _SCHEDULE,
        )
        self.last = gauge(
            "insights_schedule_last_timestamp_seconds",
            "The last time of a schedule that is dealt with.",
            _SCHEDULE,
        )
        self.success = gauge(
            "insights_schedule_last_success_timestamp_seconds",
            "When a run of a schedule last succeeded.",
            _SCHEDULE,
        )
        self.created = gauge(
            "insights_schedule_created_timestamp_seconds", "When a schedule was made.", _SCHEDULE
        )
        # An alert needs it: the first value of a counter of a leader that has just begun is no
        # increase.
        self.missed_at = gauge(
            "insights_schedule_last_missed_timestamp_seconds",
            "When this leader last found a time of a schedule to have been missed.",
            _SCHEDULE,
        )
        self.missed = CounterMetricFamily(
            "insights_schedule_missed",
            "Times of a schedule that saw no run: TooLate (its starting deadline had passed), "
            "AlreadyActive (the last run was still active), OperatorAway (nobody was there).",
            labels=(*_SCHEDULE, "reason"),
        )

    def all(self) -> list[Metric]:
        out: list[Metric] = []
        for value in vars(self).values():
            out += value.values() if isinstance(value, dict) else [value]
        return out


_RESULT: tuple[tuple[str, str, Callable[[Object], Any]], ...] = (
    ("people", "People of the last result.", lambda s: s.get("people")),
    ("rejected_rows", "Rows of its input that could not be used.", lambda s: s.get("rejectedRows")),
    ("clusters", "Clusters of the last result, that is k.", lambda s: s.get("clusters")),
    ("silhouette_ratio", "Silhouette of the clusters, -1 to 1.", lambda s: s.get("silhouette")),
    (
        "cluster_stability_ratio",
        "Jaccard similarity of the least stable cluster under resampling, 0 to 1.",
        lambda s: s.get("stability"),
    ),
    (
        "adjusted_rand_ratio",
        "Adjusted Rand index to the result before: 1 is the same partition, 0 is chance.",
        lambda s: (s.get("clusterChange") or {}).get("adjustedRand"),
    ),
    (
        "moved_people",
        "People who are not in the cluster that theirs of the result before became.",
        lambda s: (s.get("clusterChange") or {}).get("moved"),
    ),
    ("teams", "Teams of the last result.", lambda s: s.get("teams")),
    (
        "balance_before_ratio",
        "Share of all variance that lies between teams of a random split; less is better.",
        lambda s: (s.get("balance") or {}).get("before"),
    ),
    (
        "balance_after_ratio",
        "Share of all variance that lies between the teams that were formed; less is better.",
        lambda s: (s.get("balance") or {}).get("after"),
    ),
    (
        "worst_team_distance_ratio",
        "Distance of the worst team's mean from everyone's, in standard deviations of everyone.",
        lambda s: s.get("worstTeamDistance"),
    ),
    (
        "soft_rules_broken",
        "Soft rules that the teams do not wholly obey.",
        lambda s: s.get("softRulesBroken"),
    ),
    (
        "hard_rules_broken",
        "Hard rules that published teams do not obey, where the policy lets them be published.",
        lambda s: s.get("hardRulesBroken", 0) if s.get("teams") else None,
    ),
)


def _tell_runs(families: _Families, runs: Sequence[Object], limit: int) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    active: list[tuple[str, Object, str, str]] = []
    failed: dict[tuple[str, ...], tuple[str, Object, str]] = {}
    results: dict[tuple[str, ...], tuple[str, Object, str]] = {}
    namespaces: set[str] = set()
    for run in runs:
        namespace = str(run["metadata"]["namespace"])
        namespaces.add(namespace)
        state = state_of(run)
        counts[namespace, state] += 1
        schedule = _schedule_of(run)
        status = run.get("status") or {}
        line = (namespace, "s", schedule) if schedule else (namespace, "r", run["metadata"]["name"])
        if state in _ACTIVE:
            began = str((status.get("execution") or {}).get("startTime", ""))
            active.append((began, run, schedule, state))
        elif state in ("Failed", "Published"):
            # A later success of a schedule's next run takes the failure away.
            _newer(failed, line, (_end(status), run, schedule))
        if "summary" in status:
            _newer(results, line, (_published(status), run, schedule))
    for namespace in namespaces:
        for state in STATES:
            families.runs.add_metric((namespace, state), counts[namespace, state])
    newest = sorted(active, key=lambda each: each[0], reverse=True)
    for _, run, schedule, state in newest[:limit]:
        _tell_active(families, run, schedule, state)
    ended = _by_age(failed)
    for at, run, schedule in ended[:limit]:
        _tell_end(families, at, run, schedule)
    shown = _by_age(results)
    for at, run, schedule in shown[:limit]:
        _tell_result(families, at, run, schedule)
    for sort, known in (("active", newest), ("end", ended), ("result", shown)):
        families.omitted.add_metric((sort,), max(0, len(known) - limit))


def _tell_active(families: _Families, run: Object, schedule: str, state: str) -> None:
    labels = _labels(run, schedule)
    status = run["status"]
    execution, progress = status.get("execution") or {}, status.get("progress") or {}
    stage = str(progress.get("stage", ""))
    stage = stage if stage in _STAGES else ""
    families.active.add_metric((*labels, state, stage), 1)
    families.progress.add_metric(labels, float(progress.get("percent", 0)) / 100)
    families.attempt.add_metric(labels, float(execution.get("attempt", 0)))
    if "remainingSeconds" in progress:
        families.remaining.add_metric(labels, float(progress["remainingSeconds"]))
    if "startTime" in execution:
        families.started.add_metric(labels, _seconds(str(execution["startTime"])))


def _tell_end(families: _Families, at: str, run: Object, schedule: str) -> None:
    labels = _labels(run, schedule)
    said = condition(run["status"], "Succeeded") or {}
    if said.get("status") == "False":
        reason = said["reason"] if said["reason"] in _REASONS else "Other"
        families.failed.add_metric((*labels, str(reason)), 1)
    if at:
        families.ended.add_metric(labels, _seconds(at))


def _tell_result(families: _Families, at: str, run: Object, schedule: str) -> None:
    labels = _labels(run, schedule)
    summary = run["status"]["summary"]
    for name, _, read in _RESULT:
        value = read(summary)
        if value is not None:
            families.results[name].add_metric(labels, float(value))
    report = (summary.get("links") or {}).get("report", "")
    families.info.add_metric((*labels, str(report)), 1)
    if at:
        families.published.add_metric(labels, _seconds(at))


def _tell_schedules(families: _Families, seen: Seen) -> None:
    for each in seen.schedules:
        metadata, status = each["metadata"], each.get("status") or {}
        labels = (str(metadata["namespace"]), str(metadata["name"]))
        families.created.add_metric(labels, _seconds(str(metadata["creationTimestamp"])))
        for family, name in (
            (families.due, "nextScheduleTime"),
            (families.last, "lastScheduleTime"),
            (families.success, "lastSuccessfulTime"),
        ):
            if name in status:
                family.add_metric(labels, _seconds(str(status[name])))
        if labels in seen.missed_at:
            families.missed_at.add_metric(labels, seen.missed_at[labels])
        for why in _MISSED:
            families.missed.add_metric((*labels, why), seen.missed.get((labels, why), 0))


def _newer(
    known: dict[tuple[str, ...], tuple[str, Object, str]],
    line: tuple[str, ...],
    found: tuple[str, Object, str],
) -> None:
    if line not in known or known[line][0] <= found[0]:
        known[line] = found


def _by_age(
    known: Mapping[tuple[str, ...], tuple[str, Object, str]],
) -> list[tuple[str, Object, str]]:
    return sorted(known.values(), key=lambda each: each[0], reverse=True)


def _labels(run: Object, schedule: str) -> tuple[str, str, str]:
    return str(run["metadata"]["namespace"]), str(run["metadata"]["name"]), schedule


def _schedule_of(run: Object) -> str:
    for owner in run["metadata"].get("ownerReferences") or ():
        if owner.get("kind") == AnalysisSchedule.__name__:
            return str(owner["name"])
    return ""


def _end(status: Object) -> str:
    ended = (status.get("execution") or {}).get("completionTime")
    return str(ended or (condition(status, "Finished") or {}).get("lastTransitionTime", ""))


def _published(status: Object) -> str:
    said = condition(status, "ResultsPublished") or {}
    if said.get("status") == "True":
        ended = (status.get("execution") or {}).get("completionTime")
        return str(ended or said.get("lastTransitionTime", ""))
    return ""


def _seconds(stamped: str) -> float:
    return datetime.fromisoformat(stamped).timestamp()
