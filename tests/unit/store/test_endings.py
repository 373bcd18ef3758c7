"""How results end on a real Postgres, beside publishes of the same moment."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from insights_store import driver
from insights_store import ending_statements as statements
from insights_store.execution import Fenced
from tests.unit.store.test_driver import OUTGOING, claimed, count, execution, no_rows

__all__ = ["execution"]


def published(connection, execution) -> driver.Publication:
    return driver.publish(connection, claimed(connection, execution), OUTGOING, no_rows)


def run(text, connection, execution, **more):
    cursor = connection.execute(text, {**execution.parameters, **more})
    rows = cursor.fetchall() if cursor.description else cursor.rowcount
    connection.commit()
    return rows


def mark(connection, execution, *ids) -> int:
    return run(statements.MARK, connection, execution, ids=list(ids))


def waits(connection, other) -> None:
    """Until another connection waits for a lock."""
    deadline = time.monotonic() + 10
    while not connection.execute(
        "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
        (other.info.backend_pid,),
    ).fetchone():
        connection.rollback()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    connection.rollback()


def test_what_is_marked_is_hidden_from_everybody(connection, execution) -> None:
    first, second = published(connection, execution), published(connection, execution)
    assert mark(connection, execution, first.id) == 1
    assert mark(connection, execution, first.id) == 0
    assert count(connection, execution) == 1
    assert mark(connection, execution, second.id) == 1
    found = driver.find_published(connection, execution, fingerprint=OUTGOING.fingerprint)
    assert found is None


def test_nothing_is_marked_while_something_is_at_work(connection, execution) -> None:
    first = published(connection, execution)
    published(connection, execution)
    held = claimed(connection, execution)
    assert mark(connection, execution, first.id) == 0
    driver.link(connection, held, first)
    # It has ended, and what it linked to stays.
    assert mark(connection, execution, first.id) == 0
    assert count(connection, execution) == 3


def test_a_link_goes_together_with_what_it_links_to(connection, execution) -> None:
    first = published(connection, execution)
    link = driver.link(connection, claimed(connection, execution), first)
    published(connection, execution)
    assert mark(connection, execution, first.id, link.id) == 2
    going = run(statements.GOING, connection, execution)
    assert [row[0] for row in going] == [link.id, first.id]
    assert [(row[1], row[2], row[3]) for row in going] == [(first.prefix, False, "default")] * 2


def test_a_link_of_the_same_moment_keeps_its_origin(connection, execution, postgres_dsn) -> None:
    first = published(connection, execution)
    published(connection, execution)
    mark(connection, execution, first.id)
    held = claimed(connection, execution)
    with psycopg.connect(postgres_dsn) as sweeper, psycopg.connect(postgres_dsn) as late:
        # A driver of before does not know the mark.
        late.execute(
            "INSERT INTO insights.publication (environment, namespace, run, key, attempt, claim, "
            "fingerprint, engine, prefix, linked_from, summary) VALUES (%(environment)s, "
            "%(namespace)s, %(run)s, %(key)s, %(attempt)s, 1, 'f', '1', %(prefix)s, %(id)s, '{}')",
            {
                **execution.parameters,
                "attempt": held.attempt,
                "prefix": first.prefix,
                "id": first.id,
            },
        )
        removed = []

        def remove() -> None:
            one = {**execution.parameters, "id": first.id}
            sweeper.execute(statements.LOCK_RESULT, one)
            removed.append(sweeper.execute(statements.REMOVE_RESULT, one).rowcount)
            sweeper.commit()

        at_work = threading.Thread(target=remove)
        at_work.start()
        waits(connection, sweeper)
        late.commit()
        at_work.join(10)
        assert removed == [0]
        assert run(statements.UNMARK, connection, execution) == 1
    assert count(connection, execution) == 3


def test_erasure_comes_before_a_publish_or_after_it(connection, execution, postgres_dsn) -> None:
    held = claimed(connection, execution)
    with psycopg.connect(postgres_dsn) as sweeper:

        def fence() -> None:
            sweeper.execute(statements.FENCE, execution.parameters)
            sweeper.execute(statements.HIDE, execution.parameters)
            sweeper.commit()

        # Before: what has begun to write is refused whole.
        with pytest.raises(Fenced):
            driver.publish(connection, held, OUTGOING, lambda c, p: fence())
        assert count(connection, execution) == 0
        # After: it waits for the end of the publish, and then finds all of it.
        second = claimed(connection, execution)
        with connection.transaction():
            connection.execute(
                "UPDATE insights.attempt SET state = 'ended' WHERE run = %s AND number = %s",
                (execution.run, second.attempt),
            )
            connection.execute(
                "INSERT INTO insights.publication (environment, namespace, run, key, attempt, "
                "claim, fingerprint, engine, prefix, summary) VALUES (%(environment)s, "
                "%(namespace)s, %(run)s, %(key)s, %(attempt)s, 1, 'f', '1', 'p', '{}')",
                {**execution.parameters, "attempt": second.attempt},
            )
            at_work = threading.Thread(target=fence)
            at_work.start()
            with psycopg.connect(postgres_dsn) as onlooker:
                waits(onlooker, sweeper)
        at_work.join(10)
    assert count(connection, execution) == 0
    assert len(run(statements.RUN_RESULTS, connection, execution)) == 1


def test_the_last_step_forgets_the_run_and_nobody_else(connection, execution) -> None:
    other = driver.Execution(execution.environment, "elsewhere", execution.run, execution.key)
    published(connection, execution)
    published(connection, other)
    for each in (execution, other):
        run(statements.BURY, connection, each)
        run(statements.BURY, connection, each)
    graves = run(statements.GRAVES, connection, execution)
    assert graves.count((execution.namespace, execution.run)) == 1
    run(statements.HIDE, connection, execution)
    for text in statements.FORGET:
        run(text, connection, execution)
    assert (execution.namespace, execution.run) not in run(statements.GRAVES, connection, execution)
    for table in ("attempt", "publication", "tombstone"):
        left = connection.execute(
            f"SELECT namespace FROM insights.{table} WHERE run = %s", (execution.run,)
        ).fetchall()
        assert left == [("elsewhere",)], table
    # Nothing is known of it: nothing is to be erased.
    assert run(statements.BURY, connection, execution) == 0


def test_what_was_begun_after_a_burial_is_not_forgotten(connection, execution) -> None:
    published(connection, execution)
    run(statements.HIDE, connection, execution)
    again = claimed(connection, execution)
    for text in statements.FORGET:
        run(text, connection, execution)
    driver.publish(connection, again, OUTGOING, no_rows)
    assert count(connection, execution) == 1


def test_runs_with_more_or_older_results_than_are_wanted_are_found(connection, execution) -> None:
    for _ in range(3):
        published(connection, execution)

    def over(keep: int, days: int | None) -> bool:
        return bool(
            run(
                statements.BEYOND, connection, execution, namespaces=[execution.namespace],
                runs=[execution.run], keeps=[keep], days=[days],
            )
        )  # fmt: skip

    assert (over(2, None), over(3, None), over(3, 1)) == (True, False, False)
    connection.execute(
        "UPDATE insights.publication SET published = published - interval '25 hours' "
        "WHERE run = %s AND attempt = 1",
        (execution.run,),
    )
    connection.commit()
    assert (over(3, 1), over(3, 2)) == (True, False)


def test_rows_go_in_steps(connection, execution) -> None:
    def people(connection, publication) -> None:
        for number in range(7):
            connection.execute(
                "INSERT INTO insights.person (environment, namespace, publication, id, cluster) "
                "VALUES (%s, %s, %s, %s, 1)",
                (execution.environment, execution.namespace, publication, str(number)),
            )

    first = driver.publish(connection, claimed(connection, execution), OUTGOING, people)
    step = {"id": first.id, "most": 3}
    text = statements.REMOVE_ROWS["person"]
    assert [run(text, connection, execution, **step) for _ in range(4)] == [3, 3, 1, 0]


def test_rows_of_every_table_of_a_result_go(connection) -> None:
    found = connection.execute(
        "SELECT conrelid::regclass::text FROM pg_constraint "
        "WHERE contype = 'f' AND confrelid = 'insights.publication'::regclass"
    ).fetchall()
    tables = {name.removeprefix("insights.") for (name,) in found} - {"publication"}
    assert set(statements.REMOVE_ROWS) == tables


def test_what_is_going_is_shown_to_no_reader(connection) -> None:
    views = connection.execute(
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'insights' "
        "AND viewname LIKE '%publications'"
    ).fetchall()
    assert len(views) == 2
    for _, definition in views:
        assert "going IS NULL" in definition
