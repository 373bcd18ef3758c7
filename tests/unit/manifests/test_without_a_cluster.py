"""What is for people outside of any cluster: units of systemd, hooks and examples for git."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from insights_crds.document import load_file

ROOT = Path(__file__).resolve().parents[3]
UNITS = sorted((ROOT / "manifests" / "systemd").iterdir())
GIT = ROOT / "examples" / "gitops"


def test_systemd_understands_the_units() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [analyze, "verify", "--man=no", *UNITS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # Words about these units, not about others of the machine.
    assert "insights" not in done.stderr


def test_the_gate_is_a_run() -> None:
    (gate,) = load_file(GIT / "gate.yaml")
    assert gate.metadata.annotations["argocd.argoproj.io/hook"] == "PostSync"


@pytest.mark.parametrize("name", ["github-workflow.yaml", "gitlab-ci.yaml"])
def test_pull_requests_validate(name) -> None:
    text = (GIT / name).read_text()
    assert isinstance(yaml.safe_load(text), dict)
    assert "insights validate" in text


def test_the_hook_that_is_named_is_the_hook_that_is_offered() -> None:
    offered = {each["id"] for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    config = yaml.safe_load((GIT / "pre-commit-config.yaml").read_text())
    named = {hook["id"] for repo in config["repos"] for hook in repo["hooks"]}
    assert named == offered
