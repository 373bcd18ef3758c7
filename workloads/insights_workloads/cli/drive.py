"""`insights drive`: carry out one attempt, in a pod. People do not call this."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import obstore
import psycopg
import typer

from insights_crds.execution_key import COMPUTED
from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import AnalysisRunSpec
from insights_store import driver
from insights_store.execution import Claim, Execution, Fenced
from insights_workloads.cli.console import ExitCode, fail
from insights_workloads.execution import Settings, execute
from insights_workloads.failure import RunFailedError
from insights_workloads.progress import Snapshot
from insights_workloads.results.stores import ResultsStore, open_objects, store_from_environment
from insights_workloads.version import ENGINE_VERSION

__all__ = ["drive"]

_PROGRESS_SECONDS = 10.0
_KEPT_LINES = 5000


def drive() -> None:
    """Carry out the attempt that the environment names. Called inside pods."""
    try:
        store = store_from_environment()
        execution = Execution(
            os.environ["INSIGHTS_ENVIRONMENT"],
            os.environ["INSIGHTS_NAMESPACE"],
            os.environ["INSIGHTS_RUN"],
            os.environ["INSIGHTS_KEY"],
        )
        attempt = int(os.environ["INSIGHTS_ATTEMPT"])
    except (KeyError, ValueError) as error:
        fail(f"the environment lacks {error}; the operator sets it")
    signal.signal(signal.SIGTERM, _stop)
    log = _Log(execution, attempt)
    held: Claim | None = None
    try:
        with psycopg.connect(store.dsn, connect_timeout=15) as connection:
            held = driver.claim(connection, execution, attempt)
        log("claimed", claim=held.claim)
        _expect_version(store.dsn, held)
        home = os.environ.get("INSIGHTS_HOME")
        with tempfile.TemporaryDirectory(dir=home) as spool:
            settings = Settings(store, base=Path.cwd(), spool=Path(spool), ray=_wants_ray())
            publication = execute(held, _spec(held), settings, log.progress)
        log("published", results=publication.prefix)
    except Fenced:
        log("fenced")
    except RunFailedError as error:
        log.error(
            "failed", reason=error.reason.value, failure=error.failure.value, detail=str(error)
        )
        # The class is in Postgres; a child that ends well keeps Kubernetes from trying again.
        raise typer.Exit(
            ExitCode.OK if error.failure is FailureClass.USER else ExitCode.FAILED
        ) from None
    except psycopg.OperationalError:
        log.error("failed", reason=Reason.STORE_UNREACHABLE.value)
        raise typer.Exit(ExitCode.FAILED) from None
    except Exception as error:  # noqa: BLE001 (its text may quote the roster: only its kind is told)
        frames = traceback.extract_tb(error.__traceback__)
        log.error(
            "failed",
            reason=Reason.INTERNAL.value,
            error=type(error).__name__,
            at=[f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-8:]],
        )
        raise typer.Exit(ExitCode.FAILED) from None
    finally:
        if held is not None:
            log.keep(store, held)


def _expect_version(dsn: str, held: Claim) -> None:
    """On a standing cluster the image is not of the operator's choosing: it must be the same."""
    wanted = os.environ.get("INSIGHTS_VERSION", ENGINE_VERSION)
    if wanted == ENGINE_VERSION:
        return
    message = (
        f"the Ray cluster runs version {ENGINE_VERSION} of the engine, the operator {wanted}; give "
        "the cluster the operator's image, or the run a cluster of its own"
    )
    with psycopg.connect(dsn, connect_timeout=15) as connection:
        driver.fail(connection, held, FailureClass.USER, Reason.IMAGE_MISMATCH.value, message)
    raise RunFailedError(FailureClass.USER, Reason.IMAGE_MISMATCH, message)


def _spec(held: Claim) -> AnalysisRunSpec:
    # A newer operator may have written what this engine does not know. It must know all that says
    # what is computed, or it would publish something else; the rest is no matter of its own.
    computed = {name: held.spec[name] for name in COMPUTED if name in held.spec}
    AnalysisRunSpec.model_validate(computed)
    return AnalysisRunSpec.model_validate(held.spec, extra="ignore")


def _wants_ray() -> bool | None:
    # A Ray job runs on a cluster that is there already.
    return True if "RAY_JOB_ID" in os.environ or "RAY_ADDRESS" in os.environ else None


def _stop(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


class _Log:
    """JSON lines on standard output, each with run, execution and attempt: see docs/logs.md."""

    def __init__(self, execution: Execution, attempt: int) -> None:
        self._fields = {
            "environment": execution.environment,
            "namespace": execution.namespace,
            "run": execution.run,
            "execution": execution.key[:16],
            "attempt": attempt,
        }
        self._stage = ""
        self._told = 0.0
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def __call__(self, message: str, **fields: Any) -> None:
        self._write("info", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": now, "level": level, "logger": __name__, "message": message}
        text = json.dumps(line | self._fields | fields)
        self._lines.append(text)
        print(text, file=sys.stdout, flush=True)

    def keep(self, store: ResultsStore, held: Claim) -> None:
        """Put what was said into the store: on a standing cluster no pod of ours has it.

        Not among results, of which only what is published stays. No run has a name like `_logs`.
        """
        e = held.execution
        name = f"{held.attempt}-{held.claim}.log"
        path = f"{e.environment}/{e.namespace}/_logs/{e.run}/{e.key[:16]}/{name}"
        try:
            objects = open_objects(store.objects)
            obstore.put(objects, path, ("\n".join(self._lines) + "\n").encode())
        except (OSError, obstore.exceptions.BaseError) as error:
            self("log not kept", error=type(error).__name__)

    def progress(self, snapshot: Snapshot) -> None:
        now = datetime.now(UTC).timestamp()
        if snapshot.stage != self._stage or now - self._told > _PROGRESS_SECONDS:
            self._stage, self._told = snapshot.stage, now
            self("progress", stage=snapshot.stage, percent=snapshot.percent)
