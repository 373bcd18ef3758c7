"""The operator as a process, on a real API server and a real Postgres."""

from __future__ import annotations

import json
import signal

import psycopg

from insights_store import driver
from tests.apiserver.life import OUTGOING, RUNS
from tests.cluster.processes import wait_for


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


POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-jobs-today}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [batch], apiVersions: [v1], operations: [CREATE], resources: [jobs]}
  validations:
    - {expression: "!object.metadata.name.startsWith('a-policy-against')", message: no jobs today}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-jobs-today}
spec: {policyName: no-jobs-today, validationActions: [Deny]}
"""


def test_a_policy_against_its_child_is_named_until_it_is_gone(life, kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=POLICY)
    attempt = ("create", "job", "a-policy-against", "--image=x", "-n", "life", "--dry-run=server")
    wait_for(lambda: "no jobs today" in kubectl.try_(*attempt).stderr, 30)
    life.apply()
    life.wait(lambda: life.says("ClusterReady") == ("False", "ChildNotAdmitted"))
    assert "no jobs today" in str(life.get()["status"])
    kubectl("delete", "-f", "-", stdin=POLICY)
    life.wait(lambda: life.says("ClusterReady") == ("False", "Starting"))
    life.publish()
    life.wait(lambda: life.says() == ("True", "Published"))
    assert len(life.attempts()) == 1


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
