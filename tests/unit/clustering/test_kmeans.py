"""k-means against scikit-learn, and the same bits however the rows are held."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from insights_workloads.clustering import ClusteringOptions, KRange, cluster
from insights_workloads.clustering.lloyd import lloyd
from insights_workloads.clustering.rows import (
    LocalRows,
    pick_farthest,
    sample_positions,
    sum_in_order,
)
from insights_workloads.clustering.shards import CHUNK, Shard, add_up

FOUR = ("red", "yellow", "green", "blue")


def plain_pass(rows, centers):
    """The specification of a pass."""
    distances = ((rows[:, None, :] - centers[None]) ** 2).sum(axis=2)
    labels = distances.argmin(axis=1)
    sums = np.array([rows[labels == c].sum(axis=0) for c in range(len(centers))])
    return labels, sums, np.bincount(labels, minlength=len(centers)), distances.min(axis=1).sum()


class Sharded:
    """Rows in shards of any multiple of a chunk, as actors hold them."""

    def __init__(self, rows: np.ndarray, chunks: int) -> None:
        step = chunks * CHUNK
        self.shards = [Shard(rows[at : at + step]) for at in range(0, len(rows), step)]
        self.rows = rows
        self.count, self.width = rows.shape

    def totals(self, starts):
        centers = np.stack(list(starts.values()))
        return add_up(shard.totals(list(starts), centers) for shard in self.shards)

    def assign(self, centers):
        labels = [shard.labels(centers) for shard in self.shards]
        spreads = [s.inertia(centers, own) for s, own in zip(self.shards, labels, strict=True)]
        return np.concatenate(labels), sum_in_order(spreads)

    def farthest(self, centers, count):
        return pick_farthest([shard.farthest(centers, count) for shard in self.shards], count)

    def squares(self):
        return float((self.rows.astype(float) ** 2).sum())

    def take(self, positions):
        return self.rows[positions]

    def sample(self, size, seed):
        return self.take(sample_positions(self.count, size, seed))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 700),
    st.sampled_from([1, 4, 9]),
    st.integers(1, 24),
    st.integers(0, 10_000),
)
def test_a_pass_is_what_it_says(n, d, k, seed) -> None:
    random = np.random.default_rng(seed)
    rows, centers = random.normal(size=(n, d)), random.normal(size=(k, d))
    labels, sums, counts, inertia = plain_pass(rows, centers)
    found = LocalRows(rows).totals({0: centers})[0]
    found_labels, found_inertia = LocalRows(rows).assign(centers)
    np.testing.assert_array_equal(found_labels, labels)
    np.testing.assert_allclose(found[:, :d], sums, atol=1e-9)
    np.testing.assert_array_equal(found[:, d], counts)
    assert found_inertia == pytest.approx(inertia, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(30, 700),
    st.sampled_from([1, 4, 9]),
    st.integers(1, 24),
    st.integers(0, 10_000),
)
def test_converged_fits_agree_with_scikit_learn(n, d, k, seed) -> None:
    random = np.random.default_rng(seed)
    rows = random.uniform(0, 100, (n, d))
    start = rows[random.choice(n, k, replace=False)]
    theirs = KMeans(k, init=start, n_init=1, tol=0, max_iter=1000, algorithm="lloyd").fit(rows)
    ours = lloyd(LocalRows(rows), [start], max_iterations=1000, tolerance=0.0)
    exact = plain_pass(rows, theirs.cluster_centers_)[3]
    assert ours.inertia == pytest.approx(exact, rel=1e-9)


ADVERSARIAL = {
    "a lattice": lambda r, n, d: r.integers(0, 3, (n, d)).astype(float),
    "far from zero": lambda r, n, d: 1e6 + r.normal(0, 1, (n, d)),
    "long tails": lambda r, n, d: r.standard_cauchy((n, d)),
    "one constant feature": lambda r, n, d: r.normal(size=(n, d)) * (np.arange(d) > 0),
    "two scales": lambda r, n, d: r.normal(size=(n, d)) * np.where(np.arange(d) % 2, 1e-9, 1e9),
}


@pytest.mark.parametrize("kind", ADVERSARIAL)
@settings(max_examples=15, deadline=None)
@given(st.integers(1, 400), st.sampled_from([1, 4, 9]), st.integers(1, 12), st.integers(0, 10_000))
def test_nobody_is_given_a_centre_that_is_clearly_farther(kind, n, d, k, seed) -> None:
    random = np.random.default_rng(seed)
    rows = LocalRows(ADVERSARIAL[kind](random, n, d)).take(np.arange(n))
    rows = rows - rows.mean(axis=0)
    centers = rows[random.integers(0, n, k)]
    labels, inertia = LocalRows(rows).assign(centers)
    squared = ((rows[:, None, :] - centers[None]) ** 2).sum(axis=2)
    given, least = squared[np.arange(n), labels], squared.min(axis=1)
    scale = np.abs(rows).max(axis=1) ** 2 * d + np.abs(centers[labels]).max(axis=1) ** 2 * d
    assert (given - least <= 1e-13 * scale + 1e-12 * least).all()
    assert inertia == pytest.approx(given.sum(), rel=1e-12)
    found = LocalRows(rows).totals({0: centers})[0]
    np.testing.assert_array_equal(found[:, d], np.bincount(labels, minlength=k))
    np.testing.assert_allclose(
        found[:, :d].sum(axis=0), rows.sum(axis=0), atol=1e-9 * np.abs(rows).sum()
    )


@pytest.mark.parametrize("kind", ["uniform", *ADVERSARIAL])
@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 3_000),
    st.sampled_from([1, 4, 8, 9]),
    st.integers(1, 12),
    st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=12),
    st.integers(0, 10_000),
)
def test_what_was_asked_before_changes_no_bit(kind, n, d, k, steps, seed) -> None:
    """Passes skip what cannot have changed: not more, whatever way the centres have come."""
    random = np.random.default_rng(seed)
    make = ADVERSARIAL.get(kind, lambda r, n, d: r.uniform(0, 1, (n, d)))
    rows = make(random, n, d)
    rows -= rows.mean(axis=0)
    for held_as in (rows, rows.astype(np.float32)):
        old = LocalRows(held_as)
        centers = rows[random.integers(0, n, k)]
        for step in [*steps, 1e-12, 0.0, 1e-3]:
            centers = centers + step * random.normal(size=(k, d)) * rows.std(axis=0)
            slot = int(random.integers(2))
            found = old.totals({slot: centers})
            assert found.tobytes() == LocalRows(held_as).totals({0: centers}).tobytes()


def test_several_starts_share_passes_and_the_best_is_kept() -> None:
    random = np.random.default_rng(2)
    rows = random.uniform(0, 1, (3_000, 4))
    starts = [rows[random.choice(3_000, 6, replace=False)] for _ in range(5)]
    alone = [lloyd(LocalRows(rows), [s], max_iterations=200, tolerance=0.0) for s in starts]
    together = lloyd(LocalRows(rows), starts, max_iterations=200, tolerance=0.0)
    best = min(alone, key=lambda one: one.inertia)
    assert together.centers.tobytes() == best.centers.tobytes()
    assert (together.inertia, together.iterations) == (best.inertia, best.iterations)


def test_float32_rows_stay_so_and_end_where_float64_rows_do() -> None:
    random = np.random.default_rng(4)
    rows = np.vstack([random.normal(c, 1, (500, 4)) for c in (0, 20, 40)])
    start = rows[[0, 600, 1200]]
    wide = lloyd(LocalRows(rows), [start], max_iterations=50, tolerance=0.0)
    narrow = lloyd(LocalRows(rows.astype(np.float32)), [start], max_iterations=50, tolerance=0.0)
    np.testing.assert_array_equal(narrow.labels, wide.labels)
    np.testing.assert_allclose(narrow.centers, wide.centers, atol=1e-5)


def test_an_empty_cluster_takes_the_farthest_row_as_in_scikit_learn() -> None:
    rows = np.array([[0.0], [1.0], [2.0], [50.0], [51.0]])
    start = np.array([[1.0], [1000.0], [2000.0]])
    theirs = KMeans(3, init=start, n_init=1, tol=0, algorithm="lloyd").fit(rows)
    ours = lloyd(LocalRows(rows), [start], max_iterations=100, tolerance=0.0)
    np.testing.assert_allclose(np.sort(ours.centers, 0), np.sort(theirs.cluster_centers_, 0))


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_the_same_bits_for_any_shards(chunks) -> None:
    rows = np.random.default_rng(1).uniform(0, 100, (4 * CHUNK + 123, 3))
    options = ClusteringOptions(k=5, restarts=2, max_iterations=20, seed=4)
    here = cluster(rows, FOUR[:3], options)
    there = cluster(
        rows, FOUR[:3], options, spread=lambda scale: Sharded(scale.apply(rows), chunks)
    )
    assert here.centers.tobytes() == there.centers.tobytes()
    assert here.labels.tobytes() == there.labels.tobytes()
    assert here.inertia == there.inertia


def test_the_same_seed_gives_the_same_clusters() -> None:
    rows = np.random.default_rng(1).uniform(0, 100, (500, 4))
    first, second = (cluster(rows, FOUR, ClusteringOptions(seed=9)) for _ in range(2))
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.k == second.k


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_scale_of_the_input_changes_nothing(scale) -> None:
    random = np.random.default_rng(3)
    rows = np.vstack([random.normal(c, 1, (60, 4)) for c in (0, 20, 40)])
    expected = cluster(rows, FOUR, ClusteringOptions(k=3)).labels
    np.testing.assert_array_equal(
        cluster(rows * scale, FOUR, ClusteringOptions(k=3)).labels, expected
    )


EDGES = [
    ("one person", np.array([[1.0, 2.0, 3.0, 4.0]]), 1),
    ("all alike", np.ones((50, 4)), 1),
    ("two kinds, duplicated", np.repeat([[0.0] * 4, [1.0] * 4], 30, axis=0), 2),
    ("fewer people than k", np.arange(12.0).reshape(3, 4), 3),
    ("one line", np.outer(np.arange(40.0), [1.0, -1.0, 2.0, 0.0]), 5),
    (
        "a feature that nobody has",
        np.column_stack([np.arange(40.0)] * 3 + [np.full(40, np.nan)]),
        5,
    ),
    ("one far out", np.vstack([np.eye(4).repeat(10, axis=0), np.full((1, 4), 1e15)]), 5),
]


@pytest.mark.parametrize(("name", "rows", "most"), EDGES, ids=[e[0] for e in EDGES])
@pytest.mark.parametrize("scaling", ["None", "Standard", "Robust"])
def test_input_at_the_edge_has_an_answer(name, rows, most, scaling) -> None:
    for k in (5, KRange()):
        found = cluster(rows, FOUR, ClusteringOptions(k=k, scaling=scaling))
        assert found.k >= 1
        assert len(found.labels) == len(rows)
        assert sum(p.size for p in found.profiles) == len(rows)
        assert np.isfinite(found.centers).all()
        assert np.isfinite(found.inertia)
        if k == 5:
            assert found.k <= most


def test_a_constant_and_a_missing_feature() -> None:
    random = np.random.default_rng(0)
    rows = np.vstack([random.normal(c, 1, (40, 3)) for c in (0, 30)])
    rows[:, 1] = 7.0
    rows[::5, 2] = np.nan
    for scaling in ("None", "Standard", "Robust"):
        found = cluster(rows, FOUR[:3], ClusteringOptions(k=2, scaling=scaling))
        assert sorted(p.size for p in found.profiles) == [40, 40]
        np.testing.assert_allclose(found.centers[:, 1], 7.0)
