"""`python -m tests.cluster build TIER | up | down`: servers for tests, or a cluster to play."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cluster.binaries import binary

TIERS = {
    "apiserver": ("etcd", "kube-apiserver", "kube-controller-manager", "helm", "argocd"),
    "cluster": (
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
        "kube-proxy", "kube-router", "coredns", "pause", "kuberay", "kueue", "helm",
    ),
    "gitops": (
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
        "kube-proxy", "kube-router", "coredns", "pause", "helm", "argocd",
    ),
}  # fmt: skip
_REPOSITORY = Path(__file__).resolve().parents[2]
_FOLDER = _REPOSITORY / ".cache" / "cluster"
_KUBECONFIG = _FOLDER / "kubeconfig"
_PROCESS = _FOLDER / "pid"
_START_SECONDS = 1800.0


def main(arguments: list[str]) -> int:
    """Do what is asked; returns the exit code."""
    match arguments:
        case ["build", tier] if tier in TIERS:
            for name in TIERS[tier]:
                binary(name)
            return 0
        case ["up"]:
            return _up()
        case ["serve"]:
            return _serve()
        case ["down"]:
            return _down()
    print(
        f"usage: python -m tests.cluster build {{{','.join(TIERS)}}} | up | down", file=sys.stderr
    )
    return 2


def _up() -> int:
    """Start a cluster that outlives us."""
    from tests.cluster.node import missing

    reason = missing()
    if reason is not None:
        print(f"no cluster can run here: {reason}", file=sys.stderr)
        return 1
    _down()
    _FOLDER.mkdir(parents=True)
    log = _FOLDER / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster", "serve"],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=_REPOSITORY,
            start_new_session=True,
        )  # fmt: skip
    _PROCESS.write_text(str(process.pid))
    print(f"starting a cluster; what it does is told in {log.relative_to(_REPOSITORY)}")
    began, told = time.monotonic(), 0
    while not _KUBECONFIG.exists():
        if process.poll() is not None or time.monotonic() - began > _START_SECONDS:
            print(log.read_text()[-3000:], file=sys.stderr)
            return 1
        lines = log.read_text().splitlines()
        for line in lines[told:]:
            print(f"  {line}")
        told = len(lines)
        time.sleep(0.5)
    print(_WELCOME.format(seconds=time.monotonic() - began))
    return 0


def _serve() -> int:
    """Be the cluster until told to stop."""
    from tests.cluster.product import cluster

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with cluster(_FOLDER / "stores") as running:
        part = _KUBECONFIG.with_suffix(".part")
        shutil.copy(running.plane.kubeconfig, part)
        part.replace(_KUBECONFIG)
        signal.pause()
    return 0


def _down() -> int:
    """Remove every trace of the cluster."""
    if _PROCESS.exists():
        pid = int(_PROCESS.read_text())
        try:
            os.kill(pid, signal.SIGTERM)
            while Path(f"/proc/{pid}").exists() and not _zombie(pid):
                time.sleep(0.2)
        except ProcessLookupError:
            pass
    shutil.rmtree(_FOLDER, ignore_errors=True)
    return 0


def _zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


_WELCOME = """
The cluster is ready ({seconds:.0f} s): one node, KubeRay, Postgres, S3, and our operator twice.

  export KUBECONFIG=.cache/cluster/kubeconfig PATH=$PWD/.venv/bin:$PATH
  kubectl apply -n people -f examples/cluster.yaml
  kubectl get -n people analysisruns.insights.observer.io --watch

`make cluster-down` removes every trace.
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
