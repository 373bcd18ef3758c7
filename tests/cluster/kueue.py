"""Kueue as a process beside the cluster; the API server reaches its webhooks over the bridge."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.binaries import binary, module_folder
from tests.cluster.controlplane import ControlPlane, answers
from tests.cluster.kubectl import Kubectl
from tests.cluster.node import BRIDGE_ADDRESS
from tests.cluster.processes import free_port, wait_for

__all__ = ["kueue"]

_MODULE = "sigs.k8s.io/kueue"
_NAMESPACE = "kueue-system"
_SERVICE = "kueue-webhook-service"
_SECRET = "kueue-webhook-server-cert"
# Webhooks of the kinds that we make, and of Kueue's own.
_KINDS = ("job.", "rayjob.", "raycluster.", "clusterqueue.", "resourceflavor.", "workload.")


@contextmanager
def kueue(plane: ControlPlane, kubectl: Kubectl) -> Iterator[None]:
    """Run Kueue while entered."""
    components = module_folder("kueue", _MODULE) / "config" / "components"
    kubectl("create", "namespace", _NAMESPACE)
    crds = str(components / "crd" / "bases")
    kubectl("apply", "--server-side", "-f", crds)
    kubectl.establish("clusterqueues.kueue.x-k8s.io", "workloads.kueue.x-k8s.io")
    port, health = free_port(), free_port()
    for document in _webhooks(components / "webhook" / "manifests.yaml"):
        kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))
    for document in _service(port):
        kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))
    settings = plane.folder / "kueue.yaml"
    settings.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "config.kueue.x-k8s.io/v1beta1",
                "kind": "Configuration",
                "namespace": _NAMESPACE,
                "health": {"healthProbeBindAddress": f"127.0.0.1:{health}"},
                "metrics": {"bindAddress": "127.0.0.1:0"},
                "webhook": {
                    "port": port,
                    "host": BRIDGE_ADDRESS,
                    "certDir": str(plane.folder / "kueue"),
                },
                "leaderElection": {"leaderElect": False},
                "internalCertManagement": {
                    "enable": True,
                    "webhookServiceName": _SERVICE,
                    "webhookSecretName": _SECRET,
                },
                "integrations": {"frameworks": ["batch/job", "ray.io/rayjob", "ray.io/raycluster"]},
            }
        )
    )
    try:
        _start(plane, kubectl, settings, port, health)
        wait_for(lambda: _trusted(kubectl), 60)
        yield
    finally:
        plane.processes.stop("kueue")
        # Nothing would answer the API server any more.
        for kind in ("validating", "mutating"):
            kubectl("delete", f"{kind}webhookconfiguration", f"kueue-{kind}-webhook-configuration")


def _start(plane: ControlPlane, kubectl: Kubectl, settings: Path, port: int, health: int) -> None:
    certificates = plane.folder / "kueue"

    def ready() -> bool:
        return (
            _mounted(kubectl, certificates)
            and answers(f"http://127.0.0.1:{health}/readyz")
            and _listens(port)
        )

    plane.processes.start(
        "kueue",
        # Its visibility server wants to be a pod.
        [binary("kueue"), f"--config={settings}", "--feature-gates=VisibilityOnDemand=false"],
        ready,
        environment={**os.environ, "KUBECONFIG": str(plane.kubeconfig)},
    )


def _webhooks(path: Path) -> list[dict[str, Any]]:
    """Kueue's webhooks, under the names that its own deployment gives them."""
    documents = list(yaml.safe_load_all(path.read_text()))
    for document in documents:
        document["metadata"]["name"] = f"kueue-{document['metadata']['name']}"
        document["webhooks"] = [
            each for each in document["webhooks"] if each["name"][1:].startswith(_KINDS)
        ]
        for each in document["webhooks"]:
            each["clientConfig"]["service"] |= {"name": _SERVICE, "namespace": _NAMESPACE}
    return documents


def _service(port: int) -> list[dict[str, Any]]:
    metadata = {"name": _SERVICE, "namespace": _NAMESPACE}
    labels = {"kubernetes.io/service-name": _SERVICE}
    return [
        {
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": port}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": labels}, "addressType": "IPv4",
            "ports": [{"name": "https", "port": port}],
            "endpoints": [{"addresses": [BRIDGE_ADDRESS], "conditions": {"ready": True}}],
        },
        {
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": _SECRET, "namespace": _NAMESPACE},
        },
    ]  # fmt: skip


def _mounted(kubectl: Kubectl, folder: Path) -> bool:
    """Put the Secret that Kueue fills where its pod, which it has not here, would mount it."""
    if folder.is_dir():
        return True
    data = kubectl.get("secret", _SECRET, "-n", _NAMESPACE).get("data")
    if not data:
        return False
    part = folder.with_suffix(".part")
    part.mkdir(exist_ok=True)
    for name, content in data.items():
        (part / name).write_bytes(base64.b64decode(content))
    part.rename(folder)
    return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection((BRIDGE_ADDRESS, port), timeout=1).close()
    except OSError:
        return False
    return True


def _trusted(kubectl: Kubectl) -> bool:
    """Whether the API server asks Kueue: a flavour that Kueue refuses is refused."""
    flavor = {
        "apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "ResourceFlavor",
        "metadata": {"name": "probe"}, "spec": {"nodeTaints": [{"key": "@@", "effect": "None"}]},
    }  # fmt: skip
    done: subprocess.CompletedProcess[str] = kubectl.try_(
        "create", "--dry-run=server", "-f", "-", stdin=json.dumps(flavor)
    )
    return done.returncode != 0 and "failed calling webhook" not in done.stderr
