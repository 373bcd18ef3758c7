"""Things that break on a real node: each ends in one published result."""

from __future__ import annotations

import io
import json
import subprocess
import time
from contextlib import contextmanager

import numpy as np
import obstore
import pandas as pd
import psutil
import pytest

from tests.cluster.processes import wait_for
from tests.cluster.product import NAMESPACE
from tests.cluster.run import Run, small_ray_cluster

pytestmark = pytest.mark.timeout(900)

_PEOPLE = 200_000
_QUICK_RETRY = {"retries": {"backoff": {"baseSeconds": 1}}, "childTTL": {"failureSeconds": 0}}
# Enough work that there is time to break something, on one core and a half.
_LONG = {
    "source": {"uri": "s3://ready-probe/rosters/many.parquet"},
    "clustering": {"k": {"fixed": 12}, "restarts": 12, "tolerance": 0.0},
    "teams": {"size": {"min": 8, "max": 8}, "rounds": 5},
    "policy": _QUICK_RETRY,
}


@pytest.fixture(scope="module")
def many(cluster):
    """A roster large enough that its run takes a while."""
    values = np.random.default_rng(7).uniform(0, 100, (_PEOPLE, 4)).round(2)
    table = pd.DataFrame(values, columns=["red", "yellow", "green", "blue"])
    table.insert(0, "id", [f"p{i}" for i in range(_PEOPLE)])
    out = io.BytesIO()
    table.to_parquet(out)
    obstore.put(cluster.objects, "rosters/many.parquet", out.getvalue())
    return cluster


def started(cluster, name, stage, **spec) -> Run:
    """A run whose driver is in a stage."""
    run = Run(cluster, name)
    run.apply(**{**_LONG, **spec})
    run.wait(lambda: run.stage() == stage, 240)
    return run


def published_once(run: Run, deadline: float = 400) -> None:
    run.finished(deadline)
    assert run.says() == ("True", "Published"), run.story()
    assert len(run.publications()) == 1
    assert run.get()["status"]["summary"]["people"] == _PEOPLE
    attempts = run.attempts()
    assert [row[2] for row in attempts].count("Published") == 1
    # Whatever a lost attempt wrote, only what is published stays.
    wait_for(lambda: len(run.files()) == 1, 30)


def kill_driver() -> None:
    """SIGKILL what `insights drive` runs as; the container goes on."""
    killed = 0
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if command[-1:] == ["drive"] and any(part.endswith("/insights") for part in command):
            process.kill()
            killed += 1
    assert killed == 1


@contextmanager
def refused(address: str):
    """Pods cannot reach a server while entered."""
    port = address.rsplit(":", 1)[1]
    rule = ["KUBE-ROUTER-INPUT", "-i", "cni0", "-p", "tcp", "--dport", port, "-j", "REJECT"]
    subprocess.run(["iptables", "-I", *rule], check=True)
    try:
        yield
    finally:
        subprocess.run(["iptables", "-D", *rule], check=True)


def test_the_head_is_killed(many) -> None:
    run = started(many, "head-killed", "Cluster", compute=small_ray_cluster())
    (head,) = run.pods("head")
    many.node.kill_container(head, "ray-head")
    published_once(run)
    first, second = run.attempts()
    assert first[1] == 1
    assert first[3] == "transient"
    assert second[:3] == (2, 1, "Published")


def test_a_worker_is_killed(many) -> None:
    run = started(many, "worker-killed", "Cluster", compute=small_ray_cluster())
    (worker,) = run.pods("worker")
    many.node.kill_container(worker, "ray-worker")
    published_once(run)
    assert run.attempts() == [(1, 1, "Published", None)]


def test_the_driver_is_killed(many) -> None:
    run = started(many, "driver-killed", "Cluster", compute={"mode": "SinglePod"})
    kill_driver()
    published_once(run)
    assert [row[:2] for row in run.attempts()] == [(1, 1), (2, 1)]
    assert run.attempts()[0][3] == "transient"


def test_the_node_is_emptied(many) -> None:
    run = started(many, "node-emptied", "Cluster", compute={"mode": "SinglePod"})
    kubectl = many.kubectl
    kubectl("cordon", "node1")
    try:
        (pod,) = run.pods("driver")
        eviction = {
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": pod, "namespace": NAMESPACE},
            "deleteOptions": {"gracePeriodSeconds": 5},
        }  # fmt: skip
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
        kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
        run.wait(lambda: len(run.attempts()) == 2, 60)
        run.wait(lambda: run.says("ClusterReady")[1] == "Unschedulable", 30)
    finally:
        kubectl("uncordon", "node1")
    published_once(run)
    assert [row[3] for row in run.attempts()] == ["displaced", None]
    assert run.get()["status"]["execution"]["failures"] == 0


def test_postgres_restarts_while_results_are_published(many) -> None:
    run = started(many, "postgres-restarted", "Teams", compute={"mode": "SinglePod"})
    wait_for(lambda: run.files() != {}, 240, 0.02)
    many.postgres.stop()
    down = time.monotonic()
    wait_for(lambda: time.monotonic() - down > 8, 20)
    many.postgres.start()
    published_once(run)
    assert run.attempts() == [(1, 1, "Published", None)]


def test_the_object_store_refuses_for_a_minute(many) -> None:
    run = started(many, "s3-refusing", "Cluster", compute={"mode": "SinglePod"})
    with refused(many.s3):
        run.wait(lambda: run.stage() == "Publish", 240)
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 60, 70)
        assert run.publications() == []
    published_once(run)


def test_two_drivers_of_one_attempt(many) -> None:
    small = {"mode": "SinglePod", "head": {"cpu": "800m", "memory": "2Gi"}}
    run = started(many, "two-drivers", "Cluster", compute=small)
    (job,) = run.objects("jobs")
    template = job["spec"]["template"]
    template["metadata"] = {"name": "second-driver", "namespace": NAMESPACE}
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    many.kubectl("create", "-f", "-", stdin=json.dumps(pod))
    run.wait(lambda: run.attempts()[0][1] == 2, 90)
    published_once(run)
    many.kubectl("delete", "pod", "second-driver", "-n", NAMESPACE, "--wait=false")
