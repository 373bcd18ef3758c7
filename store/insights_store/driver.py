"""An attempt from the driver's side: start, claim, tell progress, publish or fail.

Every call names the attempt and the claim, and does nothing once the attempt was fenced: `Fenced`
is raised, and the driver stops itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from insights_crds.reasons import FailureClass, Reason
from insights_store import statements
from insights_store.execution import Claim, Execution, Fenced, Publication

__all__ = [
    "Outgoing",
    "claim",
    "end",
    "fail",
    "find_published",
    "heartbeat",
    "link",
    "publications",
    "publish",
    "start",
]


@dataclass(frozen=True)
class Outgoing:
    """What is published with a result.

    Attributes:
        fingerprint: of the input.
        engine: version of the engine.
        summary: `status.summary`, in its wire form.
    """

    fingerprint: str
    engine: str
    summary: Mapping[str, Any]


def start(
    connection: psycopg.Connection,
    execution: Execution,
    *,
    token: str | None,
    settings: str,
    uid: str,
    child_kind: str,
    child: str,
    spec: Mapping[str, Any],
) -> int | None:
    """Record the next attempt at an execution.

    Returns:
        Its number, or None where another attempt of the run is active.
    """
    with connection.transaction():
        last = connection.execute(statements.LAST_NUMBER, execution.parameters).fetchone()
        row = connection.execute(
            statements.START,
            {
                **execution.parameters,
                "number": (last[0] if last else 0) + 1,
                "token": token,
                "settings": settings,
                "uid": uid,
                "child_kind": child_kind,
                "child": child,
                "spec": Jsonb(dict(spec)),
                "schedule": None,
            },
        ).fetchone()
    return None if row is None else int(row[0])


def claim(connection: psycopg.Connection, execution: Execution, attempt: int) -> Claim:
    """Take an attempt over. Whoever held it before is fenced.

    Raises:
        Fenced: the attempt has ended.
    """
    row = connection.execute(
        statements.CLAIM, {**execution.parameters, "attempt": attempt}
    ).fetchone()
    connection.commit()
    if row is None:
        raise Fenced(f"attempt {attempt} of {execution.run} has ended")
    number, token, spec = row
    return Claim(execution, attempt, int(number), token, spec)


def heartbeat(
    connection: psycopg.Connection,
    held: Claim,
    *,
    stage: str | None,
    percent: int,
    remaining_seconds: int | None,
) -> None:
    """Give a sign of life.

    Raises:
        Fenced: see the module.
    """
    done = connection.execute(
        statements.HEARTBEAT,
        {
            **_parameters(held),
            "stage": stage,
            "percent": percent,
            "remaining_seconds": remaining_seconds,
        },
    ).rowcount
    connection.commit()
    if not done:
        raise _fenced(held)


def publish(
    connection: psycopg.Connection,
    held: Claim,
    outgoing: Outgoing,
    write_rows: Callable[[psycopg.Connection, int], None],
) -> Publication:
    """Publish a result: its row, its tables and the end of the attempt, in one transaction.

    The end of the attempt comes last and matches no row once the claim is fenced, in which case
    everything is rolled back.

    Args:
        connection: outside a transaction.
        held: the claim.
        outgoing: what goes into the publication's row.
        write_rows: writes the tables of the publication with a given id.

    Raises:
        Fenced: see the module; nothing was published.
    """
    with connection.transaction():
        _hold(connection, held)
        publication = _insert(connection, held, outgoing, held.prefix, None)
        write_rows(connection, publication.id)
        _end_well(connection, held, Reason.PUBLISHED)
    return publication


def link(connection: psycopg.Connection, held: Claim, earlier: Publication) -> Publication:
    """Publish an earlier result again: its rows and objects are shared.

    Raises:
        Fenced: see the module; nothing was published.
    """
    outgoing = Outgoing(earlier.fingerprint, earlier.engine, earlier.summary)
    with connection.transaction():
        _hold(connection, held)
        publication = _insert(connection, held, outgoing, earlier.prefix, earlier.rows)
        _end_well(connection, held, Reason.LINKED)
    return publication


def fail(
    connection: psycopg.Connection,
    held: Claim,
    failure: FailureClass,
    reason: str,
    message: str,
) -> None:
    """Tell the end of an attempt that published nothing.

    Raises:
        Fenced: see the module.
    """
    done = connection.execute(
        statements.FAIL,
        {
            **_parameters(held),
            "failure": failure.value,
            "reason": reason,
            "message": message[:1000],
        },
    ).rowcount
    connection.commit()
    if not done:
        raise _fenced(held)


def end(
    connection: psycopg.Connection, execution: Execution, attempt: int, reason: str, message: str
) -> bool:
    """End an attempt that nobody can be at work on. False where it had ended."""
    done = connection.execute(
        statements.END,
        {
            **execution.parameters,
            "attempt": attempt,
            "failure": FailureClass.DISPLACED.value,
            "reason": reason,
            "message": message,
        },
    ).rowcount
    connection.commit()
    return bool(done)


def find_published(
    connection: psycopg.Connection,
    execution: Execution,
    *,
    fingerprint: str | None = None,
    token: str | None = None,
) -> Publication | None:
    """The newest result of an execution, of a fingerprint and a token where they are given."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            statements.FIND_PUBLISHED,
            {**execution.parameters, "fingerprint": fingerprint, "token": token},
        ).fetchone()
    connection.commit()
    return None if row is None else _publication(execution, row)


def publications(
    connection: psycopg.Connection, environment: str, namespace: str, run: str
) -> list[Publication]:
    """Every result of a run, the newest last."""
    parameters = {"environment": environment, "namespace": namespace, "run": run}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statements.PUBLICATIONS, parameters).fetchall()
    connection.commit()
    return [_publication(Execution(environment, namespace, run, row["key"]), row) for row in rows]


def _insert(
    connection: psycopg.Connection,
    held: Claim,
    outgoing: Outgoing,
    prefix: str,
    linked_from: int | None,
) -> Publication:
    row = connection.execute(
        statements.PUBLISH,
        {
            **_parameters(held),
            "token": held.token,
            "fingerprint": outgoing.fingerprint,
            "engine": outgoing.engine,
            "prefix": prefix,
            "linked_from": linked_from,
            "summary": Jsonb(json.loads(json.dumps(outgoing.summary))),
        },
    ).fetchone()
    if row is None:
        raise _fenced(held)
    return Publication(
        int(row[0]),
        held.execution,
        held.token,
        held.attempt,
        outgoing.fingerprint,
        outgoing.engine,
        prefix,
        linked_from,
        outgoing.summary,
        row[1],
    )


def _hold(connection: psycopg.Connection, held: Claim) -> None:
    if connection.execute(statements.HOLD, _parameters(held)).fetchone() is None:
        raise _fenced(held)


def _end_well(connection: psycopg.Connection, held: Claim, reason: Reason) -> None:
    done = connection.execute(
        statements.FAIL,
        {**_parameters(held), "failure": None, "reason": reason.value, "message": ""},
    ).rowcount
    if not done:
        raise _fenced(held)


def _parameters(held: Claim) -> dict[str, Any]:
    return {**held.execution.parameters, "attempt": held.attempt, "claim": held.claim}


def _publication(execution: Execution, row: Mapping[str, Any]) -> Publication:
    return Publication(
        id=row["id"],
        execution=execution,
        token=row["token"],
        attempt=row["attempt"],
        fingerprint=row["fingerprint"],
        engine=row["engine"],
        prefix=row["prefix"],
        linked_from=row["linked_from"],
        summary=row["summary"],
        published=row["published"],
    )


def _fenced(held: Claim) -> Fenced:
    return Fenced(
        f"attempt {held.attempt} of {held.execution.run} was taken over or ended; this driver stops"
    )
