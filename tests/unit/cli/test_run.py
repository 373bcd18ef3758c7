"""`insights run` as people call it, killed wherever that may happen."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from insights_workloads.results.export import to_csv, to_workbook
from insights_workloads.results.local import LocalHome

INSIGHTS = str(Path(sys.executable).parent / "insights")
RUN = """
apiVersion: insights.observer.io/v1
kind: AnalysisRun
metadata: {name: %(name)s}
spec:
  source: {uri: %(uri)s, invalidRows: {maxInvalidFraction: 0.5}}
  clustering: {k: {fixed: 3}, restarts: 2}
  teams: {size: {min: 6, max: 8}, rounds: 50, constraints: %(rules)s}
"""


UNDECIDED = """
apiVersion: insights.observer.io/v1
kind: AnalysisRun
metadata: {name: undecided}
spec:
  source:
    uri: %(uri)s
    attributes: [{name: seniority_years, type: Number}]
    invalidRows: {maxInvalidFraction: 0.5}
  clustering: {k: {fixed: 2}, restarts: 1}
  teams: {size: {min: 6, max: 8}, rounds: 2, constraints: %(rules)s}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


def write(tmp_path, examples, name="run", uri=None, rules="[]") -> Path:
    path = tmp_path / "run.yaml"
    uri = uri or str(examples / "roster.csv")
    path.write_text(RUN % {"name": name, "uri": uri, "rules": rules})
    return path


def command(path, home, *more) -> list[str]:
    return [INSIGHTS, "run", "-f", str(path), "--home", str(home), "--output", "json", *more]


def insights(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [INSIGHTS, *map(str, arguments)], capture_output=True, text=True, timeout=240, check=False
    )


def run(path, home, *more) -> dict:
    done = subprocess.run(
        command(path, home, *more), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def publications(home, name) -> list[tuple]:
    with LocalHome(home).store() as store, psycopg.connect(store.dsn) as connection:
        return connection.execute(
            "SELECT id, linked_from, prefix FROM insights.publication WHERE run = %s "
            "ORDER BY published",
            (name,),
        ).fetchall()


@pytest.mark.timeout(600)
def test_teams_that_break_a_hard_rule_are_no_success_unless_asked_for(
    tmp_path, examples, home
) -> None:
    # Around everyone's means, so that nothing proves them impossible.
    narrow = (
        "[{name: blue, range: {field: blue, aggregate: Mean, min: 50.68, max: 50.76}}, "
        "{name: red, range: {field: red, aggregate: Mean, min: 51.7, max: 51.77}}]"
    )
    path = tmp_path / "run.yaml"
    text = UNDECIDED % {"uri": examples / "roster.csv", "rules": narrow}
    path.write_text(text)
    refused = insights("run", "-f", str(path), "--home", str(home))
    assert refused.returncode == 3, refused.stderr
    assert "blue in" in refused.stderr
    assert publications(home, "undecided") == []
    path.write_text(text + "  policy: {undecidedTeams: Publish}\n")
    done = insights("run", "-f", str(path), "--home", str(home))
    assert done.returncode == 0, done.stderr
    assert "not kept" in done.stdout
    with LocalHome(home).store() as store, psycopg.connect(store.dsn) as connection:
        (summary,) = connection.execute(
            "SELECT summary FROM insights.publication WHERE run = 'undecided'"
        ).fetchone()
    assert summary["hardRulesBroken"] >= 1


def test_a_rule_about_what_nobody_has_is_refused_before_anything_is_computed(
    tmp_path, examples, home
) -> None:
    rule = "[{name: leads, atMost: {attribute: role, values: [Laed], count: 1}}]"
    path = write(tmp_path, examples, "typo", rules=rule)
    path.write_text(path.read_text().replace("source: {", "source: {attributes: [{name: role}], "))
    done = insights("run", "-f", str(path), "--home", str(home))
    assert done.returncode == 2, done.stderr
    assert "nobody has `Laed`" in " ".join(done.stderr.split())
    assert "Cluster" not in done.stderr


def test_the_same_run_links_and_a_rerun_computes(tmp_path, examples, home) -> None:
    path = write(tmp_path, examples, "again")
    first, second = run(path, home), run(path, home)
    assert (first["publishedBefore"], second["publishedBefore"]) == (False, True)
    assert second["results"] == first["results"]
    third = run(path, home, "--rerun")
    assert not third["publishedBefore"]
    assert third["results"] != first["results"]
    assert third["summary"]["balance"] == first["summary"]["balance"]
    assert "clusterChange" not in first["summary"]
    change = third["summary"]["clusterChange"]
    assert (change["people"], change["moved"]) == (third["summary"]["people"], 0)
    assert change["adjustedRand"] == 1
    folder = Path(first["results"])
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    owner = ("people", "clusters", "teams", "violations", "rejected")
    assert found >= {f"owner/{name}.parquet" for name in owner} | {
        "owner/results.json", "owner/report.html", "reader/report.html", "manifest.json",
    }  # fmt: skip
    assert not [name for name in found if name.startswith("reader/") and "people" in name]
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert {line["name"] for line in listed} | {"manifest.json"} == found
    for line in listed:
        data = (folder / line["name"]).read_bytes()
        assert (line["bytes"], line["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("stage", ["Ingest", "Cluster", "Teams", "Publish"])
def test_killed_in_a_stage_and_run_again_it_publishes_once(tmp_path, examples, home, stage) -> None:
    name = f"killed-{stage.lower()}"
    path = write(tmp_path, examples, name)
    process = subprocess.Popen(
        command(path, home, "--progress", "json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for line in process.stderr:
        if json.loads(line)["stage"] == stage:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert publications(home, name) == []

    result = run(path, home)
    assert len(publications(home, name)) == 1
    folders = [p for p in Path(result["results"]).parent.iterdir() if any(p.iterdir())]
    assert folders == [Path(result["results"])]
    assert not any((home / "spool").glob(f"{name}*-2-*"))


def test_killed_while_writing_files_the_leftovers_go(tmp_path, examples, home) -> None:
    path = write(tmp_path, examples, "killed-late")
    process = subprocess.Popen(
        command(path, home, "--progress", "json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for line in process.stderr:
        if json.loads(line)["message"] == "writing to the database":
            os.kill(process.pid, signal.SIGKILL)
            break
    process.communicate()
    left = list((home / "objects").rglob("killed-late/*/1-1/manifest.json"))
    assert len(left) == 1
    result = run(path, home)
    assert not left[0].exists()
    assert (Path(result["results"]) / "manifest.json").exists()
    assert len(publications(home, "killed-late")) == 1


def test_two_at_once_publish_once(tmp_path, examples, home) -> None:
    path = write(tmp_path, examples, "twice")
    both = [
        subprocess.Popen(command(path, home), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    results = [json.loads(process.communicate(timeout=240)[0]) for process in both]
    assert sorted(result["publishedBefore"] for result in results) == [False, True]
    assert results[0]["results"] == results[1]["results"]
    assert [linked for _, linked, _ in publications(home, "twice")].count(None) == 1


def test_ctrl_c_stops_cleanly_and_says_what_is_left(tmp_path, examples, home) -> None:
    path = write(tmp_path, examples, "stopped")
    process = subprocess.Popen(
        command(path, home, "--progress", "json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if json.loads(line)["stage"] == "Cluster":
            process.send_signal(signal.SIGINT)
            break
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Nothing of stopped was published" in " ".join(said.split())
    assert "Traceback" not in said
    assert publications(home, "stopped") == []
    assert not any((home / "spool").glob("stopped*"))


@pytest.mark.parametrize(
    ("parts", "code", "message"),
    [
        ({"uri": "nowhere.csv"}, 2, "nowhere.csv does not exist"),
        (
            {"rules": "[{name: x, keepApart: {attribute: nothing}}]"},
            2,
            "add it to spec.source.attributes",
        ),
    ],
)
def test_a_failure_has_its_exit_code_and_one_message(
    tmp_path, examples, home, parts, code, message
) -> None:
    done = insights("run", "-f", write(tmp_path, examples, "bad", **parts), "--home", home)
    assert done.returncode == code
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def weighted(tmp_path, name, hours) -> Path:
    """A run over people of two kinds who count for as many hours as they work."""
    lines = ["id,red,yellow,green,blue,hours"]
    for at, each in enumerate(hours):
        red = 10 + at % 5 if at % 2 else 80 + at % 7
        lines.append(f"p{at},{red},{at % 3},{at % 4},50,{each}")
    (tmp_path / "hours.csv").write_text("\n".join(lines))
    path = tmp_path / "weighted.yaml"
    path.write_text(
        "apiVersion: insights.observer.io/v1\nkind: AnalysisRun\n"
        f"metadata: {{name: {name}}}\n"
        "spec:\n  source: {uri: hours.csv, features: [{name: hours, optional: true}]}\n"
        "  clustering: {k: {fixed: 2}, weight: hours}\n"
    )
    return path


def test_people_count_by_their_weight(tmp_path, home) -> None:
    hours = [1 + at * at % 11 for at in range(60)]
    path = weighted(tmp_path, "weighted", [h if at else "" for at, h in enumerate(hours)])
    result = run(path, home)
    table = pq.read_table(Path(result["results"]) / "owner/people.parquet").to_pandas()
    clusters = pq.read_table(Path(result["results"]) / "owner/clusters.parquet").to_pandas()
    hours = table["hours"].fillna(table["hours"].mean())
    for row in clusters.itertuples():
        mine = table["cluster"] == row.number
        mean = np.average(table["red"][mine], weights=hours[mine])
        assert json.loads(row.means)["red"] == pytest.approx(mean)
        assert mean != pytest.approx(table["red"][mine].mean())


def test_a_weight_below_zero_is_refused_by_its_field(tmp_path, home) -> None:
    done = subprocess.run(
        command(weighted(tmp_path, "below", [1, -2, 3]), home),
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "spec.clustering.weight is hours, but there are negative values" in done.stderr
    assert "Traceback" not in done.stderr


def test_clashing_rules_have_an_exit_code_of_their_own(tmp_path, examples, home) -> None:
    path = write(
        tmp_path,
        examples,
        "clash",
        rules="[{name: all, atLeast: {attribute: role, values: [Lead], count: 5}}]",
    )
    path.write_text(path.read_text().replace("source: {", "source: {attributes: [{name: role}], "))
    done = insights("run", "-f", path, "--home", home)
    assert done.returncode == 3
    assert "`all` needs" in done.stderr


def test_show_report_and_export(tmp_path, examples, home) -> None:
    result = run(write(tmp_path, examples, "shown"), home)
    lines = json.loads(insights("show", "--home", home, "--output", "json").stdout)
    assert "shown" in [line["run"] for line in lines]
    assert "shown" in insights("show", "shown", "--home", home).stdout
    assert insights("report", "shown", "--home", home).stdout.strip() == result["report"]
    assert result["report"].endswith("/owner/report.html")
    other = insights("report", "shown", "--reader", "--home", home).stdout.strip()
    assert other.endswith("/reader/report.html")
    assert Path(other).is_file()
    lines = insights("export", "shown", "--home", home).stdout.splitlines()
    assert len(lines) == 296
    people = json.loads(insights("export", "shown", "--format", "json", "--home", home).stdout)
    assert {"id", "cluster", "team", "red"} <= set(people[0])
    to = tmp_path / "teams.parquet"
    done = insights(
        "export", "shown", "--table", "teams", "--format", "parquet", "--to", to, "--home", home
    )
    assert done.returncode == 0
    assert to.stat().st_size > 0
    done = insights("show", "nobody", "--home", home)
    assert done.returncode == 2
    assert "known runs:" in done.stderr


def test_who_breaks_a_soft_rule_is_told_to_the_owner(tmp_path, examples, home) -> None:
    rules = "[{name: few, weight: 1, atMost: {attribute: role, values: [Senior], count: 0}}]"
    path = write(tmp_path, examples, "soft", rules=rules)
    path.write_text(path.read_text().replace("source: {", "source: {attributes: [{name: role}], "))
    (broken,) = run(path, home)["violations"]
    assert (broken["rule"], broken["hard"]) == ("few", False)
    again = insights("run", "-f", path, "--home", home)
    assert f"few in {broken['teams']} teams" in again.stdout

    def exported(table):
        done = insights("export", "soft", "--table", table, "--format", "json", "--home", home)
        return json.loads(done.stdout)

    people, breaches = exported("people"), exported("breaches")
    senior = [row for row in people if row["role"] == "Senior"]
    told = [
        {row["id"]: (row["team"], row["team_name"]) for row in rows} for rows in (breaches, senior)
    ]
    assert told[0] == told[1]
    assert len({row["team"] for row in breaches}) == broken["teams"]


def test_results_of_the_layout_before_can_still_be_read(tmp_path, examples, home) -> None:
    path = write(tmp_path, examples, "before")
    folder = Path(run(path, home)["results"])
    for file in (folder / "owner").iterdir():
        file.rename(folder / file.name)
    shutil.rmtree(folder / "owner")
    shutil.rmtree(folder / "reader")
    report = insights("report", "before", "--home", home).stdout.strip()
    assert report == str(folder / "report.html")
    assert len(insights("export", "before", "--home", home).stdout.splitlines()) == 296
    assert report in insights("show", "before", "--home", home).stdout
    refused = insights("report", "before", "--reader", "--home", home)
    assert refused.returncode == 2
    assert "made no report for the reader" in " ".join(refused.stderr.split())
    # What is published next is compared with it, and nothing of it is taken for a stray.
    again = run(path, home, "--rerun")
    assert again["summary"]["clusterChange"]["moved"] == 0
    assert (folder / "people.parquet").exists()
    assert {"owner", "reader"} <= {p.name for p in Path(again["results"]).iterdir()}


def test_an_export_says_what_the_report_says(tmp_path, examples, home) -> None:
    path = write(tmp_path, examples, "exported")
    path.write_text(path.read_text().replace("source: {", "source: {attributes: [{name: role}], "))
    result = run(path, home)
    folder = Path(result["results"])
    raw = pq.read_table(next(folder.rglob("people.parquet"))).to_pandas()
    teams = pq.read_table(next(folder.rglob("owner/teams.parquet"))).to_pylist()
    told = json.loads(insights("export", "exported", "--format", "json", "--home", home).stdout)
    assert [person["cluster"] for person in told] == [c + 1 for c in raw["cluster"]]
    assert [person["team_name"] for person in told] == [teams[t]["name"] for t in raw["team"]]
    assert {person["role"] for person in told} > {"Lead"}
    to = tmp_path / "people.xlsx"
    assert insights("export", "exported", "--to", to, "--home", home).returncode == 0
    with zipfile.ZipFile(to) as book:
        assert "xl/worksheets/sheet2.xml" in book.namelist()
        assert b"<pane " in book.read("xl/worksheets/sheet1.xml")
    refused = insights("export", "exported", "--to", to, "--format", "csv", "--home", home)
    assert refused.returncode == 2
    assert "ends like xlsx" in " ".join(refused.stderr.split())


def test_no_text_of_an_export_is_a_formula() -> None:
    table = pa.table(
        {
            "name": ["=1+1", "+49 30", "-x", "@a", "\tb", "-4.5", "Ünal", None],
            "value": [-1, 2, 3, 4, 5, 6, 7, 8],
        }
    )
    text = to_csv(table)
    assert text.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))[1:]
    assert [row[0] for row in rows] == [
        "'=1+1", "'+49 30", "'-x", "'@a", "'\tb", "-4.5", "Ünal", "",
    ]  # fmt: skip
    assert rows[0][1] == "-1"
    with zipfile.ZipFile(io.BytesIO(to_workbook({"people": table}))) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
        assert b"=1+1" in book.read("xl/sharedStrings.xml")


def test_validate_says_what_is_wrong_and_changes_nothing(tmp_path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(RUN % {"name": "x", "uri": "y.csv", "rules": "[]"})
    bad.write_text(good.read_text().replace("clustering:", "clusterng:"))
    done = insights("validate", good, bad, "--output", "json")
    assert done.returncode == 2
    result = json.loads(done.stdout)
    assert not result["valid"]
    assert (
        result["problems"][0]["message"] == "unknown field `clusterng`; did you mean `clustering`?"
    )
    assert insights("validate", good).returncode == 0


def test_simulate_names_what_teams_lack_and_picks_a_task_force(tmp_path, examples, home) -> None:
    path = write(tmp_path, examples, "whatif")
    run(path, home)
    asked = ["simulate", "-f", path, "--home", home, "--output", "json", "--max-moves", 0]
    found = json.loads(insights(*asked, "--task-force", 6).stdout)
    force = found["taskForce"]["people"]
    assert len({person["id"] for person in force}) == 6
    # Nobody changes teams for it, and no team gives two.
    assert {person["id"]: found["teams"][person["id"]] for person in force} == {
        person["id"]: person["team"] for person in force
    }
    assert len({person["team"] for person in force}) == 6
    assert set(found["missing"]) == set(found["hires"])
    alone = [lacks for lacks in found["missing"].values() if len(lacks) == 1]
    assert sum(found["closes"].values()) == len(alone)
    refused = insights(*asked, "--task-force", 6, "--roles", "nothing")
    assert refused.returncode != 0
    assert "declares no such attribute" in refused.stderr


def test_sigterm_publishes_the_best_teams_so_far(tmp_path, examples, home) -> None:
    path = write(tmp_path, examples, "early")
    path.write_text(path.read_text().replace("rounds: 50", "rounds: 1000000"))
    with subprocess.Popen(
        command(path, home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if "Teams:" in line:
                break
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    summary = json.loads(out)["summary"]
    assert summary["reproducible"] is False
    assert summary["teams"] > 0
    assert summary["balance"]["after"] < summary["balance"]["before"]


@pytest.mark.timeout(600)
def test_teams_go_on_from_those_that_were_published(tmp_path, examples, home) -> None:
    def teams(result):
        table = pq.read_table(Path(result["results"]) / "owner" / "people.parquet")
        names = pq.read_table(Path(result["results"]) / "owner" / "teams.parquet")["name"]
        return {person["id"]: names[person["team"]].as_py() for person in table.to_pylist()}

    rosters = [tmp_path / "spring.csv", tmp_path / "summer.csv"]
    lines = (examples / "roster.csv").read_text().splitlines()
    rosters[0].write_text("\n".join(lines))
    rosters[1].write_text("\n".join([lines[0], *lines[4:]]))
    path = write(tmp_path, examples, "quarterly", rosters[0])
    spring = path.read_text().replace(
        "rounds: 50,", "rounds: 50, current: {run: quarterly}, stability: {maxMoves: 20},"
    )
    path.write_text(spring)
    first, second = run(path, home), run(path, home)
    assert (first["publishedBefore"], second["publishedBefore"]) == (False, True)
    path.write_text(spring.replace("spring.csv", "summer.csv"))
    third, fourth = run(path, home), run(path, home)
    assert (third["publishedBefore"], fourth["publishedBefore"]) == (False, True)
    before, after = teams(first), teams(third)
    assert len(after) < len(before)
    assert sum(before[person] != team for person, team in after.items()) <= 20
    # Who moves is told to the owner, and how many were allowed to.
    moved = {person for person, team in after.items() if before[person] != team}
    people = json.loads(insights("export", "quarterly", "--format", "json", "--home", home).stdout)
    assert {row["id"]: row["current_team"] for row in people} == {p: before[p] for p in after}
    assert {row["id"] for row in people if row["moves"]} == moved
    assert third["teamMoves"].startswith(f"{len(moved)} ")
    assert third["teamMoves"].endswith("of 20 moves that are allowed")
    assert third["teamMoves"] in insights("show", "quarterly", "--home", home).stdout
    # Another run goes on from there as well, and is linked while those teams are the last.
    path.write_text(spring.replace("name: quarterly", "name: other"))
    assert [run(path, home)["publishedBefore"] for _ in range(2)] == [False, True]
