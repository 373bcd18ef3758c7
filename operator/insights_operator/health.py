"""What probes and Prometheus ask: whether this replica is alive and of use, and what it measures.

Alive is a process that learns what happens in the cluster. An API server that cannot be reached
makes it not ready and never not alive: a restart would cure nothing and empty a warm cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

__all__ = ["Pulse", "alive", "ready", "serve"]

_REACHED_SECONDS = 30.0


@dataclass(frozen=True)
class Pulse:
    """When this replica was last sure of something, in seconds before now.

    Attributes:
        reached: since the API server last answered.
        verified: since a listing last agreed with the cache.
        listing: between two listings.
    """

    reached: float
    verified: float
    listing: float


def alive(pulse: Pulse) -> str | None:
    """Why the process should be restarted; None where it need not."""
    if pulse.reached < _REACHED_SECONDS and pulse.verified > 3 * pulse.listing + _REACHED_SECONDS:
        return (
            f"the API server answers, but no listing agreed with what the watches told for "
            f"{pulse.verified:.0f} s"
        )
    return None


def ready(pulse: Pulse) -> str | None:
    """Why the replica is of no use now; None where it is."""
    if pulse.reached >= _REACHED_SECONDS:
        return f"the API server was not reached for {pulse.reached:.0f} s"
    return None


@asynccontextmanager
async def serve(
    port: int, pulse: Callable[[], Pulse], registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Answer `/livez`, `/readyz` and `/metrics` while entered; nothing where the port is 0."""
    if not port:
        yield
        return

    async def livez(_: web.Request) -> web.Response:
        return _answer(alive(pulse()))

    async def readyz(_: web.Request) -> web.Response:
        return _answer(ready(pulse()))

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # In a thread: the Lease must be renewed while thousands of series are written.
        body = await asyncio.to_thread(encode, registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes(
        [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", metrics)]
    )
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()


def _answer(problem: str | None) -> web.Response:
    return web.Response(text=problem or "ok", status=503 if problem else 200)
