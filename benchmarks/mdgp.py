"""Maximally diverse grouping of an MDGPLIB instance: `instance objective seconds`.

    python benchmarks/mdgp.py FILE [--seconds S] [--seed N] [--out ASSIGNMENT.csv]

FILE may be gzipped. Its first line is `n groups ss|ds low high ...`, then `i j distance` a line.
Seconds are CPU seconds of one thread, without compilation and reading, as in published tables.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
from pathlib import Path

import numpy as np

from insights_workloads.teams.diversity import Grouping, diverse_groups


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances, and the smallest and largest size of each group."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as file:
        head = file.readline().split()
        rows = np.loadtxt(file, ndmin=2)
    n, groups = int(head[0]), int(head[1])
    bounds = np.array(head[3 : 3 + 2 * groups], dtype=int).reshape(groups, 2)
    distances = np.zeros((n, n))
    i, j = rows[:, 0].astype(int), rows[:, 1].astype(int)
    distances[i, j] = distances[j, i] = rows[:, 2]
    return distances, bounds[:, 0], bounds[:, 1]


def compile_kernels() -> None:
    random = np.random.default_rng(0).random((8, 8))
    two = np.array([4, 4])
    diverse_groups(random + random.T, two, two, seed=0, more=lambda r: r < 2)


def run(
    distances: np.ndarray, low: np.ndarray, high: np.ndarray, seed: int, seconds: float
) -> tuple[Grouping, float]:
    """Groups, and the CPU seconds that they took of those that they may."""
    start = time.thread_time()
    found = diverse_groups(
        distances,
        low,
        high,
        seed=seed,
        more=lambda _: time.thread_time() - start < 0.97 * seconds,
    )
    return found, time.thread_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    compile_kernels()
    found, seconds = run(*read(asked.file), asked.seed, asked.seconds)
    print(f"{asked.file.name.split('.')[0]} {found.value:.6f} {seconds:.2f}")
    if asked.out is not None:
        with asked.out.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["item", "group"])
            writer.writerows(enumerate(found.group.tolist()))


if __name__ == "__main__":
    main()
