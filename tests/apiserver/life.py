"""Runs on a real API server and a real Postgres, from the outside.

There is no node, so nothing runs the Jobs that are made: the test is the driver, and claims and
publishes as a driver does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from insights_store import driver
from insights_store.execution import Execution
from tests.applied import RUNS, AppliedRun
from tests.cluster.processes import wait_for

__all__ = ["NAMESPACE", "RUNS", "Life", "Operators"]

NAMESPACE = "life"
OUTGOING = driver.Outgoing("fingerprint", "1.0", {"people": 9, "clusters": 2, "teams": 1})
_OPERATOR = str(Path(sys.executable).parent / "insights-operator")


class Operators:
    """Replicas of the operator."""

    def __init__(self, kubeconfig: Path, dsn: str, folder: Path, **more: str) -> None:
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "INSIGHTS_ENVIRONMENT": "test",
            "INSIGHTS_IMAGE": "engine:1",
            "INSIGHTS_DATABASE_DSN": dsn,
            "INSIGHTS_LISTING_SECONDS": "5",
            **more,
        }
        self._folder = folder
        self.running: list[subprocess.Popen] = []

    def start(self, **more: str) -> subprocess.Popen:
        """One more replica, with what else its environment needs."""
        log = (self._folder / f"operator-{len(self.running)}.log").open("wb")
        process = subprocess.Popen(
            [_OPERATOR], env={**self._environment, **more}, stdout=log, stderr=log
        )
        self.running.append(process)
        return process

    def log_of(self, process: subprocess.Popen) -> str:
        return (self._folder / f"operator-{self.running.index(process)}.log").read_text()

    def logs(self) -> str:
        return "\n".join(p.read_text()[-3000:] for p in sorted(self._folder.glob("*.log")))

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            process.wait(timeout=20)


class Life(AppliedRun):
    """A run in the namespace `life`, from the outside."""

    def __init__(self, kubectl, dsn, operators, name) -> None:
        super().__init__(kubectl, NAMESPACE, name)
        self._dsn, self._operators = dsn, operators

    def apply(self, **parts) -> None:
        self.apply_spec({"source": {"uri": "s3://b/people.csv"}, "teams": {"count": 3}, **parts})

    def children(self) -> list[dict]:
        return self.objects("jobs")

    def wait(self, condition, deadline=30.0) -> None:
        try:
            wait_for(condition, deadline, 0.2)
        except TimeoutError:
            raise AssertionError(f"{self.get()}\n{self._operators.logs()}") from None

    def execution(self) -> tuple[Execution, int]:
        # The status tells of a child soon after it was made.
        self.wait(self.current)
        execution = self.get()["status"]["execution"]
        return Execution("test", NAMESPACE, self.name, execution["key"]), execution["attempt"]

    def current(self) -> bool:
        """Whether the child that is there is the one that the status tells of."""
        names = [child["metadata"]["name"] for child in self.children()]
        shown = (self.get().get("status") or {}).get("execution") or {}
        return names == [shown.get("child")]

    def claim(self, connection):
        return driver.claim(connection, *self.execution())

    def publish(self) -> None:
        with psycopg.connect(self._dsn) as connection:
            driver.publish(connection, self.claim(connection), OUTGOING, lambda c, p: None)

    def attempts(self) -> list[tuple]:
        with psycopg.connect(self._dsn) as connection:
            return connection.execute(
                "SELECT number, state, reason FROM insights.attempt WHERE run = %s ORDER BY number",
                (self.name,),
            ).fetchall()
