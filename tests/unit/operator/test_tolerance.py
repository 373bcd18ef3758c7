"""Newer and older versions side by side: nothing finished changes, nothing at work is lost."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from insights_crds.document import SpecError, parse
from insights_crds.execution_key import execution_key
from insights_crds.reasons import FailureClass
from insights_crds.v1 import API_VERSION, AnalysisRunSpec, Summary
from insights_operator import database
from insights_operator.record import AttemptState
from insights_operator.tolerance import readable
from tests.unit.operator.world import World

SECRET = {"name": "A", "secretKeyRef": {"name": "s", "key": "k"}}
SPEC = {
    "source": {"uri": "s3://b/people.csv"},
    "clustering": {"k": {"auto": {"min": 2, "max": 5}}, "restarts": 4},
    "teams": {
        "size": {"min": 6, "max": 8},
        "constraints": [{"name": "apart", "keepApart": {"attribute": "site"}}],
    },
    "compute": {"head": {"cpu": "1", "memory": "2Gi"}, "env": [SECRET]},
    "policy": {"retries": {"limit": 0, "backoff": {"baseSeconds": 10}}},
    "results": {"retention": {"onDelete": "Keep"}},
}


def mappings(value: Any) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from mappings(each)


def with_unknown(document: dict, at: int) -> dict:
    out = copy.deepcopy(document)
    list(mappings(out))[at]["fieldOfTomorrow"] = {"deep": ["x", 1]}
    return out


DEPTHS = range(len(list(mappings(SPEC))))


def started(spec=SPEC) -> World:
    world = World(copy.deepcopy(spec))
    world.settle()
    return world


def driving() -> World:
    world = started()
    world.drive()
    world.settle()
    return world


def succeeded() -> World:
    world = driving()
    world.publish()
    world.settle()
    return world


def failed() -> World:
    world = driving()
    world.fail(FailureClass.USER)
    world.settle()
    return world


def test_the_spec_of_these_tests_is_valid() -> None:
    AnalysisRunSpec.model_validate(SPEC)


@pytest.mark.parametrize("at", DEPTHS)
@pytest.mark.parametrize("state", [started, driving, succeeded, failed])
def test_a_field_that_a_newer_crd_fills_in_changes_nothing(state, at) -> None:
    world = state()
    before = copy.deepcopy((world.status, world.attempts, world.children, world.created))
    world.spec = with_unknown(world.spec, at)
    world.settle()
    assert (world.status, world.attempts, world.children, world.created) == before


@pytest.mark.parametrize("at", DEPTHS)
def test_the_key_knows_nothing_of_what_is_unknown_and_people_are_still_told(at) -> None:
    metadata = {"name": "r"}
    document = {"apiVersion": API_VERSION, "kind": "AnalysisRun", "metadata": metadata}
    odd = {**document, "spec": with_unknown(SPEC, at)}
    plain = parse({**document, "spec": SPEC})
    assert execution_key(parse(odd, tolerant=True).spec) == execution_key(plain.spec)
    with pytest.raises(SpecError, match="fieldOfTomorrow"):
        parse(odd)


def no_store(world: World) -> None:
    world.config = world.config.__class__("test", "engine:1", "2.60.0", frozenset({"other"}))


def no_meaning(world: World) -> None:
    world.spec = {**world.spec, "clustering": {"restarts": -7}}


def no_rows_of_policy(world: World) -> None:
    world.spec = {**world.spec, "policy": {"retries": "many", "runDeadlineSeconds": 50}}


def no_source(world: World) -> None:
    world.spec = {"source": None}


REFUSALS = [no_store, no_meaning, no_rows_of_policy, no_source]


@pytest.mark.parametrize("refuse", REFUSALS)
@pytest.mark.parametrize("state", [succeeded, failed])
def test_no_refusal_touches_what_has_finished(state, refuse) -> None:
    world = state()
    before = copy.deepcopy((world.status, world.events))
    refuse(world)
    world.settle()
    assert (world.status, world.events) == before


@pytest.mark.parametrize("refuse", REFUSALS)
def test_no_refusal_touches_what_is_at_work_and_its_result_counts(refuse) -> None:
    world = driving()
    before = copy.deepcopy(world.status)
    refuse(world)
    world.settle()
    assert world.status == before
    assert world.current.active
    world.publish()
    world.settle()
    assert world.says() == ("True", "Published")


@pytest.mark.parametrize("refuse", REFUSALS)
def test_what_cannot_be_read_or_started_is_looked_after_all_the_same(refuse) -> None:
    world = driving()
    refuse(world)
    world.wait(100)
    world.change(1, silence=61.0, heartbeat_age=61.0)
    world.settle()
    assert world.attempts[0].reason == "HeartbeatLost"
    world = driving()
    refuse(world)
    world.spec = {**world.spec, "suspend": True}
    world.settle()
    assert not world.children
    assert world.says("Suspended")[0] == "True"


def test_a_deadline_that_can_be_read_is_kept_where_the_rest_cannot() -> None:
    world = driving()
    world.change(1, claimed=world.now)
    no_rows_of_policy(world)
    world.wait(51)
    world.change(1, heartbeat_age=0.0, silence=0.0)
    world.settle()
    assert world.attempts[0].reason == "RunDeadlineExceeded"


def test_a_spec_that_its_author_breaks_is_told_and_leaves_work_alone() -> None:
    world = driving()
    world.rewrite({**SPEC, "source": {"uri": ""}})
    world.settle()
    assert world.says("Accepted") == ("False", "InvalidSpec")
    assert world.says("Finished")[0] == "False"
    assert world.current.active


def ray() -> World:
    world = started({**SPEC, "compute": {"mode": "RayCluster"}})
    world.drive()
    world.settle()
    return world


def test_kuberay_that_goes_and_comes_back_costs_no_failure_and_no_result() -> None:
    world = ray()
    world.kuberay = False
    world.settle()
    assert world.current.active, "its RayJob is still there"
    world.children.clear()
    world.settle()
    assert world.attempts[0].failure is FailureClass.DISPLACED
    assert world.says() == ("False", "KubeRayMissing")
    world.kuberay = True
    world.wait(60)
    world.settle()
    assert world.current.active
    assert world.status["execution"]["failures"] == 0
    world.drive()
    world.publish()
    world.settle()
    before = copy.deepcopy(world.status)
    world.kuberay = False
    world.settle()
    assert world.status == before


def publish(summary: dict) -> World:
    world = driving()
    world.publish()
    world.publications[-1] = world.publications[-1].__class__(
        world.current.key, None, 1, world.now, summary
    )
    world.settle()
    return world


FULL = {
    "people": 9, "clusters": 2, "balance": {"before": 0.5, "after": 0.1},
    "stageSeconds": {"ingest": 1.0, "cluster": 2.0, "teams": 3.0},
    "tradeOffs": [{"number": 1, "objectives": [{"kind": "Balance", "value": 0.5}]}],
    "links": {"report": "x"},
}  # fmt: skip


@pytest.mark.parametrize("at", range(len(list(mappings(FULL)))))
def test_a_summary_of_tomorrow_is_shown_as_far_as_it_is_known(at) -> None:
    plain, odd = publish(FULL), publish(with_unknown(FULL, at))
    assert odd.says() == ("True", "Published")
    assert odd.status["summary"] == plain.status["summary"]


@pytest.mark.parametrize(
    ("summary", "left"),
    [
        ({"people": 9, "balance": {"before": 2.0, "after": "x"}}, {"people": 9}),
        ({"people": 9, "silhouette": 7, "teams": 2}, {"people": 9, "teams": 2}),
        ({"people": 9, "tradeOffs": [{"number": 1}]}, {"people": 9}),
        ({"clusters": 2}, None),
        ({"people": "nine"}, None),
        ({}, None),
    ],
)
def test_a_summary_that_means_more_by_now_stops_nothing(summary, left) -> None:
    world = publish(summary)
    assert world.says() == ("True", "Published")
    known = world.status.get("summary")
    if left is None:
        assert known is None
    else:
        assert known == Summary.model_validate(left).model_dump(
            mode="json", by_alias=True, exclude_none=True
        )


@pytest.mark.parametrize("state", [driving, succeeded, failed])
def test_a_status_with_defaults_of_tomorrow_is_not_written_again_and_again(state) -> None:
    world = state()
    for at in range(len(list(mappings(world.status)))):
        status = world.status
        world.status = with_unknown(status, at)
        before = world.writes
        world.step()
        assert world.writes == before, at
        world.status = status


ROWS: list[tuple[Callable, Any, Any]] = [
    (database._state, "active", AttemptState.ACTIVE),
    (database._state, "ended", AttemptState.ENDED),
    (database._state, "paused", AttemptState.ACTIVE),
    (database._failure, None, None),
    (database._failure, "user", FailureClass.USER),
    (database._failure, "cosmic", FailureClass.TRANSIENT),
]


@pytest.mark.parametrize(("read", "written", "meant"), ROWS)
def test_rows_of_tomorrow_are_read(read, written, meant) -> None:
    assert read(written) is meant


def test_an_attempt_of_a_kind_of_tomorrow_is_waited_for() -> None:
    world = driving()
    world.change(1, child_kind="Flock")
    world.children.clear()
    world.change(1, claims=0, heartbeat_age=None)
    world.settle()
    assert world.current.active
    assert "childKind" not in world.status["execution"]


def test_a_reason_that_is_no_word_is_made_one() -> None:
    world = driving()
    world.fail(FailureClass.USER, "not a word: 7")
    world.settle()
    assert world.says() == ("False", "notaword7")
    world = driving()
    world.fail(FailureClass.USER, "§")
    world.settle()
    assert world.says() == ("False", "Other")


def test_what_is_not_valid_is_left_out_and_the_rest_read() -> None:
    assert readable(AnalysisRunSpec, "x") is None
    assert readable(AnalysisRunSpec, {"source": {"uri": ""}}) is None
    raw = {"source": {"uri": "file:///a.csv"}, "teams": {"size": {"min": 9, "max": 2}}}
    known = readable(AnalysisRunSpec, raw)
    assert known is not None
    assert known.source.uri == "file:///a.csv"
    assert raw["teams"] == {"size": {"min": 9, "max": 2}}
