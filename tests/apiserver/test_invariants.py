"""What must hold at every moment, watched over several lives at once.

The numbers are those of the invariants in `docs/architecture.md`. Number 7, a restart at any write,
is swept in `tests/crash`.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.apiserver.life import NAMESPACE, RUNS, Life
from tests.cluster.processes import wait_for

pytestmark = pytest.mark.timeout(300)

_QUIET_SECONDS = 15.0
_LARGEST_STATUS = 32 * 1024


class Recorder:
    """Every version of every object of a kind that a watch tells of."""

    def __init__(self, kubectl, kind) -> None:
        self.seen: list[tuple[str, dict]] = []
        self._process = subprocess.Popen(
            [
                *kubectl.command, "get", kind, "-n", NAMESPACE, "--watch", "-o", "json",
                "--output-watch-events",
            ],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            event = json.loads(line)
            self.seen.append((event["type"], event["object"]))

    def stop(self) -> None:
        self._process.terminate()
        self._thread.join(timeout=10)


def published(life) -> None:
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    life.publish()
    life.wait(lambda: life.says() == ("True", "Published"))


def suspended_and_resumed(life) -> None:
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    life.apply(suspend=True)
    life.wait(lambda: life.says("Suspended") == ("True", "Suspended"))
    life.apply(suspend=False)
    life.wait(lambda: len(life.children()) == 1)
    life.publish()
    life.wait(lambda: life.says() == ("True", "Published"))


def changed_while_at_work(life) -> None:
    life.apply()
    life.wait(lambda: len(life.children()) == 1)
    life.apply(clustering={"seed": 1})
    life.wait(lambda: (life.says() or ("",))[0] == "Unknown" and life.current())
    life.publish()
    life.wait(lambda: life.says() == ("True", "Published"))


def refused_and_mended(life) -> None:
    life.apply(results={"store": "absent"})
    life.wait(lambda: life.says("Accepted") == ("False", "UnknownStore"))
    life.apply(results={"store": "default"})
    life.wait(lambda: len(life.children()) == 1)
    life.publish()
    life.wait(lambda: life.says() == ("True", "Published"))


LIVES = (published, suspended_and_resumed, changed_while_at_work, refused_and_mended)


@pytest.fixture(scope="module")
def history(kubectl, dsn, operators):
    recorders = {kind: Recorder(kubectl, kind) for kind in (RUNS, "jobs", "pods")}
    lives = [Life(kubectl, dsn, operators, f.__name__.replace("_", "-")) for f in LIVES]
    with ThreadPoolExecutor(len(LIVES)) as pool:
        list(pool.map(lambda pair: pair[0](pair[1]), zip(LIVES, lives, strict=True)))
    wait_for(lambda: all(life.children() == [] for life in lives), 30)
    yield {kind: recorder.seen for kind, recorder in recorders.items()}, lives
    for recorder in recorders.values():
        recorder.stop()


def versions(history, kind) -> dict[str, list[dict]]:
    out = defaultdict(list)
    for event, seen in history[0][kind]:
        if event != "DELETED":
            out[seen["metadata"]["name"]].append(seen)
    assert len(out) == len(LIVES)
    return out


def test_1_and_2_one_child_at_a_time_and_one_an_attempt(history) -> None:
    live: dict[str, set[str]] = defaultdict(set)
    made = set()
    for event, job in history[0]["jobs"]:
        labels = job["metadata"]["labels"]
        run, name = labels["insights.observer.io/run"], job["metadata"]["name"]
        if event == "ADDED":
            attempt = (labels["insights.observer.io/run-uid"], name)
            assert attempt not in made
            made.add(attempt)
            live[run].add(name)
            assert len(live[run]) == 1, f"{run} has {live[run]}"
        elif event == "DELETED":
            live[run].discard(name)
    assert len(made) == 6


def test_3_each_result_is_published_once(history, dsn) -> None:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT run, key, token, count(*) FROM insights.publication GROUP BY 1, 2, 3"
        ).fetchall()
    assert len(rows) >= len(LIVES)
    assert all(row[3] == 1 for row in rows)


def test_4_finished_stays_for_the_same_spec(history) -> None:
    for seen in versions(history, RUNS).values():
        finished: set[int] = set()
        for run in seen:
            for each in (run.get("status") or {}).get("conditions", ()):
                if each["type"] == "Finished":
                    if each["status"] == "True":
                        finished.add(each["observedGeneration"])
                    else:
                        assert each["observedGeneration"] not in finished


def test_6_what_is_said_never_speaks_of_an_older_spec(history) -> None:
    for seen in versions(history, RUNS).values():
        last = 0
        for run in seen:
            status = run.get("status") or {}
            observed = status.get("observedGeneration", 0)
            assert last <= observed <= run["metadata"]["generation"]
            assert all(c["observedGeneration"] <= observed for c in status.get("conditions", ()))
            last = observed


def test_8_suspended_holds_no_pods(history) -> None:
    """In the order of the cluster's own versions, which all kinds share."""
    moments = [
        (int(seen["metadata"]["resourceVersion"]), kind, event, seen)
        for kind in (RUNS, "pods")
        for event, seen in history[0][kind]
    ]
    pods: set[str] = set()
    checked = 0
    for _, kind, event, seen in sorted(moments, key=lambda each: each[0]):
        name = seen["metadata"]["name"]
        if kind == "pods":
            (pods.discard if event == "DELETED" else pods.add)(name)
            continue
        for each in (seen.get("status") or {}).get("conditions", ()):
            if each["type"] == "Suspended" and each["status"] == "True":
                assert not [pod for pod in pods if pod.startswith(name)]
                checked += 1
    assert checked


def test_9_the_operator_writes_no_spec(history) -> None:
    for seen in versions(history, RUNS).values():
        for entry in seen[-1]["metadata"]["managedFields"]:
            if "insights-operator" in entry["manager"]:
                assert entry.get("subresource") == "status"


def test_11_a_status_stays_small(history) -> None:
    for seen in versions(history, RUNS).values():
        assert all(len(json.dumps(r.get("status"))) < _LARGEST_STATUS for r in seen)


def test_10_in_steady_state_nothing_is_written(history, apiserver) -> None:
    if not apiserver.audit.exists():
        pytest.skip("a cluster of somebody else's has no audit log to read")

    def writes() -> list[str]:
        entries = map(json.loads, apiserver.audit.read_text().splitlines())
        return [
            entry["requestURI"]
            for entry in entries
            if entry.get("userAgent", "").startswith("insights-operator/")
            and entry["objectRef"]["resource"] != "leases"
        ]

    before, began = writes(), time.monotonic()
    wait_for(lambda: time.monotonic() - began > _QUIET_SECONDS, _QUIET_SECONDS + 5)
    assert writes() == before


def test_5_after_deletion_nothing_is_left(history, kubectl) -> None:
    uids = {life.name: life.get()["metadata"]["uid"] for life in history[1]}
    for life in history[1]:
        kubectl("delete", RUNS, life.name, "-n", NAMESPACE, "--timeout=20s")
    for uid in uids.values():
        selector = f"insights.observer.io/run-uid={uid}"
        wait_for(
            lambda s=selector: kubectl.get("jobs,pods", "-n", NAMESPACE, "-l", s)["items"] == [], 30
        )
