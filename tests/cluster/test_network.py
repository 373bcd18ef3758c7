"""Who reaches whom: the chart's network policies, as a real packet filter carries them out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import yaml

from tests.chart import SYSTEM
from tests.cluster.images import OPERATOR_IMAGE
from tests.cluster.product import NAMESPACE, Cluster
from tests.cluster.run import Run, small_ray_cluster
from tests.cluster.test_chaos import many, started

__all__ = ["many"]

pytestmark = pytest.mark.timeout(600)

OWN = {"app.kubernetes.io/managed-by": "insights-operator"}
# A port that nothing of ours listens on: a stranger's server.
FOREIGN = 9000
# Each connects to the places that are named, and says which let it.
PROBE = """
import json, socket, sys
def reaches(place):
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True
print(json.dumps([place for place in sys.argv[1:] if reaches(place)]))
"""


class Pods:
    """Pods beside ours, and what pods reach."""

    def __init__(self, cluster: Cluster) -> None:
        self._kubectl = cluster.kubectl

    def start(self, name: str, labels: dict[str, str]) -> str:
        """Start a server that is none of ours; its address."""
        pod = {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 0,
                "securityContext": {
                    "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}
                },
                "containers": [
                    {
                        "name": "server", "image": OPERATOR_IMAGE, "imagePullPolicy": "Never",
                        "command": ["python", "-m", "http.server", str(FOREIGN)],
                        "workingDir": "/opt/insights",
                        "securityContext": {
                            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}
                        },
                    }
                ],
            },
        }  # fmt: skip
        self._kubectl("apply", "-f", "-", stdin=yaml.safe_dump(pod))
        self._kubectl(
            "wait", f"pod/{name}", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s"
        )
        return self.address(name)

    def address(self, pod: str, namespace: str = NAMESPACE) -> str:
        return str(self._kubectl.get("pod", pod, "-n", namespace)["status"]["podIP"])

    def reached(self, pod: str, *places: str, namespace: str = NAMESPACE) -> set[str]:
        """Which of the places a pod can connect to."""
        said = self._kubectl("exec", pod, "-n", namespace, "--", "python", "-c", PROBE, *places)
        return set(json.loads(said.splitlines()[-1]))

    def remove(self, *names: str) -> None:
        self._kubectl("delete", "pod", *names, "-n", NAMESPACE, "--ignore-not-found", "--now")


@pytest.fixture(scope="module")
def pods(many) -> Iterator[Pods]:
    made = Pods(many)
    yield made
    made.remove("stranger", "neighbour", "submitter")


@pytest.fixture(scope="module")
def stranger(pods) -> str:
    """Address of a pod of somebody else in the namespace of runs."""
    return pods.start("stranger", {"app": "stranger"})


@pytest.fixture(scope="module")
def operator(many) -> str:
    """Name of a pod of the operator."""
    found = many.kubectl.get(
        "pods", "-n", SYSTEM, "-l", "app.kubernetes.io/name=insights-operator"
    )["items"]
    return str(found[0]["metadata"]["name"])


@pytest.fixture(scope="module")
def run(many) -> Iterator[Run]:
    """A run whose head, worker and driver are at work meanwhile."""
    run = started(many, "network", "Cluster", compute=small_ray_cluster())
    run.wait(lambda: run.pods("head") and run.pods("worker"), 60)
    yield run
    many.kubectl("delete", "analysisruns.insights.observer.io", run.name, "-n", NAMESPACE)


def place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}"


def test_strangers_reach_each_other_but_nothing_of_ours(pods, stranger, operator, run) -> None:
    neighbour = f"{pods.start('neighbour', {'app': 'neighbour'})}:{FOREIGN}"
    (head,), (worker,) = run.pods("head"), run.pods("worker")
    ours = [
        *(f"{pods.address(head)}:{port}" for port in (6379, 8080, 8265, 10001)),
        f"{pods.address(worker)}:8080",
        f"{pods.address(operator, SYSTEM)}:8080",
    ]
    assert pods.reached("stranger", neighbour, *ours) == {neighbour}


def test_a_submitter_reaches_the_heads_dashboard_and_no_more(pods, stranger, run, many) -> None:
    pods.start("submitter", {**OWN, "insights.observer.io/role": "submitter"})
    (head,) = run.pods("head")
    address = pods.address(head)
    dashboard = f"{address}:8265"
    shut = [f"{address}:6379", f"{stranger}:{FOREIGN}", place(many.postgres.dsn)]
    assert pods.reached("submitter", dashboard, *shut) == {dashboard}


def test_drivers_reach_both_stores_and_workers_only_objects(pods, stranger, run, many) -> None:
    (head,), (worker,) = run.pods("head"), run.pods("worker")
    database, objects = place(many.postgres.dsn), place(many.s3)
    foreign = f"{stranger}:{FOREIGN}"
    assert pods.reached(head, database, objects, foreign) == {database, objects}
    assert pods.reached(worker, database, objects, foreign) == {objects}


def test_head_and_worker_reach_each_other(pods, run) -> None:
    (head,), (worker,) = run.pods("head"), run.pods("worker")
    gcs, metrics = f"{pods.address(head)}:6379", f"{pods.address(worker)}:8080"
    assert pods.reached(worker, gcs) == {gcs}
    assert pods.reached(head, metrics) == {metrics}


def test_the_operator_reaches_its_database_and_the_api_server(
    pods, stranger, operator, many
) -> None:
    wanted = {place(many.postgres.dsn), place(many.plane.address)}
    shut = {place(many.s3), f"{stranger}:{FOREIGN}"}
    assert pods.reached(operator, *wanted, *shut, namespace=SYSTEM) == wanted
