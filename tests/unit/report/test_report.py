"""The report: everything is in it, nothing personal is, and it needs nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from insights_crds.v1 import ENERGIES, Source, Teams
from insights_workloads import report
from insights_workloads.clustering import ClusteringOptions, KRange, cluster
from insights_workloads.clustering.comparison import compare
from insights_workloads.ingest import ingest
from insights_workloads.report.rule_words import rule_words
from insights_workloads.results.previous import Change
from insights_workloads.results.result import RunResult, summarize
from insights_workloads.teams import TeamOptions, compile_problem, form_teams
from tests.unit.report.browser import dom
from tests.unit.report.told import told

WHEN = report.Provenance("evil<script>", "team-a", "0" * 64, 3, datetime(2026, 1, 2, tzinfo=UTC))


def result(tmp_path, n=120, teams=True, kind="clusters") -> RunResult:
    random = np.random.default_rng(0)
    energies = random.uniform(0, 100, (n, 4))
    if kind == "clusters":
        energies = np.clip(
            50 + 30 * np.eye(4)[np.arange(n) % 4] + random.normal(0, 3, (n, 4)), 0, 100
        )
    columns = {
        "id": [f"canary-id-{i}" for i in range(n)],
        "name": [f"Canary & {i}" for i in range(n)],
    }
    columns |= dict(zip(ENERGIES, energies.T, strict=True))
    pq.write_table(pa.table(columns), tmp_path / "p.parquet")
    source = Source.model_validate({"uri": "p.parquet", "columns": {"name": "name"}})
    roster = ingest(source, base=tmp_path, spool=tmp_path / "spool")
    matrix = roster.matrix(ENERGIES)
    clustering = cluster(matrix, ENERGIES, ClusteringOptions(k=KRange(1, 6)))
    plan = None
    if teams:
        spec = Teams.model_validate({"size": {"min": 6, "max": 8}})
        plan = form_teams(
            compile_problem(spec, ENERGIES, matrix, roster.column), TeamOptions(rounds=20)
        )
    rules = {"teams": {"constraints": [{"name": "rule-one"}, {"name": "rule-two", "weight": 1}]}}
    return RunResult(roster, clustering, plan, rules if teams else {}, "1.2.3")


class Structure(HTMLParser):
    """Checks that tags nest, and collects what a page refers to."""

    VOID = {"meta", "br", "link", "img", "input"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.links += [v for k, v in attrs if k in ("src", "href") and v]

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def test_what_changed_since_the_previous_results_is_in_it(tmp_path) -> None:
    found = result(tmp_path, teams=False)
    before = np.where(found.clustering.labels == 3, 2, found.clustering.labels)
    change = Change(
        datetime(2025, 12, 1, tzinfo=UTC),
        ("Early & one", "Early two", "Early three"),
        compare(before, found.clustering.labels),
        joined=4,
        left=2,
    )
    page = report.render(report.owner_content(replace(found, change=change), WHEN))
    moved = change.comparison.moved_count
    assert moved == 30
    assert "Since the previous results" in page
    assert f"{moved} of the 120 people who were there on 1 December 2025" in page
    assert "Early &amp; one" in page
    assert "was part of others" in page
    assert "4 people are new and 2 have left" in page
    summary = summarize(replace(found, change=change), "there")
    assert summary["clusterChange"]["moved"] == moved
    assert "clusterChange" not in summarize(found, "there")


def test_everything_is_in_it_and_it_needs_nothing_else(tmp_path) -> None:
    outcome = result(tmp_path)
    page = report.render(report.owner_content(outcome, WHEN))
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    assert structure.links == []
    assert "@import" not in page
    assert "url(" not in page
    for profile in outcome.clustering.profiles:
        assert f"<h3>{profile.name}</h3>" in page
    for name in outcome.teams.figures.names:
        assert f"<strong>{name}</strong>" in page
    assert "rule-one" in page
    assert "120 people" in page


def test_the_owner_is_told_names_and_nobody_else_is(tmp_path) -> None:
    outcome = result(tmp_path)
    assert "anary" not in report.render(told(outcome, WHEN))
    named = report.render(report.owner_content(outcome, WHEN))
    assert all(f"<td>Canary &amp; {person}</td>" in named for person in range(120))
    assert "could change places with" in named
    assert "canary-id" not in named


def test_members_of_clusters_are_the_owners(tmp_path) -> None:
    outcome = result(tmp_path)
    typical = outcome.clustering.profiles[0].members.typical
    assert "person 1a" not in report.render(told(outcome, WHEN))
    owner = report.owner_content(outcome, WHEN)
    assert owner.cluster_members[0].typical[0] == f"person 1a, Canary & {typical[0]}"


def test_rules_about_conflicts_and_minorities_are_no_reason_that_is_shown(tmp_path) -> None:
    outcome = result(tmp_path)
    sizes = outcome.teams.figures.sizes
    reasons = replace(outcome.teams.reasons, binding=(("feud", "lone", "leads"),) * len(sizes))
    rules = [
        {"name": "feud", "keepApart": {"attribute": "f"}},
        {"name": "lone", "noLoneMinority": {"attribute": "f"}},
        {"name": "leads", "atLeast": {"attribute": "f", "values": ["x"], "count": 1}},
    ]
    outcome = replace(
        outcome,
        roster=_WithAttributes(outcome.roster, {"f": ["x"] * outcome.roster.rows}),
        teams=replace(outcome.teams, reasons=reasons),
        spec={"teams": {"constraints": rules}},
    )
    content = report.owner_content(outcome, WHEN)
    assert set(content.binding) == {("leads",)}
    assert "<td>leads</td></tr>" in report.render(content)


def test_hostile_text_is_escaped(tmp_path) -> None:
    page = report.render(report.owner_content(result(tmp_path), WHEN))
    assert "evil<script>" not in page
    assert "evil&lt;script&gt;" in page


def test_without_structure_it_speaks_of_segments(tmp_path) -> None:
    outcome = result(tmp_path, n=400, kind="uniform")
    assert not outcome.clustering.structure
    page = report.render(report.owner_content(outcome, WHEN))
    assert "People show no clusters." in page
    assert "What makes each segment different" in page
    assert "cluster's" not in page


def test_by_what_people_counted_is_said(tmp_path) -> None:
    outcome = result(tmp_path, teams=False)
    assert "people count by" not in report.render(report.owner_content(outcome, WHEN))
    weighted = replace(outcome, spec={"clustering": {"weight": "hours<b>"}})
    assert "people count by their <b>hours&lt;b&gt;</b>" in report.render(
        report.owner_content(weighted, WHEN)
    )


def test_without_teams(tmp_path) -> None:
    page = report.render(report.owner_content(result(tmp_path, teams=False), WHEN))
    assert "How alike the teams are" not in page


def test_many_people_and_teams_stay_a_small_file(tmp_path) -> None:
    page = report.render(report.owner_content(result(tmp_path, n=30_000, kind="uniform"), WHEN))
    assert len(page) < 1_000_000
    assert re.search(r"The 400 teams that are farthest from everyone, of [0-9],[0-9]{3}", page)


def test_a_browser_shows_both_without_an_error(tmp_path) -> None:
    outcome = result(tmp_path)
    for at, content in enumerate((report.owner_content(outcome, WHEN), told(outcome, WHEN))):
        path = tmp_path / f"report-{at}.html"
        page = report.render(content)
        path.write_text(page)
        headers = sum(
            len(re.findall(r"<th\b", table.split("</thead>")[0]))
            for table in page.split('<table class="sortable">')[1:]
        )
        assert headers > 0
        assert dom(path, tmp_path / f"profile-{at}").count("<button") == headers


def test_counts_of_attributes_are_the_owners_where_they_are_small(tmp_path) -> None:
    whole = result(tmp_path, n=120)
    role = ["lead"] * 3 + ["senior"] * 40 + ["junior"] * 77
    minority = ["x"] * 20 + ["y"] * 100
    roster = _WithAttributes(whole.roster, {"role": role, "origin": minority})
    rules = {
        "teams": {
            "constraints": [
                {"name": "a", "atLeast": {"attribute": "role", "values": ["lead"], "count": 1}},
                {"name": "b", "noLoneMinority": {"attribute": "origin"}},
            ]
        }
    }
    changed = replace(whole, roster=roster, spec=rules)
    content = told(changed, WHEN)
    (table,) = content.attributes
    assert table.name == "role"
    assert all(n is None or n >= 5 for _, _, cells in table.rows for n in cells)
    page = report.render(content)
    assert "How role is spread" in page
    assert ">lead<" not in page
    assert "origin" not in page
    owner = report.owner_content(changed, WHEN)
    assert [t.attribute for t in owner.attributes] == ["role", "origin"]
    assert ">lead<" in report.render(owner)


def test_people_of_one_name_are_told_apart(tmp_path) -> None:
    whole = result(tmp_path)
    names = [f"Canary & {i}" for i in range(118)] + ["Ada Twin"] * 2
    twins = replace(whole, roster=_WithAttributes(whole.roster, {"name": names}))
    page = report.render(report.owner_content(twins, WHEN))
    assert "Ada Twin (canary-id-118)" in page
    assert "Ada Twin (canary-id-119)" in page
    assert "Canary &amp; 7 (canary-id" not in page
    assert not re.search(r"Ada Twin(?! \()", page)


def test_the_owner_is_told_where_rules_are_broken_and_nobody_else_is(tmp_path) -> None:
    outcome = result(tmp_path)
    breaches = (
        SimpleNamespace(rule="feud", hard=False, team=2, amount=1.5, people=(3, 5)),
        SimpleNamespace(rule="cost", hard=True, team=-1, amount=12.0, people=()),
    )
    plan = replace(outcome.teams)
    object.__setattr__(plan, "breaches", breaches)
    broken = replace(outcome, teams=plan)
    page = report.render(report.owner_content(broken, WHEN))
    part = page.split("<h2>Where rules are broken</h2>")[1].split("</section>")[0]
    assert "Canary &amp; 3, Canary &amp; 5" in part
    assert f"<td>{plan.figures.names[2]}</td>" in part
    assert "all teams together" in part
    assert "the team as a whole" in part
    assert "Where rules are broken" not in report.render(told(broken, WHEN))


@pytest.mark.parametrize(("many", "reader"), [(0, False), (1, False), (5, True)])
def test_people_who_belong_nowhere_are_counted(tmp_path, many, reader) -> None:
    whole = result(tmp_path)
    outliers = np.arange(whole.roster.rows) < many
    whole = replace(whole, clustering=replace(whole.clustering, outliers=outliers))
    assert ("to no cluster" in report.render(report.owner_content(whole, WHEN))) == (many > 0)
    assert ("to no cluster" in report.render(told(whole, WHEN))) == reader


class _WithAttributes:
    def __init__(self, roster, attributes) -> None:
        self._roster, self._attributes = roster, attributes

    def __getattr__(self, name):
        return getattr(self._roster, name)

    def column(self, name):
        if name in self._attributes:
            return pa.chunked_array([pa.array(self._attributes[name])])
        return self._roster.column(name)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            {"atLeast": {"attribute": "role", "values": ["Lead", "Senior"], "count": 2}},
            "at least 2 people with role Lead or Senior",
        ),
        (
            {"atMost": {"attribute": "site", "values": ["Oslo"], "share": 0.6}, "types": ["squad"]},
            "at most 60 % of the team with site Oslo (in squad teams)",
        ),
        (
            {"range": {"field": "years", "aggregate": "Mean", "min": 3.5, "max": 7}},
            "mean of years from 3.5 to 7",
        ),
        (
            {"range": {"field": "cost", "aggregate": "Sum", "max": 800}},
            "sum of cost at most 800",
        ),
        ({"keepApart": {"attribute": "past"}}, "at most 1 of the same past in a team"),
        ({"name": "nothing known"}, ""),
    ],
)
def test_rules_are_said_in_words(rule, words) -> None:
    assert rule_words(rule) == words


def test_the_owner_is_told_the_cheapest_exchanges_once(tmp_path) -> None:
    outcome = result(tmp_path)
    page = report.render(report.owner_content(outcome, WHEN))
    part = page.split("<h2>What if</h2>")[1].split("</section>")[0]
    rows = re.findall(r"<tr><td>(.*?) \(team-\d+\) with (.*?) \(team-\d+\)</td>", part)
    assert 1 <= len(rows) <= 5
    assert len({frozenset(row) for row in rows}) == len(rows)
    prices = [float(price) for price in re.findall(r">([\d.-]+) %</td>", part)]
    assert prices == sorted(prices)
    assert "<h2>What if</h2>" not in report.render(told(outcome, WHEN))
