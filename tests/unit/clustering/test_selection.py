"""Whether there are clusters, how many, and what they are called."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from scipy import stats

from insights_workloads.clustering import ClusteringOptions, KRange, cluster
from insights_workloads.clustering.engine import select
from insights_workloads.clustering.members import Borderline, members_of
from insights_workloads.clustering.profiles import describe, stability_words
from insights_workloads.clustering.scaling import bounds, fit_scale
from insights_workloads.clustering.selection import choose_k

FOUR = ("red", "yellow", "green", "blue")


def choose(rows, most=10, least=1, seed=0):
    return choose_k(fit_scale(rows, "None").apply(rows), KRange(least, most), seed=seed)


def energies(random, rho, n):
    """Energies of two correlated traits without any cluster."""
    traits = random.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    e, a = np.round(stats.rankdata(traits, axis=0) / n * 100).T
    return np.column_stack([(e + 100 - a) / 2, (e + a) / 2, (100 - e + a) / 2, (200 - e - a) / 2])


def with_gaps(random, rows, share):
    rows[random.random(len(rows)) < share, -1] = np.nan
    return rows


NO_CLUSTERS = {
    "uniform": lambda r: r.uniform(0, 100, (600, 4)),
    "gaussian": lambda r: r.normal(50, 10, (600, 4)),
    "long gaussian": lambda r: r.normal(0, 1, (600, 3)) * [6, 1, 1],
    "likert": lambda r: r.integers(1, 6, (600, 4)).astype(float),
    "energies, independent traits": lambda r: energies(r, 0.0, 800),
    "energies, correlated traits": lambda r: energies(r, 0.4, 800),
    "skewed": lambda r: r.exponential(15, (600, 4)),
    "ipsative": lambda r: r.dirichlet([1.5] * 4, 600) * 100,
    "ipsative, rounded": lambda r: np.round(r.dirichlet([2.0] * 4, 600) * 100),
    "yes or no": lambda r: (r.random((600, 6)) < 0.5).astype(float),
    "yes or no beside energies": lambda r: np.column_stack(
        [r.normal(50, 15, (600, 3)), 100.0 * (r.random((600, 2)) < 0.4)]
    ),
    "gaps": lambda r: with_gaps(r, r.exponential(20, (600, 3)), 0.6),
}
PRESENT = {
    "90/5/5": (3, (540, 30, 30), [(0, 0, 0), (6, 0, 0), (0, 6, 6)], 0),
    "people anywhere": (3, (190, 190, 190), [(0, 0, 0), (8, 0, 0), (0, 8, 0)], 30),
    "few people, many features": (4, (70,) * 4, 5 * np.eye(4, 10), 0),
}


@pytest.mark.parametrize("name", NO_CLUSTERS)
def test_no_clusters_are_invented(name) -> None:
    rows = NO_CLUSTERS[name](np.random.default_rng(5))
    found = select(rows, "None", KRange(1, 10), seed=0)
    assert not found.structure
    assert "segments" in found.because


@pytest.mark.parametrize("name", PRESENT)
def test_small_groups_and_people_who_belong_nowhere_hide_no_cluster(name) -> None:
    random = np.random.default_rng(3)
    k, sizes, centers, anywhere = PRESENT[name]
    centers = np.array(centers, dtype=float)
    d = centers.shape[1]
    rows = np.vstack(
        [random.normal(center, 1, (n, d)) for center, n in zip(centers, sizes, strict=True)]
        + [random.uniform(-6, 14, (anywhere, d))]
    )
    found = cluster(rows, [f"f{j}" for j in range(d)], ClusteringOptions(k=KRange(1, 10)))
    assert (found.structure, found.k) == (True, k)
    assert found.outliers[: sum(sizes)].sum() <= 1
    if anywhere:
        assert found.outliers[sum(sizes) :].mean() > 0.5


@pytest.mark.parametrize("kind", ["clusters", "segments"])
def test_a_roster_that_is_sorted_anew_has_the_same_groups(kind) -> None:
    random = np.random.default_rng(7)
    rows = np.round(random.uniform(0, 100, (400, 4)), 1)
    if kind == "clusters":
        rows[:, 0] += 300 * (np.arange(400) % 3)
    first = cluster(rows, FOUR, ClusteringOptions())
    assert first.structure == (kind == "clusters")
    for order in (np.argsort(rows[:, 1]), np.arange(400)[::-1], random.permutation(400)):
        again = cluster(rows[order], FOUR, ClusteringOptions())
        assert again.selection.because == first.selection.because
        np.testing.assert_array_equal(again.labels, first.labels[order])


def test_one_slip_of_the_keyboard_is_told_and_decides_nothing() -> None:
    random = np.random.default_rng(2)
    rows = random.normal(50, 10, (300, 4))
    clean = cluster(rows, FOUR, ClusteringOptions())
    rows[17, 2] = 1e9
    found = cluster(rows, FOUR, ClusteringOptions())
    (told,) = found.extremes
    assert (told.feature, told.people) == ("green", 1)
    assert 100 < told.high < 1000
    assert (found.structure, found.k) == (clean.structure, clean.k)
    assert min(profile.size for profile in found.profiles) > 10
    assert not clean.extremes


def test_a_feature_with_long_tails_has_no_extremes_but_slips() -> None:
    random = np.random.default_rng(2)
    low, high = bounds(random.lognormal(0, 2, (2_000, 1)))
    assert not np.isfinite(low) or low < 0
    assert high > 50
    # A feature of which most have one value is not judged.
    assert bounds((random.random((500, 1)) < 0.1) * 1.0)[1] == np.inf


def test_a_given_number_says_segments_where_there_are_no_clusters() -> None:
    random = np.random.default_rng(4)
    found = cluster(random.uniform(0, 100, (300, 4)), FOUR, ClusteringOptions(k=4))
    assert (found.k, found.structure) == (4, False)
    assert "segments" in found.selection.because
    assert found.selection.because.startswith("The number was given in the spec.")


def test_why_nothing_can_be_looked_for_is_said_as_it_is() -> None:
    alike = cluster(np.full((60, 4), 50.0), FOUR, ClusteringOptions())
    assert alike.selection.because.startswith("All people have the same values")
    few = cluster(np.arange(28.0).reshape(7, 4), FOUR, ClusteringOptions())
    assert few.selection.because.startswith("7 people are too few")


def test_people_who_count_for_nothing_make_no_cluster() -> None:
    rows = np.repeat(np.arange(6.0), 10)[:, None] * np.ones((1, 4))
    weights = (np.arange(60) < 20).astype(float)
    found = cluster(rows, FOUR, ClusteringOptions(k=4), weights=weights)
    assert found.k == 2
    assert np.isfinite(found.centers).all()
    assert all(profile.size > 0 for profile in found.profiles)


def test_two_clusters_of_unequal_size_are_found() -> None:
    random = np.random.default_rng(8)
    far = random.normal(0, 1, (667, 4)) + [4, 0, 0, 0]
    found = choose(np.vstack([random.normal(0, 1, (333, 4)), far]))
    assert (found.structure, found.k) == (True, 2)


@pytest.mark.parametrize(("name", "k"), [("hepta", 7), ("g2mg_4_30", 2), ("s1", 15)])
def test_published_sets(shared_data, name, k) -> None:
    with gzip.open(shared_data / "autok" / f"{name}.data.gz") as file:
        rows = np.loadtxt(file)
    assert choose(rows, most=17).k == k


def test_a_range_without_one_gives_at_least_its_minimum() -> None:
    found = choose(np.random.default_rng(0).uniform(0, 1, (300, 4)), least=3, most=6)
    assert 3 <= found.k <= 6
    assert not found.structure


def test_every_curve_covers_the_range_and_votes_or_informs() -> None:
    found = choose(np.random.default_rng(0).normal(0, 1, (300, 2)), most=6)
    assert {c.name for c in found.curves if c.vote is not None} == {
        "prediction strength",
        "silhouette",
        "BIC",
    }
    for curve in found.curves:
        assert curve.ks == (2, 3, 4, 5, 6)
        assert len(curve.values) == 5


def test_names_follow_the_energies() -> None:
    centers = np.array([[80, 50, 20, 50], [50, 80, 50, 20], [65, 65, 35, 35], [50, 50, 50, 50]])
    profiles = describe(
        FOUR, centers, np.array([10, 20, 30, 40]), np.full(4, 50.0), np.full(4, 20.0)
    )
    assert [p.name for p in profiles] == ["Red", "Yellow", "Red-Yellow", "Balanced"]
    assert "much higher in red" in profiles[0].words.lower()
    assert profiles[3].words == "Close to everyone in every feature."


@pytest.mark.parametrize(
    ("center", "everyone", "name"),
    [
        # Less red than others, and yet red leads.
        ((70, 60, 30, 40), (80, 60, 30, 40), "Less Red"),
        ((90, 60, 30, 40), (80, 60, 30, 40), "Red"),
        # More red than others, and yet red leads in nobody.
        ((40, 80, 60, 20), (30, 80, 60, 20), "More Red"),
        ((80, 75, 20, 30), (60, 60, 40, 50), "Red-Yellow"),
        ((50, 50, 50, 50), (50, 50, 50, 50), "Balanced"),
    ],
)
def test_names_are_absolute_where_that_is_true(center, everyone, name) -> None:
    (profile,) = describe(
        FOUR, np.array([center], float), np.array([9]), np.array(everyone, float), np.full(4, 10.0)
    )
    assert profile.name == name


@pytest.mark.parametrize(
    ("jaccard", "word"),
    [(0.9, "stable"), (0.75, "stable"), (0.7, "doubtful"), (0.5, "dissolves"), (0.44, "dissolves")],
)
def test_stability_is_said_as_what_it_is(jaccard, word) -> None:
    assert stability_words(jaccard) == word


def test_typical_members_are_in_the_middle_and_borderline_ones_between() -> None:
    rows = np.array([[0.0], [1.0], [2.0], [4.9], [5.2], [8.0], [9.0], [10.0], [9.0]])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    first, second = members_of(rows, labels, np.array([[1.0], [9.0]]))
    assert first.typical == (1, 0, 2)
    assert first.borderline == (Borderline(3, 1),)
    assert second.typical == (6, 8, 5)
    assert second.borderline == (Borderline(4, 0),)
    (alone,) = members_of(rows, np.zeros(9, dtype=np.int32), np.array([[5.0]]))
    assert alone.typical == (3, 4, 2)
    assert alone.borderline == ()


def test_clear_clusters_are_stable_and_sure() -> None:
    random = np.random.default_rng(0)
    rows = np.vstack([random.normal(c, 1, (50, 4)) for c in (0, 20, 40)])
    found = cluster(rows, FOUR, ClusteringOptions(k=KRange(1, 6)))
    assert found.k == 3
    assert min(p.stability for p in found.profiles) > 0.99
    assert found.confidence.min() > 0.99
    assert found.silhouette > 0.8
