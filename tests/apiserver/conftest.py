"""A real API server for tests, with the CRDs of the tree installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane, control_plane
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory) -> ControlPlane:
    kubeconfig = os.environ.get("KUBECONFIG")
    if kubeconfig:
        folder = tmp_path_factory.mktemp("given")
        yield ControlPlane(Path(kubeconfig), "", folder, Processes(folder / "logs"))
        return
    with control_plane() as plane:
        yield plane


@pytest.fixture(scope="session")
def kubectl(apiserver) -> Kubectl:
    kubectl = Kubectl(apiserver.kubeconfig)
    for crd in sorted((REPOSITORY / "crds").glob("*.yaml")):
        kubectl("apply", "--server-side", "-f", str(crd))
    kubectl.establish("analysisruns.insights.observer.io", "analysisschedules.insights.observer.io")
    return kubectl
