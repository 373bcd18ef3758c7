"""Every turn in the life of a schedule, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from insights_crds.v1 import AnalysisScheduleStatus
from insights_operator.plan import Announce
from insights_operator.schedules import CreateRun, RemoveRun, WriteSchedule, schedule

MADE = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
SPEC = {
    "schedule": "0 * * * *",
    "runTemplate": {
        "metadata": {"labels": {"team": "x"}},
        "spec": {"source": {"uri": "s3://b/people.csv"}},
    },
}


def seen(status=None, **spec) -> dict:
    return {
        "metadata": {
            "name": "nightly", "namespace": "people", "uid": "s1", "generation": 1,
            "creationTimestamp": MADE.isoformat(),
        },
        "spec": {**SPEC, **spec},
        **({"status": status} if status else {}),
    }  # fmt: skip


def run(name, *, finished=None, owner="s1", age=0) -> dict:
    conditions = []
    if finished is not None:
        stamp = "2026-01-01T05:00:00Z"
        conditions = [
            {"type": "Succeeded", "status": finished, "lastTransitionTime": stamp},
            {"type": "Finished", "status": "True", "lastTransitionTime": stamp},
        ]
    return {
        "metadata": {
            "name": name, "namespace": "people", "uid": f"u-{name}",
            "creationTimestamp": (MADE - timedelta(hours=age)).isoformat(),
            "ownerReferences": [{"kind": "AnalysisSchedule", "uid": owner, "controller": True}],
        },
        "status": {"conditions": conditions},
    }  # fmt: skip


def kinds(plan) -> list[str]:
    return [type(action).__name__ for action in plan.actions]


def only(plan, kind):
    for action in plan.actions:
        if isinstance(action, WriteSchedule):
            stored = AnalysisScheduleStatus.model_validate(action.status)
            assert action.status == stored.model_dump(mode="json", by_alias=True, exclude_none=True)
    return [action for action in plan.actions if isinstance(action, kind)]


def after(hours) -> datetime:
    return MADE + timedelta(hours=hours)


def test_nothing_is_due_yet() -> None:
    plan = schedule(seen(), [], MADE + timedelta(minutes=5))
    assert kinds(plan) == ["WriteSchedule"]
    status = plan.actions[0].status
    assert status["nextScheduleTime"] == "2026-01-01T01:00:00Z"
    assert "lastScheduleTime" not in status
    assert plan.again_after == pytest.approx(25 * 60)


def test_a_time_that_is_due_makes_its_run() -> None:
    plan = schedule(seen(), [], after(0.5))
    assert kinds(plan) == ["CreateRun", "Announce", "WriteSchedule"]
    made = plan.actions[0].manifest
    assert made["metadata"]["name"] == f"nightly-{int(after(0.5).timestamp()) // 60}"
    assert made["metadata"]["labels"] == {"team": "x", "insights.observer.io/schedule": "nightly"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == "s1"
    assert made["spec"] == SPEC["runTemplate"]["spec"]
    status = plan.actions[-1].status
    assert status["lastScheduleTime"] == "2026-01-01T01:00:00Z"
    assert status["active"] == [made["metadata"]["name"]]


def test_cut_off_after_the_run_was_made_it_makes_the_same_one() -> None:
    first = schedule(seen(), [], after(0.5))
    (made,) = only(first, CreateRun)
    there = run(made.manifest["metadata"]["name"])
    again = schedule(seen(), [there], after(0.6))
    assert only(again, CreateRun) == [made]
    # and once the status is written, nothing more is done until the next time
    status = only(again, WriteSchedule)[0].status
    assert schedule(seen(status), [there], after(0.7)).actions == ()


def test_what_was_missed_is_made_up_for_once() -> None:
    plan = schedule(seen(), [], after(100))
    (made,) = only(plan, CreateRun)
    minute = (int(after(100).timestamp()) // 3600) * 60
    assert made.manifest["metadata"]["name"] == f"nightly-{minute}"
    assert schedule(seen(plan.actions[-1].status), [], after(100)).actions[:-1] == ()


@pytest.mark.parametrize(("late", "made"), [(59, True), (61, False)])
def test_the_starting_deadline(late, made) -> None:
    now = after(0.5) + timedelta(seconds=late)
    plan = schedule(seen(startingDeadlineSeconds=60), [], now)
    assert bool(only(plan, CreateRun)) is made
    assert only(plan, WriteSchedule)[0].status["lastScheduleTime"] == "2026-01-01T01:00:00Z"
    if not made:
        assert only(plan, Announce)[0].reason == "MissedSchedule"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("Allow", ["CreateRun", "Announce", "WriteSchedule"]),
        ("Forbid", ["Announce", "WriteSchedule"]),
        ("Replace", ["RemoveRun", "CreateRun", "Announce", "WriteSchedule"]),
    ],
)
def test_concurrency(policy, expected) -> None:
    plan = schedule(seen(concurrencyPolicy=policy), [run("nightly-1")], after(0.5))
    assert kinds(plan) == expected
    # A finished one, or somebody else's, is in nobody's way.
    for other in (run("nightly-1", finished="True"), run("nightly-1", owner="other")):
        assert only(schedule(seen(concurrencyPolicy=policy), [other], after(0.5)), CreateRun)


def test_suspended_it_makes_none_and_makes_up_for_none() -> None:
    stopped = schedule(seen(suspend=True), [], after(0.5))
    assert kinds(stopped) == ["WriteSchedule"]
    status = stopped.actions[0].status
    assert status["conditions"][0]["reason"] == "Suspended"
    assert "nextScheduleTime" not in status
    resumed = schedule(seen(status), [], after(30))
    assert kinds(resumed) == ["WriteSchedule"]
    status = resumed.actions[0].status
    assert only(schedule(seen(status), [], after(31)), CreateRun)


def test_history_limits_remove_the_oldest_run_objects() -> None:
    runs = [run(f"good-{i}", finished="True", age=i) for i in range(5)]
    runs += [run(f"bad-{i}", finished="False", age=i) for i in range(3)]
    runs += [run("refused-elsewhere", finished="False", owner="other", age=99)]
    plan = schedule(seen(), runs, MADE)
    assert [a.name for a in only(plan, RemoveRun)] == ["good-4", "good-3", "bad-2", "bad-1"]
    assert only(plan, WriteSchedule)[0].status["lastSuccessfulTime"] == "2026-01-01T05:00:00Z"


def test_a_spec_that_is_wrong_is_told_and_makes_nothing() -> None:
    plan = schedule(seen(timeZone="Mars/Base"), [], after(5))
    assert kinds(plan) == ["WriteSchedule"]
    (condition,) = plan.actions[0].status["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "InvalidSpec")
    assert "spec.timeZone" in condition["message"]
    assert "Mars/Base" in condition["message"]


def test_one_that_is_being_deleted_is_left_alone() -> None:
    going = seen()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T02:00:00Z"
    assert schedule(going, [run("nightly-1")], after(5)).actions == ()


def test_steady_state_writes_nothing() -> None:
    status = only(schedule(seen(), [], MADE), WriteSchedule)[0].status
    for minutes in range(0, 30, 7):
        assert schedule(seen(status), [], MADE + timedelta(minutes=minutes)).actions == ()
