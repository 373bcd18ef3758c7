"""The statements of the fencing, each one atomic.

They are text with named parameters, so that the driver runs them on a plain connection and the
operator on an asynchronous one. Times and ages are always Postgres' own.
"""

from __future__ import annotations

from typing import LiteralString

__all__ = [
    "ACTIVE_ATTEMPTS",
    "ATTEMPTS",
    "CLAIM",
    "END",
    "FAIL",
    "FIND_PUBLISHED",
    "HEARTBEAT",
    "HOLD",
    "LAST_NUMBER",
    "OWN_ENVIRONMENT",
    "PROGRESS_SINCE",
    "PUBLICATIONS",
    "PUBLISH",
    "RELEASE_ENVIRONMENT",
    "START",
]

_EXECUTION: LiteralString = (
    "environment = %(environment)s AND namespace = %(namespace)s AND run = %(run)s "
    "AND key = %(key)s"
)
_RUN: LiteralString = (
    "environment = %(environment)s AND namespace = %(namespace)s AND run = %(run)s"
)
_HELD: LiteralString = (
    _EXECUTION + " AND number = %(attempt)s AND claim = %(claim)s AND state = 'active'"
)

LAST_NUMBER: LiteralString = (
    "SELECT coalesce(max(number), 0) FROM insights.attempt WHERE " + _EXECUTION
)

START: LiteralString = """
INSERT INTO insights.attempt
    (environment, namespace, run, key, number, token, settings, uid, child_kind, child, spec,
     schedule)
VALUES (%(environment)s, %(namespace)s, %(run)s, %(key)s, %(number)s, %(token)s, %(settings)s,
        %(uid)s, %(child_kind)s, %(child)s, %(spec)s, %(schedule)s)
ON CONFLICT DO NOTHING
RETURNING number"""
"""Record an attempt. No row comes back where the number is taken or another attempt is active."""

CLAIM: LiteralString = (
    "UPDATE insights.attempt SET claim = claim + 1, claimed = now(), heartbeat = now(), "
    "changed = now() WHERE " + _EXECUTION + " AND number = %(attempt)s AND state = 'active' "
    "RETURNING claim, token, spec"
)
"""Take an attempt over from whoever held it. No row comes back where it has ended."""

HEARTBEAT: LiteralString = (
    "UPDATE insights.attempt SET heartbeat = now(), stage = %(stage)s, percent = %(percent)s, "
    "remaining_seconds = %(remaining_seconds)s, changed = CASE WHEN "
    "(stage, percent) IS DISTINCT FROM (%(stage)s, %(percent)s) THEN now() ELSE changed END "
    "WHERE " + _HELD
)
"""Sign of life. No row is updated where the claim is fenced."""

HOLD: LiteralString = "SELECT 1 FROM insights.attempt WHERE " + _HELD
"""Whether a claim still holds. It takes no lock, so that heartbeats go on while rows are written;
what decides is `FAIL` at the end of the same transaction."""

PUBLISH: LiteralString = """
INSERT INTO insights.publication
    (environment, namespace, run, key, token, attempt, claim, fingerprint, engine, prefix,
     linked_from, summary)
VALUES (%(environment)s, %(namespace)s, %(run)s, %(key)s, %(token)s, %(attempt)s, %(claim)s,
        %(fingerprint)s, %(engine)s, %(prefix)s, %(linked_from)s, %(summary)s)
RETURNING id, published"""

FAIL: LiteralString = (
    "UPDATE insights.attempt SET state = 'ended', failure = %(failure)s, reason = %(reason)s, "
    "message = %(message)s, ended = now(), changed = now() WHERE " + _HELD
)
"""A driver's own end; with a null failure it is the end of a success."""

END: LiteralString = (
    "UPDATE insights.attempt SET state = 'ended', failure = %(failure)s, reason = %(reason)s, "
    "message = %(message)s, ended = now(), changed = now() "
    "WHERE " + _EXECUTION + " AND number = %(attempt)s AND state = 'active'"
)
"""The operator's end of an attempt, whoever holds it."""

FIND_PUBLISHED: LiteralString = (
    "SELECT id, key, token, attempt, fingerprint, engine, prefix, linked_from, summary, published "
    "FROM insights.publication WHERE " + _EXECUTION + " AND (%(fingerprint)s::text IS NULL OR "
    "fingerprint = %(fingerprint)s) AND (%(token)s::text IS NULL OR token = %(token)s) "
    "AND going IS NULL ORDER BY published DESC, id DESC LIMIT 1"
)

PUBLICATIONS: LiteralString = (
    "SELECT id, key, token, attempt, fingerprint, engine, prefix, linked_from, summary, published "
    "FROM insights.publication WHERE " + _RUN + " AND going IS NULL ORDER BY published, id"
)
"""Results of a run, but for those that are being removed."""

_ATTEMPT: LiteralString = (
    "environment, namespace, run, key, number, token, settings, uid, child_kind, child, state, "
    "failure, reason, message, claim, claimed, started, ended, heartbeat, "
    "extract(epoch FROM now() - heartbeat)::float8 AS heartbeat_age, stage, percent, "
    "remaining_seconds"
)

ATTEMPTS: LiteralString = (
    "SELECT "
    + _ATTEMPT
    + ", now() AS now FROM insights.attempt WHERE "
    + _RUN
    + " ORDER BY started, number"
)

ACTIVE_ATTEMPTS: LiteralString = (
    "SELECT " + _ATTEMPT + " FROM insights.attempt "
    "WHERE environment = %(environment)s AND state = 'active'"
)

PROGRESS_SINCE: LiteralString = (
    "SELECT " + _ATTEMPT + ", now() AS now, changed FROM insights.attempt "
    "WHERE environment = %(environment)s AND changed > %(since)s ORDER BY changed"
)
"""What changed in any run: one query, however many are active."""

OWN_ENVIRONMENT: LiteralString = """
WITH taken AS (
    INSERT INTO insights.environment (name, cluster) VALUES (%(environment)s, %(cluster)s)
    ON CONFLICT (name) DO NOTHING RETURNING cluster, since)
SELECT cluster, since FROM taken
UNION ALL SELECT cluster, since FROM insights.environment WHERE name = %(environment)s LIMIT 1"""
"""Take an environment for a cluster unless another one has it; says whose it is, and since when.
No row comes back where another cluster takes it at the same moment."""

RELEASE_ENVIRONMENT: LiteralString = "DELETE FROM insights.environment WHERE name = %(environment)s"
