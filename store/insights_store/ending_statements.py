"""The statements by which results end, each one atomic and good to be done twice.

A run is buried first, and a result is marked as going: whoever comes after a crash finds by that
what is to be gone on with. Rows go in small steps, so that no transaction is long.
"""

from __future__ import annotations

from typing import LiteralString

__all__ = [
    "BEYOND",
    "BURY",
    "FENCE",
    "FORGET",
    "GOING",
    "GOING_RUNS",
    "GRAVES",
    "HIDE",
    "LINE",
    "LOCK_RESULT",
    "MARK",
    "OBJECT_STORES",
    "REMOVE_RESULT",
    "REMOVE_ROWS",
    "RESULTS",
    "RUN_RESULTS",
    "UNEARTH",
    "UNMARK",
]

_RUN: LiteralString = (
    "environment = %(environment)s AND namespace = %(namespace)s AND run = %(run)s"
)
_RESULT: LiteralString = (
    "environment = %(environment)s AND namespace = %(namespace)s AND id = %(id)s"
)

BURY: LiteralString = (
    "INSERT INTO insights.tombstone (environment, namespace, run) "
    "SELECT %(environment)s, %(namespace)s, %(run)s "
    "WHERE EXISTS (SELECT 1 FROM insights.attempt WHERE " + _RUN + ") "
    "AND NOT EXISTS (SELECT 1 FROM insights.tombstone WHERE " + _RUN + ")"
)
"""Decide that all results of a run are to be erased, where anything is known of it."""

UNEARTH: LiteralString = "DELETE FROM insights.tombstone WHERE " + _RUN
"""Leave the results of a run as they are after all: a run of its name is there again."""

GRAVES: LiteralString = (
    "SELECT namespace, run FROM insights.tombstone WHERE environment = %(environment)s "
    "GROUP BY namespace, run ORDER BY min(written), namespace, run"
)
"""Runs whose results are to be erased."""

FENCE: LiteralString = (
    "UPDATE insights.attempt SET state = 'ended', failure = 'displaced', reason = 'Cancelled', "
    "message = 'the run was deleted', ended = now(), changed = now() "
    "WHERE " + _RUN + " AND state = 'active'"
)
"""End whatever is at work for a run. A publish of the same moment comes first or not at all."""

HIDE: LiteralString = (
    "UPDATE insights.publication SET going = now() WHERE " + _RUN + " AND going IS NULL"
)
"""Mark all results of a run as going. In one transaction with `FENCE`, and after it."""

OBJECT_STORES: LiteralString = (
    "SELECT DISTINCT coalesce(spec #>> '{results,store}', 'default') AS store "
    "FROM insights.attempt WHERE " + _RUN + " AND claim > 0"
)
"""Stores in which drivers of a run may have put objects."""

RUN_RESULTS: LiteralString = (
    "SELECT id FROM insights.publication WHERE " + _RUN + " AND going IS NOT NULL "
    "ORDER BY linked_from NULLS LAST, id"
)
"""Results of a run that are going, those that link to others first."""

_TABLES: tuple[LiteralString, ...] = (
    "told_cluster", "told_team", "told_rule", "cluster", "team", "violation", "rejected_row",
    "person",
)  # fmt: skip

REMOVE_ROWS: dict[str, LiteralString] = {
    table: "DELETE FROM insights." + table + " WHERE ctid = ANY(ARRAY(SELECT ctid FROM insights."
    + table + " WHERE environment = %(environment)s AND namespace = %(namespace)s "
    "AND publication = %(id)s LIMIT %(most)s))"
    for table in _TABLES
}  # fmt: skip
"""For each table of a result: remove some of its rows."""

FORGET: tuple[LiteralString, ...] = (
    "DELETE FROM insights.publication WHERE " + _RUN + " AND going IS NOT NULL",
    "DELETE FROM insights.attempt WHERE " + _RUN + " AND state = 'ended'",
    UNEARTH,
)
"""The last that is known of a run, in one transaction: from then on nothing names it."""

BEYOND: LiteralString = """
SELECT r.namespace, r.run
FROM unnest(%(namespaces)s::text[], %(runs)s::text[], %(keeps)s::integer[], %(days)s::integer[])
     AS r (namespace, run, keep, days)
WHERE (SELECT count(*) FROM insights.publication p
       WHERE p.environment = %(environment)s AND p.namespace = r.namespace AND p.run = r.run
         AND p.going IS NULL) > r.keep
   OR r.days IS NOT NULL AND EXISTS (
       SELECT 1 FROM insights.publication p
       WHERE p.environment = %(environment)s AND p.namespace = r.namespace AND p.run = r.run
         AND p.going IS NULL AND p.published < now() - make_interval(days => r.days))"""
"""Of some runs, those that have more results, or older ones, than they want to keep."""

RESULTS: LiteralString = (
    "SELECT id, key, token, published, linked_from, now() AS now, "
    "EXISTS (SELECT 1 FROM insights.attempt WHERE " + _RUN + " AND state = 'active') AS active "
    "FROM insights.publication WHERE " + _RUN + " AND going IS NULL ORDER BY published, id"
)

MARK: LiteralString = (
    "UPDATE insights.publication p SET going = now() WHERE "
    "p.environment = %(environment)s AND p.namespace = %(namespace)s AND p.run = %(run)s "
    "AND p.id = ANY(%(ids)s) AND p.going IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM insights.attempt WHERE " + _RUN + " AND state = 'active') "
    "AND NOT EXISTS (SELECT 1 FROM insights.publication l WHERE "
    "l.environment = p.environment AND l.namespace = p.namespace AND l.linked_from = p.id "
    "AND l.going IS NULL AND NOT l.id = ANY(%(ids)s))"
)
"""Decide that results are to be removed: none while something is at work, which may link to one."""

GOING_RUNS: LiteralString = (
    "SELECT DISTINCT p.namespace, p.run FROM insights.publication p "
    "WHERE p.environment = %(environment)s AND p.going IS NOT NULL "
    "AND NOT EXISTS (SELECT 1 FROM insights.tombstone t WHERE t.environment = p.environment "
    "AND t.namespace = p.namespace AND t.run = p.run) ORDER BY 1, 2"
)
"""Runs of which some results are being removed, and which stay."""

GOING: LiteralString = (
    "SELECT p.id, p.prefix, EXISTS (SELECT 1 FROM insights.publication o WHERE "
    "o.environment = p.environment AND o.namespace = p.namespace AND o.run = p.run "
    "AND o.prefix = p.prefix AND o.going IS NULL) AS shared, "
    "(SELECT coalesce(spec #>> '{results,store}', 'default') FROM insights.attempt a WHERE "
    "a.environment = p.environment AND a.namespace = p.namespace AND a.run = p.run "
    "AND p.prefix LIKE '%%/' || left(a.key, 16) || '/' || a.number || '-%%' LIMIT 1) AS store "
    "FROM insights.publication p WHERE "
    "p.environment = %(environment)s AND p.namespace = %(namespace)s AND p.run = %(run)s "
    "AND p.going IS NOT NULL ORDER BY p.linked_from NULLS LAST, p.id"
)
"""Results of a run that are being removed, those that link to others first; whether others show the
same objects; and the store that holds them, null where nobody knows."""

UNMARK: LiteralString = (
    "UPDATE insights.publication p SET going = NULL WHERE "
    "p.environment = %(environment)s AND p.namespace = %(namespace)s AND p.run = %(run)s "
    "AND p.going IS NOT NULL AND EXISTS (SELECT 1 FROM insights.publication l WHERE "
    "l.environment = p.environment AND l.namespace = p.namespace AND l.linked_from = p.id "
    "AND l.going IS NULL)"
)
"""Keep what a publish of the same moment has linked to."""

LOCK_RESULT: LiteralString = "SELECT 1 FROM insights.publication WHERE " + _RESULT + " FOR UPDATE"
"""Wait for a publish that links to a result, and let no further one do so."""

REMOVE_RESULT: LiteralString = (
    "DELETE FROM insights.publication WHERE " + _RESULT + " AND going IS NOT NULL "
    "AND NOT EXISTS (SELECT 1 FROM insights.publication l WHERE "
    "l.environment = %(environment)s AND l.namespace = %(namespace)s AND l.linked_from = %(id)s "
    "AND l.going IS NULL)"
)

LINE: LiteralString = (
    "SELECT a.run, bool_or(a.state = 'active') AS active, max(a.started) AS started, "
    "(SELECT max(p.published) FROM insights.publication p WHERE p.environment = a.environment "
    "AND p.namespace = a.namespace AND p.run = a.run AND p.going IS NULL) AS published, "
    "now() AS now FROM insights.attempt a WHERE a.environment = %(environment)s "
    "AND a.namespace = %(namespace)s AND a.schedule = %(schedule)s "
    "AND NOT EXISTS (SELECT 1 FROM insights.tombstone t WHERE t.environment = a.environment "
    "AND t.namespace = a.namespace AND t.run = a.run) "
    "GROUP BY a.environment, a.namespace, a.run"
)
"""Runs of a schedule, whether or not they are still there, but for those that are buried."""
