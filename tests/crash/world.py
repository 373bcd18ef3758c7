"""One namespace with one operator, a stand-in for drivers, and a record of what happened there.

A driver is stood in for because there is no node: what it does to the database is done for real, by
the same code.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import obstore
import psycopg
import yaml
from obstore.store import LocalStore

from insights_crds.reasons import FailureClass
from insights_store import driver
from insights_store.execution import Claim, Execution
from tests.cluster.processes import wait_for
from tests.crash.faults import KILLS, Fault
from tests.crash.operator_process import operate

__all__ = ["Server", "World"]

_RUNS = "/apis/insights.observer.io/v1/namespaces/{}/analysisruns"
_JOBS = "/apis/batch/v1/namespaces/{}/jobs"
_OUTGOING = driver.Outgoing("fingerprint", "1.0", {"people": 9, "clusters": 2, "teams": 1})
_NAME = "roster"
_PATIENCE = 40.0
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.crash.operator_process"])


class Server:
    """The API server, for tests: plain requests with every right."""

    def __init__(self, kubeconfig: Path) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        cluster = document["clusters"][0]["cluster"]
        token = document["users"][0]["user"]["token"]
        self.client = httpx.Client(
            base_url=cluster["server"], verify=False, timeout=30,
            # A watch of each world stays open for its time.
            limits=httpx.Limits(max_connections=None),
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def send(self, method: str, path: str, body: Any, kind: str = "application/json") -> None:
        headers = {"Content-Type": kind}
        self.client.request(method, path, json=body, headers=headers).raise_for_status()


class World:
    """A namespace, from its beginning to its end."""

    def __init__(
        self, server: Server, dsn: str, namespace: str, folder: Path, fault: Fault
    ) -> None:
        self._server, self._dsn, self._namespace = server, dsn, namespace
        self._tally = folder / f"{namespace}.tally"
        self._log = folder / f"{namespace}.log"
        self._stores = folder / f"{namespace}.stores"
        self._bucket = folder / f"{namespace}.bucket"
        (self._stores / "default").mkdir(parents=True)
        self._bucket.mkdir()
        address = self._stores / "default" / "INSIGHTS_OBJECT_STORE"
        address.write_text(f"file://{self._bucket}")
        self._fault = fault
        self._process: Any = None
        self._history: list[tuple[str, str]] = []
        self._runs = _RUNS.format(namespace)
        self._run = f"{self._runs}/{_NAME}"
        self._ending = threading.Event()
        self.deaths = -1
        server.send(
            "POST", "/api/v1/namespaces", {"metadata": {"name": namespace}, "kind": "Namespace"}
        )
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()
        self._operate()

    def close(self) -> None:
        self._ending.set()
        self._process.kill()
        self._process.join()

    # What people and drivers do.

    def apply(self, **spec: Any) -> None:
        body = {
            "apiVersion": "insights.observer.io/v1", "kind": "AnalysisRun",
            "metadata": {"name": _NAME},
            "spec": {
                "source": {"uri": "s3://b/people.csv"},
                "teams": {"count": 3},
                "policy": {"retries": {"backoff": {"baseSeconds": 1}}},
                **spec,
            },
        }  # fmt: skip
        path = f"{self._run}?fieldManager=person&force=true"
        self._server.send("PATCH", path, body, "application/apply-patch+yaml")

    def annotate(self, **annotations: str) -> None:
        body = {
            "metadata": {
                "annotations": {f"insights.observer.io/{k}": v for k, v in annotations.items()}
            }
        }
        self._server.send("PATCH", self._run, body, "application/merge-patch+json")

    def delete(self) -> None:
        self._server.send("DELETE", self._run, {"propagationPolicy": "Background"})

    def publish(self) -> None:
        """Drive the attempt at hand to its end, with an object, a log and a person."""
        held = self._drive()
        e = held.execution
        log = f"{e.environment}/{e.namespace}/_logs/{e.run}/{e.key[:16]}/{held.attempt}.log"
        objects = LocalStore(self._bucket)
        for path in (f"{held.prefix}/owner/people.parquet", f"{held.prefix}/manifest.json", log):
            obstore.put(objects, path, b"people")

        def people(connection: Any, publication: int) -> None:
            connection.execute(
                "INSERT INTO insights.person (environment, namespace, publication, id, cluster) "
                "VALUES (%s, %s, %s, 'Grace', 1)",
                (e.environment, e.namespace, publication),
            )

        with psycopg.connect(self._dsn) as connection:
            driver.publish(connection, held, _OUTGOING, people)

    def fail(self) -> None:
        """Drive the attempt at hand into a failure that may be gone next time."""
        held = self._drive()
        with psycopg.connect(self._dsn) as connection:
            driver.fail(connection, held, FailureClass.TRANSIENT, "SourceUnavailable", "no answer")

    def _drive(self) -> Claim:
        self.wait(self._ready_to_drive)
        active = self._active()
        assert active is not None
        with psycopg.connect(self._dsn) as connection:
            execution = Execution(self._namespace, self._namespace, _NAME, active[0])
            held = driver.claim(connection, execution, active[1])
        # Told before it goes on, so that every run of a scenario makes the same writes.
        self.wait(lambda: self.says("ClusterReady") == ("True", "Running"))
        return held

    # What can be seen.

    def run(self) -> Any:
        return self._server.get(self._run)

    def says(self, kind: str) -> tuple[str, str]:
        run = self.run() or {}
        for each in (run.get("status") or {}).get("conditions", ()):
            if each["type"] == kind and each["observedGeneration"] == run["metadata"]["generation"]:
                return each["status"], each["reason"]
        return "", ""

    def jobs(self) -> list[Any]:
        return list(self._server.get(_JOBS.format(self._namespace))["items"])

    def idle(self) -> bool:
        """Nothing is at work and nothing is left of what was."""
        return not self.jobs() and self._active() is None

    def wait(self, condition: Callable[[], Any]) -> None:
        """Wait, and start the operator again whenever it is dead."""

        def holds() -> bool:
            if not self._process.is_alive():
                self._operate()
            return bool(condition())

        try:
            wait_for(holds, _PATIENCE, 0.05)
        except TimeoutError:
            raise AssertionError(self._story(condition)) from None

    def _story(self, condition: Callable[[], Any]) -> str:
        """What a reader needs to know where a condition never came to hold."""
        status = (self.run() or {}).get("status")
        jobs = [(job["metadata"], job.get("status")) for job in self.jobs()]
        said = {"waited for": condition.__qualname__, "status": status, "jobs": jobs}
        log = self._log.read_text()[-3000:]
        tally = "\n".join(self._lines())
        return f"{json.dumps(said)}\n{self._attempts()}\n{tally}\n{log}"

    def writes(self) -> int:
        """Writes of the operator so far."""
        return sum(line.startswith("write") for line in self._lines())

    def deaths_due(self) -> int:
        """How often the fault has killed the operator, once the answer of each write is there."""
        return int(self._fault.kind in KILLS and self.writes() >= self._fault.nth)

    def events(self) -> int:
        """Watch events that the operator was given so far."""
        return sum(line.startswith("event") for line in self._lines())

    def end(self) -> dict[str, Any]:
        """The state that a fault must not change: times, uids and versions masked."""
        self.wait(self._settled)
        keys: list[str] = []
        hashes: list[str] = []

        def masked(text: str) -> str:
            def number(found: re.Match[str]) -> str:
                if found[1] not in hashes:
                    hashes.append(found[1])
                return f"-{hashes.index(found[1])}-{found[2]}"

            text = re.sub(r"-([0-9a-f]{8})-(\d+)", number, text)
            return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "T", text)

        attempts = []
        for key, *rest in self._attempts():
            if key not in keys:
                keys.append(key)
            attempts.append([keys.index(key), *rest])
        children: Counter[tuple[str, str]] = Counter()
        for kind, name in self._history:
            if kind in ("ADDED", "DELETED"):
                children[masked(name), kind] += 1
        run = self.run() or {}
        status = json.loads(masked(json.dumps(run.get("status"))))
        if status:
            status["execution"]["key"] = keys.index(status["execution"]["key"])
        events = self._server.get(f"/api/v1/namespaces/{self._namespace}/events")["items"]
        mine = Counter(e["reason"] for e in events if e["involvedObject"]["kind"] == "AnalysisRun")
        return {
            "status": status,
            "finalizers": (run.get("metadata") or {}).get("finalizers"),
            "attempts": attempts,
            "publications": self._publications(),
            "people": self._rows("SELECT id FROM insights.person WHERE namespace = %s"),
            "buried": self._rows("SELECT run FROM insights.tombstone WHERE namespace = %s"),
            "objects": len(self.objects()),
            "children": dict(children),
            "events": dict(mine),
        }

    def objects(self) -> list[str]:
        """What is in the object store."""
        pages = obstore.list(LocalStore(self._bucket))
        return [str(entry["path"]) for page in pages for entry in page]

    def results(self) -> int:
        """Results that are there."""
        return len(self._publications())

    def _settled(self) -> bool:
        """Nobody has written for a moment, every child that goes is gone, and who must die has."""
        before = len(self._lines()), len(self._history)
        self._ending.wait(0.6)
        return (
            (len(self._lines()), len(self._history)) == before
            and not any("deletionTimestamp" in job["metadata"] for job in self.jobs())
            # What the last write brought about is seen before its answer reaches the operator.
            and self.deaths >= self.deaths_due()
        )

    def _lines(self) -> list[str]:
        return self._tally.read_text().splitlines() if self._tally.exists() else []

    def _ready_to_drive(self) -> bool:
        """The only child is that of the active attempt: no driver claims without a pod."""
        active = self._active()
        made = [job["metadata"]["labels"]["insights.observer.io/attempt"] for job in self.jobs()]
        return active is not None and made == [str(active[1])]

    def _active(self) -> tuple[str, int] | None:
        rows = self._rows(
            "SELECT key, number FROM insights.attempt WHERE namespace = %s AND state = 'active'"
        )
        return rows[0] if rows else None

    def _attempts(self) -> list[Any]:
        return self._rows(
            "SELECT key, number, state, reason, failure, claim FROM insights.attempt "
            "WHERE namespace = %s ORDER BY started, number"
        )

    def _publications(self) -> list[Any]:
        return self._rows(
            "SELECT attempt, token FROM insights.publication WHERE namespace = %s "
            "ORDER BY published"
        )

    def _rows(self, text: str) -> list[Any]:
        with psycopg.connect(self._dsn) as connection:
            return connection.execute(text, (self._namespace,)).fetchall()

    def _operate(self) -> None:
        if self._process is not None:
            self._process.join()
        self.deaths += 1
        fault = self._fault if self.deaths == 0 or not self._fault.nth else Fault()
        self._process = _FORKS.Process(
            target=operate,
            args=(
                self._namespace,
                self._dsn,
                str(self._tally),
                str(self._log),
                str(self._stores),
                fault,
            ),
            daemon=True,
        )
        self._process.start()

    def _watch(self) -> None:
        path = f"{_JOBS.format(self._namespace)}?watch=1&resourceVersion=0&timeoutSeconds=180"
        with (
            suppress(httpx.HTTPError),
            self._server.client.stream("GET", path, timeout=None) as lines,
        ):
            for line in lines.iter_lines():
                event = json.loads(line)
                self._history.append((event["type"], event["object"]["metadata"]["name"]))
                if self._ending.is_set():
                    return
