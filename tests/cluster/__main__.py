"""`python -m tests.cluster build`: build the servers of the test cluster ahead of the tests."""

from __future__ import annotations

import sys

from tests.cluster.binaries import binary

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")


def main(arguments: list[str]) -> int:
    """Build what a tier needs; returns the exit code."""
    if arguments != ["build"]:
        print("usage: python -m tests.cluster build", file=sys.stderr)
        return 2
    for name in CONTROL_PLANE:
        binary(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
