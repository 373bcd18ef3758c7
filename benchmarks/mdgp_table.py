"""The sets of MDGPLIB beside published figures: `mdgp.py` over a folder, a line a set.

    python benchmarks/mdgp_table.py FOLDER [--sets Geo_n120_ds ...] [--seeds N]

FOLDER holds instances and `reference.csv`: best and average of 20 published runs, and their CPU
seconds. A gap is the share of the published best that is missing, in percent: below zero is
better. Each instance is run with seeds 0 to N - 1, for the published CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import csv
from itertools import groupby
from pathlib import Path

import numpy as np
from mdgp import compile_kernels, read, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", help="starts of instance names; all without")
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    with (asked.folder / "reference.csv").open() as file:
        marks = [row for row in csv.DictReader(file) if row["instance"]]
    compile_kernels()
    reached = met = total = 0
    print("set              gap mean  published   worst    best  best20 reached")
    for name, rows in groupby(marks, lambda row: row["instance"].rpartition("_")[0]):
        if asked.sets and not name.startswith(tuple(asked.sets)):
            continue
        gaps, published = [], []
        for row in rows:
            best = float(row["best20"])
            published.append(100 * (1 - float(row["avg20"]) / best))
            distances, low, high = read(asked.folder / f"{row['instance']}.txt.gz")
            gaps.append([])
            for seed in range(asked.seeds):
                found, _ = run(distances, low, high, seed, float(row["cpu_s_per_run"]))
                gaps[-1].append(100 * (1 - found.value / best))
        table = np.array(gaps)
        there = int((table.mean(axis=1) <= 1e-9).sum())
        print(
            f"{name:<16} {table.mean():>8.4f}  {np.mean(published):>9.4f}  {table.max():>6.3f}  "
            f"{table.min():>6.3f}  {there} of {len(table)} on average, "
            f"{int((table.min(axis=1) <= 1e-9).sum())} at best",
            flush=True,
        )
        reached, total = reached + there, total + len(table)
        met += table.mean() < np.mean(published)
    print(f"{met} sets below the published average; best20 reached on {reached} of {total} files")


if __name__ == "__main__":
    main()
