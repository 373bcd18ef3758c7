"""A real node with a real Argo CD, and two git repositories: the platform's and the runs'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, LiteralString
from urllib.parse import urlsplit

import obstore
import psycopg
import pytest
import yaml
from obstore.store import S3Store

from tests.applied import RUNS, says
from tests.chart import REPOSITORY, SYSTEM
from tests.cluster.argocd import ArgoCD, argocd
from tests.cluster.controlplane import ControlPlane, control_plane
from tests.cluster.images import (
    OPERATOR_IMAGE,
    POSTGRES_IMAGE,
    SEAWEEDFS_IMAGE,
    WORKLOAD_IMAGE,
    build_all,
)
from tests.cluster.kubectl import Kubectl
from tests.cluster.node import BRIDGE_ADDRESS, bridge, missing, node
from tests.cluster.processes import wait_for
from tests.gitops.repository import Repository

NAMESPACE = "people"
ROOT, OPERATOR, RUNS_APPLICATION = "insights-root", "insights", "insights-runs"
APPLICATIONS = (ROOT, OPERATOR, RUNS_APPLICATION)


@dataclass(frozen=True)
class Platform:
    """What a platform team sees.

    Attributes:
        plane: the control plane.
        argo: Argo CD.
        kubectl: with every right.
        runs: the repository of the runs.
    """

    plane: ControlPlane
    argo: ArgoCD
    kubectl: Kubectl
    runs: Repository

    def run(self, name: str) -> dict[str, Any]:
        """A run; empty where there is none."""
        done = self.kubectl.try_("get", RUNS, name, "-n", NAMESPACE, "-o", "yaml")
        return dict(yaml.safe_load(done.stdout)) if done.returncode == 0 else {}

    def says(self, name: str, kind: str = "Succeeded") -> tuple[str, str]:
        """Status and reason of a run's condition, if it speaks of the newest spec."""
        return says(self.run(name), kind)

    def execution(self, name: str) -> dict[str, Any]:
        """Which execution a run shows."""
        return dict((self.run(name).get("status") or {}).get("execution") or {})

    def health(self, application: str, name: str) -> dict[str, str]:
        """Health of one of an Application's objects, as its page shows it."""
        tree = self.argo.api.get(f"/api/v1/applications/{application}/resource-tree").json()
        found = [each for each in tree.get("nodes") or () if each["name"] == name]
        return dict(found[0].get("health") or {}) if found else {}

    def attempts(self, name: str) -> int:
        """How often a run was started."""
        return self._count("SELECT count(*) FROM insights.attempt WHERE run = %s", name)

    def publications(self, name: str) -> int:
        """How many results a run has."""
        return self._count("SELECT count(*) FROM insights.publication WHERE run = %s", name)

    def address(self, service: str) -> str:
        """Address of a Service of the release."""
        return str(self.kubectl.get("service", service, "-n", SYSTEM)["spec"]["clusterIP"])

    def wait(self, condition: Callable[[], Any], deadline: float) -> None:
        """Wait, refreshing from git now and then; what is there is told where it is in vain."""
        try:
            wait_for(lambda: bool(condition()), deadline, 0.5)
        except TimeoutError:
            raise AssertionError(self._story()) from None

    def follow(self) -> None:
        """Have Argo CD see the newest commit of the runs now."""
        self.argo.refresh(RUNS_APPLICATION)

    def _count(self, query: LiteralString, name: str) -> int:
        dsn = f"postgresql://postgres@{self.address('insights-postgres')}:5432/postgres"
        with psycopg.connect(dsn) as connection:
            (count,) = connection.execute(query, (name,)).fetchone() or (0,)
        return int(count)

    def _story(self) -> str:
        said = [f"{a}: {self.argo.says(a)} {self.argo.errors(a)}" for a in APPLICATIONS]
        pods = self.kubectl.try_("get", "pods", "-A", "-o", "wide").stdout
        events = self.kubectl.try_("get", "events", "-A", "--field-selector=type=Warning").stdout
        runs = self.kubectl.try_("get", RUNS, "-A", "-o", "yaml").stdout
        return "\n".join([*said, pods, events[-2500:], runs[-3000:]])


@pytest.fixture(scope="session")
def platform(tmp_path_factory) -> Iterator[Platform]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    archives = build_all(POSTGRES_IMAGE, SEAWEEDFS_IMAGE)
    folder = tmp_path_factory.mktemp("gitops")
    tree, runs = Repository(folder / "platform"), Repository(folder / "runs")
    tree.take(REPOSITORY / "argocd", REPOSITORY / "manifests")
    runs.commit({"runs/README.md": "Runs of the people team.\n"})
    with (
        bridge(),
        control_plane(address=BRIDGE_ADDRESS) as plane,
        node(plane) as running,
        argocd(plane, folder / "argocd") as argo,
    ):
        running.load(archives)
        kubectl = Kubectl(plane.kubeconfig)
        root = yaml.safe_load((REPOSITORY / "argocd" / "root.yaml").read_text())
        source = root["spec"]["source"]
        source["repoURL"] = tree.url
        source["helm"]["valuesObject"] |= {
            "repoURL": tree.url,
            "runs": {"repoURL": runs.url, "path": "runs"},
            "values": _values(plane.address),
        }
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(root))
        made = Platform(plane, argo, kubectl, runs)
        made.wait(lambda: argo.says(OPERATOR) == ("Synced", "Healthy"), 240)
        _upload(made)
        yield made


def _values(address: str) -> dict[str, Any]:
    api_server = urlsplit(address)
    return {
        "operator": {
            "image": OPERATOR_IMAGE,
            "listingSeconds": 20,
            "resources": {"requests": {"cpu": "10m", "memory": "128Mi"}},
        },
        "workload": {"image": WORKLOAD_IMAGE},
        "networkPolicies": {
            "apiServer": {"cidrs": [f"{api_server.hostname}/32"], "ports": [api_server.port]},
            "nameServers": [f"{BRIDGE_ADDRESS}/32"],
        },
        # There is no class of volumes on this node.
        "trial": {
            "persistent": False,
            "postgres": {"image": POSTGRES_IMAGE},
            "seaweedfs": {"image": SEAWEEDFS_IMAGE},
        },
    }


def _upload(platform: Platform) -> None:
    objects = S3Store(
        "insights", endpoint=f"http://{platform.address('insights-seaweedfs')}:8333",
        access_key_id="any", secret_access_key="any", region="us-east-1",
        client_options={"allow_http": True},
    )  # fmt: skip
    roster = (REPOSITORY / "examples" / "roster.csv").read_bytes()
    obstore.put(objects, "rosters/people.csv", roster)
