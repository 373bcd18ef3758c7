"""A run in the test cluster, from the outside: as `kubectl` and the stores show it."""

from __future__ import annotations

import json
from typing import Any

import obstore
import psycopg

from tests.applied import RUNS, AppliedRun
from tests.cluster.processes import wait_for
from tests.cluster.product import NAMESPACE, Cluster

__all__ = ["RUNS", "Run", "small_ray_cluster"]


def small_ray_cluster(**more: Any) -> dict[str, Any]:
    """`spec.compute` for a head and a worker that two cores can carry."""
    return {
        "mode": "RayCluster",
        "head": {"cpu": "800m", "memory": "3Gi"},
        "workers": {"count": 1, "resources": {"cpu": "600m", "memory": "2Gi"}},
        **more,
    }


class Run(AppliedRun):
    """A run."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        """Name it."""
        super().__init__(cluster.kubectl, NAMESPACE, name)
        self.cluster = cluster

    def apply(self, **spec: Any) -> None:
        """Apply it, with a roster and teams that nearly all tests want."""
        self.apply_spec(
            {
                "source": {"uri": "s3://ready-probe/rosters/people.csv"},
                "teams": {"size": {"min": 6, "max": 8}},
                **spec,
            }
        )

    def wait(self, condition: Any, deadline: float) -> None:
        """Wait; what is there is told where it is in vain."""
        try:
            wait_for(condition, deadline, 0.25)
        except TimeoutError:
            raise AssertionError(self.story()) from None

    def finished(self, deadline: float = 240) -> tuple[str, str]:
        """Wait for either outcome; what it says."""
        self.wait(lambda: self.says("Finished")[0] == "True", deadline)
        return self.says()

    def pods(self, role: str, phase: str = "Running") -> list[str]:
        """Names of its pods of a role."""
        return [
            pod["metadata"]["name"]
            for pod in self.objects("pods")
            if pod["metadata"]["labels"].get("insights.observer.io/role") == role
            and pod["status"].get("phase") == phase
        ]

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """What the database says of it."""
        with psycopg.connect(self.cluster.postgres.dsn) as connection:
            return connection.execute(text, {"run": self.name}).fetchall()

    def attempts(self) -> list[tuple[Any, ...]]:
        """Number, claims, reason and failure of each attempt."""
        return self.rows(
            "SELECT number, claim, reason, failure FROM insights.attempt WHERE run = %(run)s "
            "ORDER BY started"
        )

    def stage(self) -> str | None:
        """The stage that its driver told last."""
        rows = self.rows(
            "SELECT stage FROM insights.attempt WHERE run = %(run)s AND state = 'active'"
        )
        return rows[0][0] if rows else None

    def publications(self) -> list[str]:
        """Where each of its results is, below the bucket."""
        rows = self.rows(
            "SELECT prefix FROM insights.publication WHERE run = %(run)s ORDER BY published"
        )
        return [str(row[0]) for row in rows]

    def files(self) -> dict[str, set[str]]:
        """Names of its objects within a publication's folder, by that folder."""
        out: dict[str, set[str]] = {}
        for page in obstore.list(self.cluster.objects, f"results/test/{NAMESPACE}/{self.name}"):
            for each in page:
                folder, _, name = each["path"].rpartition("/")
                if folder.endswith(("/owner", "/reader")):
                    folder, _, which = folder.rpartition("/")
                    name = f"{which}/{name}"
                out.setdefault(folder, set()).add(name)
        return out

    def story(self) -> str:
        """Everything that helps to see what went wrong."""
        kinds = "pods,jobs,rayjobs,rayclusters"
        logs = "".join(
            self._kubectl.try_("logs", "-n", NAMESPACE, pod["metadata"]["name"], "--tail=30").stdout
            for pod in self.objects("pods")
        )
        parts = [
            json.dumps(self.get().get("status"), indent=1),
            str(self.attempts()),
            self._kubectl.try_("get", kinds, "-n", NAMESPACE, "-o", "wide").stdout,
            self._kubectl.try_("get", "events", "-n", NAMESPACE).stdout[-3000:],
            logs[-4000:],
        ]
        return "\n".join(parts)
