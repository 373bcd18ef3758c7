"""Rows in Ray actors: the same bits as in one process, and a lost actor is made anew."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from insights_workloads.clustering.lloyd import lloyd
from insights_workloads.clustering.rows import LocalRows
from insights_workloads.clustering.shards import CHUNK

COUNTS = [CHUNK // 2, CHUNK // 2, CHUNK, 1000]


def shard(at: int) -> np.ndarray:
    return np.random.default_rng(at).uniform(0, 100, (COUNTS[at], 4))


@pytest.mark.parametrize(
    ("counts", "edges"),
    [
        ([], [0]),
        ([7], [0, 1]),
        ([CHUNK], [0, 1]),
        ([CHUNK, 2 * CHUNK, 1], [0, 1, 2, 3]),
        ([CHUNK // 4] * 9 + [5], [0, 4, 8, 10]),
        ([CHUNK - 1, CHUNK, 1, 5], [0, 3, 4]),
        ([3, CHUNK, CHUNK], [0, 3]),
    ],
)
def test_sources_are_put_together_to_whole_chunks(counts, edges) -> None:
    from insights_workloads.clustering.ray_rows import whole_chunks

    assert [(part.start, part.stop) for part in whole_chunks(counts)] == list(pairwise(edges))


@pytest.fixture(scope="module")
def ray_rows():
    import ray

    from insights_workloads.clustering.ray_rows import RayRows
    from insights_workloads.ray_session import ensure_ray

    ensure_ray()
    rows = RayRows([partial(shard, at) for at in range(len(COUNTS))], COUNTS, 4)
    yield rows
    rows.close()
    ray.shutdown()


@pytest.mark.slow
def test_ray_gives_the_same_bits_when_an_actor_is_lost_in_the_middle_of_a_fit(ray_rows) -> None:
    import ray

    here = LocalRows(np.concatenate([shard(at) for at in range(len(COUNTS))]))
    start = here.take(np.arange(6))
    ours = lloyd(here, [start], max_iterations=30, tolerance=0.0)
    lost = []

    def lose(_fraction: float, message: str = "", _figures: object = None) -> None:
        # With it goes what it remembers of earlier passes; it loads its rows from the source anew.
        if message == "pass 25":
            lost.append(ray_rows._actors[0])
            ray.kill(ray_rows._actors[0], no_restart=False)

    theirs = lloyd(ray_rows, [start], max_iterations=30, tolerance=0.0, progress=lose)
    assert len(lost) == 1
    assert theirs.iterations == ours.iterations == 30
    assert theirs.centers.tobytes() == ours.centers.tobytes()
    assert theirs.inertia == ours.inertia
    np.testing.assert_array_equal(theirs.labels, ours.labels)
