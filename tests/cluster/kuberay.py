"""The KubeRay operator as a process beside the cluster; it reaches Ray through the API server."""

from __future__ import annotations

import os

from tests.cluster.binaries import binary, module_folder
from tests.cluster.controlplane import ControlPlane, answers
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import free_port

__all__ = ["install_crds", "remove_crds", "start"]


def install_crds(kubectl: Kubectl) -> None:
    """Teach the API server KubeRay's kinds."""
    kubectl("apply", "--server-side", "-f", _crds())
    kubectl.establish("rayjobs.ray.io", "rayclusters.ray.io")


def remove_crds(kubectl: Kubectl) -> None:
    """Have the API server forget them, and all of their kinds."""
    kubectl("delete", "-f", _crds(), "--wait=true")


def _crds() -> str:
    folder = module_folder("kuberay", "github.com/ray-project/kuberay/ray-operator")
    return str(folder / "config/crd/bases")


def start(plane: ControlPlane) -> str:
    """Start the operator on a cluster that knows its kinds.

    Returns:
        Host and port of its metrics.
    """
    health, metrics = free_port(), f"127.0.0.1:{free_port()}"
    plane.processes.start(
        "kuberay",
        [
            binary("kuberay"), "--enable-leader-election=false", "--use-kubernetes-proxy",
            # As its chart has it by default.
            "--enable-metrics", f"--metrics-addr={metrics}",
            f"--health-probe-bind-address=127.0.0.1:{health}",
        ],
        lambda: answers(f"http://127.0.0.1:{health}/healthz"),
        environment={**os.environ, "KUBECONFIG": str(plane.kubeconfig)},
    )  # fmt: skip
    return metrics
