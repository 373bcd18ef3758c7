"""Listings that correct the cache, and events that come in while one is under way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from insights_operator import naming
from insights_operator.cache import Cache
from insights_operator.feeds import Feeds, StaleWatchError
from insights_operator.work_queue import WorkQueue


class Server:
    """Knows some Jobs, and what is listed of them."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self.jobs = list(jobs)
        self.asked = 0

    async def list_all(self, path: str, selector: str = "") -> list[dict[str, Any]]:
        return list(self.jobs) if path.endswith("/jobs") else []

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        self.asked += 1
        return {"items": await self.list_all(path)}


class Store:
    async def active_runs(self) -> set[tuple[str, str]]:
        return set()


def job(version: int = 1) -> dict[str, Any]:
    labels = {naming.RUN_UID_LABEL: "u"}
    return {
        "metadata": {
            "namespace": "n", "name": "j", "uid": "1", "resourceVersion": str(version),
            "labels": labels,
        }
    }  # fmt: skip


@pytest.fixture
def feeds() -> Feeds:
    feeds = Feeds(
        Server(job()), Store(), Cache(), WorkQueue(), WorkQueue(), identity="me", namespaces=(),
        listing_seconds=1.0,
    )  # fmt: skip
    feeds._discovered.set()
    return feeds


def jobs(feeds: Feeds) -> list[Any]:
    return feeds._cache.all("jobs")


def test_what_is_deleted_while_a_listing_is_under_way_stays_deleted(feeds) -> None:
    async def life() -> None:
        await feeds.list_once()
        assert len(jobs(feeds)) == 1
        verified = feeds.verified
        listing = asyncio.create_task(feeds.list_once())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        feeds._api.jobs.clear()
        feeds._take("jobs", "DELETED", job())
        await listing
        assert jobs(feeds) == []
        assert feeds.verified > verified

    asyncio.run(life())


def test_what_no_watch_told_is_learnt_and_counts_as_a_disagreement(feeds) -> None:
    async def life() -> None:
        await feeds.list_once()
        verified = feeds.verified
        feeds._api.jobs[:] = [job(version=2)]
        await feeds.list_once()
        assert jobs(feeds)[0]["metadata"]["resourceVersion"] == "2"
        feeds._api.jobs.clear()
        await feeds.list_once()
        assert jobs(feeds) == []
        assert feeds.verified == verified

    asyncio.run(life())


def test_watches_that_stay_behind_end_the_process(feeds) -> None:
    async def life() -> None:
        await feeds.list_once()
        feeds.verified -= 100
        feeds._api.jobs.clear()
        with pytest.raises(StaleWatchError):
            await feeds.list_once()

    asyncio.run(life())


def test_a_listing_that_agrees_asks_for_nothing_one_by_one(feeds) -> None:
    async def life() -> None:
        await feeds.list_once()
        await feeds.list_once()
        assert len(jobs(feeds)) == 1
        assert feeds._api.asked == 0

    asyncio.run(life())


def test_an_answer_that_comes_after_the_deletion_brings_nothing_back(feeds) -> None:
    async def life() -> None:
        await feeds.list_once()
        feeds._take("jobs", "DELETED", job(version=3))
        feeds._cache.put("jobs", job(version=2))
        assert jobs(feeds) == []

    asyncio.run(life())
