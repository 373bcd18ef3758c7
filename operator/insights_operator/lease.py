"""Who acts: the replica that holds the Lease, by its own clock, before every write.

Every replica watches and keeps its cache warm; only the leader acts. A leader that cannot renew
stops acting before anybody else may begin, and its process ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from insights_operator.kubernetes_api import Api, ApiError, Resource

__all__ = ["Leader"]

LEASES = Resource("coordination.k8s.io/v1", "leases")

_DURATION = 15.0
_VALID = 10.0
_RETRY = 2.0
_REQUEST = 3.0

_log = logging.getLogger(__name__)


class Leader:
    """This replica's part in the election."""

    def __init__(
        self, api: Api, namespace: str, name: str, identity: str, lost: Callable[[], None]
    ) -> None:
        """Take part.

        Args:
            api: to the API server.
            namespace: of the Lease.
            name: of the Lease.
            identity: of this replica; unique.
            lost: called when leadership is lost; ends the process.
        """
        self._api = api
        self._path = LEASES.path(namespace)
        self._name = name
        self._identity = identity
        self._lost = lost
        self._renewed = -_DURATION
        self._leading = self._waits = False
        self._seen: tuple[str, float] = ("", 0.0)
        self.elected = asyncio.Event()

    def valid(self) -> bool:
        """Whether this replica may write now."""
        return self._leading and time.monotonic() - self._renewed < _VALID

    async def run(self) -> None:
        """Seek leadership, and keep it, for ever."""
        while True:
            before = time.monotonic()
            try:
                leading = await asyncio.wait_for(self._try(), _REQUEST)
            except (TimeoutError, ApiError, OSError) as error:
                _log.warning("the lease cannot be reached", extra={"error": type(error).__name__})
                leading = None
            if leading:
                # From before the request: nobody else can have taken it until then.
                self._renewed = before
                if not self._leading:
                    self._leading = True
                    _log.info("this replica leads", extra={"identity": self._identity})
                    self.elected.set()
            elif leading is False and not self._leading and not self._waits:
                self._waits = True
                _log.info("this replica waits", extra={"identity": self._identity})
            elif self._leading and (leading is False or not self.valid()):
                self._leading = False
                self._lost()
            await asyncio.sleep(_RETRY)

    async def release(self) -> None:
        """Give leadership up at once, so that the next replica need not wait."""
        if not self._leading:
            return
        self._leading = False
        lease = await self._api.get(f"{self._path}/{self._name}")
        if lease["spec"].get("holderIdentity") == self._identity:
            lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
            await self._api.replace(f"{self._path}/{self._name}", lease)

    async def _try(self) -> bool:
        try:
            lease = await self._api.get(f"{self._path}/{self._name}")
        except ApiError as error:
            if error.status != 404:
                raise
            await self._api.create(self._path, self._fresh())
            return True
        if self._leading and not self.valid():
            # We were frozen since we asked: whoever leads by now must not find us writing.
            return False
        spec = lease.setdefault("spec", {})
        mine = spec.get("holderIdentity") == self._identity
        if not mine and not self._expired(lease):
            return False
        if not mine:
            spec["leaseTransitions"] = int(spec.get("leaseTransitions", 0)) + 1
            spec["acquireTime"] = _now()
        spec |= {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(_DURATION),
            "renewTime": _now(),
        }
        try:
            await self._api.replace(f"{self._path}/{self._name}", lease)
        except ApiError as error:
            if error.status == 409:
                return False
            raise
        return True

    def _expired(self, lease: dict[str, Any]) -> bool:
        """Whether the holder has not renewed for as long as it promised, by our own clock."""
        spec = lease["spec"]
        if not spec.get("holderIdentity"):
            return True
        version = str(lease["metadata"]["resourceVersion"])
        if self._seen[0] != version:
            self._seen = (version, time.monotonic())
        return time.monotonic() - self._seen[1] > float(spec.get("leaseDurationSeconds", _DURATION))

    def _fresh(self) -> dict[str, Any]:
        return {
            "apiVersion": LEASES.api_version,
            "kind": "Lease",
            "metadata": {"name": self._name},
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(_DURATION),
                "acquireTime": _now(),
                "renewTime": _now(),
                "leaseTransitions": 0,
            },
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
