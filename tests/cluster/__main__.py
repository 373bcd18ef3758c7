"""`python -m tests.cluster build [TIER]`: build the servers of a tier ahead of its tests."""

from __future__ import annotations

import sys

from tests.cluster.binaries import binary

TIERS = {
    "apiserver": ("etcd", "kube-apiserver", "kube-controller-manager"),
    "cluster": (
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
        "kube-proxy", "coredns", "pause", "kuberay", "helm",
    ),
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Build what a tier needs; returns the exit code."""
    match arguments:
        case ["build", tier] if tier in TIERS:
            for name in TIERS[tier]:
                binary(name)
            return 0
    print(f"usage: python -m tests.cluster build {{{','.join(TIERS)}}}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
