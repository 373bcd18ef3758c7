"""Whole lives of runs, each decision cut off after each of its actions."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_crds.reasons import FailureClass, Reason
from insights_operator import naming
from tests.unit.operator.world import Crash, World

SPEC = {"source": {"uri": "s3://b/people.csv"}, "teams": {"size": {"min": 6, "max": 8}}}


def spec(**parts) -> dict:
    return {**copy.deepcopy(SPEC), **parts}


def started(**parts) -> World:
    world = World(spec(**parts))
    world.settle()
    return world


def succeeded(**parts) -> World:
    world = started(**parts)
    world.drive()
    world.settle()
    world.publish()
    world.settle()
    return world


def test_a_run_without_trouble() -> None:
    world = started()
    assert world.created == [world.current.child]
    assert world.says() == ("Unknown", "Starting")
    assert world.says("Accepted") == ("True", "Valid")
    world.drive()
    world.settle()
    assert world.says("ClusterReady") == ("True", "Running")
    assert world.status["progress"]["stage"] == "Cluster"
    world.publish()
    world.settle()
    assert world.says() == ("True", "Published")
    assert world.says("Finished") == ("True", "Published")
    assert world.status["summary"]["people"] == 9
    assert world.children == {}
    assert "progress" not in world.status
    assert len(world.events) <= 6


def test_at_most_six_object_writes_without_trouble() -> None:
    world = succeeded()
    objects = world.writes - len(world.events) - 1  # the attempt's row is no object
    assert objects <= 6


def test_nothing_is_written_in_steady_state() -> None:
    for world in (started(), succeeded()):
        before = world.writes
        for _ in range(5):
            world.wait(1)
            world.step()
        assert world.writes == before


def test_child_names_are_short_and_tell_attempts_apart() -> None:
    name = naming.child_name("9" * 253, "uid", "key", 1234567)
    assert len(name) <= 47
    assert name[0].isalpha()
    assert naming.child_name("r", "u", "k", 1) != naming.child_name("r", "u", "k", 2)
    assert naming.child_name("r", "u", "k", 1) != naming.child_name("r", "u2", "k", 1)


def test_a_failure_is_retried_with_backoff_up_to_the_limit() -> None:
    world = started(
        policy={"retries": {"limit": 2, "backoff": {"baseSeconds": 10, "maxSeconds": 15}}}
    )
    for wait in (10, 15):
        world.drive()
        world.fail(FailureClass.TRANSIENT)
        world.settle()
        assert world.says() == ("Unknown", "Backoff")
        world.wait(wait - 1)
        world.settle()
        assert not any(a.active for a in world.attempts)
        world.wait(1.1)
        world.settle()
        assert world.current.active
    world.fail(FailureClass.TRANSIENT)
    world.settle()
    assert world.says() == ("False", "Broken")
    assert world.says("Finished")[0] == "True"
    assert world.status["execution"]["failures"] == 3
    assert len(set(world.created)) == 3


@pytest.mark.parametrize(
    ("failure", "starts"),
    [(FailureClass.USER, 1), (FailureClass.RESOURCE, 2), (FailureClass.TRANSIENT, 4)],
)
def test_how_often_each_class_is_tried(failure, starts) -> None:
    world = started()
    for _ in range(6):
        if world.current.active:
            world.fail(failure)
        world.settle()
        world.wait(700)
        world.settle()
    assert len(world.attempts) == starts
    assert world.says("Finished")[0] == "True"


def test_displaced_attempts_do_not_count() -> None:
    world = started(policy={"retries": {"limit": 0}})
    for _ in range(5):
        world.fail(FailureClass.DISPLACED)
        world.settle()
    assert len(world.attempts) == 6
    assert world.current.active


def test_a_failed_run_starts_anew_when_what_may_mend_it_changes() -> None:
    world = started(policy={"retries": {"limit": 0}})
    world.fail(FailureClass.RESOURCE)
    world.settle()
    world.wait(20)
    world.settle()
    world.fail(FailureClass.RESOURCE)
    world.settle()
    assert world.says()[0] == "False"
    world.rewrite(spec(compute={"head": {"cpu": "1", "memory": "8Gi"}}))
    world.settle()
    assert world.current.active
    assert world.status["execution"]["failures"] == 0


def test_a_change_of_compute_waits_for_the_next_attempt() -> None:
    world = started()
    world.drive()
    world.rewrite(spec(compute={"mode": "SinglePod"}))
    world.settle()
    assert world.says() == ("Unknown", "ChangePending")
    assert len(world.attempts) == 1
    world.publish()
    world.settle()
    assert world.says() == ("True", "Published")


def test_a_change_of_spec_stops_the_old_and_a_revert_shows_its_results() -> None:
    world = succeeded()
    first = world.status["execution"]["key"]
    world.rewrite(spec(clustering={"seed": 1}))
    world.settle()
    assert world.says() == ("Unknown", "Starting")
    world.rewrite(spec(clustering={"seed": 2}))
    world.settle()
    assert [a.reason for a in world.attempts if not a.active][-1] == "Replaced"
    assert len(world.children) == 1
    world.rewrite(spec())
    world.settle()
    assert world.says() == ("True", "Published")
    assert world.status["execution"]["key"] == first
    assert world.children == {}
    assert not any(a.active for a in world.attempts)


def test_rerun_computes_once_a_token_and_keeps_the_old_results_meanwhile() -> None:
    world = succeeded()
    world.annotations["insights.observer.io/rerun"] = "2026-01-01T00:00:00Z"
    world.settle()
    assert world.current.token == "2026-01-01T00:00:00Z"
    assert world.status["summary"]["people"] == 9
    world.drive()
    world.publish()
    world.settle()
    assert world.says() == ("True", "Published")
    assert len(world.attempts) == 2
    del world.annotations["insights.observer.io/rerun"]
    world.settle()
    assert len(world.attempts) == 2
    # A token that was honoured under one key asks for nothing under another.
    world.annotations["insights.observer.io/rerun"] = "2026-01-01T00:00:00Z"
    world.rewrite(spec(clustering={"seed": 5}))
    world.settle()
    assert world.current.token is None


def test_suspend_holds_nothing_and_resume_goes_on() -> None:
    world = started()
    world.drive()
    world.rewrite(spec(suspend=True))
    world.settle()
    assert world.says("Suspended") == ("True", "Suspended")
    assert world.children == {}
    assert not any(a.active for a in world.attempts)
    world.rewrite(spec())
    world.settle()
    assert world.current.active
    assert world.status["execution"]["failures"] == 0


def test_deletion_leaves_nothing_at_work() -> None:
    world = started()
    world.gone = True
    world.settle()
    assert world.children == {}
    assert world.current.reason == "Cancelled"


ERASE = {"retention": {"onDelete": "Erase"}}


def erased(world: World) -> tuple[str, str]:
    found = next(c for c in world.status["conditions"] if c["type"] == "ResultsErased")
    return found["status"], found["reason"]


def test_a_run_stays_until_its_results_are_erased() -> None:
    world = started(results=ERASE)
    world.drive()
    world.publish()
    world.settle()
    world.deleted = world.now
    for _ in range(3):
        world.step()
        world.wait(100_000)
    assert world.buried
    assert world.finalizers == [naming.FINALIZER]
    assert erased(world) == ("False", "Erasing")
    world.sweep()
    world.settle()
    assert world.finalizers == []
    assert ("ResultsErased", "erased") in world.events
    assert ("Erasing", "erase/Erasing") in world.events


def test_a_run_stays_however_long_the_database_is_away() -> None:
    world = started(results=ERASE)
    world.deleted, world.reachable = world.now, False
    for _ in range(5):
        world.step()
        assert world.finalizers == [naming.FINALIZER]
        assert erased(world) == ("False", "StoreUnreachable")
        world.wait(86_400)
    count, again = world.step()
    assert (count, again) == (0, 5.0)
    world.reachable = True
    world.step()
    world.sweep()
    world.settle()
    assert world.finalizers == []


def test_results_are_not_erased_while_pods_may_write() -> None:
    world = started(results=ERASE)
    world.pods = [{"metadata": {"name": "p", "labels": {}}}]
    world.children.clear()
    world.deleted = world.now
    world.step()
    assert (world.buried, erased(world)) == (0, ("False", "Suspending"))
    world.wait(301)
    world.step()
    assert world.buried == 1


def test_what_keeps_results_is_said_with_a_way_out() -> None:
    world = started(results=ERASE)
    world.deleted = world.now
    world.blocked = (Reason.OBJECT_STORE_NOT_CONFIGURED, "a Secret is missing")
    world.step()
    world.step()
    assert erased(world) == ("False", "ObjectStoreNotConfigured")
    said = world.status["conditions"][-1]["message"]
    assert "a Secret is missing" in said
    assert "abandon-results" in said
    assert world.finalizers == [naming.FINALIZER]


@pytest.mark.parametrize("reachable", [True, False])
def test_an_annotation_lets_a_run_go(reachable) -> None:
    world = started(results=ERASE)
    world.deleted, world.reachable = world.now, reachable
    world.annotations = {naming.ABANDON_ANNOTATION: "false"}
    world.step()
    assert world.finalizers == [naming.FINALIZER]
    world.annotations = {naming.ABANDON_ANNOTATION: "true"}
    world.step()
    assert world.finalizers == []
    assert ("ResultsAbandoned", "abandoned") in world.events


def test_a_run_that_began_nothing_goes_at_once() -> None:
    world = World(spec(results=ERASE), may_start=False)
    world.settle()
    world.deleted = world.now
    world.step()
    assert (world.finalizers, world.buried) == ([], 0)


@pytest.mark.parametrize("wrong", [{"source": {"uri": ""}}, {"compute": {"mode": "RayCluster"}}])
def test_erasure_is_held_for_whatever_else_is_wrong(wrong) -> None:
    world = World(spec(results=ERASE, **wrong), kuberay=False)
    world.settle()
    assert world.finalizers == [naming.FINALIZER]
    world.rewrite(spec(**wrong))
    world.settle()
    assert world.finalizers == []


def test_whatever_is_at_work_under_a_name_ends_before_erasure() -> None:
    world = started(results=ERASE)
    world.uid = "uid-2"
    world.deleted = world.now
    world.step()
    assert not any(attempt.active for attempt in world.attempts)


def test_a_run_says_why_it_keeps_a_result_beyond_its_retention() -> None:
    world = started(results={"retention": {"maxAgeDays": 30}})
    world.publish()
    world.settle()
    world.wait(31 * 86_400)
    world.settle()
    said = next(c for c in world.status["conditions"] if c["type"] == "ResultsPublished")
    assert said["status"] == "True"
    assert "maxAgeDays (30) and kept" in said["message"]


REFUSED = [
    ({"source": {"uri": ""}}, "InvalidSpec", "spec.source.uri"),
    ({"results": {"store": "nowhere"}}, "UnknownStore", "known: default"),
    ({"compute": {"mode": "RayCluster"}}, "KubeRayMissing", "KubeRay is not installed"),
]


@pytest.mark.parametrize(("parts", "reason", "message"), REFUSED)
def test_a_refused_spec_says_why_and_a_corrected_one_runs(parts, reason, message) -> None:
    world = World(spec(**parts), kuberay=False)
    world.settle()
    assert world.says("Accepted") == ("False", reason)
    assert world.says("Finished")[0] == "True"
    assert message in str(world.status)
    assert world.created == []
    world.rewrite(spec())
    world.settle()
    assert world.says("Accepted") == ("True", "Valid")
    assert len(world.created) == 1


def test_a_spec_that_breaks_leaves_live_results_alone() -> None:
    world = succeeded()
    world.rewrite(spec(source={"uri": ""}))
    world.settle()
    assert world.says() == ("False", "InvalidSpec")
    assert world.status["summary"]["people"] == 9
    assert len(world.publications) == 1


def test_a_missing_database_starts_nothing_and_loses_nothing() -> None:
    world = World(spec(), reachable=False)
    world.settle()
    assert world.says() == ("Unknown", "StoreUnreachable")
    assert world.created == []
    world.reachable = True
    world.settle()
    world.drive()
    world.reachable = False
    world.wait(10_000)
    world.step()
    assert world.current.active
    assert len(world.children) == 1
    world.reachable = True
    world.publish()
    world.settle()
    assert world.says() == ("True", "Published")


def test_a_run_waits_for_its_slot() -> None:
    world = World(spec(), may_start=False)
    world.settle()
    assert world.says() == ("Unknown", "WaitingForSlot")
    world.may_start = True
    world.settle()
    assert world.current.active


def test_the_next_attempt_waits_for_pods_but_not_for_ever() -> None:
    world = started()
    world.drive()
    pod = {"metadata": {"name": "p", "labels": {}}, "status": {}}
    world.fail(FailureClass.DISPLACED)
    world.children.clear()
    world.pods = [pod]
    world.settle()
    assert world.says() == ("Unknown", "PreviousPodsLeaving")
    world.wait(301)
    world.step()
    assert world.current.active
    assert ("PreviousPodsUnreachable", "1") in world.events


SILENT = [
    (
        {"silence": 61.0, "heartbeat_age": 61.0, "claims": 1},
        "HeartbeatLost",
        FailureClass.TRANSIENT,
    ),
    ({"silence": 59.0, "heartbeat_age": 90.0, "claims": 1}, None, None),
]


@pytest.mark.parametrize(("fields", "reason", "failure"), SILENT)
def test_a_silent_driver_is_given_up(fields, reason, failure) -> None:
    world = started()
    world.wait(100)
    world.change(1, **fields)
    world.step()
    first = world.attempts[0]
    assert (first.reason or None, first.failure) == (reason, failure)


def child_status(world, status) -> None:
    (child,) = world.children.values()
    child["status"] = status


JOB_ENDS = [
    ({"conditions": [{"type": "Complete", "status": "True"}]}, [], "NoResults", "transient"),
    (
        {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]},
        [],
        "BackoffLimitExceeded",
        "transient",
    ),
    (
        {"conditions": [{"type": "Failed", "status": "True"}]},
        [
            {
                "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                "resources": {"limits": {"memory": "2Gi"}},
            }
        ],
        "OutOfMemory",
        "resource",
    ),
]


@pytest.mark.parametrize(("status", "containers", "reason", "failure"), JOB_ENDS)
def test_a_child_that_ended_without_results(status, containers, reason, failure) -> None:
    world = started(compute={"mode": "SinglePod"})
    child_status(world, status)
    labels = naming.child_labels("run", "uid-1", 1, "driver")
    world.pods = [
        {"metadata": {"name": "p", "labels": labels}, "status": {"containerStatuses": containers}}
    ]
    world.step()
    first = world.attempts[0]
    assert (first.reason, first.failure.value) == (reason, failure)
    if reason == "OutOfMemory":
        assert "its memory limit is 2Gi" in first.message


def test_a_child_that_kuberay_refuses_is_not_tried_again() -> None:
    world = started(compute={"mode": "RayCluster"})
    said = "the RayJob spec is invalid: clusterSelector"
    child_status(world, {"jobDeploymentStatus": "ValidationFailed", "message": said})
    world.settle()
    (only,) = world.attempts
    assert (only.reason, only.failure.value) == ("ChildRefused", "user")
    assert said in only.message


def test_a_published_result_wins_over_a_child_that_failed() -> None:
    world = started(compute={"mode": "SinglePod"})
    world.drive()
    child_status(world, {"conditions": [{"type": "Failed", "status": "True"}]})
    world.publish()
    world.settle()
    assert world.says() == ("True", "Published")
    assert len(world.attempts) == 1


def test_an_unknown_state_of_a_rayjob_is_waited_out() -> None:
    world = started(compute={"mode": "RayCluster"})
    child_status(world, {"jobDeploymentStatus": "Failure?"})
    world.settle()
    assert world.current.active
    assert len(world.attempts) == 1


def test_a_queue_stops_the_clock_of_the_start() -> None:
    world = started(compute={"mode": "RayCluster", "queue": {"name": "q"}})
    (child,) = world.children.values()
    assert child["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"
    child["spec"]["suspend"] = True
    world.wait(50_000)
    world.settle()
    assert world.says() == ("Unknown", "Queued")
    child["spec"]["suspend"] = False
    child["status"] = {"startTime": world.now.isoformat(), "jobDeploymentStatus": "Initializing"}
    world.settle()
    assert world.says() == ("Unknown", "Starting")
    world.wait(901)
    world.step()
    assert world.attempts[0].reason == "StartupDeadlineExceeded"


def test_a_preempted_attempt_goes_on_when_its_queue_lets_it() -> None:
    world = started(compute={"mode": "SinglePod", "queue": {"name": "q"}})
    (child,) = world.children.values()
    world.drive()
    world.settle()
    child["spec"]["suspend"] = True
    world.wait(7200)
    world.change(1, heartbeat_age=7200.0, silence=7200.0)
    world.settle()
    assert world.says() == ("Unknown", "Queued")
    # Let go again: its driver is a new one, and has not been heard yet.
    child["spec"]["suspend"] = False
    child["status"] = {"startTime": world.now.isoformat()}
    world.wait(300)
    world.change(1, heartbeat_age=7500.0, silence=7500.0)
    world.settle()
    assert world.says() == ("Unknown", "Starting")
    world.change(1, claims=2, heartbeat_age=1.0, silence=1.0)
    world.settle()
    assert world.says() == ("Unknown", "Running")
    world.publish()
    world.settle()
    assert [a.reason for a in world.attempts] == ["Published"]


@pytest.mark.parametrize(("role", "displaced"), [("driver", True), ("worker", False)])
def test_an_evicted_driver_is_displaced_before_its_pod_is_gone(role, displaced) -> None:
    world = started(compute={"mode": "SinglePod"})
    world.drive()
    world.pods.append(
        {
            "metadata": {"name": "p", "labels": naming.child_labels("run", "uid-1", 1, role)},
            "status": {
                "phase": "Running",
                "conditions": [
                    {
                        "type": "DisruptionTarget",
                        "status": "True",
                        "reason": "EvictionByEvictionAPI",
                        "message": "Eviction API: evicting",
                    }
                ],
            },
        }
    )
    world.step()
    assert world.attempts[0].active is not displaced
    if displaced:
        assert world.attempts[0].failure is FailureClass.DISPLACED
        assert world.attempts[0].reason == "PodsLost"


def test_a_start_that_takes_long_is_looked_at_again_for_its_events() -> None:
    world = started()
    for _ in range(3):
        _, again = world.step()
        assert again == pytest.approx(15)
        world.wait(again)
    world.drive()
    world.settle()
    _, again = world.step()
    assert again > 60


def test_an_obstacle_is_named_while_it_starts() -> None:
    world = started(compute={"mode": "SinglePod"})
    labels = naming.child_labels("run", "uid-1", 1, "driver")
    waiting = {"image": "x:1", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}
    world.pods = [
        {"metadata": {"name": "p", "labels": labels}, "status": {"containerStatuses": [waiting]}}
    ]
    world.settle()
    assert world.says("ClusterReady") == ("False", "ErrImagePull")
    assert "image x:1" in str(world.status)
    assert ("ErrImagePull", "1") in world.events


def test_a_child_that_is_not_admitted_is_named_and_asked_for_again() -> None:
    world = World({"source": {"uri": "s3://b/k.csv"}}, forbids="exceeded quota: jobs")
    world.settle()
    assert world.says("ClusterReady") == ("False", "ChildNotAdmitted")
    assert "exceeded quota: jobs" in str(world.status)
    assert world.children == {}
    told, asked = len(world.events), world.writes
    world.wait(1)
    world.settle()
    assert world.writes == asked
    world.wait(5)
    world.settle()
    assert (len(world.events), world.writes) == (told, asked + 1)
    world.forbids = ""
    world.wait(5)
    world.settle()
    assert world.says("ClusterReady") == ("False", "Starting")
    assert world.created == [world.current.child]
    assert len(world.attempts) == 1


def test_a_child_that_is_never_admitted_ends_the_attempt_with_the_reason() -> None:
    world = World({"source": {"uri": "s3://b/k.csv"}}, forbids="exceeded quota: jobs")
    world.settle()
    world.wait(901)
    world.step()
    assert world.attempts[0].reason == "StartupDeadlineExceeded"
    assert "exceeded quota: jobs" in world.attempts[0].message


def test_run_ttl_deletes_but_not_what_git_tracks() -> None:
    world = succeeded(policy={"runTTLSeconds": 60})
    world.wait(61)
    world.step()
    assert world.gone
    world = World(spec(policy={"runTTLSeconds": 60}))
    world.annotations["argocd.argoproj.io/tracking-id"] = "x"
    world.settle()
    world.publish()
    world.settle()
    world.wait(100)
    world.step()
    assert not world.gone


SCENARIOS = {
    "success": [World.drive, World.publish],
    "retry": [
        World.drive, lambda w: w.fail(FailureClass.TRANSIENT), lambda w: w.wait(11), World.publish,
    ],
    "suspend and resume": [
        World.drive, lambda w: w.rewrite(spec(suspend=True)), lambda w: w.rewrite(spec()),
        World.drive, World.publish,
    ],
    "change": [World.drive, lambda w: w.rewrite(spec(clustering={"seed": 1})), World.publish],
    "delete": [World.drive, lambda w: setattr(w, "gone", True)],
    "rerun": [
        World.publish,
        lambda w: w.annotations.update({"insights.observer.io/rerun": "again"}), World.publish,
    ],
    "erase": [
        lambda w: w.rewrite(spec(results={"retention": {"onDelete": "Erase"}})), World.publish,
        lambda w: setattr(w, "deleted", w.now),
    ],
}  # fmt: skip


def live(scenario, crashes) -> World:
    """Live through a scenario; `crashes` says after how many actions decisions are cut off."""
    world = World(spec())
    for happening in [lambda w: None, *SCENARIOS[scenario]]:
        happening(world)
        for _ in range(60):
            cut = next(crashes, None)
            try:
                count, again = world.step(cut)
            except Crash:
                continue
            if cut is None and count == 0 and again != 0.0:
                if world.buried and world.finalizers and world.attempts:
                    world.sweep()
                    continue
                break
        else:
            raise AssertionError("the operator does not come to rest")
    return world


def outcome(world) -> tuple:
    return (
        world.status, [(a.number, a.key, a.state, a.failure, a.reason) for a in world.attempts],
        sorted(world.created), sorted(world.removed), sorted(world.events), world.finalizers,
        len(world.publications),
    )  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_after_any_action_it_ends_as_without(scenario) -> None:
    whole = outcome(live(scenario, iter(())))
    for skip in range(25):
        for cut in range(5):
            crashes = iter([None] * skip + [cut])
            assert outcome(live(scenario, crashes)) == whole, (skip, cut)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(SCENARIOS)), st.lists(st.none() | st.integers(0, 4), max_size=40))
def test_killed_any_number_of_times_it_ends_as_without(scenario, cuts) -> None:
    assert outcome(live(scenario, iter(cuts))) == outcome(live(scenario, iter(())))
