"""Make the example roster: 300 synthetic people, the same ones every time.

    python examples/make_roster.py

Nobody in it exists. Five kinds of people, blurred into one another as real ones are, spread over
departments, roles and sites; five rows are wrong on purpose, so that you see what happens to them.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
PEOPLE = 300
SEED = 20_240_601

# Centres of five kinds of people (red, yellow, green, blue) and how common each is.
KINDS = np.array(
    [[78, 55, 25, 48], [48, 79, 54, 24], [24, 52, 78, 50], [52, 24, 48, 79], [52, 52, 50, 50]]
)
SHARES = np.array([0.22, 0.22, 0.22, 0.22, 0.12])
BLUR = 8.0

DEPARTMENTS = {"Engineering": 0.38, "Sales": 0.22, "Operations": 0.18, "Finance": 0.12, "HR": 0.10}
ROLES = {"Lead": 0.16, "Senior": 0.34, "Professional": 0.38, "Junior": 0.12}
SITES = {"Oslo": 0.4, "Lisbon": 0.35, "Nairobi": 0.25}
SENIORITY = {"Lead": (9, 4), "Senior": (7, 3), "Professional": (4, 2), "Junior": (1, 1)}
# fmt: off
FIRST = ["Ada", "Bo", "Cleo", "Dag", "Eno", "Fia", "Gus", "Hana", "Ivo", "Jun", "Kai", "Lea", "Mio"]
LAST = ["Alder", "Birch", "Cedar", "Elm", "Fir", "Gorse", "Hazel", "Ivy", "Juniper", "Larch"]
COLUMNS = ["id", "name", "red", "yellow", "green", "blue", "department", "role", "location",
           "seniority_years", "current_team", "avoid_group"]
# fmt: on


def make() -> list[dict[str, str]]:
    """The rows of the roster, as text."""
    random = np.random.default_rng(SEED)
    kinds = random.choice(len(KINDS), PEOPLE, p=SHARES)
    energies = np.clip(KINDS[kinds] + random.normal(0, BLUR, (PEOPLE, 4)), 0, 100).round(1)
    rows = []
    for at in range(PEOPLE):
        role = _draw(random, ROLES)
        mean, spread = SENIORITY[role]
        rows.append(
            {
                "id": f"P{at + 1:04d}",
                "name": f"{FIRST[random.integers(len(FIRST))]} {LAST[random.integers(len(LAST))]}",
                **dict(zip(COLUMNS[2:6], (f"{e:.1f}" for e in energies[at]), strict=True)),
                "department": _draw(random, DEPARTMENTS),
                "role": role,
                "location": _draw(random, SITES),
                "seniority_years": str(max(0, round(random.normal(mean, spread)))),
                "current_team": f"team-{random.integers(1, 39)}" if random.random() < 0.9 else "",
                "avoid_group": f"g{random.integers(1, 9)}" if random.random() < 0.06 else "",
            }
        )
    rows[40]["red"] = ""
    rows[97]["yellow"] = "high"
    rows[155]["green"] = "140"
    rows[203]["id"] = rows[12]["id"]
    rows[261]["blue"] = "NaN"
    return rows


def _draw(random: np.random.Generator, shares: dict[str, float]) -> str:
    return str(random.choice(list(shares), p=list(shares.values())))


def main() -> None:
    """Write the roster as CSV and as Parquet, beside this script."""
    rows = make()
    with (HERE / "roster.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), HERE / "roster.parquet", compression="zstd")


if __name__ == "__main__":
    main()
