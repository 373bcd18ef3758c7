"""The operator as a process: everything is put together here, and nothing else is done."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from insights_crds.v1 import AnalysisRun, AnalysisSchedule
from insights_operator import logs
from insights_operator.act import RUNS, Actor
from insights_operator.cache import Cache
from insights_operator.database import open_database
from insights_operator.environment import EnvironmentTakenError, own_environment
from insights_operator.feeds import SCHEDULES, Feeds
from insights_operator.health import Pulse, serve
from insights_operator.kubernetes_api import Api, ApiError, open_api
from insights_operator.lease import Leader
from insights_operator.metrics import Metrics
from insights_operator.object_stores import ObjectStores
from insights_operator.reconcile import Reconciler
from insights_operator.run_series import RunSeries, Seen
from insights_operator.scheduling import Scheduler
from insights_operator.settings import Settings, settings_from_environment
from insights_operator.sweeper import Sweeper
from insights_operator.work_queue import Key, WorkQueue

__all__ = ["end", "main", "run"]

_LEASE = "insights-operator"
_CANCEL_SECONDS = 0.2

_log = logging.getLogger(__name__)


def main() -> None:
    """Run the operator until it is told to stop."""
    try:
        settings = settings_from_environment()
    except (KeyError, ValueError) as error:
        print(f"error: the environment lacks or garbles {error}", file=sys.stderr)
        raise SystemExit(2) from None
    logs.configure(settings.log_level, settings.config.environment)
    asyncio.run(run(settings))


async def run(settings: Settings) -> None:
    """Watch, decide and act, until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics(settings.config.environment)
    async with (
        open_api(settings.identity, metrics.requested) as api,
        open_database(
            settings.dsn, settings.config.environment, settings.watch_namespaces
        ) as database,
    ):
        cache, runs, schedules = Cache(), WorkQueue(), WorkQueue()
        leader = Leader(api, settings.namespace, _LEASE, settings.identity, _lost)
        actor = Actor(api, database, cache, leader, settings.identity)
        feeds = Feeds(
            api,
            database,
            cache,
            runs,
            schedules,
            identity=settings.identity,
            namespaces=settings.watch_namespaces,
            listing_seconds=settings.listing_seconds,
        )
        sweeper = Sweeper(
            api, database, ObjectStores(settings.stores), cache, leader, metrics, runs.mark,
            environment=settings.config.environment, namespaces=settings.watch_namespaces,
            identity=settings.identity, seconds=settings.sweep_seconds,
        )  # fmt: skip
        reconciler = Reconciler(
            api, database, cache, leader, actor, settings.config, settings.limits,
            lambda: feeds.kuberay, runs.mark, metrics, sweeper.blocked,
        )  # fmt: skip
        scheduler = Scheduler(api, cache, leader, settings.identity, metrics, runs.mark)
        look_at_run = metrics.measured(AnalysisRun.__name__, reconciler.look)
        look_at_schedule = metrics.measured(AnalysisSchedule.__name__, scheduler.look)
        metrics.register(RunSeries(lambda: _seen(leader, cache, metrics)))
        metrics.tell(
            leads=leader.valid,
            depths={
                AnalysisRun.__name__: runs.__len__,
                AnalysisSchedule.__name__: schedules.__len__,
            },
            verified=lambda: feeds.verified,
            reached=lambda: api.reached,
            store=lambda: database.reached,
            store_reachable=lambda: database.reachable,
        )
        owning = asyncio.create_task(own_environment(api, database, settings.config.environment))
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(leader.run()),
            asyncio.create_task(feeds.watch()),
            asyncio.create_task(feeds.listings()),
            asyncio.create_task(feeds.progress()),
            asyncio.create_task(_begin(leader, feeds, metrics)),
            *(
                asyncio.create_task(_work(feeds, owning, runs, look_at_run))
                for _ in range(settings.workers)
            ),
            asyncio.create_task(_work(feeds, owning, schedules, look_at_schedule)),
            asyncio.create_task(_sweep(feeds, owning, sweeper)),
        ]
        async with serve(
            settings.http_port, lambda: _pulse(api, feeds, settings), metrics.registry
        ):
            stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            # A part of us has died. Nothing is tidied up: a new process knows what to do.
            error = task.exception()
            if isinstance(error, EnvironmentTakenError):
                _log.error("%s", error)
            else:
                _log.error("a part of the operator ended", exc_info=error)
            os._exit(1)
        await end([*tasks, owning])
        try:
            # Only now, when nothing of ours can write any more, may another replica begin.
            await asyncio.wait_for(leader.release(), 3)
        except (TimeoutError, ApiError, OSError):
            _log.warning("the lease could not be given up")


async def end(tasks: Collection[asyncio.Task[Any]], patience: float = 10.0) -> None:
    """Cancel tasks until each has ended.

    Once is not enough: `asyncio.wait_for` of Python 3.11 swallows a cancellation that comes just
    when what it waits for is done (python/cpython#86296), and libraries are built on it.

    Args:
        tasks: to end.
        patience: seconds after which the process is ended instead.
    """
    left = set(tasks)
    deadline = time.monotonic() + patience
    while left:
        if time.monotonic() > deadline:
            _log.error("a part of the operator does not end")
            os._exit(1)
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_SECONDS)


def _pulse(api: Api, feeds: Feeds, settings: Settings) -> Pulse:
    now = time.monotonic()
    return Pulse(now - api.reached, now - feeds.verified, settings.listing_seconds)


def _seen(leader: Leader, cache: Cache, metrics: Metrics) -> Seen | None:
    """What the leader's series are made from; None for a follower, or every sum would double."""
    if not leader.valid():
        return None
    return Seen(
        cache.all(RUNS.plural), cache.all(SCHEDULES.plural), metrics.missed, metrics.missed_at
    )


async def _work(
    feeds: Feeds,
    owning: asyncio.Task[None],
    queue: WorkQueue,
    look: Callable[[Key], Awaitable[float | None]],
) -> None:
    # Before everything was listed, a run or a child that is not known may be there all the same.
    await feeds.filled.wait()
    await asyncio.shield(owning)
    await queue.work(look)


async def _sweep(feeds: Feeds, owning: asyncio.Task[None], sweeper: Sweeper) -> None:
    await feeds.filled.wait()
    await asyncio.shield(owning)
    await sweeper.run()


async def _begin(leader: Leader, feeds: Feeds, metrics: Metrics) -> None:
    await leader.elected.wait()
    metrics.begin()
    feeds.mark_all()
    await asyncio.Event().wait()


def _lost() -> None:
    # Whoever leads now must not find us writing: nothing is tidied up, the process is gone.
    _log.error("leadership was lost")
    os._exit(1)


if __name__ == "__main__":
    main()
