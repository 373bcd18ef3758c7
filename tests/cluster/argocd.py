"""Argo CD's own servers as processes beside the cluster, with the API that its pages use."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.cluster.binaries import binary, module_folder
from tests.cluster.controlplane import ControlPlane, answers
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import free_port

__all__ = ["ARGOCD_NAMESPACE", "ArgoCD", "argocd"]

ARGOCD_NAMESPACE = "argocd"
_MODULE = "github.com/argoproj/argo-cd/v3"
# What is a process here is left out of the manifests; no node of ours could fetch its image.
_AS_PROCESSES = frozenset({"Deployment", "StatefulSet", "NetworkPolicy", "Service"})
_RESYNC = "10s"


@dataclass(frozen=True)
class ArgoCD:
    """Argo CD, as its users see it.

    Attributes:
        kubectl: of the cluster that it is in.
        api: client of its API server, with every right.
    """

    kubectl: Kubectl
    api: httpx.Client

    def application(self, name: str) -> dict[str, Any]:
        """An Application; empty while there is none."""
        done = self.kubectl.try_(
            "get", "applications.argoproj.io", name, "-n", ARGOCD_NAMESPACE, "-o", "yaml"
        )
        return dict(yaml.safe_load(done.stdout) or {}) if done.returncode == 0 else {}

    def says(self, name: str) -> tuple[str, str]:
        """Whether an Application is what git says, and how it is."""
        status = self.application(name).get("status") or {}
        synced = (status.get("sync") or {}).get("status", "")
        return synced, (status.get("health") or {}).get("status", "")

    def errors(self, name: str) -> list[str]:
        """What is wrong with an Application, in the words that its page shows."""
        status = self.application(name).get("status") or {}
        told = [
            each["message"]
            for each in status.get("conditions") or ()
            if each["type"].endswith("Error")
        ]
        last = status.get("operationState") or {}
        if last.get("phase") in ("Failed", "Error"):
            told += [str(last.get("message"))]
            told += [
                str(each.get("message"))
                for each in (last.get("syncResult") or {}).get("resources") or ()
            ]
        return told

    def refresh(self, *names: str) -> None:
        """Have Applications look at git now."""
        for name in names:
            self.kubectl(
                "annotate", "applications.argoproj.io", name, "-n", ARGOCD_NAMESPACE, "--overwrite",
                "argocd.argoproj.io/refresh=normal",
            )  # fmt: skip

    def act(self, application: str, action: str, kind: str, namespace: str, name: str) -> None:
        """Press the button of an action on one of an Application's objects.

        Args:
            application: its name.
            action: name of the action.
            kind: of the object, such as `insights.observer.io/v1/AnalysisRun`.
            namespace: of the object.
            name: of the object.
        """
        group, version, kind = kind.split("/")
        self.api.post(
            f"/api/v1/applications/{application}/resource/actions/v2",
            json={
                "name": application, "appNamespace": ARGOCD_NAMESPACE, "namespace": namespace,
                "resourceName": name, "group": group, "version": version, "kind": kind,
                "action": action,
            },
        ).raise_for_status()  # fmt: skip


@contextmanager
def argocd(plane: ControlPlane, folder: Path) -> Iterator[ArgoCD]:
    """Run Argo CD on a cluster while entered.

    Args:
        plane: of the cluster.
        folder: for its keys and caches.
    """
    kubectl = Kubectl(plane.kubeconfig)
    module = module_folder("argocd", _MODULE)
    _install(kubectl, module)
    environment = _environment(plane, folder, module)

    def server(name: str, health: int, *arguments: str) -> None:
        plane.processes.start(
            name,
            [binary("argocd"), *arguments],
            lambda: answers(f"http://127.0.0.1:{health}/healthz"),
            environment={**environment, "ARGOCD_BINARY_NAME": name},
        )

    cache, repositories, metrics = free_port(), free_port(), free_port()
    plane.processes.start(
        "redis",
        ["redis-server", "--port", str(cache), "--save", "", "--bind", "127.0.0.1"],
        lambda: _pongs(cache),
    )
    shared = (f"--redis=127.0.0.1:{cache}", f"--repo-server=127.0.0.1:{repositories}")
    server(
        "argocd-repo-server", metrics, f"--port={repositories}", f"--metrics-port={metrics}",
        f"--redis=127.0.0.1:{cache}", "--disable-tls", "--address=127.0.0.1",
        "--client-ca-path=",
    )  # fmt: skip
    metrics = free_port()
    server(
        "argocd-application-controller", metrics, f"--kubeconfig={plane.kubeconfig}",
        f"--namespace={ARGOCD_NAMESPACE}", *shared, "--repo-server-plaintext",
        f"--metrics-port={metrics}", "--self-heal-timeout-seconds=1",
    )  # fmt: skip
    port = free_port()
    server(
        "argocd-server", port, f"--kubeconfig={plane.kubeconfig}",
        f"--namespace={ARGOCD_NAMESPACE}", *shared, "--repo-server-plaintext", "--insecure",
        "--disable-auth", f"--port={port}", "--address=127.0.0.1",
        f"--metrics-port={free_port()}", "--staticassets=",
    )  # fmt: skip
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as api:
        yield ArgoCD(kubectl, api)


def _install(kubectl: Kubectl, module: Path) -> None:
    """Its kinds, rights and settings."""
    kubectl("create", "namespace", ARGOCD_NAMESPACE)
    text = (module / "manifests" / "core-install.yaml").read_text()
    kept = [each for each in yaml.safe_load_all(text) if each and each["kind"] not in _AS_PROCESSES]
    kubectl(
        "apply", "--server-side", "-n", ARGOCD_NAMESPACE, "-f", "-", stdin=yaml.safe_dump_all(kept)
    )
    kubectl.establish("applications.argoproj.io", "appprojects.argoproj.io")
    default = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject",
        "metadata": {"name": "default", "namespace": ARGOCD_NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }  # fmt: skip
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(default))


def _environment(plane: ControlPlane, folder: Path, module: Path) -> dict[str, str]:
    programs = folder / "bin"
    programs.mkdir(parents=True)
    shutil.copy(module / "hack" / "git-verify-wrapper.sh", programs)
    (programs / "git-verify-wrapper.sh").chmod(0o755)
    (programs / "helm").symlink_to(binary("helm"))
    own = {}
    for variable in (
        "ARGOCD_TLS_DATA_PATH", "ARGOCD_SSH_DATA_PATH", "ARGOCD_GNUPGHOME",
        "ARGOCD_PLUGINSOCKFILEPATH", "ARGOCD_APP_CONF_PATH", "HOME", "TMPDIR",
    ):  # fmt: skip
        path = folder / variable.lower()
        path.mkdir()
        own[variable] = str(path)
    return {
        **os.environ, **own,
        "KUBECONFIG": str(plane.kubeconfig),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ARGOCD_FAKE_IN_CLUSTER": "true",
        "ARGOCD_RECONCILIATION_TIMEOUT": _RESYNC,
        "ARGOCD_RECONCILIATION_JITTER": "0s",
        "ARGOCD_GPG_ENABLED": "false",
    }  # fmt: skip


def _pongs(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as redis:
            redis.sendall(b"PING\r\n")
            return redis.recv(7).startswith(b"+PONG")
    except OSError:
        return False
