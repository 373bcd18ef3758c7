"""A pod that cannot start: the run says why, soon after the cluster knows."""

from __future__ import annotations

import time

import pytest
import yaml

from tests.cluster.processes import wait_for
from tests.cluster.product import NAMESPACE
from tests.cluster.run import RUNS, Run, small_ray_cluster

pytestmark = pytest.mark.timeout(400)

_SECONDS = 3.0
_ONCE = {"retries": {"limit": 0}}


def waiting(run: Run) -> str | None:
    """What kubelet or the scheduler says of a pod that does not start."""
    for pod in run.objects("pods"):
        for each in pod["status"].get("containerStatuses", ()):
            reason = each["state"].get("waiting", {}).get("reason")
            if reason not in (None, "ContainerCreating", "PodInitializing"):
                return str(reason)
        for each in pod["status"].get("conditions", ()):
            if each["type"] == "PodScheduled" and each["status"] == "False":
                return str(each["reason"])
    return None


def named_in_time(run: Run, reason: str) -> None:
    run.wait(lambda: waiting(run) is not None, 90)
    known = time.monotonic()
    run.wait(lambda: run.says("ClusterReady")[1] == reason or run.says()[1] == reason, 20)
    assert time.monotonic() - known < _SECONDS


@pytest.fixture
def delete(cluster):
    names: list[str] = []
    yield names.append
    for name in names:
        cluster.kubectl("delete", RUNS, name, "-n", NAMESPACE, "--wait=false")


def test_no_node_takes_it(cluster, delete) -> None:
    run = Run(cluster, "nowhere")
    delete(run.name)
    run.apply(compute={"mode": "SinglePod", "nodeSelector": {"disk": "absent"}})
    named_in_time(run, "Unschedulable")
    assert "node" in run.message("ClusterReady")
    assert run.says() == ("Unknown", "Starting")


def test_no_such_image(cluster, delete) -> None:
    run = Run(cluster, "no-image")
    delete(run.name)
    run.apply(compute={"mode": "SinglePod", "image": "localhost/absent:1"})
    run.wait(lambda: "Image" in run.says("ClusterReady")[1], 90)
    assert "localhost/absent:1" in run.message("ClusterReady")
    assert "Pull" in run.says("ClusterReady")[1]


def test_a_secret_that_is_not_there_cannot_heal(cluster, delete) -> None:
    run = Run(cluster, "no-secret")
    delete(run.name)
    variable = {"name": "TOKEN", "secretKeyRef": {"name": "absent", "key": "token"}}
    run.apply(compute={"mode": "SinglePod", "env": [variable]})
    assert run.finished(90)[0] == "False"
    assert run.says()[1] == "CreateContainerConfigError"
    assert "absent" in run.message("Succeeded")


def test_out_of_memory_is_tried_once_more(cluster, delete) -> None:
    run = Run(cluster, "out-of-memory")
    delete(run.name)
    run.apply(
        compute={"mode": "SinglePod", "head": {"cpu": "500m", "memory": "90Mi"}},
        policy={"retries": {"backoff": {"baseSeconds": 1}}},
    )
    assert run.finished(180) == ("False", "OutOfMemory"), run.story()
    assert [row[3] for row in run.attempts()] == ["resource", "resource"]
    assert "90Mi" in run.message("Succeeded")


@pytest.mark.parametrize("compute", [{"mode": "SinglePod"}, small_ray_cluster()])
def test_a_quota_is_in_the_way(cluster, delete, compute) -> None:
    kubectl = cluster.kubectl
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": NAMESPACE}, "spec": {"hard": {"pods": "0"}},
    }  # fmt: skip
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(quota))
    run = Run(cluster, f"quota-{compute['mode'].lower()}")
    delete(run.name)
    try:
        wait_for(lambda: "status" in kubectl.get("resourcequota", "none", "-n", NAMESPACE), 20)
        run.apply(compute=compute)
        run.wait(lambda: "quota" in run.message("ClusterReady"), 60)
        assert run.says() == ("Unknown", "Starting")
    finally:
        kubectl("delete", "resourcequota", "none", "-n", NAMESPACE)
