"""The operator's settings, from its environment."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from insights_operator.observed import Config
from insights_operator.slots import Limits

__all__ = ["Settings", "settings_from_environment"]


@dataclass(frozen=True)
class Settings:
    """Settings.

    Attributes:
        config: what decisions look at.
        limits: most active runs.
        dsn: connection string of the results database.
        namespace: of the operator itself, for its Lease.
        identity: of this replica.
        watch_namespaces: namespaces that are watched; all where empty.
        http_port: for probes; 0 for none.
        listing_seconds: time between two listings.
        workers: runs that are looked at side by side.
        log_level: least level that is logged.
        stores: folder with a folder for each object store, from which results are removed.
        sweep_seconds: time between two looks for results beyond their retention.
    """

    config: Config
    limits: Limits
    dsn: str
    namespace: str
    identity: str
    watch_namespaces: tuple[str, ...]
    http_port: int
    listing_seconds: float
    workers: int
    log_level: str
    stores: Path = Path("/etc/insights/stores")
    sweep_seconds: float = 60.0


def settings_from_environment() -> Settings:
    """Read the settings.

    Raises:
        KeyError: one that has no default is missing.
    """
    get = os.environ.get
    return Settings(
        config=Config(
            environment=os.environ["INSIGHTS_ENVIRONMENT"],
            image=os.environ["INSIGHTS_IMAGE"],
            ray_version=get("INSIGHTS_RAY_VERSION", "2.60.0"),
            stores=frozenset(get("INSIGHTS_STORES", "default").split(",")),
            heartbeat_timeout=float(get("INSIGHTS_HEARTBEAT_TIMEOUT_SECONDS", "60")),
        ),
        limits=Limits(
            cluster=_optional("INSIGHTS_MAX_ACTIVE_RUNS"),
            namespace=_optional("INSIGHTS_MAX_ACTIVE_RUNS_PER_NAMESPACE"),
        ),
        dsn=os.environ["INSIGHTS_DATABASE_DSN"],
        namespace=get("INSIGHTS_OPERATOR_NAMESPACE", "default"),
        identity=f"{socket.gethostname()}-{os.getpid()}",
        watch_namespaces=tuple(filter(None, get("INSIGHTS_WATCH_NAMESPACES", "").split(","))),
        http_port=int(get("INSIGHTS_HTTP_PORT", "0")),
        listing_seconds=float(get("INSIGHTS_LISTING_SECONDS", "300")),
        workers=int(get("INSIGHTS_WORKERS", "32")),
        log_level=get("INSIGHTS_LOG_LEVEL", "INFO"),
        stores=Path(get("INSIGHTS_STORES_FOLDER", "/etc/insights/stores")),
        sweep_seconds=float(get("INSIGHTS_SWEEP_SECONDS", "60")),
    )


def _optional(name: str) -> int | None:
    value = os.environ.get(name, "")
    return int(value) if value else None
