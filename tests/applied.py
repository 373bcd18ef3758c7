"""A run that was applied, as the API server shows it, on whichever tier it is."""

from __future__ import annotations

from typing import Any

import yaml

from tests.cluster.kubectl import Kubectl

__all__ = ["RUNS", "AppliedRun", "says"]

RUNS = "analysisruns.insights.observer.io"


class AppliedRun:
    """A run.

    Attributes:
        name: its name.
    """

    def __init__(self, kubectl: Kubectl, namespace: str, name: str) -> None:
        """Name it; it need not be there yet."""
        self._kubectl, self._namespace, self.name = kubectl, namespace, name

    def apply_spec(self, spec: dict[str, Any]) -> None:
        """Apply it, as a person does."""
        document = {
            "apiVersion": "insights.observer.io/v1", "kind": "AnalysisRun",
            "metadata": {"name": self.name, "namespace": self._namespace}, "spec": spec,
        }  # fmt: skip
        self._kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(document))

    def get(self) -> dict[str, Any]:
        """The object."""
        return self._kubectl.get(RUNS, self.name, "-n", self._namespace)

    def says(self, kind: str = "Succeeded") -> tuple[str, str]:
        """Status and reason of a condition, if it speaks of the newest spec."""
        return says(self.get(), kind)

    def message(self, kind: str) -> str:
        """Sentence of a condition."""
        conditions = (self.get().get("status") or {}).get("conditions", ())
        return next((c["message"] for c in conditions if c["type"] == kind), "")

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """Objects that bear its label."""
        selector = f"insights.observer.io/run={self.name}"
        return list(self._kubectl.get(kind, "-n", self._namespace, "-l", selector)["items"])


def says(run: dict[str, Any], kind: str) -> tuple[str, str]:
    """Status and reason of a condition of a run, if it speaks of the newest spec."""
    for each in (run.get("status") or {}).get("conditions", ()):
        if each["type"] == kind and each["observedGeneration"] == run["metadata"]["generation"]:
            return each["status"], each["reason"]
    return "", ""
