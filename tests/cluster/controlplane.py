"""A real control plane: etcd, the API server, and the controllers for garbage and Jobs."""

from __future__ import annotations

import base64
import secrets
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster.binaries import binary
from tests.cluster.certificates import Credentials, make_credentials
from tests.cluster.processes import Processes, free_port

__all__ = ["SERVICES", "ControlPlane", "answers", "control_plane"]

SERVICES = "10.96.0.0/16"
"""Addresses of Services."""


@dataclass(frozen=True)
class ControlPlane:
    """A control plane that runs.

    Attributes:
        kubeconfig: file that gives everything to whoever reads it.
        address: of the API server.
        folder: where everything of it is.
        processes: its servers, to which a node may add its own.
        audit: a JSON line for each request that was answered.
    """

    kubeconfig: Path
    address: str
    folder: Path
    processes: Processes
    audit: Path = Path("/dev/null")


@contextmanager
def control_plane(
    *, controllers: bool = True, address: str = "127.0.0.1"
) -> Iterator[ControlPlane]:
    """Run a control plane while entered; afterwards no trace of it is left.

    Args:
        controllers: whether the controllers run as well.
        address: that the API server listens on, and that pods find it at.

    Raises:
        RuntimeError: a server cannot be built or does not come up.
    """
    etcd, api = binary("etcd"), binary("kube-apiserver")
    manager = binary("kube-controller-manager") if controllers else None
    with tempfile.TemporaryDirectory(prefix="control-plane-") as name:
        folder = Path(name)
        processes = Processes(folder / "logs")
        try:
            credentials = make_credentials(folder / "pki")
            clients = f"http://127.0.0.1:{free_port()}"
            _start_etcd(processes, etcd, folder, clients)
            url = f"https://{address}:{free_port()}"
            kubeconfig = _start_api(processes, api, folder, credentials, clients, url)
            if manager is not None:
                _start_controllers(processes, manager, kubeconfig, credentials)
            yield ControlPlane(kubeconfig, url, folder, processes, folder / "audit.log")
        finally:
            processes.stop()


def _start_etcd(processes: Processes, etcd: Path, folder: Path, clients: str) -> None:
    peers = f"http://127.0.0.1:{free_port()}"
    processes.start(
        "etcd",
        [
            etcd, f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}", f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}",
            # Nothing in a test outlives its machine.
            "--unsafe-no-fsync", "--log-level=warn",
        ],
        lambda: answers(f"{clients}/health"),
    )  # fmt: skip


def _start_api(
    processes: Processes,
    api: Path,
    folder: Path,
    credentials: Credentials,
    etcd: str,
    address: str,
) -> Path:
    token = secrets.token_hex(16)
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{token},admin,admin,"system:masters"\n')
    policy = folder / "audit.yaml"
    policy.write_text(_AUDIT)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(_kubeconfig(address, credentials.ca, token))
    kubeconfig.chmod(0o600)
    context = ssl.create_default_context(cafile=str(credentials.ca))
    request = urllib.request.Request(
        f"{address}/readyz", headers={"Authorization": f"Bearer {token}"}
    )
    host, port = address.removeprefix("https://").rsplit(":", 1)
    processes.start(
        "kube-apiserver",
        [
            api, f"--etcd-servers={etcd}", f"--secure-port={port}", f"--bind-address={host}",
            # Pods find the API server by it; a loopback address is no use to them.
            *([] if host == "127.0.0.1" else [f"--advertise-address={host}"]),
            "--kubelet-preferred-address-types=InternalIP",
            f"--tls-cert-file={credentials.server_certificate}",
            f"--tls-private-key-file={credentials.server_key}", f"--token-auth-file={tokens}",
            f"--service-account-key-file={credentials.account_public}",
            f"--service-account-signing-key-file={credentials.account_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICES}", "--authorization-mode=Node,RBAC",
            f"--audit-policy-file={policy}", f"--audit-log-path={folder / 'audit.log'}",
            "--allow-privileged", f"--cert-dir={folder}", "--profiling=false",
        ],
        lambda: answers(request, context),
    )  # fmt: skip
    return kubeconfig


def _start_controllers(
    processes: Processes, manager: Path, kubeconfig: Path, credentials: Credentials
) -> None:
    port = free_port()
    processes.start(
        "kube-controller-manager",
        [
            manager, f"--kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}", "--leader-elect=false",
            "--bind-address=127.0.0.1", f"--secure-port={port}",
            f"--service-account-private-key-file={credentials.account_key}",
            f"--root-ca-file={credentials.ca}", "--use-service-account-credentials",
            f"--cert-dir={credentials.ca.parent}",
        ],
        lambda: answers(f"https://127.0.0.1:{port}/healthz"),
    )  # fmt: skip


def answers(request: str | urllib.request.Request, context: ssl.SSLContext | None = None) -> bool:
    """Whether a server says 200. Without a context, whose its certificate is does not matter."""
    context = context or ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, timeout=2, context=context) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


_AUDIT = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete]
  - level: None
    userGroups: ["system:serviceaccounts:kube-system"]
  - level: Metadata
    userGroups: ["system:serviceaccounts"]
  - level: None
"""
"""Every write with who made it, what pods ask for, and nothing of what was written."""


def _kubeconfig(address: str, ca: Path, token: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {
                    "name": "test",
                    "cluster": {
                        "server": address,
                        "certificate-authority-data": base64.b64encode(ca.read_bytes()).decode(),
                    },
                }
            ],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        }
    )
