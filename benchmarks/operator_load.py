"""The operator under load: 1,000 runs on a real API server and a real Postgres.

python benchmarks/operator_load.py [--runs N] [--rate N] [--kuberay N]

There is no node: children are completed by a stand-in that claims and publishes as a driver does.
Times are those at which one watcher, in this process, is told. Writes come from the API server's
audit log. Beside it, in the same run, KubeRay's own time from RayJob to RayCluster.
"""

from __future__ import annotations

import sys

# The servers that tests start are used here, too.
sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import psycopg
import yaml
from psycopg_pool import ConnectionPool

from insights_store import driver, schema
from insights_store.execution import Execution
from tests.cluster import kuberay
from tests.cluster.controlplane import control_plane
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import wait_for
from tests.postgres import Postgres

REPOSITORY = Path(__file__).resolve().parents[1]
RUNS = "/apis/insights.observer.io/v1/namespaces/default/analysisruns"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
RAYJOBS = "/apis/ray.io/v1/namespaces/default/rayjobs"
RAYCLUSTERS = "/apis/ray.io/v1/namespaces/default/rayclusters"
OUTGOING = driver.Outgoing("fingerprint", "1.0", {"people": 9, "clusters": 2, "teams": 1})
STEADY_SECONDS = 60


class Watched:
    """When this process was first told of things."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.added: dict[str, dict[str, float]] = {}
        self.succeeded: dict[str, float] = {}
        self.deleted: set[str] = set()

    def follow(self, path: str, label: str | None = None) -> None:
        """Watch a kind; objects are named by a label, or by their own name."""
        kind = path.rpartition("/")[2]
        self.added[kind] = {}
        threading.Thread(target=self._follow, args=(path, kind, label), daemon=True).start()

    def _follow(self, path: str, kind: str, label: str | None) -> None:
        with suppress(httpx.HTTPError):
            url = f"{path}?watch=1&resourceVersion=0&timeoutSeconds=3600"
            while True:
                with self._client.stream("GET", url, timeout=None) as lines:
                    # A server that has just learnt of a kind answers 429 for a moment.
                    if lines.status_code == httpx.codes.OK:
                        for line in lines.iter_lines():
                            self._take(json.loads(line), kind, label)
                time.sleep(0.1)

    def _take(self, event: dict, kind: str, label: str | None) -> None:
        metadata = event["object"]["metadata"]
        name = metadata["labels"][label] if label else metadata["name"]
        self.added[kind].setdefault(name, time.time())
        if event["type"] == "DELETED" and kind == "jobs":
            self.deleted.add(name)
        for each in event["object"].get("status", {}).get("conditions") or ():
            if kind == "analysisruns" and each["type"] == "Succeeded" and each["status"] == "True":
                self.succeeded.setdefault(name, time.time())


class Drivers:
    """Completes each child as it appears."""

    def __init__(self, dsn: str, watched: Watched, client: httpx.Client) -> None:
        self._pool = ConnectionPool(dsn, min_size=4, max_size=4, open=True)
        self._watched, self._client = watched, client
        self._done: set[str] = set()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        with suppress(psycopg.OperationalError):  # Postgres is stopped at the end
            self._complete()

    def _complete(self) -> None:
        while True:
            with self._pool.connection() as connection:
                active = connection.execute(
                    "SELECT run, key, number FROM insights.attempt WHERE state = 'active' "
                    "AND claim = 0"
                ).fetchall()
            for run, key, number in active:
                if run in self._watched.added["jobs"]:
                    with self._pool.connection() as connection:
                        execution = Execution("bench", "default", run, key)
                        held = driver.claim(connection, execution, number)
                        driver.publish(connection, held, OUTGOING, lambda *_: None)
            time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--kuberay", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name, control_plane() as plane:
        folder = Path(name)
        folder.chmod(0o755)
        kubectl = Kubectl(plane.kubeconfig)
        kuberay.install_crds(kubectl)
        kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
        kubectl.establish("analysisruns.insights.observer.io")
        postgres = Postgres()
        try:
            schema.upgrade(postgres.dsn)
            client = admin(plane.kubeconfig)
            watched = Watched(client)
            watched.follow(RUNS)
            watched.follow(JOBS, "insights.observer.io/run")
            Drivers(postgres.dsn, watched, client)
            with operator(plane, postgres.dsn, folder) as process:
                measure(chosen, plane, postgres, client, watched, process)
            peer(chosen, plane, client, watched)
        finally:
            postgres.stop()


def measure(chosen, plane, postgres, client, watched, process) -> None:
    idle = memory(process)
    print(f"{chosen.runs} runs at {chosen.rate:.0f} a second", flush=True)
    first = [f"paced-{i:04}" for i in range(chosen.runs)]
    paced(client, first, chosen.rate)
    finished(watched, first)
    to_child = latencies(watched, first)
    committed = dict(publications(postgres))
    told = [watched.succeeded[name] - committed[name] for name in first]
    peak = memory(process)
    print(f"  creation to child           {quantiles(to_child)}   (bar: p99 0.5 s)")
    print(f"  publish commit to Succeeded {quantiles(told)}   (bar: p95 3 s)")
    writes, events = written(plane.audit, set(first))
    print(
        f"  writes to run and child     {statistics.mean(writes.values()):.1f} a run, most "
        f"{max(writes.values())}   (bar: 6)"
    )
    print(
        f"  Events                      {statistics.mean(events.values()):.1f} a run, most "
        f"{max(events.values())}   (bar: 6)"
    )

    before = requests(plane.audit)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > STEADY_SECONDS, STEADY_SECONDS + 5)
    print(
        f"  steady state                {requests(plane.audit) - before} writes in "
        f"{STEADY_SECONDS} s, the Lease not counted   (bar: 0)"
    )

    print(f"{chosen.runs} runs at once", flush=True)
    second = [f"burst-{i:04}" for i in range(chosen.runs)]
    began = time.time()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: create(client, name), second))
    applied = time.time() - began
    wait_for(lambda: all(n in watched.added["jobs"] for n in second), 180)
    last = max(watched.added["jobs"][n] for n in second) - began
    print(f"  applied within              {applied:.1f} s")
    print(f"  last child after            {last:.1f} s   (bar: 20 s)")
    finished(watched, second)
    peak = max(peak, memory(process))
    print(f"  resident                    {idle:.0f} MiB idle, {peak:.0f} MiB   (bar: 200)")


def peer(chosen, plane, client, watched) -> None:
    """KubeRay's own latency, with the operator stopped."""
    watched.follow(RAYJOBS)
    watched.follow(RAYCLUSTERS, "ray.io/originated-from-cr-name")
    kuberay.start(plane)
    names = [f"peer-{i:04}" for i in range(chosen.kuberay)]
    container = {"name": "ray", "image": "engine:1"}
    pod = {"spec": {"containers": [container]}}
    for number, name in enumerate(names):
        spec = {
            "entrypoint": "true",
            "rayClusterSpec": {
                "rayVersion": "2.60.0",
                "headGroupSpec": {"rayStartParams": {}, "template": pod},
            },
        }
        body = {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": name}}
        client.post(RAYJOBS, json={**body, "spec": spec}).raise_for_status()
        time.sleep(1 / chosen.rate if number else 0)
    wait_for(lambda: all(n in watched.added["rayclusters"] for n in names), 180)
    times = [watched.added["rayclusters"][n] - watched.added["rayjobs"][n] for n in names]
    print(f"KubeRay, {chosen.kuberay} RayJobs at {chosen.rate:.0f} a second")
    print(f"  RayJob to RayCluster        {quantiles(times)}")


@contextmanager
def operator(plane, dsn: str, folder: Path):
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig),
        "INSIGHTS_ENVIRONMENT": "bench",
        "INSIGHTS_IMAGE": "engine:1",
        "INSIGHTS_DATABASE_DSN": dsn,
    }
    program = Path(sys.executable).parent / "insights-operator"
    with (folder / "operator.log").open("wb") as log:
        process = subprocess.Popen([program], env=environment, stdout=log, stderr=log)
    try:
        time.sleep(8)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def admin(kubeconfig: Path) -> httpx.Client:
    document = yaml.safe_load(kubeconfig.read_text())
    token = document["users"][0]["user"]["token"]
    return httpx.Client(
        base_url=document["clusters"][0]["cluster"]["server"], verify=False, timeout=60,
        headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip


def create(client: httpx.Client, name: str) -> None:
    body = {
        "apiVersion": "insights.observer.io/v1", "kind": "AnalysisRun",
        "metadata": {"name": name},
        "spec": {"source": {"uri": "s3://b/people.csv"}, "teams": {"count": 3}},
    }  # fmt: skip
    client.post(RUNS, json=body).raise_for_status()


def paced(client: httpx.Client, names: list[str], rate: float) -> None:
    began = time.monotonic()
    for number, name in enumerate(names):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        create(client, name)


def finished(watched: Watched, names: list[str]) -> None:
    def done() -> bool:
        return all(n in watched.succeeded and n in watched.deleted for n in names)

    wait_for(done, 300)


def latencies(watched: Watched, names: list[str]) -> list[float]:
    return [watched.added["jobs"][n] - watched.added["analysisruns"][n] for n in names]


def publications(postgres: Postgres) -> list[tuple[str, float]]:
    with psycopg.connect(postgres.dsn) as connection:
        return connection.execute(
            "SELECT run, extract(epoch FROM published)::float8 FROM insights.publication"
        ).fetchall()


def mine(audit: Path):
    with audit.open() as lines:
        for line in lines:
            entry = json.loads(line)
            if entry.get("userAgent", "").startswith("insights-operator/"):
                reference = entry.get("objectRef", {})
                if reference.get("resource") != "leases":
                    yield reference


def requests(audit: Path) -> int:
    return sum(1 for _ in mine(audit))


def written(audit: Path, names: set[str]) -> tuple[Counter, Counter]:
    """Writes to runs and children, and Events, by run."""
    writes: Counter = Counter()
    events: Counter = Counter()
    for reference in mine(audit):
        run = reference.get("name", "")
        run = run.rsplit("-", 2)[0] if reference["resource"] == "jobs" else run.split(".")[0]
        if run in names:
            (events if reference["resource"] == "events" else writes)[run] += 1
    return writes, events


def memory(process: psutil.Process) -> float:
    return process.memory_info().rss / 2**20


def quantiles(values: list[float]) -> str:
    cuts = statistics.quantiles(values, n=100)
    return f"p50 {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, p99 {cuts[98]:.2f} s"


if __name__ == "__main__":
    main()
