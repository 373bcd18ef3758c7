"""Attacks on what readers are told, by somebody who knows everything else.

The attacker has every publication of a year, knows the true answers of everybody but the one who
joined, which noise was drawn from which distribution, and who is in which cluster on which night.
Each attack wins where the protection is switched off; otherwise it would prove nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from insights_crds.v1 import ENERGIES, Summary
from insights_workloads import report
from insights_workloads.clustering import Clustering, KSelection
from insights_workloads.clustering.profiles import describe
from insights_workloads.disclosure.figures import bins, estimate
from insights_workloads.disclosure.noise import Layer, missing_layer, protect
from insights_workloads.disclosure.reader import ReaderContent
from insights_workloads.disclosure.summary import FIELDS, told_summary
from insights_workloads.ingest.roster import Rejections
from insights_workloads.provenance import Provenance
from insights_workloads.results import reader_tables
from insights_workloads.results.result import RunResult
from insights_workloads.teams.plan import Outcome, TeamFigures, TeamPlan, Violation
from insights_workloads.wheel import wheel_positions
from tests.unit.report.told import SECRET, told

WHEN = Provenance("run", "team-a", "0" * 64, 1, datetime(2026, 1, 2, tzinfo=UTC))
PEOPLE = 200
SPREAD = 18.0
MEAN = 50.0
SIDES = np.array([1, 1, -1, -1])
COVARIANCE = SPREAD**2 * (0.6 * np.eye(4) + 0.4 * np.outer(SIDES, SIDES))
CENTERS = MEAN + SPREAD * np.array([[1, 1, -1, -1], [-1, -1, 1, 1], [1, -1, 1, -1], [-1, 1, -1, 1]])


@dataclass
class Roster:
    """People of a night."""

    ids: list[str]
    values: np.ndarray
    features: tuple[str, ...] = ENERGIES
    named: bool = False
    fingerprint: str = "0" * 64
    rejected: Rejections = Rejections(0, {}, None)  # noqa: RUF009

    @property
    def rows(self) -> int:
        return len(self.ids)

    @property
    def read(self) -> int:
        return len(self.ids)

    def matrix(self, names) -> np.ndarray:
        return self.values[:, [self.features.index(name) for name in names]]

    def column(self, name) -> pa.ChunkedArray:
        assert name == "id"
        return pa.chunked_array([pa.array(self.ids)])


def clustered(ids, values) -> RunResult:
    """A result with the people at their nearest of four centres."""
    labels = np.linalg.norm(values[:, None] - CENTERS, axis=2).argmin(axis=1).astype(np.int32)
    means = np.array([values[labels == c].mean(axis=0) for c in range(4)])
    overall, spread = values.mean(axis=0), values.std(axis=0)
    sizes = np.bincount(labels, minlength=4)
    clustering = Clustering(
        features=ENERGIES, k=4, labels=labels, centers=means, overall=overall, inertia=1.0,
        iterations=1, structure=True, selection=KSelection(2, True, "given"), silhouette=0.123456,
        profiles=describe(ENERGIES, means, sizes, overall, spread),
        outliers=np.zeros(len(ids), dtype=bool),
    )  # fmt: skip
    return RunResult(Roster(list(ids), values), clustering, None, {}, "1")


@dataclass(frozen=True)
class Night:
    """One publication, and who took part, by number, in which cluster."""

    people: np.ndarray
    labels: np.ndarray
    content: ReaderContent


def nights(count: int, level: float, seed: int) -> tuple[np.ndarray, list[Night], list[int]]:
    """Publications with a joiner or a leaver each: true values, nights, and who joined."""
    random = np.random.default_rng(seed)
    values = random.multivariate_normal([MEAN] * 4, COVARIANCE, PEOPLE + count)
    here, layers, made, joined = list(range(PEOPLE)), [], [], []
    for night in range(count + 1):
        if night % 2:
            here.append(PEOPLE + night - 1)
            joined.append(here[-1])
        elif night:
            here.remove(int(random.choice([one for one in here if one < PEOPLE])))
        at = np.array(here)
        result = clustered([f"{seed}-{one}" for one in here], values[at])
        made.append(
            Night(at, result.clustering.labels, told(result, WHEN, level=level, layers=layers))
        )
    return values, made, joined


def attack(values, publications: list[Night], targets: list[int], level: float) -> np.ndarray:
    """Errors of the best linear estimate of each target's energies, in spreads, (targets, 4).

    Every sum that can be formed from what readers get is an observation. What is unknown are y of
    each person: known up to their noise where x is known, and up to both for the target. In units
    in which people are uncorrelated, so is the noise, and features can be taken one by one.
    """
    root = np.linalg.cholesky(COVARIANCE)
    white = np.linalg.inv(root)
    rows, seen, weights = [], [], []
    for night in publications:
        table = reader_tables.clusters(night.content).to_pylist()
        for line in [*table, None]:
            if line is None:
                among, means = night.people, night.content.overall
                told_means = [(mean.value, mean.decimals) for mean in means]
            else:
                among = night.people[night.labels == line["number"]]
                assert line["size"] == len(among)
                told_means = [
                    (mean["mean"], decimals)
                    for mean, decimals in zip(
                        json.loads(line["means"]).values(),
                        [m.decimals for m in night.content.clusters[line["number"]].means],
                        strict=True,
                    )
                ]
            row = np.zeros(len(values))
            row[among] = 1.0
            rows.append(row)
            seen.append(
                white @ (np.array([m for m, _ in told_means]) * len(among) - MEAN * len(among))
            )
            steps = np.array([10.0**-d for _, d in told_means]) * len(among)
            # Rounding: uniform, of a variance of a twelfth of the square of a step.
            weights.append(1 / np.diag(white @ np.diag(steps**2 / 12) @ white.T))
    taking_part = np.flatnonzero(np.any(np.array(rows) > 0, axis=0))
    sums = np.array(rows)[:, taking_part]
    known = (values[taking_part] - MEAN) @ white.T
    noise = max(level, 1e-9)
    errors = np.empty((len(targets), 4))
    for feature in range(4):
        weight = np.array(weights)[:, feature]
        normal = (sums.T * weight) @ sums
        right = (sums.T * weight) @ np.array(seen)[:, feature]
        for place, target in enumerate(targets):
            at = int(np.flatnonzero(taking_part == target)[0])
            precision = np.full(len(taking_part), 1 / noise)
            precision[at] = 1 / (1 + noise)
            prior = known[:, feature].copy()
            prior[at] = 0.0
            y = np.linalg.solve(normal + np.diag(precision), right + precision * prior)[at]
            errors[place, feature] = y / (1 + noise) - known[at, feature]
    return errors @ root.T / SPREAD


@pytest.mark.parametrize(("count", "repeats"), [(1, 400), (30, 24), (364, 2)])
def test_a_joiner_stays_unknown_after_a_year_as_after_a_night(count, repeats) -> None:
    errors = []
    for seed in range(repeats):
        values, publications, joined = nights(count, 1.0, seed)
        errors.append(attack(values, publications, joined, 1.0))
    found = np.concatenate(errors)
    # Some 360 people decide, of four energies that go together: sqrt(1/2) is known to about 0.02.
    assert len(found) >= 360
    assert np.sqrt((found**2).mean()) >= 0.65


@pytest.mark.parametrize("count", [1, 30])
def test_the_attack_wins_where_the_noise_is_switched_off(count) -> None:
    values, publications, joined = nights(count, 0.0, 0)
    off = np.sqrt((attack(values, publications, joined, 0.0) ** 2).mean())
    assert off < 0.05


@pytest.mark.parametrize("people", [5, 20, 100])
def test_means_are_off_by_what_is_said(people) -> None:
    random = np.random.default_rng(people)
    values = random.multivariate_normal([MEAN] * 4, COVARIANCE, 20_000)
    layer = missing_layer(values, ENERGIES, 1.0, [])
    y = protect(
        values, ENERGIES, [f"p{i}" for i in range(20_000)], [layer], secret=SECRET, source="s"
    )
    groups = len(values) // people
    off = (y - values).reshape(groups, people, 4).mean(axis=1)
    measured = np.sqrt((off**2).mean(axis=0)) / values.std(axis=0)
    # The standard error of a standard deviation of m values is one part in sqrt(2 m).
    assert measured == pytest.approx(np.sqrt(1 / people), rel=4 / np.sqrt(2 * groups))
    said = estimate(y[:people, 0], SPREAD, 1.0)
    assert said.error == pytest.approx(SPREAD / np.sqrt(people), abs=10.0**-said.decimals)
    assert abs(float(str(said)) - y[:people, 0].mean()) <= 0.5001 * 10.0**-said.decimals


@pytest.mark.parametrize(
    ("level", "alone", "with_cluster"), [(0.25, 0.45, 0.40), (1.0, 0.71, 0.57), (4.0, 0.89, 0.68)]
)
def test_what_knowing_the_cluster_adds_is_what_is_said(level, alone, with_cluster) -> None:
    """Figures of docs/privacy.md: sizes are exact, so they tell which cluster a joiner went to."""
    values = np.random.default_rng(0).multivariate_normal([MEAN] * 4, COVARIANCE, 20_000)
    ids = [f"p{i}" for i in range(len(values))]
    layer = missing_layer(values, ENERGIES, level, [])
    y = protect(values, ENERGIES, ids, [layer], secret=SECRET, source="s")
    cluster = np.eye(4)[np.linalg.norm(values[:, None] - CENTERS, axis=2).argmin(axis=1)]

    def off(known) -> float:
        known = np.column_stack([known, np.ones(len(known))])
        best = known @ np.linalg.lstsq(known, values, rcond=None)[0]
        return float(np.sqrt(((best - values) ** 2).mean() / values.var(axis=0).mean()))

    assert off(y) == pytest.approx(alone, abs=0.015)
    assert off(np.column_stack([y, cluster])) == pytest.approx(with_cluster, abs=0.015)


def drawn(values, ids, layers) -> np.ndarray:
    return protect(values, ENERGIES, ids, layers, secret=SECRET, source="s") - values


def test_noise_estimated_anew_each_night_would_tell_all() -> None:
    """Why layers are kept: two factors and the same draw are two equations for it."""
    random = np.random.default_rng(0)
    values = random.multivariate_normal([MEAN] * 4, COVARIANCE, 50)
    wide = np.full(4, -np.inf), np.full(4, np.inf)
    a = Layer(ENERGIES, np.linalg.cholesky(COVARIANCE), *wide)
    b = Layer(ENERGIES, 1.01 * np.linalg.cholesky(COVARIANCE), *wide)
    ids = [f"p{i}" for i in range(50)]
    first, second = values + drawn(values, ids, [a]), values + drawn(values, ids, [b])
    z = np.linalg.solve(b.factor - a.factor, (second - first).T).T
    assert first - z @ a.factor.T == pytest.approx(values, abs=1e-6)


def test_noise_stays_while_people_come_go_and_spread() -> None:
    random = np.random.default_rng(1)
    values = random.multivariate_normal([MEAN] * 4, COVARIANCE, 300)
    ids = [f"p{i}" for i in range(300)]
    layers = [missing_layer(values[:200], ENERGIES, 1.0, [])]
    before = drawn(values[:200], ids[:200], layers)
    # The same people among others: the same noise, and no more of it for a little more spread.
    assert missing_layer(values, ENERGIES, 1.0, layers) is None
    after = drawn(values, ids, layers)[:200]
    inside = np.abs(values[:200] - MEAN).max(axis=1) < 3 * SPREAD
    assert after[inside] == pytest.approx(before[inside])
    # Somebody whose answers change keeps the noise; another secret or source draws another.
    moved = protect(values + 1, ENERGIES, ids, layers, secret=SECRET, source="s") - values - 1
    assert moved[:200][inside] == pytest.approx(before[inside])
    other = protect(values, ENERGIES, ids, layers, secret=SECRET, source="t") - values
    assert abs(np.corrcoef(other[:, 0], after[:, 0].tolist() + [0] * 100)[0, 1]) < 0.25
    # Twice the spread: noise is added to what is there, and is then enough.
    wide = MEAN + 2 * (values - MEAN)
    more = missing_layer(wide, ENERGIES, 1.0, layers)
    both = [*layers, more]
    assert missing_layer(wide, ENERGIES, 1.0, both) is None
    added = drawn(values, ids, both) - drawn(values, ids, layers)
    assert abs(np.corrcoef(added[:, 0], drawn(values, ids, layers)[:, 0])[0, 1]) < 0.2
    # A smaller setting takes none away.
    assert missing_layer(values, ENERGIES, 0.25, both) is None


def test_noise_covers_what_is_hard() -> None:
    random = np.random.default_rng(2)
    profile = 100 * random.dirichlet([4, 4, 4, 4], 400)
    ids = [f"p{i}" for i in range(400)]
    # Profiles that add up to a constant: noise does, too, and is as large as people differ.
    ipsative = drawn(profile, ids, [missing_layer(profile, ENERGIES, 1.0, [])])
    assert np.abs(ipsative.sum(axis=1)).max() < 1e-5
    assert ipsative.std(axis=0) == pytest.approx(profile.std(axis=0), rel=0.15)
    # A slip of the keyboard is not everybody's noise, and is not told.
    slip = random.multivariate_normal([MEAN] * 4, COVARIANCE, 400)
    slip[7, 2] = 1e9
    layer = missing_layer(slip, ENERGIES, 1.0, [])
    y = protect(slip, ENERGIES, ids, [layer], secret=SECRET, source="s")
    assert np.abs(y).max() < 400
    # Missing values stay missing, and do not thin the noise out.
    holes = random.multivariate_normal([MEAN] * 4, COVARIANCE, 400)
    holes[random.random(400) < 0.6, 3] = np.nan
    y = protect(
        holes, ENERGIES, ids, [missing_layer(holes, ENERGIES, 1.0, [])], secret=SECRET, source="s"
    )
    assert (np.isnan(y) == np.isnan(holes)).all()
    assert np.nanstd(y - holes, axis=0) == pytest.approx(np.nanstd(holes, axis=0), rel=0.2)
    # A feature that comes later is covered as well, and the others keep what they have.
    five = np.column_stack([slip, random.normal(5, 2, 400)])
    names = (*ENERGIES, "years")
    first = missing_layer(slip, ENERGIES, 1.0, [])
    second = missing_layer(five, names, 1.0, [first])
    assert missing_layer(five, names, 1.0, [first, second]) is None
    y = protect(five, names, ids, [first, second], secret=SECRET, source="s")
    assert (y - five)[:, 4].std() > 1.5


MARK = re.compile(r"<(circle|rect|ellipse|path|line|polyline|polygon|use|text)\b([^>]*)>")


def recovered(page: str, places: np.ndarray) -> float:
    """Share of people whose place stands in a picture of a page, as far as can be made out."""
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.S))
    marks = np.array(
        [
            (float(x[1]), -float(y[1]))
            for _, attributes in MARK.findall(pictures)
            if (x := re.search(r'\b(?:cx|x)="(-?[\d.]+)"', attributes))
            and (y := re.search(r'\b(?:cy|y)="(-?[\d.]+)"', attributes))
        ]
    )
    best = 0.0
    # The picture's scale is not told; it takes a few to try them all.
    for reach in np.arange(0.25, 1.6, 0.002):
        near = np.abs(places[:, None] / reach * 260 - marks[None]).max(axis=2).min(axis=1)
        best = max(best, float((near < 0.6).mean()))
    return best


def test_no_mark_of_a_picture_is_a_person() -> None:
    random = np.random.default_rng(5)
    values = random.multivariate_normal([MEAN] * 4, COVARIANCE, 120)
    result = clustered([f"p{i}" for i in range(120)], values)
    places = wheel_positions(values)
    owner = report.render(report.owner_content(result, WHEN))
    assert recovered(owner, places) > 0.95
    for level in (1.0, 0.0):
        page = report.render(told(result, WHEN, level=level))
        assert recovered(page, places) < 0.15
        pictures = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.S))
        # Three circles are the rim, the others centres; squares are of five people and more.
        assert pictures.count("<circle") == 3 + 4
        squares = pictures.count('class="many"')
        assert 0 < squares <= len(values) // 5


def test_squares_hold_five_people_each() -> None:
    places = np.random.default_rng(3).uniform(-1.2, 1.2, (300, 2))
    for each in bins(places):
        inside = (
            np.abs(np.clip(places, -1, 1) - [each.x, each.y]).max(axis=1) <= each.edge / 2 + 1e-6
        )
        assert inside.sum() >= 5
    assert bins(np.zeros((4, 2))) == ()


def teams_of_four(values) -> TeamPlan:
    count = len(values) // 4
    team = np.arange(len(values), dtype=np.int32) % count
    figures = TeamFigures(
        names=tuple(f"team-{at}" for at in range(count)),
        types=("",) * count,
        sizes=np.full(count, 4),
        means=np.array([values[team == at].mean(axis=0) for at in range(count)]),
        distance=np.linspace(0.123456789, 0.987654321, count),
        variety=np.linspace(0.711111, 1.15, count),
    )
    return TeamPlan(
        Outcome.FEASIBLE, team, ENERGIES, figures, 0.123456789, 0.0123456789,
        violations=(
            Violation("lone", False, 3.0, 3), Violation("feud", False, 2.0, 2),
            Violation("leads", False, 1.2345678, 1),
        ),
        moved=1,
    )  # fmt: skip


RULES = {
    "teams": {
        "constraints": [
            {"name": "lone", "weight": 1, "noLoneMinority": {"attribute": "origin"}},
            {"name": "feud", "weight": 1, "keepApart": {"attribute": "past"}},
            {
                "name": "leads",
                "weight": 1,
                "range": {"field": "red", "aggregate": "Mean", "min": 3},
            },
        ]
    }
}


def test_nothing_of_small_teams_or_confidential_rules_is_told() -> None:
    values = np.random.default_rng(6).multivariate_normal([MEAN] * 4, COVARIANCE, 120)
    result = clustered([f"p{i}" for i in range(120)], values)
    result = replace(result, teams=teams_of_four(values), spec=RULES)
    content = told(result, WHEN)
    assert [(rule.name, rule.kept, rule.says != "") for rule in content.rules] == [
        ("lone", None, False), ("feud", None, False), ("leads", False, True),
    ]  # fmt: skip
    summary = dict(content.summary)
    assert summary["softRulesBroken"] == 1
    assert "worstTeamDistance" not in summary
    assert summary["balance"] == {"before": 0.12, "after": 0.012}
    assert summary["silhouette"] == 0.12
    assert content.teams.moved == 0
    everything = report.render(content).split("</style>")[1] + json.dumps(
        reader_tables.overview(content)
    )
    for name in ("clusters", "teams", "rules"):
        everything += json.dumps(getattr(reader_tables, name)(content).to_pylist())
    for gone in ("farthest", "0.99", "0.98", "115 %", "71 %", "broken in", "1.23"):
        assert gone not in everything, gone


def test_what_was_read_is_not_told_by_its_digest() -> None:
    """Whoever knows all but one person could try what that one answered until the digest fits."""
    values = np.random.default_rng(6).multivariate_normal([MEAN] * 4, COVARIANCE, 60)
    result = clustered([f"p{i}" for i in range(60)], values)
    result = replace(result, roster=replace(result.roster, fingerprint="f1" * 32))
    content = told(result, WHEN)
    assert "f1" * 32 not in report.render(content)
    assert "f1" * 32 not in json.dumps(reader_tables.overview(content))
    assert "f1" * 32 in report.render(report.owner_content(result, WHEN))


def test_each_field_of_a_summary_is_told_on_purpose() -> None:
    wire = {field.alias or name for name, field in Summary.model_fields.items()}
    assert wire == set(FIELDS)
    assert told_summary({"people": 3, "unknown": 1}, None) == {"people": 3}
    change = {"clusterChange": {"people": 91, "moved": 1, "adjustedRand": 0.987654}}
    assert told_summary(change, None)["clusterChange"] == {
        "people": 91, "moved": 0, "adjustedRand": 0.99,
    }  # fmt: skip
