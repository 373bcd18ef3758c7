"""The alerts: well formed, each firing and not firing, each with a runbook that is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "manifests/alerts/insights.yaml"
RUNBOOKS = REPOSITORY / "docs/runbooks"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="no promtool here: install Debian's package prometheus"
)


def alerts() -> list[dict]:
    document = yaml.safe_load(RULES.read_text())
    return [r for group in document["groups"] for r in group["rules"] if "alert" in r]


@needs_promtool
def test_rules_are_well_formed() -> None:
    done = subprocess.run(
        [PROMTOOL, "check", "rules", "--lint=all", "--lint-fatal", RULES],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_else(tmp_path) -> None:
    document = yaml.safe_load(RULES.read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            # What promtool compares word by word; here it is about who fires.
            rule.pop("annotations", None)
    (tmp_path / "insights.yaml").write_text(yaml.safe_dump(document))
    shutil.copy(Path(__file__).with_name("rules_test.yaml"), tmp_path / "rules_test.yaml")
    done = subprocess.run(
        [PROMTOOL, "test", "rules", "rules_test.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_both_ways() -> None:
    tests = yaml.safe_load(Path(__file__).with_name("rules_test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    firing = {case["alertname"] for case in cases if case["exp_alerts"]}
    # Others of the same name that must not fire stand beside those that do.
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}
    names = {each["alert"] for each in alerts()}
    assert firing == names
    assert quiet >= names - {"InsightsRunFailed", "InsightsQualityDropped"}


@pytest.mark.parametrize("alert", alerts(), ids=lambda each: each["alert"])
def test_an_alert_says_what_to_do(alert) -> None:
    said = alert["annotations"]
    assert {"summary", "description", "runbook_url", "dashboard"} <= said.keys()
    assert said["runbook_url"].endswith(f"docs/runbooks/{alert['alert']}.md")
    assert (RUNBOOKS / f"{alert['alert']}.md").is_file()
    assert alert["labels"]["severity"] in ("critical", "warning")
    board = said["dashboard"].removeprefix("insights-")
    assert (REPOSITORY / f"manifests/dashboards/{board}.json").is_file()


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_has_what_a_tired_person_needs(page) -> None:
    text = page.read_text()
    assert page.stem in {each["alert"] for each in alerts()}
    sections = [line for line in text.splitlines() if line.startswith("## ")]
    assert sections == [
        "## What it means", "## First three commands", "## Causes and fixes", "## Whom to wake",
    ]  # fmt: skip
    commands = text.split("## First three commands")[1].split("## Causes")[0]
    lines = [x for x in commands.splitlines() if x.startswith(("kubectl", "curl", "insights"))]
    assert len(lines) == 3
    assert "| cause | how to tell | fix |" in text


AMTOOL = shutil.which("amtool")


@pytest.mark.skipif(
    AMTOOL is None, reason="no amtool here: install Debian's package prometheus-alertmanager"
)
@pytest.mark.parametrize(
    ("severity", "receivers"), [("critical", "pagerduty,slack"), ("warning", "slack")]
)
def test_alerts_reach_those_whom_they_should(severity, receivers) -> None:
    routes = REPOSITORY / "manifests/alerts/alertmanager.yaml"
    checked = subprocess.run([AMTOOL, "check-config", routes], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    done = subprocess.run(
        [
            AMTOOL, "config", "routes", "test", f"--config.file={routes}",
            "alertname=InsightsNoLeader", f"severity={severity}",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == receivers
