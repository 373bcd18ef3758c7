"""The fencing on a real Postgres: one attempt, one claim, one publication."""

from __future__ import annotations

import threading
import uuid

import psycopg
import pytest

from insights_crds.reasons import FailureClass
from insights_store import driver, schema
from insights_store.execution import Execution, Fenced

OUTGOING = driver.Outgoing("fingerprint", "1.0", {"people": 3})


@pytest.fixture
def execution() -> Execution:
    return Execution("test", "team-a", f"run-{uuid.uuid4().hex[:8]}", "key")


def start(connection, execution, token=None):
    return driver.start(
        connection, execution, token=token, settings="s", uid="u", child_kind="Job",
        child="c", spec={"source": {"uri": "x"}},
    )  # fmt: skip


def claimed(connection, execution, token=None):
    return driver.claim(connection, execution, start(connection, execution, token))


def no_rows(connection, publication) -> None:
    del connection, publication


def count(connection, execution) -> int:
    return len(driver.publications(connection, "test", "team-a", execution.run))


def test_numbers_rise_and_only_one_attempt_is_active(connection, execution) -> None:
    assert start(connection, execution) == 1
    assert start(connection, execution) is None
    assert driver.end(connection, execution, 1, "Cancelled", "")
    assert start(connection, execution) == 2


def test_a_second_claim_fences_the_first(connection, execution) -> None:
    first = claimed(connection, execution)
    second = driver.claim(connection, execution, first.attempt)
    assert (first.claim, second.claim) == (1, 2)
    assert first.prefix != second.prefix
    for act in (
        lambda: driver.heartbeat(connection, first, stage="x", percent=1, remaining_seconds=1),
        lambda: driver.publish(connection, first, OUTGOING, no_rows),
        lambda: driver.fail(connection, first, FailureClass.USER, "X", ""),
    ):
        with pytest.raises(Fenced):
            act()
    assert count(connection, execution) == 0
    driver.publish(connection, second, OUTGOING, no_rows)
    assert count(connection, execution) == 1


def test_an_ended_attempt_can_do_nothing(connection, execution) -> None:
    held = claimed(connection, execution)
    driver.end(connection, execution, held.attempt, "Suspended", "")
    with pytest.raises(Fenced):
        driver.publish(connection, held, OUTGOING, no_rows)
    with pytest.raises(Fenced):
        driver.claim(connection, execution, held.attempt)
    assert count(connection, execution) == 0


def test_a_claim_that_is_lost_while_rows_are_written_publishes_nothing(
    postgres_dsn, connection, execution
) -> None:
    held = claimed(connection, execution)

    def fenced_meanwhile(open_connection, publication) -> None:
        open_connection.execute(
            "INSERT INTO insights.cluster (environment, namespace, publication, number, name, "
            "size, share, words, means) VALUES ('test', 'team-a', %s, 0, 'n', 1, 1, '', '{}')",
            (publication,),
        )
        with psycopg.connect(postgres_dsn) as other:
            driver.end(other, execution, held.attempt, "Suspended", "")

    with pytest.raises(Fenced):
        driver.publish(connection, held, OUTGOING, fenced_meanwhile)
    assert count(connection, execution) == 0
    assert connection.execute(
        "SELECT count(*) FROM insights.cluster c JOIN insights.publication p "
        "ON p.id = c.publication WHERE p.run = %s", (execution.run,)
    ).fetchone() == (0,)  # fmt: skip


def test_heartbeats_go_on_while_rows_are_written(postgres_dsn, connection, execution) -> None:
    held = claimed(connection, execution)

    def beat(open_connection, publication) -> None:
        del open_connection, publication
        with psycopg.connect(postgres_dsn, options="-c statement_timeout=2000") as other:
            driver.heartbeat(other, held, stage="Publish", percent=90, remaining_seconds=None)

    driver.publish(connection, held, OUTGOING, beat)
    assert count(connection, execution) == 1


def test_of_many_drivers_one_publishes(postgres_dsn, connection, execution) -> None:
    number = start(connection, execution)
    barrier, published = threading.Barrier(8), []

    def drive() -> None:
        with psycopg.connect(postgres_dsn) as mine:
            held = driver.claim(mine, execution, number)
            barrier.wait()
            try:
                published.append(driver.publish(mine, held, OUTGOING, no_rows))
            except Fenced:
                return

    threads = [threading.Thread(target=drive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(published) == 1
    assert count(connection, execution) == 1


def test_the_same_input_links_and_a_token_finds_its_own(connection, execution) -> None:
    first = driver.publish(connection, claimed(connection, execution), OUTGOING, no_rows)
    found = driver.find_published(connection, execution, fingerprint="fingerprint")
    assert found.id == first.id
    assert driver.find_published(connection, execution, fingerprint="other") is None
    linked = driver.link(connection, claimed(connection, execution), found)
    assert (linked.linked_from, linked.prefix, linked.rows) == (first.id, first.prefix, first.id)
    again = driver.publish(connection, claimed(connection, execution, "t1"), OUTGOING, no_rows)
    assert driver.find_published(connection, execution, token="t1").id == again.id
    assert driver.find_published(connection, execution, token="t2") is None


def test_an_upgrade_is_idempotent_and_may_run_twice_at_once(postgres_dsn) -> None:
    threads = [threading.Thread(target=schema.upgrade, args=(postgres_dsn,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert schema.is_current(postgres_dsn)
