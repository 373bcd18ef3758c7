"""Real runs on a real API server, scraped by a real Prometheus: every query and every alert.

There is no node: the test is the driver, as in the tests of the operator. Every alert's cause is
brought about for real; its times are divided by sixty (promtool tests them as they are).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import yaml

from insights_crds.reasons import FailureClass
from insights_store import driver, schema
from insights_store.execution import Fenced
from tests.apiserver.life import NAMESPACE, OUTGOING, Life, Operators
from tests.cluster.processes import free_port, wait_for
from tests.observability.pictures import draw
from tests.observability.prometheus import Prometheus, fixed
from tests.observability.queries import BOARDS, RULES, unanswered_panels, unanswered_rules
from tests.observability.test_logs import valid
from tests.observability.test_rules import alerts
from tests.postgres import Postgres

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="no prometheus here: install Debian's package prometheus",
    ),
]

REPOSITORY = Path(__file__).resolve().parents[2]
OF_A_NODE = {
    f"{path.stem}/{panel['title']}/{target['refId']}": "no node, so no Ray, no KubeRay"
    for path in BOARDS
    for panel in json.loads(path.read_text())["panels"]
    for target in panel.get("targets", ())
    if re.search(r"\b(?:kube)?ray_", target["expr"])
}
"""Queries that have no data here; `test_node` has it."""

DRAWN = ("overview", "results", "slo")
"""Dashboards of which more is to be seen here than on a node."""

SUMMARY = {
    "people": 1200, "rejectedRows": 12, "clusters": 4, "clustersBecause": "for a test",
    "silhouette": 0.52, "stability": 0.83, "teams": 120,
    "clusterChange": {"people": 1180, "moved": 40, "adjustedRand": 0.93},
    "balance": {"before": 0.11, "after": 0.012}, "worstTeamDistance": 0.41, "softRulesBroken": 1,
    "stageSeconds": {"ingest": 1.2, "cluster": 4.5, "teams": 7.5},
    "links": {"report": "test/life/r/k/1-1/report.html", "results": "test/life/r/k/1-1"},
}  # fmt: skip
LASTED = 'count_over_time(insights:silhouette:line{line="survey"}[2m]) > 25'
ONCE = {"retries": {"limit": 0}}


class Stage:
    """Everything that runs, and what the test does to it."""

    def __init__(self, apiserver, kubectl, folder: Path) -> None:
        self.apiserver, self.kubectl, self.folder = apiserver, kubectl, folder
        self.postgres = Postgres()
        schema.upgrade(self.postgres.dsn)
        kubectl("create", "namespace", NAMESPACE)
        self.operators = Operators(
            apiserver.kubeconfig, self.postgres.dsn, folder, INSIGHTS_LISTING_SECONDS="3"
        )
        self.ports = [free_port(), free_port()]
        self.replicas = [self.replica(port) for port in self.ports]
        scraped = fixed("insights-operator", *(f"127.0.0.1:{port}" for port in self.ports))
        self.prometheus = Prometheus(folder, RULES, [scraped])
        self._beats = threading.Event()

    def replica(self, port: int):
        return self.operators.start(INSIGHTS_HTTP_PORT=str(port))

    def stop(self) -> None:
        self._beats.set()
        self.prometheus.stop()
        self.operators.stop()
        self.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
        self.kubectl("delete", "lease", "insights-operator", "-n", "default", "--ignore-not-found")
        self.postgres.stop()

    def life(self, name: str) -> Life:
        return Life(self.kubectl, self.postgres.dsn, self.operators, name)

    def begin(self, name: str, **parts) -> Life:
        life = self.life(name)
        life.apply(**parts)
        life.wait(lambda: len(life.children()) == 1)
        return life

    def publish(self, life: Life, **figures) -> None:
        outgoing = replace(OUTGOING, fingerprint=life.name, summary={**SUMMARY, **figures})
        with psycopg.connect(self.postgres.dsn) as connection:
            held = life.claim(connection)
            for percent, stage in enumerate(("Ingest", "Cluster", "Teams"), 1):
                driver.heartbeat(
                    connection, held, stage=stage, percent=30 * percent, remaining_seconds=9
                )
            driver.publish(connection, held, outgoing, lambda c, p: None)
        life.wait(lambda: life.says() == ("True", "Published"))

    def fail(self, life: Life, failure: FailureClass, reason: str) -> None:
        with psycopg.connect(self.postgres.dsn) as connection:
            driver.fail(connection, life.claim(connection), failure, reason, "as the test wants it")
        life.wait(lambda: (life.says() or ("",))[0] == "False")

    def keep_alive(self, life: Life, stage: str, percent: int, rises: bool = False) -> None:
        """Beat for a run until the end, getting on or not."""
        with psycopg.connect(self.postgres.dsn) as connection:
            held = life.claim(connection)

        def beat() -> None:
            done = percent
            while not self._beats.wait(2):
                with (
                    suppress(psycopg.OperationalError, Fenced),
                    psycopg.connect(self.postgres.dsn, connect_timeout=2) as connection,
                ):
                    driver.heartbeat(
                        connection, held, stage=stage, percent=done, remaining_seconds=100 - done
                    )
                done = min(99, done + 1) if rises else done

        threading.Thread(target=beat, daemon=True).start()

    def leading(self):
        """The replica that leads."""
        holder = self.kubectl.try_(
            "get", "lease", "insights-operator", "-n", "default", "-o",
            "jsonpath={.spec.holderIdentity}",
        ).stdout  # fmt: skip
        alive = [p for p in self.operators.running if p.poll() is None]
        return next((p for p in alive if holder.endswith(f"-{p.pid}")), None)

    def fires(
        self, alert: str, deadline: float = 60, since: float | None = None, **labels: str
    ) -> None:
        """Wait until an alert has fired since its cause came; before it may have for another."""

        def fired() -> bool:
            found = [each["metric"] for each in self.prometheus.fired(alert, since)]
            return any(labels.items() <= each.items() for each in found)

        try:
            wait_for(fired, deadline, 0.5)
        except TimeoutError:
            logs = self.operators.logs()
            raise AssertionError(f"{alert} {labels} has not fired\n{logs}") from None
        print(f"{alert} {labels or ''} fired")


@pytest.fixture(scope="module")
def stage(apiserver, kubectl, tmp_path_factory):
    if os.environ.get("KUBECONFIG"):
        pytest.skip("a cluster of somebody else's is not to be frozen")
    stage = Stage(apiserver, kubectl, tmp_path_factory.mktemp("observability"))
    yield stage
    stage.stop()


def schedule(name: str, **spec) -> str:
    template = {"spec": {"source": {"uri": "s3://b/people.csv"}, "teams": {"count": 3}}}
    return yaml.safe_dump(
        {
            "apiVersion": "insights.observer.io/v1", "kind": "AnalysisSchedule",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"schedule": "* * * * *", "runTemplate": template, **spec},
        }
    )  # fmt: skip


@contextmanager
def frozen(pids: list[int]):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def until_second(second: int) -> None:
    wait_for(lambda: int(time.time()) % 60 == second, 70, 0.2)


def test_everything_that_can_go_wrong_is_seen(stage) -> None:
    prometheus = stage.prometheus
    wait_for(lambda: len(prometheus.instant("insights_operator_leader == 1")) == 1, 40)
    wait_for(lambda: len(prometheus.instant("insights_operator_leader == 0")) == 1, 40)
    stage.kubectl("apply", "--server-side", "-f", "-",
                  stdin=schedule("minutely", startingDeadlineSeconds=3))  # fmt: skip
    stage.keep_alive(stage.begin("stuck", policy=ONCE), "Cluster", 40)
    stage.keep_alive(stage.begin("goes-on"), "Teams", 5, rises=True)
    stage.begin("starting")
    for name, figures in {
        "sales": {"people": 900, "silhouette": 0.61, "worstTeamDistance": 0.3},
        "engineering": {"people": 3100, "clusters": 5, "softRulesBroken": 3, "stability": 0.71},
        "uneven": {"balance": {"before": 0.10, "after": 0.13}, "worstTeamDistance": 1.2},
        "torn": {"people": 1500, "rejectedRows": 400, "stability": 0.55, "softRulesBroken": 2},
        "other-groups": {"clusterChange": {"people": 1100, "moved": 800, "adjustedRand": 0.1}},
    }.items():
        stage.publish(stage.begin(name), **figures)
    stage.life("nowhere").apply(results={"store": "no-such-store"})
    stage.fail(stage.begin("no-people"), FailureClass.USER, "NoPeople")
    survey = stage.life("survey")
    for seed in range(6):
        if seed == 5:
            # A week of good results.
            wait_for(lambda: prometheus.instant(LASTED) != [], 60)
        survey.apply(clustering={"seed": seed})
        survey.wait(lambda: survey.says() != ("True", "Published") and len(survey.children()) == 1)
        stage.publish(
            survey,
            people=1200 + 35 * seed,
            silhouette=0.2 if seed == 5 else 0.5,
            stability=0.9 - 0.05 * seed,
        )
    stage.fires("InsightsRunFailed", run="no-people")
    for figure in ("balance", "rejected rows", "likeness to the result before"):
        stage.fires("InsightsQualityDropped", figure=figure)
    stage.fires("InsightsQualityDropped", figure="silhouette", line="survey")
    # Once more, while its result stays to be seen.
    survey.apply(clustering={"seed": 5}, rerun="once more")
    survey.wait(lambda: len(survey.children()) == 1)
    stage.keep_alive(survey, "Cluster", 20, rises=True)
    stage.fires("InsightsRunStuck", 90, run="stuck")
    stuck = {each["metric"]["run"] for each in prometheus.fired("InsightsRunStuck")}
    assert not stuck & {"goes-on", "sales", "survey", "no-people"}

    # Nobody drives the runs of the schedule but this.
    wait_for(lambda: scheduled(stage) != [], 70)
    made = stage.life(scheduled(stage)[0]["metadata"]["name"])
    made.wait(lambda: len(made.children()) == 1)
    stage.publish(made, people=1500)

    doomed = [f"doomed-{n}" for n in range(5)]
    with ThreadPoolExecutor(5) as pool:
        lives = list(pool.map(lambda name: stage.begin(name, policy=ONCE), doomed))
        list(pool.map(lambda each: stage.fail(each, FailureClass.TRANSIENT, "Internal"), lives))
    stage.fires("InsightsErrorBudgetBurn", 30, window="1h")

    away = time.time()
    stage.postgres.stop()
    stage.fires("InsightsStoreUnreachable", 40, since=away)
    stage.postgres.start()
    reachable = "min(insights_operator_store_reachable) == 1"
    wait_for(lambda: prometheus.instant(reachable) != [], 60)

    until_second(58)
    leader, away = stage.leading(), time.time()
    with frozen(pids_of(stage.apiserver, "kube-apiserver")):
        stage.fires("InsightsNoLeader", 40, since=away)
        stage.fires("InsightsWatchStale", 60, since=away)
    assert leader.wait(timeout=20) == 1
    wait_for(lambda: stage.leading() is not None, 60)

    until_second(50)
    away = time.time()
    stage.leading().kill()
    stage.fires("InsightsOperatorDown", 40, since=away)
    for port in stage.ports:
        stage.replica(port)
    # Its time came while nobody was there, and its deadline is short.
    stage.fires("InsightsScheduleMissed", 90, since=away, schedule="minutely", why="missed")
    stage.fires("InsightsRunFailed", 30, since=time.time(), run="no-people")
    # What a person sees afterwards: one leads again.
    wait_for(lambda: prometheus.instant("sum(insights_operator_leader) == 1") != [], 60)
    wait_for(lambda: prometheus.instant('insights_run_people{run="survey"}') != [], 60)
    for alert in alerts():
        assert prometheus.fired(alert["alert"]), alert["alert"]


def scheduled(stage) -> list[dict]:
    listed = stage.kubectl(
        "get", "analysisruns.insights.observer.io", "-n", NAMESPACE, "-l",
        "insights.observer.io/schedule=minutely", "-o", "json",
    )  # fmt: skip
    return json.loads(listed)["items"]


def pids_of(apiserver, name: str) -> list[int]:
    return [process.pid for named, process in apiserver.processes._running if named == name]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_query_of_every_panel_has_data(stage, path) -> None:
    wrong = unanswered_panels(stage.prometheus, path, OF_A_NODE)
    assert not wrong, "\n".join(wrong)


def test_every_rule_has_data(stage) -> None:
    wrong = unanswered_rules(stage.prometheus, {})
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", [p for p in BOARDS if p.stem in DRAWN], ids=lambda path: path.stem)
def test_a_picture_of_each_dashboard(stage, path, tmp_path) -> None:
    folder = Path(os.environ.get("INSIGHTS_PICTURES", tmp_path))
    picture = folder / f"{path.stem}.png"
    draw(json.loads(path.read_text()), stage.prometheus, picture, "survey")
    assert picture.stat().st_size > 20_000


def test_no_series_tells_of_more_than_names_and_words(stage) -> None:
    found = stage.prometheus.over_time('count by (__name__) ({job="insights-operator"})', 5)
    names = {each["metric"]["__name__"] for each in found}
    page = (REPOSITORY / "docs/metrics.md").read_text()
    ours = {name for name in names if name.startswith("insights_")}
    assert len(ours) > 50
    for name in ours:
        family = name
        for ending in ("_bucket", "_count", "_sum", "_created"):
            family = family.removesuffix(ending)
        assert f"`{family}`" in page or f"`{family}_total`" in page, name


def test_every_line_of_the_operators_is_of_the_schema_and_holds_no_secret(stage) -> None:
    password = stage.postgres.dsn.split(":")[2].split("@")[0]
    lines = [x for log in stage.folder.glob("operator-*.log") for x in log.read_text().splitlines()]
    assert len(lines) > 20
    for line in lines:
        valid(line)
        assert password not in line
    found = stage.prometheus.over_time('{job="insights-operator"}', 30)
    assert password not in json.dumps([each["metric"] for each in found])


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here: install Debian's package")
@pytest.mark.parametrize(("width", "colour"), [(80, True), (80, False), (140, True)])
def test_top_in_a_terminal(stage, tmp_path, width, colour) -> None:
    """What `insights top` draws into a real terminal of that width, and how it ends."""
    name = f"top-{os.getpid()}-{width}-{colour}"
    tmux = ["tmux", "-L", name]
    program = Path(sys.executable).parent / "insights"
    plain = "" if colour else "NO_COLOR=1 "
    command = (
        f"env -u COLUMNS -u LINES KUBECONFIG={stage.apiserver.kubeconfig} TERM=tmux-256color "
        f"{plain}{program} top -n {NAMESPACE} --interval 1; echo ended with $?; sleep 30"
    )
    subprocess.run(
        [*tmux, "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", "24", command],
        check=True,
    )  # fmt: skip

    def pane(*more: str) -> str:
        return subprocess.run(
            [*tmux, "capture-pane", "-p", *more], capture_output=True, text=True, check=True
        ).stdout

    try:
        wait_for(lambda: "STATE" in pane(), 30)
        lines = pane().splitlines()
        folder = Path(os.environ.get("INSIGHTS_PICTURES", tmp_path))
        folder.mkdir(exist_ok=True)
        (folder / f"{name.replace(str(os.getpid()), 'pane')}.txt").write_text("\n".join(lines))
        header = next(line for line in lines if "STATE" in line)
        column = header.index("STATE")
        shown = lines[lines.index(header) + 1 :]
        failed = [line for line in shown if line.startswith("doomed-")]
        assert len(failed) == 5
        assert all(line[column:].startswith("✗ Failed") for line in failed)
        # A bar where there is room for it.
        assert any("█" in line for line in shown) is (width > 100)
        # Failures first.
        assert lines.index(failed[0]) < next(i for i, x in enumerate(lines) if "● Running" in x)
        assert ("\x1b[3" in pane("-e").replace("\x1b[39m", "")) is colour
        subprocess.run([*tmux, "send-keys", "C-c"], check=True)
        wait_for(lambda: "ended with 0" in pane(), 20)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
