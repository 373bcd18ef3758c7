"""The operator in a forked process, with a fault in it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from insights_operator import logs
from insights_operator.main import run
from insights_operator.observed import Config
from insights_operator.settings import Settings
from insights_operator.slots import Limits
from tests.crash.faults import Fault, Tally, install

__all__ = ["operate"]


def operate(namespace: str, dsn: str, tally: str, log: str, stores: str, fault: Fault) -> None:
    """Be an operator for one namespace, until killed.

    Its identity is always the same, so that the one after a crash need not wait for the Lease.
    """
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    logs.configure("INFO", namespace)
    install(fault, Tally(tally))
    settings = Settings(
        config=Config(environment=namespace, image="engine:1", ray_version="2.60.0"),
        limits=Limits(),
        dsn=dsn,
        namespace=namespace,
        identity="sweep",
        watch_namespaces=(namespace,),
        http_port=0,
        listing_seconds=1.5,
        workers=4,
        log_level="INFO",
        stores=Path(stores),
        sweep_seconds=0.3,
    )
    asyncio.run(run(settings))
    sys.stdout.flush()
