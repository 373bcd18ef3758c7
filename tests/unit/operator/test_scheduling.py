"""Acting for a schedule."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from insights_operator.act import RUNS
from insights_operator.cache import Cache
from insights_operator.conditions import stamp
from insights_operator.feeds import SCHEDULES
from insights_operator.metrics import Metrics
from insights_operator.scheduling import Scheduler
from insights_operator.work_queue import WorkQueue


class Server:
    """Answers writes as an API server does."""

    async def create(self, path: str, body: dict) -> dict:
        metadata = {**body["metadata"], "uid": "u", "resourceVersion": "7"}
        return {**body, "metadata": metadata}

    async def replace(self, path: str, body: dict) -> dict:
        return {**body, "metadata": {**body["metadata"], "resourceVersion": "8"}}


class Leads:
    def valid(self) -> bool:
        return True


def test_a_run_that_was_made_is_looked_at_though_its_event_comes_late() -> None:
    """The answer to its creation is in the cache by then, so that the event is nothing new."""
    cache, runs = Cache(), WorkQueue()
    made = datetime.now(UTC) - timedelta(minutes=2)
    metadata = {"namespace": "n", "name": "s", "uid": "1", "resourceVersion": "5"}
    cache.put(
        SCHEDULES.plural,
        {
            "metadata": {**metadata, "creationTimestamp": stamp(made)},
            "spec": {
                "schedule": "* * * * *",
                "runTemplate": {"spec": {"source": {"uri": "s3://b/p.csv"}}},
            },
        },
    )
    scheduler = Scheduler(Server(), cache, Leads(), "me", Metrics("test"), runs.mark)
    asyncio.run(scheduler.look(("n", "s")))
    (run,) = cache.all(RUNS.plural)
    assert not cache.put(RUNS.plural, run)
    assert len(runs) == 1
