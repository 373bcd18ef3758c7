"""An environment belongs to one cluster: two that have the same name would end each other's runs.

The cluster is known by the uid of its namespace `kube-system`, which stays for as long as it does.
Operators that share a cluster, and watch namespaces of their own, share its environment.
"""

from __future__ import annotations

import asyncio
import logging

import aiohttp

from insights_operator.database import Database
from insights_operator.kubernetes_api import Api, ApiError, Resource

__all__ = ["EnvironmentTakenError", "own_environment"]

_NAMESPACES = Resource("v1", "namespaces")
_RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)


class EnvironmentTakenError(Exception):
    """The environment belongs to another cluster."""


async def own_environment(api: Api, database: Database, environment: str) -> None:
    """Return once the environment is known to be this cluster's, however long that takes.

    Raises:
        EnvironmentTakenError: it is another one's; the message says how to take it over.
    """
    cluster = await _cluster(api)
    while (owner := await database.own_environment(cluster)) is None:
        await asyncio.sleep(_RETRY_SECONDS)
    if owner[0] != cluster:
        raise EnvironmentTakenError(
            f"the environment {environment} of this results store belongs to another cluster "
            f"(kube-system {owner[0]}, since {owner[1]:%Y-%m-%d}); this one is {cluster}. Give "
            "each cluster an `environment` of its own. If the other one is gone for good, let go "
            "of its environment by `python -m insights_store release`, with this pod's variables"
        )


async def _cluster(api: Api) -> str:
    """Uid of `kube-system`."""
    told = False
    while True:
        try:
            found = await api.get(_NAMESPACES.path(name="kube-system"))
            return str(found["metadata"]["uid"])
        except (ApiError, OSError, aiohttp.ClientError, TimeoutError) as error:
            if not told:
                _log.warning("kube-system cannot be read: %s", error)
                told = True
            await asyncio.sleep(_RETRY_SECONDS)
