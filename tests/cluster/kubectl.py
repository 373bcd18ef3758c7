"""`kubectl` against one cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cluster.processes import wait_for

__all__ = ["Kubectl"]


class Kubectl:
    """`kubectl` against one cluster.

    Attributes:
        command: how it is called.
    """

    def __init__(self, kubeconfig: Path) -> None:
        """Use a kubeconfig."""
        found = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if found is None:
            raise RuntimeError("no kubectl: install the test dependencies (`make test` does)")
        self.command = [found, f"--kubeconfig={kubeconfig}"]

    def try_(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it, whether or not it succeeds."""
        return subprocess.run(
            [*self.command, *arguments], input=stdin, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run it; what it prints.

        Raises:
            AssertionError: it failed; its words are quoted.
        """
        done = self.try_(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object or a list, as JSON."""
        return dict(json.loads(self("get", *arguments, "-o", "json")))

    def establish(self, *crds: str) -> None:
        """Wait until the API server serves kinds that were just applied."""

        # `kubectl wait` gives up where a CRD has no conditions yet, which is so for a moment.
        def served() -> bool:
            done = self.try_("wait", "--for=condition=Established", "--timeout=5s", "crd", *crds)
            return done.returncode == 0

        wait_for(served, 60)

    def ready_node(self, name: str) -> bool:
        """Whether a node says that it is ready."""
        done = self.try_(
            "get", "node", name, "-o",
            "jsonpath={.status.conditions[?(@.type=='Ready')].status}",
        )  # fmt: skip
        return done.stdout.strip() == "True"
