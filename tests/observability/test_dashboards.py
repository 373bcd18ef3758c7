"""The dashboards as files: what a person needs from each panel, and a shape that Grafana reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from insights_operator.metric_families import families
from insights_workloads.measures import MEASURES
from insights_workloads.ray_metrics import exported
from manifests.dashboards.generate import generated
from manifests.dashboards.panels import STATES

FOLDER = Path(__file__).resolve().parents[2] / "manifests/dashboards"
BOARDS = sorted(FOLDER.glob("*.json"))
# Okabe and Ito, which people who see colours differently can tell apart, and greys.
PALETTE = {
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#999999",
    "#666666",
}  # fmt: skip


def panels(path: Path) -> list[dict]:
    return [p for p in json.loads(path.read_text())["panels"] if p["type"] != "row"]


def test_what_is_checked_in_is_what_is_made() -> None:
    assert {path.name: path.read_text() for path in BOARDS} == generated()


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_grafana_s_schema_knows_every_field(path) -> None:
    """The SDK is made from Grafana's schema: what it reads and writes again is of that schema."""
    board = json.loads(path.read_text())
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    assert again == board


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_each_panel_says_what_it_shows(path) -> None:
    for panel in panels(path):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"].endswith("."), panel["title"]
        assert len(defaults["noValue"]) > 5, panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"], panel["title"]
        assert panel["targets"], panel["title"]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_do_not_lie_on_each_other(path) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(path.read_text())["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert x < 24
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_variables_and_links(path) -> None:
    board = json.loads(path.read_text())
    names = [each["name"] for each in board["templating"]["list"]]
    assert names[:3] == ["source", "environment", "namespace"]
    assert ("run" in names) is (path.stem == "run")
    assert [(link["type"], link["tags"]) for link in board["links"]] == [
        ("dashboards", ["insights"])
    ]
    assert board["tags"] == ["insights"]
    asked = " ".join(t["expr"] for p in panels(path) for t in p["targets"])
    used = set(re.findall(r"\$(?!__)(\w+)", asked))
    assert used <= set(names)
    linked = json.dumps([p["fieldConfig"].get("overrides") for p in panels(path)])
    if path.stem == "overview":
        assert "/d/insights-run?" in linked
    if path.stem == "run":
        assert "${reports}/" in linked


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_colours_can_be_told_apart(path) -> None:
    used = set(re.findall(r"#[0-9A-Fa-f]{6}", path.read_text()))
    assert used <= PALETTE
    assert used <= set(STATES.values()) | PALETTE


def test_every_metric_of_ours_that_is_asked_for_exists() -> None:
    known = set()
    for family, _ in families():
        kinds = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}
        known |= {family.name + ending for ending in kinds.get(family.type, ("",))}
    known |= {exported(measure) for measure in MEASURES}
    for path in [*BOARDS, FOLDER.parent / "alerts/insights.yaml"]:
        asked = set(re.findall(r"\b(?:ray_)?insights_[a-z]+_\w+", path.read_text()))
        assert asked <= known, path.name
