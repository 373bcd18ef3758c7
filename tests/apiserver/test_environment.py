"""An environment belongs to one cluster; operators of one cluster may split its namespaces."""

from __future__ import annotations

import json

import psycopg
import pytest

from tests.apiserver.life import NAMESPACE, RUNS, Life, Operators
from tests.cluster.processes import wait_for

pytestmark = pytest.mark.timeout(120)

NEIGHBOUR = "life-next-door"


@pytest.fixture
def namespaces(kubectl):
    for name in (NAMESPACE, NEIGHBOUR):
        kubectl("create", "namespace", name)
    yield
    for name in (NAMESPACE, NEIGHBOUR):
        kubectl("delete", "namespace", name, "--wait=true", "--timeout=100s")
    kubectl("delete", "lease", "insights-operator", "-n", "default", "--ignore-not-found")


def test_the_operator_of_another_cluster_does_nothing_and_says_so(
    apiserver, kubectl, dsn, tmp_path, namespaces
) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO insights.environment VALUES ('test', 'other-cluster')")
    operators = Operators(apiserver.kubeconfig, dsn, tmp_path)
    run = Life(kubectl, dsn, operators, "not-mine")
    run.apply(compute={"mode": "SinglePod"})
    process = operators.start()
    assert process.wait(timeout=60) == 1
    said = operators.log_of(process)
    assert "belongs to another cluster" in said
    assert "insights_store release" in said
    assert "Traceback" not in said
    assert run.children() == []
    assert run.attempts() == []
    with psycopg.connect(dsn) as connection:
        connection.execute("DELETE FROM insights.environment")
    operators.start()
    run.wait(lambda: run.children() != [])
    operators.stop()
    (owner,) = psycopg.connect(dsn).execute("SELECT cluster FROM insights.environment").fetchone()
    uid = kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    assert owner == uid
    kubectl("delete", RUNS, "not-mine", "-n", NAMESPACE, "--wait=false")


def test_two_operators_split_one_cluster(apiserver, kubectl, dsn, tmp_path, namespaces) -> None:
    """Neither touches what the other watches, active attempts without a run of theirs included."""
    one = Operators(apiserver.kubeconfig, dsn, tmp_path, INSIGHTS_WATCH_NAMESPACES=NAMESPACE)
    one.start()
    run = Life(kubectl, dsn, one, "split")
    run.apply(compute={"mode": "SinglePod"})
    run.wait(run.current)
    before = run.children()[0]["metadata"]["uid"]
    (tmp_path / "two").mkdir()
    two = Operators(
        apiserver.kubeconfig, dsn, tmp_path / "two", INSIGHTS_WATCH_NAMESPACES=NEIGHBOUR,
        INSIGHTS_OPERATOR_NAMESPACE=NEIGHBOUR,
    )  # fmt: skip
    process = two.start()
    # When it has made its own run's child it has listed, and read what is active.
    other = kubectl(
        "apply", "--server-side", "-f", "-",
        stdin=json.dumps({
            "apiVersion": "insights.observer.io/v1", "kind": "AnalysisRun",
            "metadata": {"name": "next", "namespace": NEIGHBOUR},
            "spec": {"source": {"uri": "s3://b/p.csv"}, "compute": {"mode": "SinglePod"}},
        }),
    )  # fmt: skip
    assert "serverside-applied" in other
    wait_for(lambda: kubectl("get", "jobs", "-n", NEIGHBOUR, "-o", "name") != "", 30)
    assert process.poll() is None
    assert [c["metadata"]["uid"] for c in run.children()] == [before]
    run.publish()
    run.wait(lambda: run.says() == ("True", "Published"))
    for operators in (one, two):
        operators.stop()
    kubectl("delete", RUNS, "next", "-n", NEIGHBOUR, "--wait=false")
