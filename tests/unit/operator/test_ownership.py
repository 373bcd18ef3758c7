"""Nothing is harmed that a run did not make, however long names are."""

from __future__ import annotations

import pytest

from insights_operator import naming
from insights_operator.cache import Cache
from insights_operator.children.kinds import JOB
from insights_operator.decide import decide
from insights_operator.observed import Child, Observed
from insights_operator.ownership import owned_by
from insights_operator.plan import DeleteChild
from insights_operator.record import Record
from tests.unit.operator.world import CONFIG, START, World

SPEC = {"source": {"uri": "s3://b/people.csv"}}
LONG = "s" * 80


def job(run: str, uid: str, **metadata) -> dict:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": naming.child_name(run, uid, "key", 1),
            "namespace": "ns",
            "uid": f"job-of-{uid}",
            "resourceVersion": "1",
            "labels": naming.child_labels(run, uid, 1),
            "ownerReferences": owned_by("AnalysisRun", run, uid),
            **metadata,
        },
    }


def run(name: str, uid: str, version: int = 1) -> dict:
    return {
        "metadata": {
            "name": name, "namespace": "ns", "uid": uid, "resourceVersion": str(version),
        },
        "spec": SPEC,
    }  # fmt: skip


def deleted(run_object, *children, name=f"{LONG}-1") -> list[str]:
    seen = Observed(
        namespace="ns", name=name, run=run_object, record=Record(), now=START, config=CONFIG,
        children=tuple(Child(JOB, each) for each in children),
    )  # fmt: skip
    return [each.uid for each in decide(seen).actions if isinstance(each, DeleteChild)]


MINE = owned_by("AnalysisRun", f"{LONG}-1", "uid-1")
STRANGERS = [
    {"ownerReferences": []},
    {"ownerReferences": [{**MINE[0], "apiVersion": "batch/v1"}]},
    {"ownerReferences": [{**MINE[0], "kind": "CronJob"}]},
    {"ownerReferences": owned_by("AnalysisSchedule", f"{LONG}-1", "uid-1")},
    {"ownerReferences": [{**MINE[0], "controller": False}]},
    {"ownerReferences": owned_by("AnalysisRun", f"{LONG}-2", "uid-2")},
]


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("suspended", [True, False])
def test_what_another_controls_is_left_alone(stranger, suspended) -> None:
    theirs = job(f"{LONG}-1", "uid-1", **stranger)
    assert deleted(None, theirs) == []
    mine = run(f"{LONG}-1", "uid-1")
    mine["spec"] = {**SPEC, "suspend": suspended}
    assert deleted(mine, theirs) == []
    mine["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert deleted(mine, theirs) == []


def test_a_run_that_is_gone_takes_its_own_child_and_no_namesakes() -> None:
    mine, theirs = job(f"{LONG}-1", "uid-1"), job(f"{LONG}-2", "uid-2")
    assert (
        mine["metadata"]["labels"][naming.RUN_LABEL]
        == (theirs["metadata"]["labels"][naming.RUN_LABEL])
    )
    assert deleted(None, mine, theirs) == ["job-of-uid-1"]


def test_a_child_of_a_former_run_is_deleted_where_postgres_knows_it() -> None:
    world = World(SPEC)
    world.settle()
    world.uid = "uid-2"
    world.settle()
    assert world.attempts[0].reason == "Replaced"
    assert world.removed == [world.attempts[0].child]
    assert deleted(run(f"{LONG}-1", "uid-3"), job(f"{LONG}-1", "uid-1")) == []


@pytest.mark.parametrize("length", [1, 54, 63, 64, 72, 240, 253])
def test_a_child_is_found_by_its_run_at_any_length_and_whoever_speaks_first(length) -> None:
    names = ["r" * length, "r" * (length - 1) + "q"]
    cache = Cache()
    for at, name in enumerate(names):
        child = job(name, f"uid-{at}")
        assert cache.run_of("jobs", child) == ("ns", name)
        cache.put("jobs", child)
    for at, name in enumerate(names):
        for uid in (f"uid-{at}", None):
            (found,) = cache.of_run("jobs", "ns", uid, name)
            assert found["metadata"]["uid"] == f"job-of-uid-{at}"
    cache.remove("jobs", job(names[0], "uid-0"))
    assert cache.of_run("jobs", "ns", None, names[0]) == []


def test_a_pod_is_of_the_run_whose_uid_it_bears_and_of_no_name() -> None:
    cache, pod = Cache(), {**job(LONG, "uid-1"), "kind": "Pod"}
    pod["metadata"]["ownerReferences"] = []
    cache.put("pods", pod)
    assert cache.run_of("pods", pod) is None
    cache.put("analysisruns", run(LONG, "uid-1"))
    assert cache.run_of("pods", pod) == ("ns", LONG)
    assert len(cache.of_run("pods", "ns", "uid-1", LONG)) == 1
    assert cache.of_run("pods", "ns", None, LONG) == []


def test_runs_of_schedules_with_long_names_have_names_of_their_own() -> None:
    minute = 29_000_000
    for length in (1, 55, 200, 243, 244, 245, 253):
        names = {naming.scheduled_run_name("s" * (length - 1) + end, minute) for end in "ab"}
        assert len(names) == 2
        assert all(len(name) <= 253 and name.endswith(f"-{minute}") for name in names)
    assert naming.scheduled_run_name("weekly", minute) == f"weekly-{minute}"


def test_a_name_is_cut_so_that_more_may_follow() -> None:
    assert naming.cut_name("a.b", 2) == "a"
    assert naming.cut_name("a--b", 3) == "a"
    assert naming.cut_name("a--b", 4) == "a--b"
