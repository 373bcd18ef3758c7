from __future__ import annotations

import asyncio

import aiohttp
import pytest

from insights_operator.health import Pulse, alive, ready, serve
from insights_operator.metrics import Metrics
from tests.cluster.processes import free_port

WELL = Pulse(reached=1, verified=200, listing=300)


@pytest.mark.parametrize(
    ("pulse", "is_alive", "is_ready"),
    [
        (WELL, True, True),
        # No API server: of no use, but a restart would cure nothing.
        (Pulse(reached=600, verified=2000, listing=300), True, False),
        # It answers, and the watches tell nothing of what it knows.
        (Pulse(reached=1, verified=931, listing=300), False, True),
        (Pulse(reached=1, verified=929, listing=300), True, True),
    ],
)
def test_alive_and_ready(pulse, is_alive, is_ready) -> None:
    assert (alive(pulse) is None) is is_alive
    assert (ready(pulse) is None) is is_ready


def test_probes_are_answered() -> None:
    port = free_port()
    pulses = iter([WELL, WELL, Pulse(reached=99, verified=0, listing=300)])

    async def ask() -> list[tuple[int, str]]:
        out = []
        registry = Metrics("test").registry
        async with (
            serve(port, lambda: next(pulses), registry),
            aiohttp.ClientSession() as session,
        ):
            for path in ("livez", "readyz", "readyz"):
                async with session.get(f"http://127.0.0.1:{port}/{path}") as answer:
                    out.append((answer.status, await answer.text()))
        return out

    assert asyncio.run(ask()) == [
        (200, "ok"),
        (200, "ok"),
        (503, "the API server was not reached for 99 s"),
    ]
