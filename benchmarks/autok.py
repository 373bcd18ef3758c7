"""How many clusters are found in published point sets, and how often some are found where none are.

    python benchmarks/autok.py DATA.gz [--labels LABELS.gz] [--k-max K]
    python benchmarks/autok.py --negatives [--repeats N]

The first prints the votes, the time (compilation apart) and `k=<n>` as its last line; 1 means no
clusters. The second prints the rate of false structure over data without clusters.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from insights_workloads.clustering import KRange, KSelection
from insights_workloads.clustering.scaling import fit_scale
from insights_workloads.clustering.selection import choose_k

SIZES = (100, 300, 1_000, 5_000, 20_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--labels", type=Path, help="known clusters, 0 is noise")
    parser.add_argument("--k-max", type=int, default=25)
    parser.add_argument("--negatives", action="store_true")
    parser.add_argument("--repeats", type=int, default=2)
    asked = parser.parse_args()
    choose(np.random.default_rng(0).normal(size=(60, 2)), 3)  # Compiles the kernels.
    if asked.negatives:
        negatives(asked.repeats)
    elif asked.data is not None:
        one(asked.data, asked.labels, asked.k_max)
    else:
        parser.error("name a data file, or give --negatives")


def choose(rows: np.ndarray, most: int, seed: int = 0) -> KSelection:
    return choose_k(fit_scale(rows, "None").apply(rows), KRange(1, most), seed=seed)


def one(data: Path, labels: Path | None, most: int) -> None:
    with gzip.open(data) as file:
        rows = np.loadtxt(file, ndmin=2)
    start = time.perf_counter()
    found = choose(rows, most)
    seconds = time.perf_counter() - start
    for curve in found.curves:
        print(f"{curve.name}: vote {curve.vote if curve.vote is not None else '-'}")
    print(found.because)
    if labels is not None:
        with gzip.open(labels) as file:
            known = np.unique(np.loadtxt(file, dtype=int))
        print(f"known clusters: {int((known > 0).sum())}")
    print(f"{len(rows)} rows, {rows.shape[1]} features, {seconds:.2f} s")
    print(f"k={found.k if found.structure else 1}")


def energies(random: np.random.Generator, rho: float, n: int) -> np.ndarray:
    """Energies of two correlated traits, as percentiles, without any cluster."""
    traits = random.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    e, a = np.round(stats.rankdata(traits, axis=0) / n * 100).T
    return np.column_stack([e + 100 - a, e + a, 100 - e + a, 200 - e - a]) / 2


def suite() -> dict[str, Callable[[np.random.Generator, int], np.ndarray]]:
    made: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {}
    for d in (2, 4, 8):
        made[f"uniform d={d}"] = lambda r, n, d=d: r.uniform(0, 100, (n, d))
        made[f"gaussian d={d}"] = lambda r, n, d=d: r.normal(50, 10, (n, d))
        made[f"long gaussian d={d}"] = lambda r, n, d=d: (
            r.normal(size=(n, d)) * np.array([6.0] + [1.0] * (d - 1))
        )
        made[f"1 to 5 d={d}"] = lambda r, n, d=d: r.integers(1, 6, (n, d)).astype(float)
    for rho in (0.0, 0.25, 0.33, 0.5):
        made[f"energies rho={rho}"] = lambda r, n, rho=rho: energies(r, rho, n)
        made[f"rounded energies rho={rho}"] = lambda r, n, rho=rho: np.round(energies(r, rho, n))
    return made


def negatives(repeats: int) -> None:
    wrong = total = 0
    for name, make in suite().items():
        false = [
            choose(make(np.random.default_rng([seed, n]), n), 10, seed).structure
            for n in SIZES
            for seed in range(repeats)
        ]
        wrong, total = wrong + sum(false), total + len(false)
        print(f"{name}: {sum(false)} of {len(false)} false", flush=True)
    print(f"false structure: {wrong} of {total} ({wrong / total:.1%})")


if __name__ == "__main__":
    main()
