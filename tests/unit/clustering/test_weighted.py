"""Weights: a row of weight 3 is three equal rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from insights_workloads.clustering import ClusteringOptions, cluster
from insights_workloads.clustering.lloyd import lloyd
from insights_workloads.clustering.rows import LocalRows
from insights_workloads.clustering.weighted import WeightedRows


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 200), st.sampled_from([1, 4, 9]), st.integers(1, 9), st.integers(0, 10_000))
def test_a_weight_is_so_many_equal_rows(n, d, k, seed) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, d))
    weights = random.integers(0, 4, n)
    weights[0] = 1
    centers = {0: rows[random.integers(0, n, k)], 3: random.normal(size=(k, d))}
    weighted, repeated = WeightedRows(rows, weights), LocalRows(np.repeat(rows, weights, axis=0))
    np.testing.assert_allclose(weighted.totals(centers), repeated.totals(centers), atol=1e-9)
    labels, inertia = weighted.assign(centers[0])
    others, other = repeated.assign(centers[0])
    np.testing.assert_array_equal(np.repeat(labels, weights), others)
    assert inertia == pytest.approx(other, rel=1e-12, abs=1e-12)
    assert weighted.squares() == pytest.approx(repeated.squares(), rel=1e-12)


def test_a_cluster_may_count_for_less_than_one_person() -> None:
    rows = np.array([[0.0], [2.0], [10.0], [14.0]])
    found = lloyd(
        WeightedRows(rows, np.array([0.1, 0.3, 0.2, 0.2])),
        [rows[[0, 2]]], max_iterations=9, tolerance=0.0,
    )  # fmt: skip
    np.testing.assert_allclose(found.centers, [[1.5], [12.0]])


@settings(max_examples=60, deadline=None)
@given(st.integers(30, 500), st.sampled_from([1, 4, 9]), st.integers(1, 12), st.integers(0, 10_000))
def test_converged_fits_agree_with_scikit_learn(n, d, k, seed) -> None:
    random = np.random.default_rng(seed)
    rows = random.uniform(0, 100, (n, d))
    weights = random.uniform(0.01, 5, n)
    start = rows[random.choice(n, k, replace=False)]
    theirs = KMeans(k, init=start, n_init=1, tol=0, max_iter=1000, algorithm="lloyd")
    theirs.fit(rows, sample_weight=weights)
    ours = lloyd(WeightedRows(rows, weights), [start], max_iterations=1000, tolerance=0.0)
    exact = WeightedRows(rows, weights).assign(theirs.cluster_centers_)[1]
    assert ours.inertia == pytest.approx(exact, rel=1e-9)


def test_an_empty_cluster_takes_a_row_with_its_weight_as_in_scikit_learn() -> None:
    rows = np.array([[0.0], [1.0], [2.0], [50.0], [51.0]])
    weights = np.array([1.0, 2.0, 1.0, 3.0, 1.0])
    start = np.array([[1.0], [1000.0], [2000.0]])
    theirs = KMeans(3, init=start, n_init=1, tol=0, algorithm="lloyd")
    theirs.fit(rows, sample_weight=weights)
    ours = lloyd(WeightedRows(rows, weights), [start], max_iterations=100, tolerance=0.0)
    np.testing.assert_allclose(np.sort(ours.centers, 0), np.sort(theirs.cluster_centers_, 0))


def test_who_does_not_count_has_a_cluster_but_moves_no_centre() -> None:
    rows = np.array([[0.0], [2.0], [10.0], [12.0], [100.0]])
    weights = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    found = lloyd(WeightedRows(rows, weights), [rows[[0, 2, 4]]], max_iterations=100, tolerance=0.0)
    # The third centre has nobody who counts, and takes the farthest of those who do.
    assert sorted(found.centers[:, 0].tolist())[-1] <= 12.0
    assert found.labels[4] == found.labels[3]


@pytest.mark.parametrize("restarts", [1, 8])
def test_weights_move_centres_and_not_people(restarts) -> None:
    random = np.random.default_rng(3)
    apart = np.vstack([random.normal(at, 1, (200, 4)) for at in (0, 30, 60)])
    weights = random.uniform(0, 3, 600)
    options = ClusteringOptions(k=3, restarts=restarts, seed=1)
    names = ("red", "yellow", "green", "blue")
    plain = cluster(apart, names, options)
    weighted = cluster(apart, names, options, weights=weights)
    again = cluster(apart, names, options, weights=weights)
    same = cluster(apart, names, options, weights=np.full(600, 7.0))
    np.testing.assert_array_equal(weighted.labels, plain.labels)
    for label in range(3):
        mine = weighted.labels == label
        wanted = np.average(apart[mine], axis=0, weights=weights[mine])
        np.testing.assert_allclose(weighted.centers[label], wanted)
    np.testing.assert_allclose(weighted.overall, np.average(apart, axis=0, weights=weights))
    assert weighted.centers.tobytes() == again.centers.tobytes()
    np.testing.assert_array_equal(weighted.confidence, again.confidence)
    np.testing.assert_allclose(same.centers, plain.centers)
    assert same.inertia == pytest.approx(7 * plain.inertia)
