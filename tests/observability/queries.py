"""The queries of every panel and rule, asked of a Prometheus that has seen something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.observability.prometheus import Prometheus, faster, substituted

__all__ = ["BOARDS", "RULES", "unanswered_panels", "unanswered_rules"]

REPOSITORY = Path(__file__).resolve().parents[2]
BOARDS = sorted((REPOSITORY / "manifests/dashboards").glob("*.json"))
RULES = REPOSITORY / "manifests/alerts/insights.yaml"


def unanswered_panels(prometheus: Prometheus, path: Path, not_due: Mapping[str, str]) -> list[str]:
    """What is wrong with the answers to a dashboard's queries, over all the time so far.

    Args:
        prometheus: whom to ask.
        path: of the dashboard.
        not_due: queries that have no data, as `board/panel/letter`, each with the reason. One that
            has data all the same is wrong, too.
    """
    wrong = []
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel.get("targets", ()):
            name = f"{path.stem}/{panel['title']}/{target['refId']}"
            found = prometheus.over_time(substituted(target["expr"]), 5)
            real = any(value != "NaN" for each in found for _, value in each["values"])
            if not real and name not in not_due:
                wrong.append(f"{name}: {target['expr']}")
            if real and name in not_due:
                wrong.append(f"{name} has data; take it off the list")
    for name, reason in not_due.items():
        if name.startswith(f"{path.stem}/"):
            print(f"no data due: {name}: {reason}")
    return wrong


def unanswered_rules(prometheus: Prometheus, not_due: Mapping[str, str]) -> list[str]:
    """What lacks data, of the rules' records and alerts, by their names.

    Of several rules of one name at least one has data. An alert that is not due may come all the
    same, where a machine is too busy for what a test does to it.
    """
    answers: dict[str, bool] = {}
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            name = rule.get("record") or rule["alert"]
            # A cause may be there for a second or two.
            found = prometheus.over_time(faster(rule["expr"]))
            answers[name] = answers.get(name, False) or bool(found)
    for name, reason in not_due.items():
        print(f"no data due: {name}: {reason}")
    return [name for name, answered in answers.items() if not answered and name not in not_due]
