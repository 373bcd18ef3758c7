"""Rosters that are not files on this machine: a real Postgres and a real web server."""

from __future__ import annotations

import functools
import http.server
import threading

import psycopg
import pytest

from insights_crds.v1 import Source
from insights_workloads.ingest import IngestError, ingest

HEADER = "id,red,yellow,green,blue\n"
TEXT = HEADER + "".join(f"p{i},1,2,3,{i}\n" for i in range(50))


@pytest.fixture(scope="module")
def roster_dsn(postgres_dsn):
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE SCHEMA hr")
        connection.execute(
            "CREATE TABLE hr.people (id int, red float, yellow numeric, green int, blue text)"
        )
        connection.execute(
            "INSERT INTO hr.people SELECT i, i % 100, 2, 3, '4.5' FROM generate_series(1, 40000) i"
        )
    # Where the password is empty the address has a colon, and addresses hold no passwords.
    return postgres_dsn.replace(":@", "@")


def read(tmp_path, uri, **parts):
    source = Source.model_validate({"uri": uri, **parts})
    return ingest(source, base=tmp_path, spool=tmp_path / "spool")


@pytest.mark.parametrize(
    "postgres",
    [{"table": "hr.people"}, {"query": "SELECT * FROM hr.people ORDER BY id;"}],
)
def test_a_table_or_query_is_read_whole(tmp_path, roster_dsn, postgres) -> None:
    roster = read(tmp_path, roster_dsn, postgres=postgres)
    assert roster.rows == 40_000
    assert roster.matrix(["blue"])[0, 0] == 4.5


@pytest.mark.parametrize(
    ("postgres", "message"),
    [
        ({"table": "hr.nobody"}, "correct spec.source.postgres.table"),
        ({"query": "SELEKT 1"}, "correct spec.source.postgres.query"),
        ({"query": "SELECT 1 AS id"}, "has no column `red`"),
        ({"query": "DELETE FROM hr.people RETURNING *"}, "correct spec.source.postgres.query"),
        (None, "set spec.source.postgres.table or .query"),
    ],
)
def test_a_wrong_table_or_query_gives_one_message(tmp_path, roster_dsn, postgres, message) -> None:
    with pytest.raises(IngestError) as refused:
        read(tmp_path, roster_dsn, **({"postgres": postgres} if postgres else {}))
    assert message in str(refused.value)
    with psycopg.connect(roster_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM hr.people").fetchone() == (40_000,)


@pytest.fixture
def web(tmp_path):
    (tmp_path / "people.csv").write_text(TEXT)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    handler.log_message = lambda *arguments: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_web_server(tmp_path, web) -> None:
    assert read(tmp_path, f"{web}/people.csv").rows == 50


def test_a_page_that_is_not_there(tmp_path, web) -> None:
    with pytest.raises(IngestError, match="does not exist"):
        read(tmp_path, f"{web}/nobody.csv")
