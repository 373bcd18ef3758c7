"""How fast k-means is, against scikit-learn and faiss, one thread each.

    python benchmarks/kmeans.py [--repeats N] [--rows N]
    python benchmarks/kmeans.py --ray [--rows N]

Engines take turns; the best of the repeats counts, and only ratios mean something. All begin with
the same centres and stop at no movement. Compilation is apart; ordering the rows is inside. The
second form times an iteration on Ray against one process, and models a large run from its parts.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial

import faiss
import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import threadpool_limits

from insights_workloads.clustering.lloyd import lloyd
from insights_workloads.clustering.rows import LocalRows, Rows
from insights_workloads.clustering.seeding import seed_centers
from insights_workloads.clustering.shards import CHUNK

FOREVER = 1_000
ENDS = 20
GRID_ROWS = 200_000
SAMPLE = 65_536


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--ray", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    faiss.omp_set_num_threads(1)
    with threadpool_limits(1):
        if asked.ray:
            on_ray(asked.rows or 10_000_000)
        else:
            fits(asked.rows or 1_000_000, asked.repeats)
            grid(max(3, asked.repeats // 2))


def ours(rows: np.ndarray, starts: Sequence[np.ndarray], iterations: int) -> int:
    return lloyd(LocalRows(rows), starts, max_iterations=iterations, tolerance=0.0).iterations


def scikit_learn(rows: np.ndarray, starts: Sequence[np.ndarray], iterations: int) -> int:
    return max(
        KMeans(len(start), init=start.astype(rows.dtype), n_init=1, tol=0, max_iter=iterations)
        .fit(rows)
        .n_iter_
        for start in starts
    )


def with_faiss(rows: np.ndarray, starts: Sequence[np.ndarray], iterations: int) -> int:
    (start,) = starts
    model = faiss.Clustering(rows.shape[1], len(start))
    model.niter, model.min_points_per_centroid = iterations, 1
    model.max_points_per_centroid = len(rows)
    faiss.copy_array_to_vector(start.astype(np.float32).ravel(), model.centroids)
    model.train(rows, faiss.IndexFlatL2(rows.shape[1]))
    return iterations


def turns(repeats: int, *work: Callable[[], object]) -> list[float]:
    """Best seconds of each, taking turns."""
    best = [np.inf] * len(work)
    for _ in range(repeats):
        for at, one in enumerate(work):
            begin = time.perf_counter()
            one()
            best[at] = min(best[at], time.perf_counter() - begin)
    return best


def uniform(rows: int, features: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (rows, features)).astype(np.float32)


def gaussians(rows: int, features: int) -> np.ndarray:
    random = np.random.default_rng(0)
    centers = random.uniform(0, 1, (8, features))
    off = random.normal(0, 0.08, (rows, features))
    return (centers[random.integers(8, size=rows)] + off).astype(np.float32)


def starts_of(rows: np.ndarray, k: int, count: int = 1) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [rows[random.choice(len(rows), k, replace=False)].astype(float) for _ in range(count)]


def fits(count: int, repeats: int) -> None:
    sets = {"uniform": uniform(count, 4), "8 Gaussians": gaussians(count, 4)}
    cases = [
        ("uniform", 1, ENDS, "6"),
        ("uniform", 1, FOREVER, "8"),
        ("8 Gaussians", 1, FOREVER, "8"),
        ("uniform", 8, FOREVER, "12"),
    ]
    ours(sets["uniform"][:1_000], starts_of(sets["uniform"], 8), 2)
    print(f"{count:,} rows, d=4, k=8, float32, whole fit, best of {repeats}")
    for name, many, iterations, bar in cases:
        rows = sets[name]
        starts = starts_of(rows, 8, many)
        done = ours(rows, starts, iterations)
        mine, theirs = turns(
            repeats,
            partial(ours, rows, starts, iterations),
            partial(scikit_learn, rows, starts, iterations),
        )
        print(
            f"{name}, {many} starts, {done} iterations: {mine:.3f} s, scikit-learn {theirs:.3f} s,"
            f" {theirs / mine:.1f} times (bar {bar})",
            flush=True,
        )
    rows = sets["uniform"]
    sample = rows[:SAMPLE]
    here, there = starts_of(rows, 8, 2)
    held = LocalRows(rows)
    seconds = turns(
        repeats,
        lambda: seed_centers(sample, 8, np.random.default_rng(0)),
        lambda: kmeans_plusplus(sample, 8, random_state=0),
        lambda: LocalRows(rows),
        partial(two_passes, held, here, there),
        rows.sum,
    )
    seeding, seeding_theirs, ready, two, read = (1e3 * s for s in seconds)
    one = two / 2
    print(f"seeding on {SAMPLE:,} rows: {seeding:.1f} ms, scikit-learn {seeding_theirs:.1f} ms")
    print(f"ordering: {ready:.1f} ms; a pass {one:.2f} ms, {one / read:.2f} of one full read")


def two_passes(held: Rows, here: np.ndarray, there: np.ndarray) -> None:
    """Passes that can skip nothing: between them the centres go far."""
    held.totals({0: here})
    held.totals({0: there})


def grid(repeats: int) -> None:
    print(f"\n{GRID_ROWS:,} uniform rows, {ENDS} iterations, whole fit, best of {repeats}")
    print("   d    k   ours ms   / scikit-learn   / faiss   (bar 1.2)")
    for features in (2, 4, 8, 25, 50):
        rows = uniform(GRID_ROWS, features)
        for k in (2, 8, 32, 100):
            starts = starts_of(rows, k)
            ours(rows[:1_000], starts, 2)
            mine, theirs, others = turns(
                repeats,
                partial(ours, rows, starts, ENDS),
                partial(scikit_learn, rows, starts, ENDS),
                partial(with_faiss, rows, starts, ENDS),
            )
            print(
                f"{features:4} {k:4} {1e3 * mine:9.1f} {theirs / mine:16.2f} {others / mine:9.2f}",
                flush=True,
            )


def on_ray(count: int) -> None:
    import ray

    from insights_workloads.clustering.ray_rows import RayRows
    from insights_workloads.ray_session import ensure_ray

    count -= count % CHUNK
    shards = 8
    edges = np.linspace(0, count // CHUNK, shards + 1).astype(int) * CHUNK
    sizes = np.diff(edges).tolist()
    begin = time.perf_counter()
    ensure_ray()
    print(f"Ray started in {time.perf_counter() - begin:.1f} s")
    begin = time.perf_counter()
    there = RayRows([partial(shard, at, size) for at, size in enumerate(sizes)], sizes, 4)
    starts = np.random.default_rng(1).uniform(0, 1, (2, 8, 4))
    two_passes(there, *starts)
    print(f"actors ready in {time.perf_counter() - begin:.1f} s")
    here = LocalRows(np.concatenate([shard(at, size) for at, size in enumerate(sizes)]))
    few = LocalRows(shard(0, CHUNK))
    local, spread, chunk = turns(
        7,
        partial(two_passes, here, *starts),
        partial(two_passes, there, *starts),
        partial(two_passes, few, *starts),
    )
    local, spread, chunk = local / 2, spread / 2, chunk / 2
    start = {0: starts[0]}
    same = here.totals(start).tobytes() == there.totals(start).tobytes()
    workers = int(ray.cluster_resources().get("CPU", 1))
    call = max(0.0, spread - local / workers)
    print(f"{count:,} rows, float64, d=4, k=8: an iteration takes {1e3 * local:.1f} ms in one")
    print(f"process, {1e3 * spread:.1f} ms on {workers} workers; same bits: {same}")
    chunks = 1e9 / CHUNK
    adding = turns(7, partial(add_parts, 1_000))[0] / 1_000
    model = chunks / 64 * local / (count / CHUNK) + call + chunks * adding
    print(f"model of 1e9 rows on 64 workers: {1e3 * model:.0f} ms an iteration: ", end="")
    print(f"{1e3 * chunks / 64 * local / (count / CHUNK):.0f} ms of passes ({1e3 * chunk:.2f} ms a")
    print(f"chunk alone), {1e3 * call:.1f} ms of calls, {1e3 * chunks * adding:.0f} ms of adding")
    there.close()
    ray.shutdown()


def shard(at: int, rows: int) -> np.ndarray:
    return np.random.default_rng(at).uniform(0, 1, (rows, 4))


def add_parts(count: int) -> None:
    from insights_workloads.clustering.shards import add_up

    add_up([np.ones((1, count, 8, 5))])


if __name__ == "__main__":
    main()
