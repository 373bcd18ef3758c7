"""`kubectl apply` to results, on a real node with KubeRay and our own images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.processes import wait_for
from tests.cluster.product import NAMESPACE
from tests.cluster.run import RUNS, Run, small_ray_cluster

INSIGHTS = str(Path(sys.executable).parent / "insights")
pytestmark = pytest.mark.timeout(600)


def published_once(run: Run) -> None:
    """One result, whole, in Postgres and in S3, and nothing beside it."""
    assert run.says() == ("True", "Published"), run.story()
    (prefix,) = run.publications()
    files = run.files()
    assert [f"results/{prefix}".rstrip("/")] == list(files), (prefix, list(files))
    assert {
        "manifest.json",
        "owner/people.parquet",
        "owner/report.html",
        "reader/report.html",
    } <= next(iter(files.values()))
    summary = run.get()["status"]["summary"]
    assert summary["people"] > 0
    assert summary["teams"] > 0


def nothing_is_left(run: Run) -> None:
    run.wait(lambda: not any(run.objects(kind) for kind in ("rayjobs", "rayclusters", "jobs")), 90)
    run.wait(lambda: run.objects("pods") == [], 90)


def test_a_ray_cluster_of_its_own(cluster, capsys) -> None:
    run = Run(cluster, "own-cluster")
    run.apply(compute=small_ray_cluster())
    run.wait(lambda: run.pods("head") and run.pods("worker"), 180)
    pods = [p for p in run.objects("pods") if "ray.io/cluster" in p["metadata"]["labels"]]
    assert len(pods) >= 2
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert container["image"] == "localhost/insights-workload:test"
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    done = cluster.kubectl(
        "wait", f"{RUNS}/{run.name}", "-n", NAMESPACE, "--for=condition=Finished", "--timeout=240s"
    )  # fmt: skip
    assert "condition met" in done
    published_once(run)
    table = cluster.kubectl("get", RUNS, run.name, "-n", NAMESPACE)
    with capsys.disabled():
        print(f"\n{table}")
    assert "True" in table
    assert run.attempts() == [(1, 1, "Published", None)]
    nothing_is_left(run)
    assert not any("kopf" in key for key in run.get()["metadata"].get("annotations", {}))


def test_one_pod(cluster) -> None:
    run = Run(cluster, "one-pod")
    run.apply(compute={"mode": "SinglePod"})
    waited = subprocess.run(
        [INSIGHTS, "wait", run.name, "-n", NAMESPACE, "--timeout", "200"],
        env={**os.environ, "KUBECONFIG": str(cluster.plane.kubeconfig)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert waited.returncode == 0, waited.stderr
    assert "published by attempt 1" in waited.stdout
    assert "Running" in waited.stderr
    published_once(run)
    assert run.attempts() == [(1, 1, "Published", None)]
    nothing_is_left(run)


def test_deletion_leaves_nothing_but_results(cluster) -> None:
    run = Run(cluster, "deleted")
    run.apply(compute={"mode": "SinglePod"})
    run.wait(lambda: run.objects("pods"), 60)
    cluster.kubectl("delete", RUNS, run.name, "-n", NAMESPACE, "--timeout=30s")
    wait_for(lambda: run.objects("pods") == [] and run.objects("jobs") == [], 60)
    wait_for(lambda: [row[2] for row in run.attempts()] == ["Cancelled"], 30)


def test_events_tell_the_story_once(cluster) -> None:
    events = json.loads(
        cluster.kubectl("get", "events", "-n", NAMESPACE, "-o", "json")
    )["items"]  # fmt: skip
    mine = [e["reason"] for e in events if e["involvedObject"]["name"] == "one-pod"]
    assert sorted(mine) == sorted(set(mine))
    assert "Published" in mine
    assert len(mine) <= 6
