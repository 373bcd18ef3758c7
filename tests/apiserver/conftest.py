"""A real API server for tests, with the CRDs of the tree installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane, control_plane
from tests.cluster.processes import Processes

REPOSITORY = Path(__file__).resolve().parents[2]


class Kubectl:
    """`kubectl` against one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        self._command = shutil.which(
            "kubectl", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        )
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}

    def try_(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self._command, *arguments], input=stdin, capture_output=True, text=True,
            env=self._environment, timeout=120, check=False,
        )  # fmt: skip

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        done = self.try_(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout


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
    kubectl(
        "wait", "--for=condition=Established", "--timeout=60s", "crd",
        "analysisruns.insights.observer.io", "analysisschedules.insights.observer.io",
    )  # fmt: skip
    return kubectl
