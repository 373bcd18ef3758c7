"""Real runs on a real node, scraped by a real Prometheus as the chart's monitors say.

What `test_live` stands in for is real here: drivers, Ray, KubeRay, pods. A wrong selector, port or
label of a monitor finds no target here, and the queries no data.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import obstore
import pytest
import yaml

from insights_workloads.measures import MEASURES
from insights_workloads.ray_metrics import exported
from tests.chart import documents, render
from tests.cluster.processes import wait_for
from tests.cluster.product import NAMESPACE, SYSTEM, secret
from tests.cluster.run import Run, small_ray_cluster
from tests.observability.discovery import Discovery
from tests.observability.monitors import scrape_configs
from tests.observability.pictures import draw
from tests.observability.prometheus import Prometheus, fixed
from tests.observability.queries import BOARDS, RULES, unanswered_panels, unanswered_rules
from tests.observability.test_logs import valid

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="no prometheus here: install Debian's package prometheus",
    ),
]

DRAWN = ("operator", "run")
"""Dashboards of which more is to be seen here than without a node."""
PEOPLE = 400_000
CANARY = "zwitscher"
NO_DATA_DUE = {
    "overview/Schedules/C": "no time of a schedule was missed",
}
"""Queries that have no data here, each with the reason."""
ALERTS_NOT_DUE = (
    "InsightsErrorBudgetBurn",
    "InsightsNoLeader",
    "InsightsOperatorDown",
    "InsightsQualityDropped",
    "InsightsRunStuck",
    "InsightsScheduleMissed",
    "InsightsStoreUnreachable",
    "InsightsWatchStale",
)
"""Alerts whose cause is not there; test_live brings it about."""
ONE_POD = {"mode": "SinglePod", "head": {"cpu": "500m", "memory": "1Gi"}}
STAY = {"childTTL": {"successSeconds": 20, "failureSeconds": 600}}


def monitors(made: list[dict]) -> list[dict]:
    return [each for each in made if each["kind"] in ("ServiceMonitor", "PodMonitor")]


def wrong(monitor: dict, old: str, new: str) -> dict:
    """A monitor in which a word is misspelt."""
    text = json.dumps(monitor["spec"])
    assert old in text
    other = copy.deepcopy(monitor)
    other["metadata"]["name"] += f"-{len(new)}-misspelt"
    other["spec"] = json.loads(text.replace(old, new))
    return other


def many_people(objects) -> None:
    """A roster that keeps two cores busy for some seconds; every id is a canary."""
    random = np.random.default_rng(8)
    centres = random.uniform(20, 80, (9, 4))
    energies = np.clip(random.normal(centres[random.integers(0, 9, PEOPLE)], 9.0), 0, 100)
    lines = [
        f"{CANARY}-{at},{r:.1f},{y:.1f},{g:.1f},{b:.1f}" for at, (r, y, g, b) in enumerate(energies)
    ]
    text = "\n".join(["id,red,yellow,green,blue", *lines])
    obstore.put(objects, "rosters/many.csv", text.encode())


def schedule() -> str:
    spec = {
        "source": {"uri": "s3://ready-probe/rosters/people.csv"},
        "clustering": {"k": {"fixed": 4}},
        "teams": {"size": {"min": 6, "max": 8}},
        "compute": ONE_POD,
        "policy": STAY,
    }
    return yaml.safe_dump(
        {
            "apiVersion": "insights.observer.io/v1", "kind": "AnalysisSchedule",
            "metadata": {"name": "minutely", "namespace": NAMESPACE},
            "spec": {"schedule": "* * * * *", "runTemplate": {"spec": spec}},
        }
    )  # fmt: skip


class Scene:
    """A cluster in which things have happened, and the Prometheus that watched."""

    def __init__(self, cluster, folder: Path) -> None:
        self.cluster = cluster
        on = {"monitors": True, "interval": "2s"}
        values = {"environment": "test", "monitoring": on, "namespaces": [{"name": NAMESPACE}]}
        made = documents(render(values=values))
        # The Prometheus Operator is not here to serve the monitors' kinds; the rest is applied.
        for each in made:
            if each["metadata"]["name"].endswith("-metrics"):
                cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(each))
        service, pods = sorted(monitors(made), key=lambda each: each["kind"], reverse=True)
        misspelt = [
            wrong(service, '"port": "http"', '"port": "web"'),
            wrong(service, "insights-operator", "insights-operators"),
            wrong(pods, '"port": "metrics"', '"port": "metric"'),
            wrong(pods, "observer.io/role", "rule"),
        ]
        self.discovery = Discovery(cluster.plane.kubeconfig, folder)
        scraped = scrape_configs([service, pods, *misspelt], self.discovery.files)
        self.prometheus = Prometheus(folder, RULES, [*scraped, fixed("kuberay", cluster.kuberay)])
        self.began, self.log = 0.0, ""

    def happen(self) -> None:
        """Let runs succeed and fail."""
        kubectl = self.cluster.kubectl
        many_people(self.cluster.objects)
        # Ray gathers figures each ten seconds; for a run of a minute that is too seldom.
        secret(kubectl, NAMESPACE, "ray-settings", {"interval": "1000"})
        kubectl("apply", "--server-side", "-f", "-", stdin=schedule())
        nobody = Run(self.cluster, "nobody")
        nobody.apply(
            source={"uri": "s3://ready-probe/rosters/nobody.csv"}, compute=ONE_POD, policy=STAY
        )
        one = Run(self.cluster, "one-pod")
        one.apply(compute=ONE_POD, policy=STAY, clustering={"k": {"fixed": 4}})
        lost = Run(self.cluster, "lost")
        lost.apply(compute=ONE_POD, policy={**STAY, "retries": {"limit": 0}})
        lost.wait(lambda: lost.pods("driver"), 180)
        self.cluster.node.kill_container(lost.pods("driver")[0], "driver")
        assert lost.finished()[0] == "False"
        assert one.finished() == ("True", "Published"), one.story()
        # Other groups of the same people, which are compared with those before.
        one.apply(compute=ONE_POD, policy=STAY, clustering={"k": {"fixed": 5}})
        assert nobody.finished() == ("False", "SourceNotFound"), nobody.story()
        one.wait(lambda: len(one.publications()) == 2, 180)
        kind = "analysisschedules.insights.observer.io/minutely"
        wait_for(lambda: self.succeeded(kind), 180)
        suspend = json.dumps({"spec": {"suspend": True}})
        kubectl("patch", kind, "-n", NAMESPACE, "--type=merge", "-p", suspend)
        self.compute_on_ray()

    def stop(self) -> None:
        self.prometheus.stop()
        self.discovery.stop()

    def succeeded(self, kind: str) -> bool:
        """Whether a schedule's run has."""
        found = self.cluster.kubectl.get(kind, "-n", NAMESPACE)
        return "lastSuccessfulTime" in found.get("status", {})

    def compute_on_ray(self) -> None:
        """One run on a Ray cluster of its own, large enough to be watched."""
        run = Run(self.cluster, "many")
        interval = {"name": "ray-settings", "key": "interval"}
        run.apply(
            source={"uri": "s3://ready-probe/rosters/many.csv"},
            clustering={"k": {"fixed": 40}, "tolerance": 0.0, "restarts": 1},
            teams={"size": {"min": 8, "max": 8}, "rounds": 40},
            compute=small_ray_cluster(
                env=[{"name": "RAY_metrics_report_interval_ms", "secretKeyRef": interval}]
            ),
            policy={"childTTL": {"successSeconds": 600}},
        )
        self.began = time.time()
        assert run.finished(500) == ("True", "Published"), run.story()
        run.wait(lambda: run.pods("submitter", "Succeeded"), 60)
        (submitter,) = run.pods("submitter", "Succeeded")
        self.log = self.cluster.kubectl("logs", "-n", NAMESPACE, submitter)
        ended = f'insights_run_result_info{{run="{run.name}"}}'
        wait_for(lambda: self.prometheus.instant(ended) != [], 60)


@pytest.fixture(scope="module")
def scene(cluster, tmp_path_factory):
    scene = Scene(cluster, tmp_path_factory.mktemp("node"))
    try:
        scene.happen()
        yield scene
    finally:
        scene.stop()


def scraped(scene: Scene) -> dict[str, set[str]]:
    """Pods that answered, by the job that found them."""
    out: dict[str, set[str]] = {}
    for each in scene.prometheus.instant("max_over_time(up[1h]) == 1"):
        out.setdefault(each["metric"]["job"], set()).add(each["metric"].get("pod", ""))
    return out


def test_monitors_find_what_they_are_for_and_nothing_else(scene) -> None:
    found = scraped(scene)
    assert found.keys() == {"insights-operator-metrics", f"{SYSTEM}/insights-ray", "kuberay"}
    assert len(found["insights-operator-metrics"]) == 2
    assert all(pod.startswith("insights-operator-") for pod in found["insights-operator-metrics"])
    ray = found[f"{SYSTEM}/insights-ray"]
    assert {next(kind for kind in ("head", "worker") if kind in pod) for pod in ray} == {
        "head", "worker",
    }  # fmt: skip
    assert all(pod.startswith("many-") for pod in ray)


def test_every_measure_of_a_driver_arrives_with_the_names_of_its_run(scene) -> None:
    for measure in MEASURES:
        found = scene.prometheus.over_time(exported(measure))
        assert found, measure.name
        for each in found:
            labels = each["metric"]
            who = (labels["environment"], labels["namespace"], labels["run"], labels["attempt"])
            assert who == ("test", NAMESPACE, "many", "1"), labels
            assert not any(name.startswith("exported_") for name in labels), labels


def test_what_a_driver_tells_agrees_with_its_result(scene) -> None:
    by = "environment, namespace, run"
    read = (
        f"max by ({by}) (last_over_time(ray_insights_workload_rows_read_total[1h])) "
        f"== on ({by}) max by ({by}) (insights_run_people + insights_run_rejected_rows)"
    )
    (only,) = scene.prometheus.instant(read)
    assert float(only["value"][1]) == PEOPLE
    falls = [
        float(value)
        for each in scene.prometheus.over_time("ray_insights_workload_kmeans_inertia")
        for _, value in each["values"]
    ]
    assert falls[0] >= falls[-1] > 0
    stages = {
        each["metric"]["stage"]
        for each in scene.prometheus.over_time("ray_insights_workload_stage_active == 1")
    }
    assert stages >= {"Cluster", "Teams", "Publish"}


def test_ray_s_own_series_bear_the_names_of_the_run(scene) -> None:
    for name in ("ray_node_mem_used", "ray_object_store_used_memory", "ray_node_disk_free"):
        found = [each["metric"] for each in scene.prometheus.over_time(name)]
        assert {each["node_type"] for each in found} == {"head", "worker"}, name
        assert {(e["environment"], e["namespace"], e["run"], e["attempt"]) for e in found} == {
            ("test", NAMESPACE, "many", "1")
        }


def test_a_pod_of_ray_has_few_series(scene) -> None:
    """Every run has pods of its own: what each of them costs counts."""
    names = f'count by (pod) (last_over_time({{job="{SYSTEM}/insights-ray"}}[1h]))'
    counts = {e["metric"]["pod"]: int(e["value"][1]) for e in scene.prometheus.instant(names)}
    print(f"series of Ray's pods: {counts}")
    assert len(counts) == 2
    assert not scene.prometheus.instant("last_over_time(ray_grpc_server_req_new_total[1h])")


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_query_of_every_panel_has_data(scene, path) -> None:
    empty = unanswered_panels(scene.prometheus, path, NO_DATA_DUE)
    assert not empty, "\n".join(empty)


def test_every_rule_has_data_where_it_is_due(scene) -> None:
    not_due = dict.fromkeys(ALERTS_NOT_DUE, "its cause is not there; test_live brings it about")
    wrong = unanswered_rules(scene.prometheus, not_due)
    assert not wrong, "\n".join(wrong)
    fired = {each["metric"]["run"] for each in scene.prometheus.fired("InsightsRunFailed")}
    assert fired == {"lost", "nobody"}


@pytest.mark.parametrize("path", [p for p in BOARDS if p.stem in DRAWN], ids=lambda path: path.stem)
def test_a_picture_of_each_dashboard(scene, path, tmp_path) -> None:
    folder = Path(os.environ.get("INSIGHTS_PICTURES", tmp_path))
    picture = folder / f"{path.stem}.png"
    seen = copy.copy(scene.prometheus)
    if path.stem == "run":
        # As a person would: of the time of the run.
        seen.began = scene.began
    draw(json.loads(path.read_text()), seen, picture, "many")
    assert picture.stat().st_size > 20_000


def test_nothing_that_is_told_names_a_person(scene) -> None:
    """No label, no line of a log, no event and no status, of runs whose every id is a canary."""
    series = json.dumps(scene.prometheus.over_time('{__name__=~".+"}', step=60))
    assert CANARY not in series
    kubectl = scene.cluster.kubectl
    kept = {
        each["path"]: obstore.get(scene.cluster.objects, each["path"]).bytes().to_bytes().decode()
        for page in obstore.list(scene.cluster.objects, f"results/test/{NAMESPACE}/_logs/")
        for each in page
    }
    # The log of the driver that was killed went with it.
    assert {path.split("/")[4] for path in kept} >= {"many", "nobody", "one-pod"}
    assert not any("/lost/" in path for path in kept)
    for text in kept.values():
        for line in text.splitlines():
            assert valid(line)["environment"] == "test"
    driver = next(text for path, text in kept.items() if "/many/" in path)
    assert all(line in scene.log for line in driver.splitlines())
    told = [
        *kept.values(),
        scene.log,
        kubectl("get", "events", "-A", "-o", "yaml"),
        kubectl("get", "analysisruns.insights.observer.io", "-A", "-o", "yaml"),
        kubectl("logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=insights-operator",
                "--tail=-1"),
    ]  # fmt: skip
    for text in told:
        assert text
        assert not re.search(CANARY, text, re.IGNORECASE)
