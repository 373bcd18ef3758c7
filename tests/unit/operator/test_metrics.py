"""What is counted, what has series, and that there are never too many."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from docs.generate import generated
from insights_crds.reasons import FailureClass
from insights_crds.run_state import STATES, state_of
from insights_operator.conditions import stamp
from insights_operator.metric_families import families
from insights_operator.metrics import Metrics
from insights_operator.plan import Announce
from insights_operator.record import Attempt, AttemptState, Publication, Record
from insights_operator.run_series import LIMIT, RunSeries, Seen
from insights_operator.schedules import CreateRun, SchedulePlan, WriteSchedule

KEY = ("ns", "run")
NOW = datetime.now(UTC).replace(microsecond=0)
SUMMARY = {
    "people": 300, "rejectedRows": 2, "clusters": 4, "silhouette": 0.3, "stability": 0.8,
    "clusterChange": {"people": 290, "moved": 7, "adjustedRand": 0.9}, "teams": 30,
    "balance": {"before": 0.1, "after": 0.01}, "worstTeamDistance": 0.4, "softRulesBroken": 1,
}  # fmt: skip


def run_object(name="run", *, succeeded=None, reason="Running", schedule="", at=NOW, **status):
    metadata = {"namespace": "ns", "name": name, "uid": name, "creationTimestamp": stamp(at)}
    if schedule:
        metadata["ownerReferences"] = [{"kind": "AnalysisSchedule", "name": schedule}]
    if succeeded is None:
        return {"metadata": metadata}
    finished = "True" if succeeded in ("True", "False") else "Unknown"
    conditions = [
        {"type": "Accepted", "status": "True", "reason": "Valid"},
        {"type": "ResultsPublished", "status": succeeded, "reason": "x", "lastTransitionTime": ""},
        {"type": "Succeeded", "status": succeeded, "reason": reason},
        {"type": "Finished", "status": finished, "reason": reason, "lastTransitionTime": stamp(at)},
    ]
    ended = {"completionTime": stamp(at)} if finished == "True" else {}
    execution = {"key": "k", "attempt": 1, "startTime": stamp(at - timedelta(seconds=60)), **ended}
    return {
        "metadata": metadata,
        "status": {"conditions": conditions, "execution": execution, **status},
    }


def samples(metrics: Metrics) -> dict[tuple, float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (s.name, *sorted(v for k, v in s.labels.items() if k != "environment")): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def told(*runs, schedules=(), leads=True, limit=LIMIT, missed=None) -> dict[tuple, float]:
    metrics = Metrics("test")
    seen = Seen(runs, schedules, missed or {})
    metrics.register(RunSeries(lambda: seen if leads else None, limit))
    return samples(metrics)


@pytest.mark.parametrize(
    ("run", "state"),
    [
        (run_object(), "New"),
        (run_object(succeeded="Unknown"), "Running"),
        (run_object(succeeded="Unknown", reason="Starting"), "Starting"),
        (run_object(succeeded="Unknown", reason="Queued"), "Queued"),
        (run_object(succeeded="Unknown", reason="WaitingForSlot"), "WaitingForSlot"),
        (run_object(succeeded="Unknown", reason="Backoff"), "Backoff"),
        (run_object(succeeded="Unknown", reason="StoreUnreachable"), "Waiting"),
        (run_object(succeeded="Unknown", reason="ChangePending"), "Starting"),
        (run_object(succeeded="Unknown", reason="OfALaterVersion"), "Waiting"),
        (run_object(succeeded="True", reason="Published"), "Published"),
        (run_object(succeeded="False", reason="NoPeople"), "Failed"),
    ],
)
def test_states(run, state) -> None:
    assert state_of(run) == state
    assert told(run)["insights_operator_runs", state, "ns"] == 1


def test_a_follower_exports_no_state() -> None:
    run = run_object(succeeded="True", reason="Published", summary=SUMMARY)
    assert not any(name[0].startswith("insights_run_people") for name in told(run, leads=False))
    assert not any(name[0] == "insights_operator_runs" for name in told(run, leads=False))


def test_series_of_a_run_go_with_it() -> None:
    run = run_object("gone", succeeded="True", reason="Published", summary=SUMMARY)
    metrics, there = Metrics("test"), [run]
    metrics.register(RunSeries(lambda: Seen(tuple(there))))
    assert ("insights_run_people", "", "gone", "ns") in samples(metrics)
    there.clear()
    assert not any("gone" in name for name in samples(metrics))


def test_a_result_in_numbers() -> None:
    out = told(run_object(succeeded="True", reason="Published", summary=SUMMARY))
    assert out["insights_run_silhouette_ratio", "", "ns", "run"] == 0.3
    assert out["insights_run_adjusted_rand_ratio", "", "ns", "run"] == 0.9
    assert out["insights_run_balance_after_ratio", "", "ns", "run"] == 0.01
    assert out["insights_run_soft_rules_broken", "", "ns", "run"] == 1
    assert out["insights_run_publish_timestamp_seconds", "", "ns", "run"] == NOW.timestamp()


def test_a_figure_that_is_not_there_is_no_zero() -> None:
    out = told(run_object(succeeded="True", reason="Published", summary={"people": 3}))
    assert not any(name[0] == "insights_run_silhouette_ratio" for name in out)


def test_of_a_schedule_only_the_newest_end_counts() -> None:
    before = NOW - timedelta(hours=1)
    failed = run_object("s-1", succeeded="False", reason="NoPeople", schedule="s", at=before)
    better = run_object("s-2", succeeded="True", schedule="s", summary=SUMMARY)
    out = told(failed, better)
    assert not any(name[0] == "insights_run_failed_info" for name in out)
    assert ("insights_run_people", "ns", "s", "s-2") in out
    assert ("insights_run_failed_info", "NoPeople", "ns", "s", "s-1") in told(failed)


def test_five_thousand_runs_stay_within_bounds() -> None:
    def at(i):
        return NOW - timedelta(seconds=i)

    runs = [
        *(
            run_object(f"p-{i}", succeeded="True", reason="Published", summary=SUMMARY, at=at(i))
            for i in range(2000)
        ),
        *(
            run_object(f"f-{i}", succeeded="False", reason="NoPeople", at=at(i))
            for i in range(1500)
        ),
        *(
            run_object(f"a-{i}", succeeded="Unknown", progress={"stage": "Teams", "percent": 50})
            for i in range(1500)
        ),
    ]
    metrics = Metrics("test")
    metrics.register(RunSeries(lambda: Seen(runs)))
    began = time.perf_counter()
    text = generate_latest(metrics.registry)
    seconds = time.perf_counter() - began
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    per_run = [line for line in lines if 'run="' in line]
    # Active runs have at most 5 series, an end 2, a result 14.
    assert len(per_run) <= LIMIT * (5 + 2 + 14)
    assert len(lines) - len(per_run) < 700
    print(f"{len(lines):,} series, {len(text) / 2**20:.1f} MiB, {seconds:.2f} s")
    out = samples(metrics)
    assert out["insights_operator_runs", "Published", "ns"] == 2000
    assert out["insights_operator_runs_without_series", "active"] == 500
    assert out["insights_operator_runs_without_series", "end"] == 2500
    assert out["insights_operator_runs_without_series", "result"] == 1000
    # The newest are those that have series.
    assert ("insights_run_people", "", "ns", "p-0") in out
    assert ("insights_run_people", "", "ns", "p-1999") not in out


@settings(deadline=None)
@given(st.lists(st.sampled_from(["True", "False", "Unknown", None]), max_size=30))
def test_every_run_is_in_one_state(ends) -> None:
    runs = [run_object(f"r-{i}", succeeded=end) for i, end in enumerate(ends)]
    out = told(*runs)
    counted = {state: out.get(("insights_operator_runs", state, "ns"), 0) for state in STATES}
    assert sum(counted.values()) == len(runs)


def attempt(number=1, *, started=5, claimed=10, ended=None, failure=None, reason="", **more):
    def at(seconds):
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    state = AttemptState.ACTIVE if ended is None else AttemptState.ENDED
    return Attempt(
        number, "k", None, "s", "uid", "Job", "child", state, at(started), at(ended), failure,
        reason, claims=0 if claimed is None else 1, claimed=at(claimed), **more,
    )  # fmt: skip


def begun() -> Metrics:
    metrics = Metrics("test")
    metrics.begin()
    for each in (metrics._started, metrics._claimed, metrics._ended, metrics._finished):
        each.began = NOW
    return metrics


def test_a_life_is_counted_once_however_often_it_is_looked_at() -> None:
    metrics, run = begun(), run_object(succeeded="Unknown")
    active = Record((attempt(),))
    published = Publication("k", None, 1, NOW, {"stageSeconds": {
        "ingest": 3.0, "cluster": 4.0, "teams": 5.0}})  # fmt: skip
    over = Record((attempt(ended=30, reason="Published"),), (published,))
    done = run_object(succeeded="True", reason="Published", at=NOW + timedelta(seconds=30))
    for record, after in ((active, run), (active, run), (over, done), (over, done)):
        metrics.looked(KEY, run, record)
        metrics.carried_out(KEY, after, record)
    out = samples(metrics)
    assert out["insights_run_queue_wait_seconds_sum",] == 5
    assert out["insights_run_startup_seconds_sum", "Job"] == 5
    assert out["insights_run_attempts_total", "", "Published", "Published"] == 1
    assert out["insights_run_executions_total", "", "Published", "ns"] == 1
    assert out["insights_run_stage_duration_seconds_sum", "Teams"] == 5
    # Of 20 seconds from claim to end, 12 were the stages that the driver tells of.
    assert out["insights_run_stage_duration_seconds_sum", "Publish"] == 8
    assert out["insights_run_duration_seconds_sum", "Published"] == 60


def test_what_ended_before_is_counted_only_where_nobody_did() -> None:
    ended = Record((attempt(started=-60, claimed=-50, ended=-10, failure=FailureClass.USER,
                            reason="NoPeople"),))  # fmt: skip
    failed = ("insights_run_attempts_total", "Failed", "NoPeople", "user")
    known = begun()
    known.looked(KEY, run_object(succeeded="False", reason="NoPeople"), ended)
    assert samples(known)[failed] == 0
    unknown = begun()
    for _ in range(2):
        # The status still shows it as active: it ended while nobody led.
        unknown.looked(KEY, run_object(succeeded="Unknown"), ended)
    assert samples(unknown)[failed] == 1


def test_a_reason_that_nobody_knows_makes_no_series() -> None:
    metrics = begun()
    for i in range(50):
        record = Record((attempt(ended=20 + i, failure=FailureClass.TRANSIENT, reason=f"X{i}"),))
        metrics.looked(KEY, run_object(succeeded="Unknown"), record)
    assert samples(metrics)["insights_run_attempts_total", "Failed", "Other", "transient"] == 50


def test_a_result_that_is_shown_again_is_no_new_end() -> None:
    metrics = begun()
    old = run_object(succeeded="True", reason="Published", at=NOW - timedelta(days=3))
    old["status"]["conditions"][-1]["lastTransitionTime"] = stamp(NOW + timedelta(seconds=9))
    metrics.looked(KEY, old, Record())
    metrics.carried_out(KEY, old, Record())
    assert samples(metrics)["insights_run_executions_total", "", "Published", "ns"] == 0


def schedule_object(last=None) -> dict:
    status = {"lastScheduleTime": stamp(last)} if last else {}
    return {
        "metadata": {"namespace": "ns", "name": "s", "creationTimestamp": stamp(NOW)},
        "spec": {"schedule": "*/5 * * * *"},
        "status": {**status, "nextScheduleTime": stamp(NOW)},
    }


def test_times_without_a_run_are_counted() -> None:
    metrics = Metrics("test")
    due = NOW.replace(minute=30, second=0)
    seen = schedule_object(due - timedelta(minutes=20))
    made = CreateRun(
        {"metadata": {"annotations": {"insights.observer.io/scheduled-for": stamp(due)}}}
    )
    metrics.scheduled(("ns", "s"), seen, SchedulePlan((made, WriteSchedule({}))))
    late = Announce("MissedSchedule", "", stamp(due), warning=True)
    fresh = schedule_object(due - timedelta(minutes=5))
    metrics.scheduled(("ns", "s"), fresh, SchedulePlan((late, WriteSchedule({}))))
    out = told(schedules=[seen], missed=metrics.missed)
    # Between the last time that was dealt with and the one that is due, there were three.
    assert out["insights_schedule_missed_total", "OperatorAway", "ns", "s"] == 3
    assert out["insights_schedule_missed_total", "TooLate", "ns", "s"] == 1
    assert out["insights_schedule_missed_total", "AlreadyActive", "ns", "s"] == 0
    metrics.forget_schedule(("ns", "s"))
    assert metrics.missed == {}


def test_errors_and_times_of_looking() -> None:
    metrics = Metrics("test")

    async def look(key):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(metrics.measured("AnalysisRun", look)(KEY))
    out = samples(metrics)
    assert out["insights_operator_reconcile_errors_total", "AnalysisRun", "ConnectionError"] == 1
    assert out["insights_operator_reconcile_duration_seconds_count", "AnalysisRun"] == 1


def test_every_metric_is_in_the_page() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/metrics.md").read_text()
    assert page == generated()
    known = {family.name for family, _ in families()}
    metrics = Metrics("test")
    metrics.register(RunSeries(Seen))
    exported = {f.name for f in metrics.registry.collect() if f.name.startswith("insights_")}
    assert exported <= known
    for name in known:
        assert f"| `{name}" in page
    assert all(family.documentation.endswith(".") for family, _ in families())


def test_labels_name_objects_and_closed_words_only() -> None:
    allowed = {
        "environment", "namespace", "run", "schedule", "state", "stage", "reason", "outcome",
        "class", "kind", "error", "verb", "code", "child_kind", "sort", "version", "python",
        "report",
    }  # fmt: skip
    assert {label for _, labels in families() for label in labels} <= allowed
