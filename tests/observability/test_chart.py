"""What the chart adds for Prometheus and Grafana, as Helm renders it."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.chart import REPOSITORY, documents, render
from tests.cluster.binaries import binary

try:
    binary("helm")
except RuntimeError as error:  # pragma: no cover
    pytest.skip(f"no helm here: {error}", allow_module_level=True)

KINDS = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
ON = {"monitors": True, "rules": True, "dashboards": True, "labels": {"release": "prometheus"}}


def test_nothing_of_it_by_default() -> None:
    made = documents(render())
    assert not KINDS & {each["kind"] for each in made}
    assert not [each for each in made if "dashboard" in each["metadata"]["name"]]


def test_monitors_rules_and_dashboards() -> None:
    made = documents(render(values={"monitoring": ON, "namespaces": [{"name": "people"}]}))
    by_kind = {each["kind"]: each for each in made if each["kind"] in KINDS}
    assert by_kind.keys() == KINDS
    for each in by_kind.values():
        assert each["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = by_kind["ServiceMonitor"]["spec"]["endpoints"]
    service = next(each for each in made if each["kind"] == "Service")
    # The monitor's selector finds the service, the service's the operator's pods.
    wanted = by_kind["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    deployment = next(each for each in made if each["kind"] == "Deployment")
    pod = deployment["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    ports = [port["name"] for port in pod["spec"]["containers"][0]["ports"]]
    assert endpoint["honorLabels"]
    assert service["spec"]["ports"][0]["targetPort"] in ports
    (endpoint,) = by_kind["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"]
    labels = [each["targetLabel"] for each in endpoint["relabelings"]]
    assert labels == ["environment", "run", "attempt", "node_type"]
    rules = yaml.safe_load((REPOSITORY / "manifests/alerts/insights.yaml").read_text())
    assert by_kind["PrometheusRule"]["spec"] == rules
    boards = [each for each in made if "grafana_dashboard" in each["metadata"].get("labels", {})]
    assert len(boards) == 5
    for board in boards:
        ((name, text),) = board["data"].items()
        path = REPOSITORY / "manifests/dashboards" / name.removeprefix("insights-")
        assert json.loads(text) == json.loads(path.read_text())
    policies = [each for each in made if each["metadata"]["name"].endswith("-metrics")]
    assert {each["metadata"]["namespace"] for each in policies} == {"insights-system", "people"}
