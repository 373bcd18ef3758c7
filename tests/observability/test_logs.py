"""Logs: one schema for operator and driver, examples that parse, and nothing about people."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import psycopg
import pytest
import pyvrl
import yaml

from insights_crds.v1 import AnalysisRunSpec
from insights_operator import logs
from insights_store import driver, schema
from insights_store.execution import Execution
from tests.postgres import Postgres

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((REPOSITORY / "docs/logs.schema.json").read_text())
EXAMPLES = sorted((REPOSITORY / "manifests/logs").glob("*.yaml"))
INSIGHTS = str(Path(sys.executable).parent / "insights")
CANARY = re.compile(r"canary|zwitscher", re.IGNORECASE)


def valid(line: str) -> dict:
    document = json.loads(line)
    jsonschema.validate(document, SCHEMA)
    return document


def test_the_page_tells_of_every_field_of_the_schema() -> None:
    page = (REPOSITORY / "docs/logs.md").read_text()
    rest = {"identity", "again", "kuberay", "objects"}
    assert all(f"`{name}`" in page for name in SCHEMA["properties"].keys() - rest)


def test_a_line_of_the_operator(capsys) -> None:
    before = logging.getLogger().handlers[:]
    try:
        logs.configure("INFO", "prod")
        logger = logging.getLogger("insights_operator.work_queue")
        logger.warning("looking at a run failed", extra={"namespace": "n", "run": "r", "again": 2})
        try:
            raise ConnectionError("away")
        except ConnectionError:
            logger.exception("a part of the operator ended")
    finally:
        logging.getLogger().handlers[:] = before
    first, second = map(valid, capsys.readouterr().err.splitlines())
    assert (first["run"], first["environment"]) == ("r", "prod")
    assert (second["error"], second["detail"]) == ("ConnectionError", "away")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_whole_pipeline(path) -> None:
    document = yaml.safe_load(path.read_text())
    if path.stem == "filebeat":
        (template,) = document["filebeat.autodiscover"]["providers"][0]["templates"]
        parsers = {name for each in template["config"][0]["parsers"] for name in each}
        assert parsers == {"container", "ndjson"}
        assert document["output.elasticsearch"]["hosts"]
        return
    known = {*document["sources"], *document["transforms"]}
    fed = set()
    for each in [*document["transforms"].values(), *document["sinks"].values()]:
        assert set(each["inputs"]) <= known
        fed |= set(each["inputs"])
    # Nothing is read for nobody.
    assert fed == known
    for sink in document["sinks"].values():
        for where in ("labels", "structured_metadata"):
            for value in sink.get(where, {}).values():
                field = re.sub(r"[{} ]", "", value)
                assert field in {*SCHEMA["properties"], "app", "insights-run"}
        # What has many values must not be a label.
        assert not {"run", "attempt", "execution"} & sink.get("labels", {}).keys()


LINE = (
    '{"time": "2026-03-01T12:00:00.000+00:00", "level": "warning", "logger": "a.b", "message": '
    '"hello", "environment": "e", "namespace": "n", "run": "r", "attempt": 2}'
)


def transformed(name: str, line: str) -> dict:
    """A line as Vector's own language makes it."""
    path = REPOSITORY / f"manifests/logs/{name}.yaml"
    source = yaml.safe_load(path.read_text())["transforms"]["parsed"]["source"]
    labels = {"insights.observer.io/run": "r"}
    pod = {"pod_namespace": "n", "pod_name": "p", "pod_labels": labels}
    event = {"message": line, "timestamp": "2026-03-01T12:00:01Z", "kubernetes": pod}
    return pyvrl.Transform(f"{source}\n.").remap(event)


def test_vector_understands_our_lines() -> None:
    elastic = transformed("vector-elastic", LINE)
    assert (elastic["message"], elastic["level"]) == ("hello", "warning")
    assert elastic["insights"]["attempt"] == 2
    for name in ("vector-loki", "vector-ray-head"):
        loki = transformed(name, LINE)
        assert loki["message"] == LINE
        assert (loki["environment"], loki["run"], loki["attempt"]) == ("e", "r", 2)


def test_vector_keeps_lines_that_are_not_ours() -> None:
    assert transformed("vector-elastic", "plain")["insights"] == {"namespace": "n", "run": "r"}
    loki = transformed("vector-loki", "plain")
    assert (loki["message"], loki["namespace"], loki["run"]) == ("plain", "n", "r")


@pytest.fixture(scope="module")
def database():
    postgres = Postgres()
    schema.upgrade(postgres.dsn)
    yield postgres
    postgres.stop()


@pytest.fixture
def roster(tmp_path) -> Path:
    """People whose every text is a canary, and rows that are wrong in every way."""
    header = "id,name,red,yellow,green,blue,team-column\n"
    good = "".join(
        f"canary-id-{i},Zwitscher Canary {i},{10 + i % 80},{(7 * i) % 100},{(3 * i) % 100},"
        f"{(11 * i) % 100},canary-team-{i % 5}\n"
        for i in range(240)
    )
    bad = (
        "canary-id-0,Canary Twice,1,2,3,4,x\n"
        "canary-id-1000,Canary Text,canary-not-a-number,2,3,4,x\n"
        "canary-id-1001,Canary Range,1,2,3,400,x\n"
        "canary-id-1002,Canary Short,1,2\n"
        ",Canary Nobody,1,2,3,4,x\n"
        'canary-id-1003,"Canary quoted ""well""",,2,3,4,x\n'
    )
    path = tmp_path / "people.csv"
    path.write_text(header + good + bad)
    return path


def spec(roster: Path, **more) -> dict:
    return {
        "source": {
            "uri": str(roster),
            "columns": {"name": "name"},
            "attributes": [{"name": "team", "column": "team-column"}],
            "invalidRows": {"maxInvalidFraction": 0.5},
        },
        "clustering": {"k": {"fixed": 3}},
        "teams": {"count": 24, "rounds": 10},
        **more,
    }


def document(path: Path, roster: Path, **more) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "insights.observer.io/v1",
                "kind": "AnalysisRun",
                "metadata": {"name": "survey"},
                "spec": spec(roster, **more),
            }
        )
    )
    return path


def call(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [INSIGHTS, *words], cwd=cwd, env={**os.environ, **environment}, capture_output=True,
        text=True, timeout=280, check=False,
    )  # fmt: skip


def test_no_command_tells_of_a_person(tmp_path, roster) -> None:
    good = document(tmp_path / "good.yaml", roster)
    strict = document(
        tmp_path / "strict.yaml", roster,
        source={**spec(roster)["source"], "invalidRows": {"maxInvalidFraction": 0.0}},
    )  # fmt: skip
    said = []
    for words, code in (
        (("run", "-f", str(good), "--home", "home", "--progress", "json"), 0),
        (("run", "-f", str(good), "--home", "home", "--output", "json"), 0),
        (("run", "-f", str(strict), "--home", "home"), 2),
        (("show", "survey", "--home", "home"), 0),
        (("validate", str(good)), 0),
    ):
        done = call(*words, cwd=tmp_path)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        said.append((words, done.stdout + done.stderr))
    for words, text in said:
        assert not CANARY.search(text), (words, CANARY.findall(text), text[-500:])
    looked = 0
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file() and "log" in path.name and path.suffix in (".log", "", ".json"):
            looked += 1
            assert not CANARY.search(path.read_bytes().decode(errors="replace")), path
    print(f"{looked} log files were looked through")


@pytest.mark.parametrize(
    ("case", "more", "reason"),
    [
        ("published", {}, None),
        ("too-many-wrong", {"invalidRows": {"maxInvalidFraction": 0.0}}, "TooManyInvalidRows"),
        ("no-column", {"columns": {"id": "no-such"}}, "NoSuchColumn"),
    ],
)
def test_no_line_of_a_driver_tells_of_a_person(
    tmp_path, roster, database, case, more, reason
) -> None:
    whole = spec(roster)
    whole["source"] = {**whole["source"], **more}
    execution = Execution("canaries", "people", f"run-{case}", "ab" * 32)
    with psycopg.connect(database.dsn) as connection:
        driver.start(
            connection, execution, token=None, settings="", uid="u", child_kind="Job", child="c",
            spec=AnalysisRunSpec.model_validate(whole).model_dump(
                mode="json", by_alias=True, exclude_defaults=True
            ),
        )  # fmt: skip
    objects = tmp_path / "objects"
    done = call(
        "drive", cwd=tmp_path, INSIGHTS_DATABASE_DSN=database.dsn,
        INSIGHTS_OBJECT_STORE=f"file://{objects}", INSIGHTS_ENVIRONMENT="canaries",
        INSIGHTS_NAMESPACE="people", INSIGHTS_RUN=execution.run, INSIGHTS_KEY=execution.key,
        INSIGHTS_ATTEMPT="1",
    )  # fmt: skip
    lines = [valid(line) for line in done.stdout.splitlines()]
    assert [line.get("reason") for line in lines if line["message"] == "failed"] == (
        [reason] if reason else []
    ), done.stdout + done.stderr
    assert all(line["run"] == execution.run for line in lines)
    said = done.stdout + done.stderr
    assert not CANARY.search(said), said
    # What was said is in the store, whatever came of it, and not among results.
    (kept,) = objects.rglob("*.log")
    folder = objects / "canaries" / "people" / "_logs" / execution.run / execution.key[:16]
    assert kept == folder / "1-1.log"
    assert kept.read_text().splitlines() == [
        line for line in done.stdout.splitlines() if json.loads(line)["message"] != "log not kept"
    ]
    with psycopg.connect(database.dsn) as connection:
        rows = connection.execute("SELECT reason, message FROM insights.attempt").fetchall()
    assert not CANARY.search(str(rows))


def test_an_unforeseen_error_of_a_driver_is_told_without_its_text(capsys, monkeypatch) -> None:
    from insights_workloads.cli import drive

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("canary-id-7 is no number")

    for name in ("ENVIRONMENT", "NAMESPACE", "RUN", "DATABASE_DSN", "OBJECT_STORE"):
        monkeypatch.setenv(f"INSIGHTS_{name}", "x")
    monkeypatch.setenv("INSIGHTS_KEY", "ab" * 32)
    monkeypatch.setenv("INSIGHTS_ATTEMPT", "1")
    monkeypatch.setattr(drive.psycopg, "connect", refuse)
    with pytest.raises(drive.typer.Exit):
        drive.drive()
    (line,) = capsys.readouterr().out.splitlines()
    said = valid(line)
    assert (said["level"], said["reason"], said["error"]) == ("error", "Internal", "ValueError")
    assert said["at"]
    assert not CANARY.search(line)
