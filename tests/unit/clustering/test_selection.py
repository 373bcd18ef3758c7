"""Whether there are clusters, how many, and what they are called."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from scipy import stats

from insights_workloads.clustering import ClusteringOptions, KRange, cluster
from insights_workloads.clustering.members import Borderline, members_of
from insights_workloads.clustering.profiles import describe
from insights_workloads.clustering.scaling import fit_scale
from insights_workloads.clustering.selection import choose_k

FOUR = ("red", "yellow", "green", "blue")


def choose(rows, most=10, least=1, seed=0):
    return choose_k(fit_scale(rows, "None").apply(rows), KRange(least, most), seed=seed)


def energies(random, rho, n):
    """Energies of two correlated traits without any cluster."""
    traits = random.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    e, a = np.round(stats.rankdata(traits, axis=0) / n * 100).T
    return np.column_stack([(e + 100 - a) / 2, (e + a) / 2, (100 - e + a) / 2, (200 - e - a) / 2])


NO_CLUSTERS = {
    "uniform": lambda r: r.uniform(0, 100, (600, 4)),
    "gaussian": lambda r: r.normal(50, 10, (600, 4)),
    "long gaussian": lambda r: r.normal(0, 1, (600, 3)) * [6, 1, 1],
    "likert": lambda r: r.integers(1, 6, (600, 4)).astype(float),
    "energies, independent traits": lambda r: energies(r, 0.0, 800),
    "energies, correlated traits": lambda r: energies(r, 0.4, 800),
}


@pytest.mark.parametrize("name", NO_CLUSTERS)
def test_no_clusters_are_invented(name) -> None:
    found = choose(NO_CLUSTERS[name](np.random.default_rng(5)))
    assert not found.structure
    assert "segments" in found.because


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
