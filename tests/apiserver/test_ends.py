"""How results end: erased with their run, or removed beyond their retention; looked for afterwards.

The test is the driver. What it publishes has rows in every table, objects and a log, all of which
bear the names that are looked for in a dump of the database and a listing of the bucket.
"""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta

import obstore
import psycopg
import pytest
from obstore.store import S3Store

from insights_crds.execution_key import execution_key
from insights_crds.v1 import AnalysisRunSpec
from insights_store import driver, schema
from insights_store.execution import Execution, Fenced
from tests.apiserver.life import NAMESPACE, RUNS
from tests.cluster.processes import free_port, wait_for
from tests.objectstore import seaweedfs
from tests.postgres import Postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

OPERATOR: dict[str, str] = {}
ABANDON = "insights.observer.io/abandon-results=true"
PERSON = "Grace-of-the-roster"
FILES = ("owner/people.parquet", "owner/report.html", "reader/report.html", "manifest.json")
BUCKET = "ready-probe"
TABLES = (
    "attempt", "publication", "cluster", "team", "person", "violation", "rejected_row", "tombstone",
    "told_cluster", "told_team", "told_rule",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="module")
def bucket(folder, request):
    """A real object store, to which the operator has access by the folder `stores`."""
    with seaweedfs(folder / "weed") as address:
        request.module.OPERATOR |= {
            "INSIGHTS_STORES_FOLDER": str(folder / "stores"),
            "INSIGHTS_SWEEP_SECONDS": "1",
            "INSIGHTS_HTTP_PORT": str(free_port()),
        }
        secret = folder / "stores" / "default"
        secret.mkdir(parents=True)
        keys = {
            "INSIGHTS_OBJECT_STORE": f"s3://{BUCKET}/results",
            "AWS_ACCESS_KEY_ID": "anyone",
            "AWS_SECRET_ACCESS_KEY": "anyone",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": address,
        }
        for name, value in keys.items():
            (secret / name).write_text(value + "\n")
        yield S3Store(
            BUCKET, prefix="results", endpoint=address, region="us-east-1",
            access_key_id="anyone", secret_access_key="anyone",
            client_options={"allow_http": True},
        )  # fmt: skip


@pytest.fixture(scope="module")
def postgres():
    postgres = Postgres()
    schema.upgrade(postgres.dsn)
    yield postgres
    postgres.stop()


@pytest.fixture(scope="module")
def dsn(postgres) -> str:
    return postgres.dsn


@pytest.fixture(scope="module")
def operators(bucket, operators):
    """Started with access to the object store."""
    return operators


@pytest.fixture
def life(life, kubectl):
    life.kubectl = kubectl
    return life


def listing(bucket) -> list[str]:
    return [entry["path"] for page in obstore.list(bucket) for entry in page]


def dump(dsn) -> str:
    """Every row of every table."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'insights'"
        ).fetchall()
        assert {name for (name,) in tables} >= set(TABLES)
        return "\n".join(
            str(row)
            for (name,) in tables
            for row in connection.execute(f"SELECT row_to_json(t)::text FROM insights.{name} t")
        )


def publish(bucket, dsn, execution: Execution, attempt: int, people: int = 3) -> None:
    """What a driver does: objects, a log, and rows in every table."""
    with psycopg.connect(dsn) as connection:
        held = driver.claim(connection, execution, attempt)
        put(bucket, held)
        outgoing = driver.Outgoing("print", "1.0", {"people": people, "clusters": 1, "teams": 1})
        driver.publish(connection, held, outgoing, lambda c, p: rows(c, held, p, people))


def put(bucket, held) -> None:
    e = held.execution
    log = (
        f"{e.environment}/{e.namespace}/_logs/{e.run}/{e.key[:16]}/{held.attempt}-{held.claim}.log"
    )
    for path in (*(f"{held.prefix}/{name}" for name in FILES), log):
        obstore.put(bucket, path, PERSON.encode())


def rows(connection, held, publication: int, people: int) -> None:
    e = held.execution
    tenant = (publication, e.environment, e.namespace)
    into = (
        "INSERT INTO insights.{} (publication, environment, namespace, {}) VALUES (%s, %s, %s, {})"
    )

    def write(table: str, **values) -> None:
        names, marks = ", ".join(f'"{n}"' for n in values), ", ".join(["%s"] * len(values))
        connection.execute(into.format(table, names, marks), (*tenant, *values.values()))

    write("cluster", number=1, name="c", size=people, share=1.0, words=e.run, means="{}")
    write("team", number=1, name=e.run, type="t", size=people, means="{}")
    write("told_cluster", number=1, name="c", size=5, words=e.run, means="{}")
    write("told_team", number=1, name=e.run, type="t", size=people)
    write("told_rule", rule="r", hard=False, says=e.run)
    write("violation", rule="r", hard=False, amount=1.0, teams=1)
    write("rejected_row", row=1, column="red", reason=f"{PERSON} is not a number")
    with connection.cursor() as cursor:
        cursor.executemany(
            into.format("person", "id, name, cluster", "%s, %s, 1"),
            [(*tenant, f"{e.run}-{n}", PERSON) for n in range(people)],
        )


def run_once(life, bucket, dsn, people: int = 3) -> Execution:
    """Until the run shows what was published."""
    execution, attempt = life.execution()
    publish(bucket, dsn, execution, attempt, people)
    life.wait(lambda: life.says("Finished") == ("True", "Published"))
    life.wait(lambda: not life.children())
    return execution


def erase(**more) -> dict:
    return {"retention": {"onDelete": "Erase", **more}}


def delete(life) -> None:
    life.kubectl("delete", RUNS, life.name, "-n", NAMESPACE, "--wait=false")


def there(life) -> bool:
    found = life.kubectl("get", RUNS, "-n", NAMESPACE, "-o", "name").split()
    return f"analysisrun.insights.observer.io/{life.name}" in found


def events(life) -> set[str]:
    said = json.loads(life.kubectl("get", "events", "-n", NAMESPACE, "-o", "json"))
    return {e["reason"] for e in said["items"] if e["involvedObject"]["name"] == life.name}


def metrics() -> str:
    port = OPERATOR["INSIGHTS_HTTP_PORT"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def erased_condition(life) -> tuple[str, str, str]:
    for each in (life.get().get("status") or {}).get("conditions", ()):
        if each["type"] == "ResultsErased":
            return each["status"], each["reason"], each["message"]
    return "", "", ""


def test_after_erasure_nothing_names_the_run_or_its_people(life, bucket, dsn) -> None:
    life.apply(results=erase())
    execution = run_once(life, bucket, dsn, people=12_000)
    # Others of names that begin alike, and of other places, keep what they have.
    kept = [
        f"test/{NAMESPACE}/{life.name}-2/{execution.key[:16]}/1-1/manifest.json",
        f"test/{NAMESPACE}/_logs/{life.name}-2/{execution.key[:16]}/1-1.log",
        f"test/elsewhere/{life.name}/{execution.key[:16]}/1-1/manifest.json",
        f"other/{NAMESPACE}/{life.name}/{execution.key[:16]}/1-1/manifest.json",
    ]
    for path in kept:
        obstore.put(bucket, path, b"kept")
    assert PERSON in dump(dsn)
    delete(life)
    life.wait(lambda: not there(life), 60)
    assert sorted(listing(bucket)) == sorted(kept)
    left = dump(dsn)
    assert life.name not in left
    assert PERSON not in left
    assert "ResultsErased" in events(life)
    told = metrics()
    assert life.name not in told
    assert 'insights_run_results_removed_total{environment="test",kind="rows"' in told
    for path in kept:
        obstore.delete(bucket, path)


def test_without_access_to_the_store_nothing_goes_and_the_run_says_what_to_do(
    life, bucket, dsn, folder
) -> None:
    life.apply(results=erase())
    run_once(life, bucket, dsn)
    before = listing(bucket)
    hidden = (folder / "stores" / "default").rename(folder / "stores" / "away")
    try:
        delete(life)
        life.wait(lambda: erased_condition(life)[1] == "ObjectStoreNotConfigured")
        assert "insights-store-default" in erased_condition(life)[2]
        assert listing(bucket) == before
        assert PERSON in dump(dsn)
        assert "ObjectStoreNotConfigured" in events(life)
    finally:
        hidden.rename(folder / "stores" / "default")
    life.wait(lambda: not there(life), 60)
    assert listing(bucket) == []
    assert life.name not in dump(dsn)


def test_an_annotation_lets_a_run_go(life, bucket, dsn, folder) -> None:
    life.apply(results=erase())
    run_once(life, bucket, dsn)
    hidden = (folder / "stores" / "default").rename(folder / "stores" / "away")
    try:
        delete(life)
        life.wait(lambda: erased_condition(life)[1] == "ObjectStoreNotConfigured")
        life.kubectl("annotate", RUNS, life.name, "-n", NAMESPACE, ABANDON)
        life.wait(lambda: not there(life))
        assert "ResultsAbandoned" in events(life)
        assert len(listing(bucket)) == len(FILES) + 1
    finally:
        hidden.rename(folder / "stores" / "default")
    # What was asked for is done all the same, once it can be.
    wait_for(lambda: not listing(bucket) and life.name not in dump(dsn), 60, 0.2)


def test_a_publish_at_the_moment_of_a_deletion_loses_whole(life, bucket, dsn) -> None:
    life.apply(results=erase())
    execution, attempt = life.execution()
    with psycopg.connect(dsn) as connection:
        held = driver.claim(connection, execution, attempt)
        put(bucket, held)

        def slowly(connection, publication: int) -> None:
            rows(connection, held, publication, 3)
            delete(life)
            life.wait(lambda: life.attempts() == [] or life.attempts()[-1][1] == "ended")

        outgoing = driver.Outgoing("print", "1.0", {"people": 3})
        with pytest.raises(Fenced):
            driver.publish(connection, held, outgoing, slowly)
    life.wait(lambda: not there(life), 60)
    assert listing(bucket) == []
    assert life.name not in dump(dsn)


def test_what_was_written_after_the_deletion_is_found(life, bucket, dsn) -> None:
    life.apply(results=erase())
    execution, attempt = life.execution()
    with psycopg.connect(dsn) as connection:
        held = driver.claim(connection, execution, attempt)
    pod = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": f"{life.name}-pod", "namespace": NAMESPACE,
            "labels": {
                "app.kubernetes.io/managed-by": "insights-operator",
                "insights.observer.io/run-uid": life.get()["metadata"]["uid"],
                "insights.observer.io/attempt": str(attempt),
            },
            "finalizers": ["example.com/leaving"],
        },
        "spec": {"containers": [{"name": "driver", "image": "engine:1"}]},
    }  # fmt: skip
    life.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    delete(life)
    life.wait(lambda: erased_condition(life)[1] == "Suspending")
    # The pod is still leaving, and tells its last.
    put(bucket, held)
    life.kubectl(
        "patch", "pod", f"{life.name}-pod", "-n", NAMESPACE, "--type=merge", "-p",
        '{"metadata": {"finalizers": null}}',
    )  # fmt: skip
    life.kubectl("delete", "pod", f"{life.name}-pod", "-n", NAMESPACE, "--ignore-not-found",
                 "--force", "--grace-period=0")  # fmt: skip
    life.wait(lambda: not there(life), 60)
    assert listing(bucket) == []
    assert life.name not in dump(dsn)


def publications(dsn, name) -> list[int]:
    with psycopg.connect(dsn) as connection:
        return [
            n
            for (n,) in connection.execute(
                "SELECT (summary->>'people')::int FROM insights.publication WHERE run = %s "
                "ORDER BY published",
                (name,),
            )
        ]


def compute(life, bucket, dsn, seed: int, people: int, **results) -> Execution:
    life.apply(clustering={"seed": seed}, results={"retention": results})
    key = execution_key(AnalysisRunSpec.model_validate(life.get()["spec"]))
    life.wait(
        lambda: life.current() and life.get()["status"]["execution"]["key"] == key
        and life.says("Finished")[0] == "False"
    )  # fmt: skip
    return run_once(life, bucket, dsn, people)


def test_only_so_many_executions_are_kept(life, bucket, dsn) -> None:
    for seed in (1, 2, 3):
        compute(life, bucket, dsn, seed, seed, executions=10)
    # The first is shown again, and beyond what is kept from now on.
    life.apply(clustering={"seed": 1}, results={"retention": {"executions": 1}})
    life.wait(lambda: publications(dsn, life.name) == [1, 3], 60)
    life.wait(
        lambda: any("executions (1)" in c["message"] for c in life.get()["status"]["conditions"])
    )
    assert life.says("Succeeded") == ("True", "Published")
    life.wait(lambda: len(listing(bucket)) == 2 * len(FILES) + 3)
    assert "ResultsRemoved" in events(life)
    # Back at the third, nothing shows the first.
    life.apply(clustering={"seed": 3}, results={"retention": {"executions": 1}})
    life.wait(lambda: publications(dsn, life.name) == [3], 60)
    # Numbers of attempts stay known, so that none is given twice.
    assert len(life.attempts()) == 3
    life.apply(clustering={"seed": 3}, results=erase(executions=1))
    life.wait(lambda: life.get()["metadata"].get("finalizers"))
    delete(life)
    life.wait(lambda: not there(life), 60)
    assert listing(bucket) == []
    assert life.name not in dump(dsn)


def age(dsn, name: str, days: int) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE insights.publication SET published = published - %s WHERE run = %s",
            (timedelta(days=days), name),
        )


def test_what_is_too_old_goes_but_what_is_shown(life, bucket, dsn) -> None:
    for seed in (1, 2):
        compute(life, bucket, dsn, seed, seed, maxAgeDays=30)
    age(dsn, life.name, 31)
    life.wait(lambda: publications(dsn, life.name) == [2], 60)
    life.wait(
        lambda: any("maxAgeDays (30)" in c["message"] for c in life.get()["status"]["conditions"])
    )
    life.kubectl("delete", RUNS, life.name, "-n", NAMESPACE)
    assert publications(dsn, life.name) == [2]  # Keep


def test_a_schedules_runs_are_one_line_of_history(life, bucket, dsn, kubectl) -> None:
    schedule = {
        "apiVersion": "insights.observer.io/v1", "kind": "AnalysisSchedule",
        "metadata": {"name": life.name, "namespace": NAMESPACE},
        "spec": {
            "schedule": "0 0 1 1 *",
            "runTemplate": {
                "spec": {
                    "source": {"uri": "s3://b/people.csv"}, "teams": {"count": 3},
                    "results": {"retention": {"executions": 2}},
                }
            },
        },
    }  # fmt: skip
    kubectl("apply", "-f", "-", stdin=json.dumps(schedule))
    kind = "analysisschedules.insights.observer.io"
    uid = json.loads(kubectl("get", kind, life.name, "-n", NAMESPACE, "-o", "json"))["metadata"][
        "uid"
    ]
    before = len(listing(bucket))
    line, names = life.name, []
    for number in range(4):
        life.name = f"{line}-{29_000_000 + number}"
        names.append(life.name)
        run = {
            "apiVersion": "insights.observer.io/v1", "kind": "AnalysisRun",
            "metadata": {
                "name": life.name, "namespace": NAMESPACE,
                "ownerReferences": [{
                    "apiVersion": "insights.observer.io/v1", "kind": "AnalysisSchedule",
                    "name": line, "uid": uid, "controller": True,
                }],
            },
            "spec": schedule["spec"]["runTemplate"]["spec"],
        }  # fmt: skip
        kubectl("apply", "-f", "-", stdin=json.dumps(run))
        life.wait(lambda: life.current())
        run_once(life, bucket, dsn, number + 1)
        if number != 1:
            delete(life)
            life.wait(lambda: not there(life))
    # The first is beyond; the second is, too, but its run is there and shows it.
    wait_for(lambda: names[0] not in dump(dsn), 60, 0.2)
    wait_for(lambda: len(listing(bucket)) == before + 3 * (len(FILES) + 1), 30, 0.2)
    assert [publications(dsn, name) for name in names] == [[], [2], [3], [4]]
    kubectl("delete", kind, line, "-n", NAMESPACE)


def test_a_database_that_is_away_keeps_the_run(life, bucket, dsn, postgres) -> None:
    life.apply(results=erase())
    run_once(life, bucket, dsn)
    postgres.stop()
    try:
        delete(life)
        life.wait(lambda: erased_condition(life)[1] == "StoreUnreachable")
        asked = datetime.fromisoformat(life.get()["metadata"]["deletionTimestamp"])
        wait_for(lambda: datetime.now(UTC) - asked > timedelta(seconds=65), 80, 1.0)
        assert there(life)
    finally:
        postgres.start()
    life.wait(lambda: not there(life), 60)
    assert life.name not in dump(dsn)
