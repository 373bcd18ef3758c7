"""What the operator measures of itself and of the runs that it leads through their lives.

Everything here is counted once, where it happens, and costs little. What can be read from the
objects that are there anyway, such as the states of runs, is made when it is asked for
(`run_series`). No label tells of a person: they are names of objects, and words of closed lists.
"""

from __future__ import annotations

import platform
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from insights_crds.cron import next_due
from insights_crds.reasons import FailureClass, Reason
from insights_operator import naming
from insights_operator.conditions import condition
from insights_operator.plan import Announce
from insights_operator.record import Attempt, Publication, Record
from insights_operator.schedules import CreateRun, SchedulePlan, WriteSchedule
from insights_operator.work_queue import Key

__all__ = ["OUTCOMES", "Metrics", "Missed"]

Missed = Literal["TooLate", "AlreadyActive", "OperatorAway"]
"""Why a time of a schedule saw no run: its deadline had passed, the last run was still active, or
nobody was there to make it."""

OUTCOMES = ("Published", "Failed")
"""How an execution ends."""

_ENDS = frozenset(
    reason.value
    for reason in (
        Reason.SUSPENDED, Reason.REPLACED, Reason.CANCELLED, Reason.NO_RESULTS, Reason.CHILD_GONE,
        Reason.CHILD_NOT_ADMITTED, Reason.CHILD_REFUSED, Reason.CHILD_FAILED, Reason.PODS_LOST,
        Reason.OUT_OF_MEMORY, Reason.HEARTBEAT_LOST, Reason.STARTUP_DEADLINE_EXCEEDED,
        Reason.RUN_DEADLINE_EXCEEDED, Reason.QUEUE_DEADLINE_EXCEEDED, Reason.IMAGE_MISMATCH,
        Reason.STORE_UNREACHABLE, Reason.SOURCE_NOT_FOUND, Reason.SOURCE_UNREADABLE,
        Reason.SOURCE_UNREACHABLE, Reason.NO_SUCH_COLUMN, Reason.NO_PEOPLE, Reason.INVALID_SPEC,
        Reason.TOO_MANY_INVALID_ROWS, Reason.TOO_FEW_PEOPLE, Reason.INFEASIBLE_CONSTRAINTS,
        Reason.FEASIBILITY_UNKNOWN, Reason.NO_CLUSTER_STRUCTURE, Reason.INTERRUPTED,
        Reason.INTERNAL,
    )
)  # fmt: skip
"""Reasons for which an attempt ends without results."""
_STAGES = ("Ingest", "Cluster", "Teams", "Publish")
_QUICK = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG = (
    0.1,
    0.25,
    0.5,
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1200,
    1800,
    3600,
    7200,
    14400,
    43200,
)
_REMEMBERED = 20_000
_MOST_MISSED = 1000
_LATEST_END = timedelta(hours=1)


class Metrics:
    """Counters and histograms, in a registry of their own.

    Attributes:
        registry: whose series all bear the label `environment`.
        missed: times of schedules that saw no run, by schedule and reason.
        missed_at: when one of them was last missed, not counting those left out for the last run.
    """

    def __init__(self, environment: str) -> None:
        """Begin at zero.

        Args:
            environment: first part of every execution's identity; a label of every series.
        """
        self.registry = CollectorRegistry()
        self._inner = CollectorRegistry()
        self.registry.register(_Labelled(self._inner, environment))
        self.missed: dict[tuple[Key, Missed], int] = {}
        self.missed_at: dict[Key, float] = {}
        self._namespaces: set[str] = set()
        self._started, self._claimed, self._ended = _Since(), _Since(), _Since()
        self._finished = _Since()
        self._make_process_metrics()
        self._make_run_metrics()
        self._make_sweep_metrics()
        self._schedule_skew = Histogram(
            "insights_schedule_skew_seconds",
            "Time from the moment a schedule names to the making of its run.",
            buckets=_LONG,
            registry=self._inner,
        )

    def _make_process_metrics(self) -> None:
        inner = self._inner
        ProcessCollector(registry=inner)
        build = Gauge(
            "insights_operator_build_info",
            "Always 1; the labels name what runs.",
            ["version", "python"],
            registry=inner,
        )
        self._gauges = [build]
        build.labels(version("observer-coordinator-insights"), platform.python_version()).set(1)
        self._reconciled = Histogram(
            "insights_operator_reconcile_duration_seconds",
            "Time to observe, decide and act once, by kind of object.",
            ["kind"],
            buckets=_QUICK,
            registry=inner,
        )
        self._errors = Counter(
            "insights_operator_reconcile_errors",
            "Looks at an object that ended with an error and are repeated with backoff, by kind "
            "of object and type of error.",
            ["kind", "error"],
            registry=inner,
        )
        for kind in ("AnalysisRun", "AnalysisSchedule"):
            self._reconciled.labels(kind)
            self._errors.labels(kind, "ApiError")
        self._requests = Counter(
            "insights_operator_api_requests",
            "Requests to the API server, by verb and HTTP status; `none` where no answer came. "
            "Watches are not among them.",
            ["verb", "code"],
            registry=inner,
        )
        self._request_seconds = Histogram(
            "insights_operator_api_request_duration_seconds",
            "Time to an answer of the API server, by verb.",
            ["verb"],
            buckets=_QUICK,
            registry=inner,
        )

    def _make_run_metrics(self) -> None:
        inner = self._inner
        self._attempts = Counter(
            "insights_run_attempts",
            "Attempts that ended, by outcome (Published, Linked, Failed or Displaced), class of "
            "failure and reason.",
            ["outcome", "class", "reason"],
            registry=inner,
        )
        # From zero, so that the first of its kind is an increase.
        for well in (Reason.PUBLISHED.value, Reason.LINKED.value):
            self._attempts.labels(well, "", well)
        for reason in sorted({*_ENDS, "Other"}):
            for failure in FailureClass:
                outcome = "Displaced" if failure is FailureClass.DISPLACED else "Failed"
                self._attempts.labels(outcome, failure.value, reason)
        self._executions = Counter(
            "insights_run_executions",
            "Executions that ended for good, by outcome and class of failure; those of class "
            "`user` failed for their spec or their input.",
            ["namespace", "outcome", "class"],
            registry=inner,
        )
        self._duration = Histogram(
            "insights_run_duration_seconds",
            "Time from the start of an execution to its end, over all its attempts.",
            ["outcome"],
            buckets=_LONG,
            registry=inner,
        )
        self._stages = Histogram(
            "insights_run_stage_duration_seconds",
            "Time that a stage of a published computation took.",
            ["stage"],
            buckets=_LONG,
            registry=inner,
        )
        for stage in _STAGES:
            self._stages.labels(stage)
        for outcome in OUTCOMES:
            self._duration.labels(outcome)
        self._waits = Histogram(
            "insights_run_queue_wait_seconds",
            "Time from the creation of a run to the start of its first attempt.",
            buckets=_LONG,
            registry=inner,
        )
        self._startup = Histogram(
            "insights_run_startup_seconds",
            "Time from the start of an attempt to its driver's first sign of life: the child's "
            "admission, its nodes, images, pods and Ray cluster. Kueue's queue included.",
            ["child_kind"],
            buckets=_LONG,
            registry=inner,
        )
        for kind in ("Job", "RayJob"):
            self._startup.labels(kind)

    def _make_sweep_metrics(self) -> None:
        self._removed = Counter(
            "insights_run_results_removed",
            "What was removed of results, by reason (Erase or Retention; Any for what is counted "
            "of both) and kind (runs, results, rows or objects).",
            ["reason", "kind"],
            registry=self._inner,
        )
        for reason, kind in (
            ("Erase", "runs"), ("Erase", "results"), ("Retention", "results"), ("Any", "rows"),
            ("Any", "objects"),
        ):  # fmt: skip
            self._removed.labels(reason, kind)
        self._erasures = Gauge(
            "insights_run_erasures_waiting",
            "Runs of which results are yet to be removed, by what keeps them; no reason where they "
            "are being removed.",
            ["reason"],
            registry=self._inner,
        )
        self._keepers = (
            "",
            Reason.OBJECT_STORE_NOT_CONFIGURED.value,
            Reason.OBJECT_STORE_UNREACHABLE.value,
        )
        self.waiting(0, ())

    def removed(self, reason: str, kind: str, count: int) -> None:
        """Something of results was removed."""
        self._removed.labels(reason, kind).inc(count)

    def waiting(self, at_work: int, blocked: Sequence[str]) -> None:
        """Results of so many runs are being removed; what keeps those of others."""
        for reason in self._keepers:
            self._erasures.labels(reason).set(blocked.count(reason) if reason else at_work)

    def register(self, collector: Collector) -> None:
        """Add what is made when it is asked for; its series get the label `environment`, too."""
        self._inner.register(collector)

    def tell(
        self,
        *,
        leads: Callable[[], bool],
        depths: Mapping[str, Callable[[], int]],
        verified: Callable[[], float],
        reached: Callable[[], float],
        store: Callable[[], float | None],
        store_reachable: Callable[[], bool],
    ) -> None:
        """Tell how this replica is, whenever it is asked.

        Args:
            leads: whether it leads.
            depths: keys that wait to be looked at, by kind of object.
            verified: when a listing last agreed with the watches, on the monotonic clock.
            reached: when the API server last answered, on the monotonic clock.
            store: when the results database last answered, likewise; None before the first time.
            store_reachable: whether the results database answered when it was last asked.
        """

        def gauge(name: str, says: str, read: Callable[[], float]) -> None:
            made = Gauge(name, says, registry=self._inner)
            made.set_function(read)
            self._gauges.append(made)

        gauge("insights_operator_leader", "Whether this replica leads.", lambda: float(leads()))
        depth = Gauge(
            "insights_operator_queue_depth",
            "Objects that wait to be looked at, by kind.",
            ["kind"],
            registry=self._inner,
        )
        self._gauges.append(depth)
        for kind, read in depths.items():
            depth.labels(kind).set_function(read)
        gauge(
            "insights_operator_listing_verified_timestamp_seconds",
            "When a listing last agreed with what the watches had told.",
            lambda: _wall(verified()),
        )
        gauge(
            "insights_operator_api_server_reached_timestamp_seconds",
            "When the API server last answered, whatever it said.",
            lambda: _wall(reached()),
        )
        gauge(
            "insights_operator_store_reachable",
            "Whether the results database answered when it was last asked.",
            lambda: float(store_reachable()),
        )
        gauge(
            "insights_operator_store_reached_timestamp_seconds",
            "When the results database last answered; 0 before the first time.",
            lambda: _wall(store()),
        )

    def labels(self) -> dict[str, tuple[str, ...]]:
        """Names of the labels of what is counted here, by name of the family."""
        known = [each for each in vars(self).values() if isinstance(each, MetricWrapperBase)]
        return {each._name: tuple(each._labelnames) for each in [*known, *self._gauges]}

    def begin(self) -> None:
        """Leadership begins: from now on what happens is counted here."""
        for each in (self._started, self._claimed, self._ended, self._finished):
            each.began = datetime.now(UTC)

    def measured(
        self, kind: str, look: Callable[[Key], Awaitable[float | None]]
    ) -> Callable[[Key], Awaitable[float | None]]:
        """A way of looking at an object of a kind, with its time and its errors counted."""
        seconds = self._reconciled.labels(kind)

        async def counted(key: Key) -> float | None:
            began = time.perf_counter()
            try:
                return await look(key)
            except Exception as error:
                self._errors.labels(kind, type(error).__name__).inc()
                raise
            finally:
                seconds.observe(time.perf_counter() - began)

        return counted

    def requested(self, verb: str, code: int | None, seconds: float) -> None:
        """The API server was asked; `code` is None where no answer came."""
        self._requests.labels(verb, "none" if code is None else str(code)).inc()
        self._request_seconds.labels(verb).observe(seconds)

    def looked(self, key: Key, run: Mapping[str, Any] | None, record: Record | None) -> None:
        """A run was looked at: count what has begun or ended since the last time."""
        self._know(key[0])
        if record is None:
            return
        for attempt in record.attempts:
            began, claimed, ended = attempt.started, attempt.claimed, attempt.ended
            new = self._started.passes(key, began)
            if new and run is not None and attempt is record.attempts[0]:
                created = datetime.fromisoformat(run["metadata"]["creationTimestamp"])
                self._waits.observe(max(0.0, (began - created).total_seconds()))
            first = claimed is not None and attempt.claims == 1
            if first and claimed is not None and self._claimed.passes(key, claimed):
                seconds = (claimed - began).total_seconds()
                self._startup.labels(attempt.child_kind).observe(max(0.0, seconds))
            if ended is not None and self._ended.passes(
                key, ended, anew=_shown_active(run, attempt)
            ):
                self._count_end(attempt, record)

    def carried_out(self, key: Key, run: Mapping[str, Any] | None, record: Record | None) -> None:
        """What was decided for a run was done; this is the run now."""
        status = (run or {}).get("status") or {}
        said = condition(status, "Finished")
        execution = status.get("execution") or {}
        if said is None or said["status"] != "True" or "completionTime" not in execution:
            return
        told = datetime.fromisoformat(said["lastTransitionTime"])
        ended = datetime.fromisoformat(execution["completionTime"])
        # A result of long ago that is shown again, after a revert, is no new end.
        if told - ended < _LATEST_END and self._finished.passes(key, told):
            self._count_execution(key[0], status, execution, ended, record)

    def scheduled(self, key: Key, seen: Mapping[str, Any], plan: SchedulePlan) -> None:
        """A plan for a schedule was carried out."""
        now = datetime.now(UTC)
        due: datetime | None = None
        for action in plan.actions:
            match action:
                case CreateRun():
                    annotations = action.manifest["metadata"]["annotations"]
                    due = datetime.fromisoformat(annotations[naming.SCHEDULED_FOR_ANNOTATION])
                    self._schedule_skew.observe(max(0.0, (now - due).total_seconds()))
                case Announce(reason="MissedSchedule"):
                    due = datetime.fromisoformat(action.about)
                    self._miss(key, "TooLate")
                case Announce(reason="AlreadyActive"):
                    due = datetime.fromisoformat(action.about)
                    self._miss(key, "AlreadyActive")
        if due is not None and any(isinstance(each, WriteSchedule) for each in plan.actions):
            self._miss(key, "OperatorAway", _passed_over(seen, due))

    def forget_schedule(self, key: Key) -> None:
        """A schedule is gone."""
        self.missed_at.pop(key, None)
        for each in [each for each in self.missed if each[0] == key]:
            del self.missed[each]

    def _miss(self, key: Key, why: Missed, times: int = 1) -> None:
        self.missed[key, why] = self.missed.get((key, why), 0) + times
        if times and why != "AlreadyActive":
            self.missed_at[key] = time.time()

    def _know(self, namespace: str) -> None:
        """Begin a namespace's series at zero: the first failure of a new series rises from it."""
        if namespace in self._namespaces:
            return
        self._namespaces.add(namespace)
        self._executions.labels(namespace, "Published", "")
        for failure in (FailureClass.USER, FailureClass.TRANSIENT, FailureClass.RESOURCE):
            self._executions.labels(namespace, "Failed", failure.value)

    def _count_end(self, attempt: Attempt, record: Record) -> None:
        failure = attempt.failure
        if failure is None:
            linked = attempt.reason == Reason.LINKED
            outcome = reason = (Reason.LINKED if linked else Reason.PUBLISHED).value
        else:
            outcome = "Displaced" if failure is FailureClass.DISPLACED else "Failed"
            # A driver names its reason: one that we do not know must not become a series.
            reason = attempt.reason if attempt.reason in _ENDS else "Other"
        self._attempts.labels(outcome, failure.value if failure is not None else "", reason).inc()
        if outcome == "Published":
            published = _published_by(attempt, record)
            if published is not None:
                self._count_stages(attempt, published)

    def _count_stages(self, attempt: Attempt, published: Publication) -> None:
        told = published.summary.get("stageSeconds")
        if not told or attempt.claimed is None or attempt.ended is None:
            return
        if any(not isinstance(told.get(stage.lower()), int | float) for stage in _STAGES[:-1]):
            return
        seconds = [float(told[stage.lower()]) for stage in _STAGES[:-1]]
        whole = (attempt.ended - attempt.claimed).total_seconds()
        for stage, each in zip(_STAGES, [*seconds, max(0.0, whole - sum(seconds))], strict=True):
            self._stages.labels(stage).observe(each)

    def _count_execution(
        self,
        namespace: str,
        status: Mapping[str, Any],
        execution: Mapping[str, Any],
        ended: datetime,
        record: Record | None,
    ) -> None:
        succeeded = (condition(status, "Succeeded") or {}).get("status") == "True"
        outcome, failure = ("Published", "") if succeeded else ("Failed", FailureClass.TRANSIENT)
        for attempt in record.attempts if record is not None else ():
            shown = (execution["key"], execution.get("attempt"))
            if not succeeded and attempt.failure and (attempt.key, attempt.number) == shown:
                failure = attempt.failure
        self._executions.labels(namespace, outcome, str(failure)).inc()
        if "startTime" in execution:
            took = ended - datetime.fromisoformat(execution["startTime"])
            self._duration.labels(outcome).observe(max(0.0, took.total_seconds()))


class _Since:
    """The newest moment that was counted of each run; of others, when this replica began to lead.

    What came before was counted by the replica that led then.
    """

    def __init__(self) -> None:
        self.began = datetime.now(UTC)
        self._newest: OrderedDict[Key, datetime] = OrderedDict()

    def passes(self, key: Key, moment: datetime, *, anew: bool = False) -> bool:
        """Whether a moment of a run is yet to be counted, which it is with this call.

        Args:
            key: of the run.
            moment: with a time zone.
            anew: whether nobody has counted it, though it is of before.
        """
        counted = self._newest.get(key)
        if counted is None and not anew:
            counted = self.began
        if counted is not None and moment <= counted:
            return False
        self._newest[key] = moment
        if len(self._newest) > _REMEMBERED:
            self._newest.popitem(last=False)
        return True


class _Labelled(Collector):
    """Adds the label `environment` to every series of a registry."""

    def __init__(self, inner: CollectorRegistry, environment: str) -> None:
        self._inner = inner
        self._environment = environment

    def describe(self) -> Sequence[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        fixed = {"environment": self._environment}
        for family in self._inner.collect():
            family.samples = [s._replace(labels={**fixed, **s.labels}) for s in family.samples]
            yield family


def _wall(monotonic: float | None) -> float:
    return 0.0 if monotonic is None else time.time() - (time.monotonic() - monotonic)


def _shown_active(run: Mapping[str, Any] | None, attempt: Attempt) -> bool:
    """Whether a status still shows an attempt as active: nobody has counted its end."""
    shown = ((run or {}).get("status") or {}).get("execution") or {}
    return "completionTime" not in shown and (shown.get("key"), shown.get("attempt")) == (
        attempt.key,
        attempt.number,
    )


def _passed_over(seen: Mapping[str, Any], due: datetime) -> int:
    """Times of a schedule before one that is due for which nobody was there."""
    last = (seen.get("status") or {}).get("lastScheduleTime")
    at = datetime.fromisoformat(last) if last else None
    zone = seen["spec"].get("timeZone", "Etc/UTC")
    missed = 0
    while at is not None and missed < _MOST_MISSED:
        at = next_due(seen["spec"]["schedule"], zone, at)
        if at is None or at >= due:
            break
        missed += 1
    return missed


def _published_by(attempt: Attempt, record: Record) -> Publication | None:
    return next(
        (p for p in record.publications if (p.key, p.attempt) == (attempt.key, attempt.number)),
        None,
    )
