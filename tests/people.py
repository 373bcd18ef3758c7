"""Rosters of real people for tests: a documented mapping from published questionnaires.

Energies from the traits extraversion (E) and agreeableness (A) as percentiles, 0 to 100:
red = (E + 100 - A) / 2, yellow = (E + A) / 2, green = (100 - E + A) / 2, blue = (200 - E - A) / 2.
A trait is the mean of its ten answers, 1 to 5, turned where an item is worded the other way; a
skipped answer (0) does not count, and who skipped a whole trait has no energies.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np

# Items that are worded against their trait (openpsychometrics.org, Big Five, 2012).
_TURNED = {"E": {2, 4, 6, 8, 10}, "A": {1, 3, 5, 7}}


def big_five_roster(data: Path, to: Path) -> int:
    """Write the Big Five answers as a roster with energies and age; returns the number of rows."""
    with gzip.open(data / "people" / "big5.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    extraversion, agreeableness = (_percentiles(_trait(rows, trait)) for trait in "EA")
    with to.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "red", "yellow", "green", "blue", "age", "gender"])
        for at, (row, e, a) in enumerate(zip(rows, extraversion, agreeableness, strict=True)):
            energies = ["", "", "", ""]
            if np.isfinite(e) and np.isfinite(a):
                energies = [(e + 100 - a) / 2, (e + a) / 2, (100 - e + a) / 2, (200 - e - a) / 2]
                energies = [f"{value:.2f}" for value in energies]
            writer.writerow([f"b{at}", *energies, row["age"], row["gender"]])
    return len(rows)


def attrition_roster(data: Path, to: Path) -> int:
    """Write the fictional employees as a roster; they get energies of the Big Five in turn."""
    with (data / "people" / "attrition.csv").open() as file:
        rows = list(csv.DictReader(file))
    random = np.random.default_rng(0)
    e, a = random.uniform(0, 100, (2, len(rows))).round(1)
    with to.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["id", "red", "yellow", "green", "blue", "department", "role", "years"])
        for at, row in enumerate(rows):
            energies = [
                (e[at] + 100 - a[at]) / 2,
                (e[at] + a[at]) / 2,
                (100 - e[at] + a[at]) / 2,
                (200 - e[at] - a[at]) / 2,
            ]
            writer.writerow(
                [f"e{at}", *energies, row["Department"], row["JobRole"], row["YearsAtCompany"]]
            )
    return len(rows)


def _trait(rows: list[dict[str, str]], trait: str) -> np.ndarray:
    answers = np.array([[float(row[f"{trait}{i}"]) for i in range(1, 11)] for row in rows])
    for item in _TURNED[trait]:
        column = answers[:, item - 1]
        answers[:, item - 1] = np.where(column > 0, 6 - column, 0)
    given = answers > 0
    with np.errstate(invalid="ignore"):
        return np.where(given.any(axis=1), answers.sum(axis=1) / given.sum(axis=1), np.nan)


def _percentiles(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    ordered = np.sort(values[known])
    middle = (
        np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    ) / 2
    return np.where(known, 100 * middle / len(ordered), np.nan)
