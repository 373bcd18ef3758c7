"""A real API server for tests, with the CRDs of the tree installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from insights_store import schema
from tests.apiserver.life import NAMESPACE, Life, Operators
from tests.cluster.controlplane import ControlPlane, control_plane
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes
from tests.postgres import Postgres

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


@pytest.fixture(scope="module")
def dsn() -> str:
    postgres = Postgres()
    schema.upgrade(postgres.dsn)
    yield postgres.dsn
    postgres.stop()


@pytest.fixture(scope="module")
def operators(apiserver, kubectl, dsn, tmp_path_factory, request) -> Operators:
    """One replica, with what the module's `OPERATOR` adds to its environment."""
    kubectl("create", "namespace", NAMESPACE)
    more = getattr(request.module, "OPERATOR", {})
    operators = Operators(apiserver.kubeconfig, dsn, tmp_path_factory.mktemp("logs"), **more)
    operators.start()
    yield operators
    operators.stop()
    kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=100s")
    kubectl("delete", "lease", "insights-operator", "-n", "default", "--ignore-not-found")


@pytest.fixture
def life(kubectl, dsn, operators, request) -> Life:
    return Life(kubectl, dsn, operators, request.node.name.replace("_", "-")[5:45].strip("-"))
