"""The Helm charts of the tree, as Helm itself renders them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.binaries import binary

__all__ = ["CHART", "ENVIRONMENTS", "SYSTEM", "documents", "helm", "render"]

REPOSITORY = Path(__file__).resolve().parents[1]
CHART = REPOSITORY / "manifests" / "chart"
ENVIRONMENTS = sorted((REPOSITORY / "manifests" / "environments").glob("*/values.yaml"))
SYSTEM = "insights-system"


def helm(
    *arguments: str | Path, values: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Helm, with values beside those that the arguments name."""
    return subprocess.run(
        [str(part) for part in (binary("helm"), *arguments, "--values", "-")],
        input=json.dumps(values or {}), capture_output=True, text=True, check=False,
    )  # fmt: skip


def render(
    *files: Path, values: dict[str, Any] | None = None, chart: Path = CHART, namespace: str = SYSTEM
) -> str:
    """The manifests of a release.

    Raises:
        AssertionError: Helm refuses; its words are quoted.
    """
    named = [part for file in files for part in ("--values", file)]
    done = helm(
        "template", "insights", chart, "--namespace", namespace, "--kube-version", "1.37.2", *named,
        values=values,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def documents(text: str) -> list[dict[str, Any]]:
    """The objects in a text of YAML."""
    return [each for each in yaml.safe_load_all(text) if each]
