"""Runs on a RayCluster that is there already: the fast way, and the cluster is never touched."""

from __future__ import annotations

import statistics
import time

import pytest
import yaml

from tests.cluster.images import WORKLOAD_IMAGE
from tests.cluster.product import NAMESPACE
from tests.cluster.run import Run

pytestmark = pytest.mark.timeout(900)

_REPEATS = 5
_MOUNTS = {"tmp": "/tmp", "work": "/work", "shm": "/dev/shm"}


def standing(name: str) -> dict:
    """A cluster of one head, as a platform team keeps it: our image, the store's Secret."""
    security = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "ray-head", "image": WORKLOAD_IMAGE, "imagePullPolicy": "IfNotPresent",
                "env": [
                    {"name": "HOME", "value": "/work"},
                    {"name": "INSIGHTS_HOME", "value": "/work"},
                    {"name": "NUMBA_CACHE_DIR", "value": "/tmp/numba"},
                ],
                "envFrom": [{"secretRef": {"name": "insights-store-default"}}],
                "resources": {
                    "requests": {"cpu": "1", "memory": "3Gi"},
                    "limits": {"cpu": "1500m", "memory": "3Gi"},
                },
                "securityContext": security,
                "volumeMounts": [{"name": n, "mountPath": p} for n, p in _MOUNTS.items()],
            }
        ],
        "volumes": [
            {"name": "tmp", "emptyDir": {}}, {"name": "work", "emptyDir": {}},
            {"name": "shm", "emptyDir": {"medium": "Memory"}},
        ],
    }  # fmt: skip
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "rayVersion": "2.60.0",
            "headGroupSpec": {
                "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": "2"},
                "template": {"spec": pod},
            },
        },
    }


@pytest.fixture(scope="module")
def pool(cluster):
    kubectl = cluster.kubectl
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(standing("pool")))
    kubectl(
        "wait", "raycluster/pool", "-n", NAMESPACE, "--for=condition=RayClusterProvisioned",
        "--timeout=110s",
    )  # fmt: skip
    yield "pool"
    kubectl("delete", "raycluster", "pool", "-n", NAMESPACE)


def test_the_first_heartbeat_comes_within_seconds(cluster, pool, capsys) -> None:
    waits = []
    for number in range(_REPEATS):
        run = Run(cluster, f"standing-{number}")
        before = time.time()
        run.apply(compute={"mode": "RayCluster", "rayClusterSelector": {"ray.io/cluster": pool}})
        run.finished(120)
        assert run.says() == ("True", "Published"), run.story()
        ((heard,),) = run.rows(
            "SELECT extract(epoch FROM claimed)::float8 FROM insights.attempt WHERE run = %(run)s"
        )
        waits.append(heard - before)
        assert run.attempts() == [(1, 1, "Published", None)]
    with capsys.disabled():
        each = ", ".join(f"{wait:.1f}" for wait in waits)
        print(
            f"\nfirst heartbeat after kubectl apply: p50 {statistics.median(waits):.1f} s ({each})"
        )
    kept = cluster.kubectl.get("raycluster", pool, "-n", NAMESPACE)
    assert "deletionTimestamp" not in kept["metadata"]
    assert kept["metadata"]["generation"] == 1
