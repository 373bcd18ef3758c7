"""One step that cannot be taken keeps no other from its own."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import psycopg
import pytest

from insights_crds.reasons import Reason
from insights_operator.cache import Cache
from insights_operator.kubernetes_api import ApiError
from insights_operator.metrics import Metrics
from insights_operator.object_stores import StoreMissingError, StoreUnreachableError
from insights_operator.sweeper import Sweeper

KEYS = [("ns", "first"), ("ns", "second")]


def sweeper(marked: list[tuple[str, str]]) -> Sweeper:
    nobody = cast(Any, None)
    return Sweeper(
        nobody, nobody, nobody, Cache(), nobody, Metrics("test"), marked.append,
        environment="test", namespaces=(), identity="me", seconds=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreMissingError("make a Secret"), Reason.OBJECT_STORE_NOT_CONFIGURED),
        (StoreUnreachableError("look at it"), Reason.OBJECT_STORE_UNREACHABLE),
        (ApiError(403, "Forbidden", ""), None),
        (ConnectionError(), None),
        (TimeoutError(), None),
        (psycopg.errors.DeadlockDetected(), None),
        (psycopg.errors.QueryCanceled(), None),
    ],
)
def test_others_go_on(error, reason) -> None:
    taken, marked = [], []
    whole = sweeper(marked)

    async def step(key) -> None:
        taken.append(key)
        if key == KEYS[0]:
            raise error

    asyncio.run(whole._each(KEYS, step))
    assert taken == KEYS
    blocked = whole.blocked(KEYS[0])
    assert (blocked and blocked[0]) == reason
    # Who waits for that is told once; the step is not taken again at once.
    assert marked == ([KEYS[0]] if reason else [])
    asyncio.run(whole._each(KEYS, step))
    assert taken == [*KEYS, KEYS[1]]
    assert whole.blocked(KEYS[1]) is None


def test_a_database_that_is_away_ends_the_round() -> None:
    taken = []

    async def step(key) -> None:
        taken.append(key)
        raise psycopg.OperationalError("connection refused")

    with pytest.raises(psycopg.OperationalError):
        asyncio.run(sweeper([])._each(KEYS, step))
    assert taken == KEYS[:1]
