"""Runs in a queue of Kueue: held back, admitted, preempted, and let go again."""

from __future__ import annotations

import json

import pytest

from tests.cluster.kueue import kueue
from tests.cluster.product import NAMESPACE
from tests.cluster.run import Run
from tests.cluster.test_chaos import _LONG, many, published_once

__all__ = ["many"]

pytestmark = pytest.mark.timeout(900)

_COMPUTE = {
    "mode": "SinglePod",
    "head": {"cpu": "1", "memory": "2Gi"},
    "queue": {"name": "line"},
}


@pytest.fixture(scope="module")
def queue(cluster):
    with kueue(cluster.plane, cluster.kubectl):
        quota = [
            {"name": "cpu", "nominalQuota": "1"}, {"name": "memory", "nominalQuota": "2Gi"}
        ]  # fmt: skip
        group = {
            "coveredResources": ["cpu", "memory"],
            "flavors": [{"name": "any", "resources": quota}],
        }
        for kind, name, spec in (
            ("ResourceFlavor", "any", {}),
            ("ClusterQueue", "all", {"namespaceSelector": {}, "resourceGroups": [group]}),
            ("LocalQueue", "line", {"clusterQueue": "all"}),
        ):
            document = {
                "apiVersion": "kueue.x-k8s.io/v1beta1", "kind": kind, "spec": spec,
                "metadata": {
                    "name": name, **({"namespace": NAMESPACE} if kind == "LocalQueue" else {})
                },
            }  # fmt: skip
            cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))
        yield


def test_one_waits_for_the_other(cluster, queue) -> None:
    first, second = Run(cluster, "first-in-line"), Run(cluster, "second-in-line")
    first.apply(compute=_COMPUTE)
    first.wait(lambda: first.pods("driver"), 60)
    second.apply(compute=_COMPUTE)
    second.wait(lambda: second.says("ClusterReady") == ("False", "Queued"), 30)
    assert second.objects("pods") == []
    assert first.finished(120) == ("True", "Published")
    assert second.finished(120) == ("True", "Published")
    assert second.attempts() == [(1, 1, "Published", None)]


def test_a_preempted_run_goes_on_with_a_new_driver(many, queue) -> None:
    run = Run(many, "preempted")
    run.apply(**_LONG, compute=_COMPUTE)
    run.wait(lambda: run.stage() == "Cluster", 120)
    workloads = many.kubectl.get("workloads.kueue.x-k8s.io", "-n", NAMESPACE)["items"]
    (name,) = [
        w["metadata"]["name"]
        for w in workloads
        if w["metadata"]["ownerReferences"][0]["name"].startswith("preempted")
    ]

    def activate(active: bool) -> None:
        patch = json.dumps({"spec": {"active": active}})
        many.kubectl("patch", "workload", name, "-n", NAMESPACE, "--type=merge", "-p", patch)

    activate(False)
    run.wait(lambda: run.says("ClusterReady") == ("False", "Queued"), 60)
    run.wait(lambda: run.objects("pods") == [], 60)
    activate(True)
    published_once(run)
    # One attempt, claimed twice: waiting in line is no failure.
    assert run.attempts() == [(1, 2, "Published", None)]
    assert run.get()["status"]["execution"]["failures"] == 0
