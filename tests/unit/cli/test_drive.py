"""An attempt as a pod carries it out: a real S3 server, a real Postgres, a role of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import obstore
import psycopg
import pytest

from insights_crds.v1 import AnalysisRunSpec
from insights_store import driver, tenancy
from insights_store.execution import Execution
from insights_store.tenancy import Tenant
from insights_workloads.results.read import read_overview, read_report, read_table
from insights_workloads.results.stores import open_objects
from tests.objectstore import seaweedfs

INSIGHTS = str(Path(sys.executable).parent / "insights")
AWS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
TENANT = Tenant("test", "team-x")


@pytest.fixture(scope="module")
def s3(tmp_path_factory, examples):
    with pytest.MonkeyPatch.context() as patch, seaweedfs(tmp_path_factory.mktemp("s3")) as address:
        for name, value in {**AWS, "AWS_ENDPOINT_URL": address}.items():
            patch.setenv(name, value)
        store = open_objects("s3://ready-probe")
        obstore.put(store, "rosters/people.csv", (examples / "roster.csv").read_bytes())
        for part in range(2):
            obstore.put(
                store, f"rosters/parts/{part}.parquet", (examples / "roster.parquet").read_bytes()
            )
        yield address


@pytest.fixture(scope="module")
def tenant_dsn(postgres_dsn) -> str:
    with psycopg.connect(postgres_dsn) as connection:
        tenancy.admit(connection, TENANT, "tenant")
    return postgres_dsn.replace("postgres:@", f"{TENANT.role}:tenant@")


def prepared(connection, name, **parts) -> tuple[Execution, dict[str, str]]:
    source = {"uri": "s3://ready-probe/rosters/people.csv", **parts}
    spec = AnalysisRunSpec.model_validate(
        {"source": source, "clustering": {"k": {"fixed": 3}}, "teams": {"count": 40, "rounds": 20}}
    )
    execution = Execution("test", "team-x", name, "k" * 64)
    wire = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    number = driver.start(
        connection, execution, token=None, settings="", uid="u", child_kind="Job", child="c",
        spec=wire,
    )  # fmt: skip
    connection.commit()
    return execution, {
        "INSIGHTS_ENVIRONMENT": "test", "INSIGHTS_NAMESPACE": "team-x", "INSIGHTS_RUN": name,
        "INSIGHTS_KEY": execution.key, "INSIGHTS_ATTEMPT": str(number),
        "INSIGHTS_OBJECT_STORE": "s3://ready-probe/results",
    }  # fmt: skip


def drive(environment, dsn):
    done = subprocess.run(
        [INSIGHTS, "drive"], capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, **environment, "INSIGHTS_DATABASE_DSN": dsn},
    )  # fmt: skip
    return done, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_an_attempt_is_carried_out_from_s3_to_s3_as_a_tenant(s3, connection, tenant_dsn) -> None:
    execution, environment = prepared(connection, "driven")
    done, lines = drive(environment, tenant_dsn)
    assert done.returncode == 0, done.stderr
    assert [lines[0]["message"], lines[-1]["message"]] == ["claimed", "published"]
    assert all(line["run"] == "driven" and line["attempt"] == 1 for line in lines)
    published = driver.find_published(connection, execution)
    objects = open_objects("s3://ready-probe/results")
    assert read_table(objects, published, "people").num_rows == 295
    assert read_overview(objects, published)["summary"]["teams"] == 40
    assert "<h1>295 people" in read_report(objects, published)
    assert connection.execute(
        "SELECT count(*), count(team) FROM insights.person WHERE publication = %s",
        (published.id,),
    ).fetchone() == (295, 295)
    # The attempt has ended: another driver of it finds nothing to do, and says so.
    done, lines = drive(environment, tenant_dsn)
    assert (done.returncode, lines[-1]["message"]) == (0, "fenced")


@pytest.mark.slow
def test_a_folder_in_s3_with_everybody_twice(s3, connection, tenant_dsn) -> None:
    execution, environment = prepared(
        connection,
        "folder",
        uri="s3://ready-probe/rosters/parts/",
        invalidRows={"maxInvalidFraction": 0.6},
    )
    done, _ = drive(environment, tenant_dsn)
    assert done.returncode == 0, done.stderr
    assert driver.find_published(connection, execution).summary["people"] == 295


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://ready-probe/rosters/nobody.csv", "SourceNotFound"),
        ("s3://no-such-bucket/people.csv", "SourceNotFound"),
    ],
)
def test_a_failure_of_the_user_is_recorded_and_not_retried(
    s3, connection, tenant_dsn, uri, reason
) -> None:
    execution, environment = prepared(connection, f"wrong-{reason.lower()}-{len(uri)}", uri=uri)
    done, lines = drive(environment, tenant_dsn)
    assert done.returncode == 0, "a child that ends well is not started again by anybody"
    assert lines[-1]["reason"] == reason
    row = connection.execute(
        "SELECT state, failure, reason FROM insights.attempt WHERE run = %s", (execution.run,)
    ).fetchone()
    assert row == ("ended", "user", reason)


@pytest.mark.slow
def test_a_standing_cluster_of_another_version_is_told(s3, connection, tenant_dsn) -> None:
    execution, environment = prepared(connection, "mismatched")
    done, lines = drive({**environment, "INSIGHTS_VERSION": "0.0.0"}, tenant_dsn)
    assert done.returncode == 0
    assert lines[-1]["reason"] == "ImageMismatch"
    row = connection.execute(
        "SELECT failure, reason, message FROM insights.attempt WHERE run = %s", (execution.run,)
    ).fetchone()
    assert row[:2] == ("user", "ImageMismatch")
    assert "0.0.0" in row[2]
