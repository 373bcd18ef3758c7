"""The servers of a test cluster, built from pinned Go modules into a cache outside the tree.

A binary is built once for each set of pins and toolchain. `KUBEBUILDER_ASSETS` names a folder with
binaries that are there already, as the tools of controller-runtime do. `INSIGHTS_TEST_KUBERNETES`
names an older version of the API server and its controllers, such as 1.34; `go/` has those that can
be had.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BINARIES", "Binary", "binary", "cache_folder", "module_folder"]

_GO = Path(__file__).parent / "go"
_OLDER = os.environ.get("INSIGHTS_TEST_KUBERNETES", "")
_SERVERS = f"kubernetes-{_OLDER}" if _OLDER else "kubernetes"
_VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Binary:
    """A server that is built from a Go module.

    Attributes:
        name: of the executable.
        module: folder below `go/` that pins it.
        package: package to build.
    """

    name: str
    module: str
    package: str


BINARIES = {
    binary.name: binary
    for binary in (
        Binary("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
        Binary("kube-apiserver", _SERVERS, "k8s.io/kubernetes/cmd/kube-apiserver"),
        Binary(
            "kube-controller-manager", _SERVERS, "k8s.io/kubernetes/cmd/kube-controller-manager"
        ),
        Binary("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
        Binary("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet"),
        Binary("kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy"),
        Binary("coredns", "kubernetes", "github.com/coredns/coredns"),
        Binary("kuberay", "kuberay", "github.com/ray-project/kuberay/ray-operator"),
        Binary(
            "kube-router", "kuberouter", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
        ),
        Binary("kueue", "kueue", "sigs.k8s.io/kueue/cmd/kueue"),
        Binary("helm", "gitops", "helm.sh/helm/v3/cmd/helm"),
        # One executable: ARGOCD_BINARY_NAME says which of its servers it is.
        Binary("argocd", "argocd", "github.com/argoproj/argo-cd/v3/cmd"),
        Binary("pause", "pause", "."),
    )
}


def binary(name: str) -> Path:
    """Path of an executable, built if need be.

    Raises:
        RuntimeError: it cannot be built; the compiler's words are quoted.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (Path(assets) / name).is_file():
        return Path(assets) / name
    wanted = BINARIES[name]
    path = cache_folder() / _pins(wanted.module) / name
    if not path.is_file():
        _build(wanted, path)
    return path


def module_folder(module: str, path: str) -> Path:
    """Folder with the sources of a pinned Go module, for the manifests that come with it.

    Args:
        module: folder below `go/` that pins it.
        path: of the Go module.
    """
    done = subprocess.run(
        [_go(), "mod", "download", "-json", path],
        cwd=_GO / module,
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(json.loads(done.stdout)["Dir"])


def cache_folder() -> Path:
    """Where built binaries are kept."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "observer-coordinator-insights" / "binaries"


def _pins(module: str) -> str:
    digest = hashlib.sha256(_go_version().encode())
    for path in sorted((_GO / module).iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _kubernetes(module: str) -> str:
    """Version of Kubernetes that a module pins; of the newest servers where it pins none."""
    for folder in (module, "kubernetes"):
        found = re.search(r"k8s\.io/kubernetes v(\S+)", (_GO / folder / "go.mod").read_text())
        if found:
            return found[1]
    raise RuntimeError("no module pins k8s.io/kubernetes")


def _go() -> str:
    go = shutil.which("go", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if go is None:
        raise RuntimeError("no Go toolchain: install the test dependencies (`make test` does)")
    return go


def _go_version() -> str:
    return subprocess.run(
        [_go(), "env", "GOVERSION"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _build(wanted: Binary, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    print(f"building {wanted.name} (once; some minutes for the larger servers)", file=sys.stderr)
    part = path.with_suffix(f".part{os.getpid()}")
    kubernetes = _kubernetes(wanted.module)
    major, minor, _ = kubernetes.split(".")
    flags = [
        "-s", "-w",
        f"-X {_VERSION}.gitVersion=v{kubernetes}",
        f"-X {_VERSION}.gitMajor={major}",
        f"-X {_VERSION}.gitMinor={minor}",
    ]  # fmt: skip
    done = subprocess.run(
        [_go(), "build", "-trimpath", f"-ldflags={' '.join(flags)}", "-o", part, wanted.package],
        cwd=_GO / wanted.module,
        env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{wanted.name} cannot be built:\n{done.stderr[-3000:]}")
    # A build that was cut off never leaves a broken binary under the final name.
    part.replace(path)
    print(f"built {wanted.name} in {time.monotonic() - began:.0f} s", file=sys.stderr)
