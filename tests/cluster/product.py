"""What a platform team installs: the chart, a results store, and a namespace that may use it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
import psycopg
from obstore.store import S3Store

from insights_store import schema, tenancy
from insights_store.tenancy import Tenant
from tests.chart import CHART, SYSTEM, helm
from tests.cluster import kuberay
from tests.cluster.controlplane import ControlPlane, control_plane
from tests.cluster.images import OPERATOR_IMAGE, WORKLOAD_IMAGE, build_all
from tests.cluster.kubectl import Kubectl
from tests.cluster.node import BRIDGE_ADDRESS, Node, bridge, node
from tests.objectstore import seaweedfs
from tests.postgres import Postgres

__all__ = ["BUCKET", "NAMESPACE", "SYSTEM", "Cluster", "cluster", "install", "secret"]

REPOSITORY = Path(__file__).resolve().parents[2]
NAMESPACE = "people"
BUCKET = "ready-probe"
ENVIRONMENT = "test"


@dataclass(frozen=True)
class Cluster:
    """A cluster on which the product is installed.

    Attributes:
        plane: its control plane.
        node: its only node.
        kubectl: with every right.
        postgres: the results database.
        s3: address of the object store.
        objects: the bucket with rosters and results.
        kuberay: host and port of KubeRay's metrics.
    """

    plane: ControlPlane
    node: Node
    kubectl: Kubectl
    postgres: Postgres
    s3: str
    objects: S3Store
    kuberay: str


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Run everything while entered: a node, KubeRay, the stores, our operator in a Deployment.

    Args:
        folder: for the stores.
    """
    archives = build_all()
    with (
        bridge(),
        control_plane(address=BRIDGE_ADDRESS) as plane,
        node(plane) as running,
        seaweedfs(folder / "s3", BRIDGE_ADDRESS) as s3,
    ):
        kubectl = Kubectl(plane.kubeconfig)
        kuberay.install_crds(kubectl)
        metrics = kuberay.start(plane)
        running.load(archives)
        postgres = Postgres(BRIDGE_ADDRESS)
        try:
            objects = S3Store(
                BUCKET, endpoint=s3, access_key_id="any", secret_access_key="any",
                region="us-east-1", client_options={"allow_http": True},
            )  # fmt: skip
            roster = (REPOSITORY / "examples" / "roster.csv").read_bytes()
            obstore.put(objects, "rosters/people.csv", roster)
            made = Cluster(plane, running, kubectl, postgres, s3, objects, metrics)
            admit(made, NAMESPACE)
            install(made)
            yield made
        finally:
            postgres.stop()


def install(made: Cluster) -> None:
    """Install the chart, and wait until both replicas are ready."""
    kubectl = made.kubectl
    kubectl("create", "namespace", SYSTEM)
    restrict(kubectl, SYSTEM)
    secret(kubectl, SYSTEM, "insights-database", {"dsn": made.postgres.dsn})
    secret(kubectl, SYSTEM, "insights-store-default", _objects(made))
    values = {
        "environment": ENVIRONMENT,
        "operator": {
            "image": OPERATOR_IMAGE,
            "listingSeconds": 20,
            "heartbeatTimeoutSeconds": 20,
            "resources": {"requests": {"cpu": "10m", "memory": "128Mi"}},
        },
        "workload": {"image": WORKLOAD_IMAGE},
        # Each thing is opened as narrowly as it can be; kube-router holds pods to it.
        "namespaces": [{"name": NAMESPACE, "create": False, "admit": False}],
        "networkPolicies": {
            "apiServer": _reach(made.plane.address),
            "database": _reach(made.postgres.dsn),
            "objectStore": _reach(made.s3),
            "nameServers": [f"{BRIDGE_ADDRESS}/32"],
        },
    }
    done = helm(
        "upgrade", "--install", "insights", CHART, "--namespace", SYSTEM,
        "--kubeconfig", made.plane.kubeconfig, "--wait", "--timeout", "180s",
        values=values,
    )  # fmt: skip
    if done.returncode != 0:
        pods = kubectl("describe", "pods", "-n", SYSTEM)
        logs = kubectl.try_("logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=insights-operator")
        raise RuntimeError(f"{done.stderr}\n{pods[-3000:]}\n{logs.stdout[-2000:]}")


def _reach(url: str) -> dict[str, Any]:
    place = urlsplit(url)
    return {"cidrs": [f"{place.hostname}/32"], "ports": [place.port]}


def admit(made: Cluster, namespace: str) -> None:
    """A namespace that holds pods to `restricted` and has credentials of its own."""
    made.kubectl("create", "namespace", namespace)
    restrict(made.kubectl, namespace)
    password, tenant = secrets.token_hex(8), Tenant(ENVIRONMENT, namespace)
    schema.upgrade(made.postgres.dsn)
    with psycopg.connect(made.postgres.dsn) as connection:
        tenancy.admit(connection, tenant, password)
    place = made.postgres.dsn.rpartition("@")[2]
    secret(
        made.kubectl,
        namespace,
        "insights-store-default",
        {
            "INSIGHTS_DATABASE_DSN": f"postgresql://{tenant.role}:{password}@{place}",
            **_objects(made),
        },
    )


def _objects(made: Cluster) -> dict[str, str]:
    return {
        "INSIGHTS_OBJECT_STORE": f"s3://{BUCKET}/results",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": made.s3,
    }


def restrict(kubectl: Kubectl, namespace: str) -> None:
    """Hold the pods of a namespace to the strictest Pod Security Standard."""
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")


def secret(kubectl: Kubectl, namespace: str, name: str, data: dict[str, str]) -> None:
    """Make a Secret."""
    document = {
        "apiVersion": "v1", "kind": "Secret", "stringData": data,
        "metadata": {"name": name, "namespace": namespace},
    }  # fmt: skip
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))
